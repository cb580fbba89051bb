"""Places: where a task stands, as its view shows it beside its own columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, select

from events.sql import HotQuery, WithoutIndex, table_of
from todo.record.lists import name_lists
from todo.record.models import Task
from todo.record.shapes import TaskRow
from todo.record.work import Work

_T = table_of(Task)
_OWN = WithoutIndex(_T.c.user_id) == bindparam("user")
_TITLES = HotQuery(select(_T.c.id, _T.c.title).where(_T.c.id.in_(bindparam("keys", expanding=True)), _OWN))
_OPEN = func.sum(case((_T.c.status == "open", 1), else_=0))
_COUNTS = HotQuery(
    select(_T.c.parent_id, _OPEN.label("open"), func.count().label("total"))
    .where(_T.c.parent_id.in_(bindparam("keys", expanding=True)), _OWN, _T.c.deleted_at.is_(None))
    .group_by(_T.c.parent_id)
)


@dataclass(frozen=True, slots=True)
class Place:
    """The name of a task's list, the title of its parent, and how many subtasks it has, open and in all."""

    list_name: str | None = None
    parent_title: str | None = None
    open: int = 0
    total: int = 0


NOWHERE = Place()


def load_place(work: Work, row: TaskRow, parent: TaskRow | None = None) -> Place:
    """Return where a task of the caller's stands; asks nothing for one that stands by itself.

    `parent` is the row of its parent where that is known.
    """
    list_id, has_parent = row["list_id"], row["parent_id"] is not None
    if not row["has_subtasks"] and (parent is not None or not has_parent):
        if list_id is None and not has_parent:
            return NOWHERE
        name = None if list_id is None else name_lists(work, [list_id])[list_id]
        return Place(name, parent["title"] if has_parent and parent is not None else None)
    titles = {} if parent is None else {parent["id"]: parent["title"]}
    return _read(work, [row], titles)[row["id"]]


def load_places(work: Work, rows: Sequence[TaskRow]) -> dict[str, Place]:
    """Return where several tasks of the caller's stand, by id."""
    return _read(work, rows, {})


def _read(work: Work, rows: Sequence[TaskRow], titles: dict[str, str]) -> dict[str, Place]:
    user = work.who.user_id
    parents = {row["parent_id"] for row in rows if row["parent_id"] is not None} - titles.keys()
    if parents:
        found = _TITLES.all(work.connection, {"keys": sorted(parents), "user": user})
        titles = {**titles, **{each.id: each.title for each in found}}
    counts: dict[str, tuple[int, int]] = {}
    if above := [row["id"] for row in rows if row["has_subtasks"]]:
        found = _COUNTS.all(work.connection, {"keys": above, "user": user})
        counts = {each.parent_id: (int(each.open), int(each.total)) for each in found}
    names = name_lists(work, (row["list_id"] for row in rows if row["list_id"] is not None))
    return {
        row["id"]: Place(
            None if row["list_id"] is None else names[row["list_id"]],
            None if row["parent_id"] is None else titles.get(row["parent_id"], ""),
            *counts.get(row["id"], (0, 0)),
        )
        for row in rows
    }
