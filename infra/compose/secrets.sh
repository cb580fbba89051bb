#!/usr/bin/env bash
# Makes the secrets of infra/compose.yaml once, in infra/compose/secrets; what exists already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077
mkdir -p secrets
# The folder is closed to other accounts; the containers' own users read the single files that are mounted.
keep() {
  [ -s "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
  chmod 0444 "secrets/$1"
}
draw() { od -An -N 24 -tx1 /dev/urandom | tr -d ' \n'; }

keep database-password "$(draw)"
keep database-url "postgresql://todo:$(cat secrets/database-password)@postgres:5432/todo"
keep app-api-token "$(draw)"
keep dapr-api-token "$(draw)"
keep grafana-password "$(draw)"
keep daprd.env "APP_API_TOKEN=$(cat secrets/app-api-token)
DAPR_API_TOKEN=$(cat secrets/dapr-api-token)
"
chmod 0400 secrets/daprd.env # docker compose reads it, no container
echo "The secrets are in $PWD/secrets."
