#!/usr/bin/env bash
# Publishes the image with docker: `push` on each processor, then `join` once.
#   REPOSITORY=ghcr.io/OWNER/evolution-todo   where to
#   REGISTRY_USER, REGISTRY_TOKEN             who pushes; the token goes in by standard input
#   PLATFORM=amd64                            of `push`: the processor of this machine
#   BASE=NAME@sha256:…                        another base; without it the newest python:3.13-slim, by its digest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)"
repository="$(echo "${REPOSITORY:?publish.sh: REPOSITORY says where to}" | tr '[:upper:]' '[:lower:]')"

log_in() {
  docker login "${repository%%/*}" --username "${REGISTRY_USER:?publish.sh: REGISTRY_USER is missing}" --password-stdin \
    <<< "${REGISTRY_TOKEN:?publish.sh: REGISTRY_TOKEN is missing}"
}
case "${1:-}" in
  push)
    platform="${PLATFORM:?publish.sh: PLATFORM is amd64 or arm64}"
    if [ -z "${BASE:-}" ]; then
      name=docker.io/library/python:3.13-slim
      BASE="$name@$(docker buildx imagetools inspect "$name" --format '{{.Manifest.Digest}}')"
    fi
    [[ "$BASE" == *@sha256:* ]] || { echo "publish.sh: BASE is not named by digest: $BASE" >&2; exit 1; }
    export BASE
    ENGINE=docker bash infra/image/build.sh "$repository:$version-$platform"
    log_in
    docker push "$repository:$version-$platform"
    ;;
  join)
    log_in
    docker buildx imagetools create --tag "$repository:$version" "$repository:$version-amd64" "$repository:$version-arm64"
    ;;
  *)
    echo "publish.sh: push or join?" >&2
    exit 2
    ;;
esac
