"""What is shipped, as its judges see it; without their programs these tests are skipped, or fail with `CI=true`."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from infra.judge.manifests import KUBERNETES, OVERLAYS, Manifest, render_overlay
from infra.live.cache import Say
from infra.live.programs import ToolsMissing
from tests.architecture.ours import ROOT
from tests.shipping.containers import (
    UID,
    Container,
    build_image,
    draw_name,
    draw_port,
    remove_container,
    start_container,
)

Overlays = dict[str, list[Manifest]]


def refuse(why: object) -> NoReturn:
    """End the test that lacks a program: with `CI=true` it fails."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(why))


@contextmanager
def needing_tools() -> Iterator[None]:
    try:
        yield
    except ToolsMissing as error:
        refuse(error)


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(words: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{words}", end="", flush=True)

    return tell


@pytest.fixture(scope="session")
def render(say: Say) -> Callable[[Path], list[Manifest]]:
    def render_folder(folder: Path) -> list[Manifest]:
        with needing_tools():
            return render_overlay(folder, say)

    return render_folder


@pytest.fixture(scope="session")
def overlays(render: Callable[[Path], list[Manifest]]) -> Overlays:
    """The objects of every overlay."""
    return {name: render(KUBERNETES / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, overlays: Overlays) -> list[Manifest]:
    """The objects of one overlay, for each in turn."""
    return overlays[request.param]


OF_COMPOSE = ("infra/compose.yaml", "infra/compose/*.*", "infra/dapr", "infra/observe", "examples/consumer")


@pytest.fixture(scope="session")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Compose file and all that it mounts, in their places, with secrets as the script makes them."""
    folder = tmp_path_factory.mktemp("composition")
    for pattern in OF_COMPOSE:
        for path in ROOT.glob(pattern):
            place = folder / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, place)
    subprocess.run(["bash", folder / "infra/compose/secrets.sh"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def image(say: Say) -> str:
    """The image of this working tree, built once."""
    with needing_tools():
        return build_image(say)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An empty folder of the image's user."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, UID, UID)
    return folder


@pytest.fixture
def container(image: str, volume: Path) -> Iterator[Container]:
    """A running container on a new volume."""
    name = draw_name()
    try:
        yield start_container(image, name, draw_port(), volume)
    finally:
        remove_container(name)
