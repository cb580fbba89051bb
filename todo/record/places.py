"""Places: where a task stands, as its view shows it beside its own columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from todo.record.lists import name_list
from todo.record.shapes import TaskRow
from todo.record.work import Work


@dataclass(frozen=True, slots=True)
class Place:
    """The name of the list that a task is in; None for the inbox."""

    list_name: str | None = None


NOWHERE = Place()


def load_place(work: Work, row: TaskRow) -> Place:
    """Return where a task of the caller's stands; asks nothing for one that stands by itself."""
    if row["list_id"] is None:
        return NOWHERE
    return Place(name_list(work, row["list_id"]))


def load_places(work: Work, rows: Sequence[TaskRow]) -> dict[str, Place]:
    """Return where several tasks of the caller's stand, by id."""
    return {row["id"]: load_place(work, row) for row in rows}
