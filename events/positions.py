"""A reader's position in a table: PostgreSQL may commit a lower row number after a higher one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, column, func, select

from events.sql import READS_NUMBERS, is_sqlite

_FEEDS = ("activity", "notification")
"""The tables whose rows a reader may be kept from; the database's function tells the numbers of all."""
MAY_COME_LATE = 500
"""How far below the newest row a missing row number is still waited for; a number of a rolled-back row never comes."""


@dataclass(frozen=True, slots=True)
class Position:
    """The highest row number that a reader has met, and the numbers below it that may still be committed."""

    last: int = 0
    missing: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return ".".join(str(number) for number in (self.last, *sorted(self.missing)))

    def ahead(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition on the column of row numbers for all rows that this reader has not met."""
        if not self.missing:
            return number > self.last
        # The lower bound lets an index begin there.
        return (number >= min(self.missing)) & ((number > self.last) | number.in_(sorted(self.missing)))


def read_position(text: str) -> Position | None:
    """Return the position that `str` wrote; None for any other text."""
    numbers = text.split(".")
    if len(numbers) > MAY_COME_LATE + 1 or not all(
        number.isascii() and number.isdigit() and len(number) < 19 for number in numbers
    ):
        return None
    last, *missing = map(int, numbers)
    return Position(last, frozenset(number for number in missing if last - MAY_COME_LATE <= number < last))


def find_end(connection: Connection, number: Column[Any]) -> Position:
    """Return the position after every row that is committed now."""
    newest = int(connection.execute(_read_alone(select(func.coalesce(func.max(number), 0)))).scalar_one())
    return Position(newest, _find_missing(connection, number, newest - MAY_COME_LATE, newest))


def advance(connection: Connection, number: Column[Any], position: Position, met: Sequence[int]) -> Position:
    """Return the position after the rows `met`, in the transaction that has read them."""
    last = max([position.last, *met])
    missing = position.missing.difference(met)
    if last - position.last > sum(each > position.last for each in met):
        missing |= _find_missing(connection, number, max(position.last, last - MAY_COME_LATE), last)
    return Position(last, frozenset(each for each in missing if each >= last - MAY_COME_LATE))


def _find_missing(connection: Connection, number: Column[Any], after: int, last: int) -> frozenset[int]:
    taken = select(number).where(number > after, number <= last)
    if not is_sqlite(connection) and number.table.name in _FEEDS:
        taken = select(column("n")).select_from(func.taken_numbers(number.table.name, after, last).alias("n"))
    known = connection.execute(_read_alone(taken)).scalars()
    return frozenset(range(max(after, 0) + 1, last)).difference(known)


def _read_alone(numbers: Select[Any]) -> Select[Any]:
    """Return a query of row numbers, marked as one: rows that a reader is kept from still take their numbers."""
    return numbers.execution_options(**{READS_NUMBERS: True})
