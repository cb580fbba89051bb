"""The pytest plugin: the fixture `todo`, the whole service in a test's own process (docs/testing.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import evolution_todo

if TYPE_CHECKING:
    from app.testing.service import Todo

REMEDY = (
    "The fixture `todo` cannot run beside other packages named {names}: give its tests an environment without them, "
    "and run them from a folder that has none."
)


@pytest.fixture
def todo_settings() -> dict[str, Any]:
    """The settings of the service of `todo`, by their names in Python; override it for your own."""
    return {}


@pytest.fixture
def todo(tmp_path_factory: pytest.TempPathFactory, todo_settings: dict[str, Any]) -> Iterator["Todo"]:
    """The whole service on a temporary database, with a clock that stands still: no network, no sleep."""
    clashes = evolution_todo.find_clashes(Path(evolution_todo.__file__).parent.resolve())
    if clashes:
        pytest.fail(REMEDY.format(names=", ".join(clashes)), pytrace=False)
    from app.testing.service import open_todo

    with open_todo(tmp_path_factory.mktemp("todo"), **todo_settings) as opened:
        yield opened
