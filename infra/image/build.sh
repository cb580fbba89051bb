#!/usr/bin/env bash
# Builds the image: `bash infra/image/build.sh [TAG]`, with docker, podman or buildah, whichever is installed.
#   ENGINE=buildah   chooses one of them
#   BASE=IMAGE       another base; a release names one by digest
#   CA=FILE          the certificates of a network that has its own, lent to the build and left out of the image
#   PLATFORM=arm64   for another processor than this one's, where the engine can run its programs (binfmt)
#   UV_DEFAULT_INDEX another package index
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)"
tag="${1:-evolution-todo:${version}}"
revision="$(git rev-parse HEAD 2> /dev/null || echo unknown)"
engine="${ENGINE:-}"
for each in docker podman buildah; do
  [ -n "$engine" ] || { ! command -v "$each" > /dev/null || engine="$each"; }
done
[ -n "$engine" ] || { echo "build.sh: docker, podman or buildah is needed: apt install buildah" >&2; exit 1; }

words=(--file infra/image/Containerfile --tag "$tag" --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[ -z "${BASE:-}" ] || words+=(--build-arg "BASE=$BASE")
[ -z "${PLATFORM:-}" ] || words+=(--platform "linux/$PLATFORM")
[ -z "${UV_DEFAULT_INDEX:-}" ] || words+=(--build-arg "UV_DEFAULT_INDEX=$UV_DEFAULT_INDEX")
[ -z "${CA:-}" ] || [ "$engine" = docker ] || words+=(--volume "$CA:/etc/ssl/certs/ca-certificates.crt:ro")
case "$engine" in
  # The image form of Docker keeps the health check. Without root and without a service, buildah works in a chroot.
  buildah) exec buildah bud --format docker --isolation "${ISOLATION:-chroot}" --layers=false "${words[@]}" . ;;
  podman) exec podman build --format docker "${words[@]}" . ;;
  *) exec "$engine" build "${words[@]}" . ;;
esac
