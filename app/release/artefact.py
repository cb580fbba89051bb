"""A part of a release: the files that were made, and who judged them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]


class ReleaseFailed(Exception):
    """A part is wrong or cannot be made; the text says why."""


class Lacking(Exception):
    """This machine lacks a program that makes or judges a part; the text says which, and how to get it."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Files of a release; `lacking` says what was not made or judged here, and why."""

    files: tuple[Path, ...]
    judged_by: str
    lacking: str = ""


def require(holds: bool, why: str) -> None:
    """Raise `ReleaseFailed` unless something holds."""
    if not holds:
        raise ReleaseFailed(why)
