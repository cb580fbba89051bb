"""Stand-ins for images that cannot be pulled here: the same programs in the same places, built by the same recipe."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.judge.collector import provide_collector
from infra.live.cache import Say, find_cache, take_turn
from infra.live.provision import provide_daprd, provide_kafka
from infra.live.versions import RUNS
from tests.architecture.ours import ROOT
from tests.shipping.containers import call, must, require_tools

HERE = Path(__file__).parent / "stand_in"
PACKAGES = (f"postgresql-{RUNS['postgresql']}", "openjdk-21-jre-headless", "prometheus")
"""Debian's: a server of the same release, the Java of Kafka's own image, and a Prometheus that reads the same files."""
BASE = f"localhost/evolution-todo-base:stand-ins-{hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:12]}"
FILES: dict[str, Callable[[Say], Mapping[str, Path]]] = {
    "postgres": lambda _: {},
    "kafka": lambda say: {"jars": provide_kafka(say)},
    "daprd": lambda say: {"daprd": provide_daprd(say)},
    "prometheus": lambda _: {},
    "collector": lambda say: {"otelcol": provide_collector(say)},
}
"""What each of them takes from the real chain and the judges, beside the files of its folder."""
STANDS_FOR = {
    "docker.io/library/postgres": "postgres",
    "docker.io/apache/kafka": "kafka",
    "docker.io/daprio/daprd": "daprd",
    "docker.io/prom/prometheus": "prometheus",
    "docker.io/otel/opentelemetry-collector": "collector",
}
"""The stand-in of each image that the Compose file names."""


def build_stand_in(image: str, say: Say) -> str:
    """Build the stand-in for an image, once per content; return its tag. Raises `ToolsMissing` or `LiveError`."""
    require_tools()
    name = STANDS_FOR[image.rpartition(":")[0]]
    folder, files = HERE / name, FILES[name](say)
    tag = f"localhost/evolution-todo-{name}:{_name_content(folder, files)}"
    with take_turn(find_cache() / "image.lock", lambda: say("another test builds an image; waiting ...")):
        if call("buildah", "inspect", "--type=image", tag).returncode:
            say(f"the stand-in for {image}: building it")
            words = ["--isolation", "chroot", "--quiet", "--tag", tag]
            if "ARG BASE" in (folder / "Containerfile").read_text("utf-8"):
                words += ["--build-arg", f"BASE={provide_base(say)}"]
            with tempfile.TemporaryDirectory() as context:
                shutil.copytree(folder, context, dirs_exist_ok=True)
                for place, source in files.items():
                    (shutil.copytree if source.is_dir() else shutil.copy2)(source, Path(context) / place)
                must("buildah", "bud", "--format", "docker", *words, context, seconds=600)
    return tag


def provide_base(say: Say) -> str:
    """Make the base of the stand-ins once of Debian's packages; return its tag."""
    if call("buildah", "inspect", "--type=image", BASE).returncode:
        say(f"the base of the stand-ins: making it once of {', '.join(PACKAGES)}, some minutes")
        must("bash", ROOT / "infra/image/base.sh", BASE, *PACKAGES, seconds=1_200)
    return BASE


def _name_content(folder: Path, files: Mapping[str, Path]) -> str:
    """Return a name for what a stand-in is built from; what is provisioned has its version in its folder's name."""
    digest = hashlib.sha256(BASE.encode())
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    for place, source in files.items():
        digest.update(f"{place} {source}".encode())
    return digest.hexdigest()[:12]
