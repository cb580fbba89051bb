"""The image of a release, as an archive that any engine loads."""

import os
import shutil
from pathlib import Path

from app.release.artefact import Artefact, Lacking, Say, require
from app.release.workshop import run
from app.settings import REPOSITORY

MOST_BYTES = 130_000_000
"""What an image may weigh, compressed."""


def make_image(folder: Path, version: str, say: Say) -> Artefact:
    """Build the image by the script that operators use, and save it; raises `ReleaseFailed` or `Lacking`.

    `BASE` names another base, as everywhere; a release that is published gives it by digest.
    """
    if shutil.which("buildah") is None:
        raise Lacking("the image is built by buildah: apt install buildah")
    tag = f"localhost/evolution-todo:{version}"
    path = folder / f"evolution-todo-{version}.oci.tar"
    say("the image: building it, some minutes ...")
    run("bash", REPOSITORY / "infra/image/build.sh", tag, ENGINE="buildah")
    run("buildah", "push", "--quiet", tag, f"oci-archive:{path}:{tag}")
    require(path.stat().st_size <= MOST_BYTES, f"the image weighs {path.stat().st_size // 1_000_000} MB")
    base = os.environ.get("BASE", "")
    lacking = "" if "@sha256:" in base else "its base is not named by digest (BASE=NAME@sha256:…)"
    return Artefact((path,), f"its weight, {path.stat().st_size // 1_000_000} MB", lacking)
