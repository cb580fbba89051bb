"""The map in `docs/architecture.md` names every module once, and only paths that exist."""

import re
from pathlib import PurePosixPath

from tests.architecture.ours import PACKAGES, ROOT, list_sources

PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
SUMMED = ("app/bench/", "app/faults/", "app/migrations/versions/")
"""Folders with one line on the map instead of one per module."""
ENTRIES = re.findall(r"^- `([^`]+)`: \S", PAGE, re.MULTILINE)
PATHS = re.compile(rf"`((?:{'|'.join([*PACKAGES, 'docs', 'examples', 'tests'])})/[^`]*|[\w-]+\.(?:py|toml))`")


def list_places() -> list[str]:
    """Return every module, or the summed folder that holds it; a package's `__init__` is its heading."""
    modules = [name for name in list_sources() if name != "run.py" and PurePosixPath(name).name != "__init__.py"]
    places = (next((folder for folder in SUMMED if name.startswith(folder)), name) for name in modules)
    return sorted(set(places))


def test_every_module_is_on_the_map_once() -> None:
    assert sorted(ENTRIES) == list_places()


def test_every_package_has_its_place_on_the_map() -> None:
    folders = {str(PurePosixPath(name).parent) for name in list_sources() if name.endswith("__init__.py")}

    assert not [folder for folder in sorted(folders) if f"`{folder}" not in PAGE]


def test_every_path_on_the_map_exists() -> None:
    paths = PATHS.findall(PAGE)

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
