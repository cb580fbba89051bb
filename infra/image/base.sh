#!/usr/bin/env bash
# Makes a base of Debian's own packages where no image can be pulled: `bash infra/image/base.sh [TAG [PACKAGE…]]`.
# It needs mmdebstrap and buildah; the Python is that of Debian's release, unless other packages are named.
set -euo pipefail
tag="${1:-localhost/evolution-todo-base:trixie}"
packages=("${@:2}")
[ "${#packages[@]}" -gt 0 ] || packages=(python3 python3-venv ca-certificates tzdata)
folder="$(mktemp -d)"
container=""
clean() {
  [ -z "$container" ] || buildah rm "$container" > /dev/null
  rm -rf "$folder"
}
trap clean EXIT
# Without manuals and translations, as slim images are; the licences stay. They go at the end, since to leave them out
# package by package takes minutes, and some packages want their folders.
mmdebstrap --quiet --variant=minbase \
  --essential-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
  --customize-hook='cd "$1/usr/share" && rm -rf info/* locale/* man/* && find doc -type f ! -name copyright -delete' \
  --include="$(IFS=,; echo "${packages[*]}")" trixie "$folder/base.tar"
container="$(buildah from scratch)"
buildah add --quiet "$container" "$folder/base.tar" / > /dev/null
buildah commit --quiet "$container" "$tag"
