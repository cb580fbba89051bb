"""Pages of a list, and the opaque cursors that continue it."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments

_Row = TypeVar("_Row")


def cut_page(rows: Sequence[_Row], limit: int, write: Callable[[_Row], str]) -> tuple[Sequence[_Row], str | None]:
    """Return the rows of a page, and the cursor of its last row if more follow.

    `rows` holds up to `limit + 1` rows; `write` returns the cursor of a row.
    """
    return (rows, None) if len(rows) <= limit else (rows[:limit], write(rows[limit - 1]))


def write_cursor(*parts: Any) -> str:
    """Return a cursor: its parts as JSON in base64url without padding.

    The sort keys among the parts have to end with a unique one; else rows that share a key are lost between two pages.
    """
    return base64.urlsafe_b64encode(to_json(parts)).decode().rstrip("=")


def read_cursor(cursor: str) -> list[Any]:
    """Return the parts of a cursor, which may be of any type; raises `ValueError` for a text of another form."""
    try:
        parts = from_json(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if not isinstance(parts, list):
        raise ValueError("not a list")  # one error for every unreadable cursor
    return parts


def is_key(part: Any) -> bool:
    """Return whether a part of a cursor can be compared with a column: text, or a 64-bit integer."""
    return (isinstance(part, str) and "\0" not in part) or (isinstance(part, int) and abs(part) < 2**63)


def read_number(cursor: str | None) -> int:
    """Return the row number that is the whole cursor of a list by row number, newest first.

    Without a cursor the number is larger than any. Raises `InvalidArguments`.
    """
    if cursor is None:
        return 2**62
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise refuse_cursor()
    return int(cursor)


def refuse_cursor() -> InvalidArguments:
    """Return the refusal of a cursor that this list did not write."""
    return InvalidArguments("This cursor is not valid here.", "Use next_cursor of the page before.")
