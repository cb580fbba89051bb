"""The long run (`python3 run.py test --long`): tests marked `long`, and the fuller measure of others."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

LONG = bool(os.environ.get("TODO_TEST_LONG"))
"""Whether this is the long run."""


def skip_long(items: list[pytest.Item]) -> None:
    """Leave out the tests marked `long("why it takes long")`, unless this is the long run."""
    for item in items:
        marker = item.get_closest_marker("long")
        if marker is not None and not LONG:
            item.add_marker(pytest.mark.skip(reason=f"--long alone: {marker.args[0]}"))


def also_long(always: Iterable[Any], more: Iterable[Any], why: str) -> list[Any]:
    """Return the values of a parameter: some for every run, and more of the same kind for the long one."""
    return [*always, *(pytest.param(value, marks=pytest.mark.long(why)) for value in more)]
