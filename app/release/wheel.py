"""The wheel of a release."""

import zipfile
from email.parser import HeaderParser
from pathlib import Path

from app.release.artefact import Artefact, Say, require
from app.release.workshop import provide_tools, run
from evolution_todo import PACKAGES

NEEDED = (
    "app/page/index.html",
    "agent/builtin/languages/en.yaml",
    "infra/versions.toml",
    "infra/dapr/config.yaml",
)
"""Files besides the modules, one of each kind that the product reads."""
ENTRIES = {"evolution-todo = evolution_todo:main", "evolution-todo = evolution_todo_pytest"}


def make_wheel(folder: Path, version: str, say: Say) -> Artefact:
    """Build the wheel and look into it; raises `ReleaseFailed` or `Lacking`."""
    run(provide_tools(say), "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    wheel = folder / f"evolution_todo-{version}-py3-none-any.whl"
    require(wheel.exists(), f"no {wheel.name} was built")
    check_wheel(wheel, version)
    return Artefact((wheel,), "its contents, metadata and entry points")


def check_wheel(wheel: Path, version: str) -> None:
    """Raise `ReleaseFailed` unless a wheel holds the product, its commands, and nothing of its workshop."""
    about = f"evolution_todo-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = HeaderParser().parsestr(archive.read(f"{about}/METADATA").decode())
        entries = archive.read(f"{about}/entry_points.txt").decode().splitlines()
    tops = {name.split("/")[0] for name in names}
    expected = {*PACKAGES, "evolution_todo.py", "evolution_todo_pytest.py", about}
    require(tops == expected, f"the wheel has other top-level names: {sorted(tops ^ expected)}")
    missing = [name for name in NEEDED if name not in names]
    require(not missing, f"the wheel lacks {missing}")
    foreign = [name for name in names if name.endswith(("/.env", ".db", ".pyc")) or "/secrets/" in name]
    require(not foreign, f"the wheel holds {foreign}")
    known = (metadata["Name"], metadata["Version"], metadata["License-Expression"])
    require(known == ("evolution-todo", version, "MIT"), f"the wheel calls itself {known}")
    require(set(entries) >= ENTRIES, "the wheel lacks a command or the pytest plugin")
