"""The image of a release, as an archive that any engine loads, and what is found in it."""

import json
import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.release.artefact import Artefact, Lacking, ReleaseFailed, Say, require
from app.release.papers import read_lock
from app.release.workshop import run
from app.settings import REPOSITORY

MOST_BYTES = 130_000_000
"""What an image may weigh, compressed."""
USER = "10001:10001"
_LABEL = "org.opencontainers.image."
_BILL = "usr/share/evolution-todo/sbom.cdx.json"
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def make_image(folder: Path, version: str, say: Say) -> Artefact:
    """Build the image by the script that operators use, save and check it; raises `ReleaseFailed` or `Lacking`.

    `BASE` names another base, as everywhere; whichever it is, it is built on by its digest.
    """
    if shutil.which("buildah") is None:
        raise Lacking("the image is built by buildah: apt install buildah")
    base = pin_base(os.environ.get("BASE") or read_base())
    tag = f"localhost/evolution-todo:{version}"
    path = folder / f"evolution-todo-{version}.oci.tar"
    say("the image: building it, some minutes ...")
    run("bash", REPOSITORY / "infra/image/build.sh", tag, ENGINE="buildah", BASE=base)
    save_image(tag, path)
    check_image(path, version, base)
    weight = path.stat().st_size // 1_000_000
    return Artefact((path,), f"its weight ({weight} MB), labels, user, base by digest, and bill of materials")


def read_base() -> str:
    """Return the base that the recipe names."""
    recipe = (REPOSITORY / "infra/image/Containerfile").read_text("utf-8")
    (base,) = re.findall(r"^ARG BASE=(\S+)$", recipe, re.MULTILINE)
    return str(base)


def pin_base(name: str) -> str:
    """Return the name of a base by its digest, pulled unless it is here; raises `Lacking` if it cannot be had."""
    if _BY_DIGEST.search(name):
        return name
    try:
        run("buildah", "pull", "--quiet", "--policy", "missing", name)
        digest = run("buildah", "inspect", "--type=image", "--format={{.FromImageDigest}}", name).strip()
    except ReleaseFailed as why:
        raise Lacking(f"its base {name} cannot be had; BASE names another (docs/operating/image.md): {why}") from None
    return f"{re.sub(r':[^:/]+$', '', name)}@{digest}"


def save_image(tag: str, path: Path) -> None:
    """Write an image as an archive of the Open Container Initiative; raises `ReleaseFailed`."""
    run("buildah", "push", "--quiet", tag, f"oci-archive:{path}:{tag}")


def check_image(path: Path, version: str, base: str) -> None:
    """Raise `ReleaseFailed` unless an archive holds this version's image on this base, as it has to be run."""
    require(path.stat().st_size <= MOST_BYTES, f"the image weighs {path.stat().st_size // 1_000_000} MB")
    with tarfile.open(path) as archive:
        image = _Image(archive)
        config = image.config["config"]
        bill = image.read(_BILL)
    labels = config.get("Labels") or {}
    known = {name: labels.get(_LABEL + name) for name in ("version", "licenses", "base.name")}
    wanted = {"version": version, "licenses": "MIT", "base.name": base}
    require(known == wanted, f"the image calls itself {known}, and not {wanted}")
    require(bool(re.fullmatch(r"[0-9a-f]{40}", labels.get(_LABEL + "revision", ""))), "the image names no revision")
    require(config.get("User") == USER, f"the image runs as {config.get('User') or 'root'}")
    require(list(config.get("Volumes") or ()) == ["/data"], "the image keeps its data elsewhere than in /data")
    require(config.get("Entrypoint") == ["evolution-todo"], "the image starts something else")
    listed = {_normalize(each["name"]): each["version"] for each in json.loads(bill)["components"]}
    lock = read_lock()
    strange = sorted(
        name for name, each in listed.items() if lock.get(name) != each and (name, each) != ("evolution-todo", version)
    )
    require(not strange, f"the image holds what the lock does not name: {', '.join(strange)}")
    require(len(listed) >= len(lock) - 5, "the image's bill of materials lacks packages of the lock")


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass
class _Image:
    """The one image of an archive (OCI image layout, "image-layout" and "manifest" of the specification)."""

    archive: tarfile.TarFile

    @property
    def config(self) -> dict[str, Any]:
        return self._load(self._manifest["config"]["digest"])

    @property
    def _manifest(self) -> dict[str, Any]:
        (described,) = json.loads(self._open("index.json").read())["manifests"]
        return self._load(described["digest"])

    def read(self, place: str) -> bytes:
        """Return a file of the image; raises `ReleaseFailed` if it is in no layer."""
        for layer in reversed(self._manifest["layers"]):
            with tarfile.open(fileobj=self._open(_place(layer["digest"])), mode="r|*") as files:
                for each in files:
                    if each.name.lstrip("./") == place and (content := files.extractfile(each)):
                        return content.read()
        raise ReleaseFailed(f"the image holds no {place}")

    def _load(self, digest: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self._open(_place(digest)).read())
        return loaded

    def _open(self, name: str) -> Any:
        try:
            return self.archive.extractfile(name)
        except KeyError:
            raise ReleaseFailed(f"the archive lacks {name}") from None


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
