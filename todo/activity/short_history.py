"""The history of one task, shortened by its person."""

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from events.instants import write_instant
from events.sql import WithoutIndex, table_of
from todo.errors import InvalidArguments, TaskNotFound
from todo.record.list_models import ChangeList
from todo.record.models import Change, ChangeItem, ChangeSeries
from todo.record.queries import load_any_tasks
from todo.record.work import Work
from todo.text import when

STAYS = timedelta(days=1)
"""What is younger can be taken back, and so stays."""
AT_ONCE = 100
"""The most changes that one transaction forgets."""

_C, _I = table_of(Change), table_of(ChangeItem)
_S, _L = table_of(ChangeSeries), table_of(ChangeList)
_IDS: Any = bindparam("ids", expanding=True)
# By the task: the owner's index would lead through all that they ever changed.
_OWNER = WithoutIndex(_C.c.user_id) == bindparam("user")
_OLD = (
    select(_I.c.change_id)
    .join(_C, _C.c.id == _I.c.change_id)
    .where(_I.c.task_id == bindparam("task"), _OWNER, _C.c.at < bindparam("before"))
    .order_by(_I.c.version)
    .limit(bindparam("limit"))
)
SPENT = update(_C).where(_OWNER, _C.c.id.in_(_IDS), _C.c.undone_by.is_(None)).values(undone_by=_C.c.id)
"""Lets some changes be undone no more."""
GONE = (delete(_S).where(_S.c.change_id.in_(_IDS)), delete(_C).where(_OWNER, _C.c.id.in_(_IDS)))
"""Removes some changes of which nothing is left, with how far series were."""
_FORGET = delete(_I).where(_I.c.task_id == bindparam("task"), _I.c.change_id.in_(_IDS))
# The newest number stays: SQLite would give it to the next change once more.
_NEWEST = select(func.max(_C.c.seq)).where(_C.c.user_id == bindparam("user"))
_LISTED = select(_L.c.change_id).where(WithoutIndex(_L.c.user_id) == bindparam("user"), _L.c.change_id.in_(_IDS))
_EMPTY = (
    select(_C.c.id)
    .where(_OWNER, _C.c.id.in_(_IDS), _C.c.seq < bindparam("newest"))
    .where(_C.c.id.not_in(select(_I.c.change_id).where(_I.c.change_id.in_(_IDS))))
    .where(_C.c.id.not_in(_LISTED))
)


class Forgotten(TypedDict):
    """How many changes of a task were forgotten in this step, and whether there are more."""

    task_id: str
    forgotten: int
    more: bool


def read_before(work: Work, text: str) -> str:
    """Read the time before which a history is forgotten, as an instant.

    Raises `InvalidTime`, and `InvalidArguments` for one within the last day, whose changes can still be taken back.
    """
    before = when.begins_at(when.read_time(text, work.zone, work.now).due, work.zone)
    if before > write_instant(work.now - STAYS):
        raise InvalidArguments(
            "The history of the last 24 hours stays, so that undo goes on working.", "Give an earlier time as `before`."
        )
    return before


def forget_history(work: Work, task_id: str, before: str) -> Forgotten:
    """Forget some of the oldest changes of a task, up to an instant; the task itself stays as it is.

    A change that is forgotten in part or whole cannot be undone any more, for its other tasks neither. To be repeated
    while there is `more`. Raises `TaskNotFound`.
    """
    # A change may reach beyond the lists of a token.
    work.who.require_all_lists("forget what has happened")
    if task_id not in load_any_tasks(work, [task_id]):
        raise TaskNotFound("There is no task with this id.", "Look the task up with find_tasks and use its id.")
    run, user = work.connection.execute, work.who.user_id
    key = {"task": task_id, "user": user, "before": before, "limit": AT_ONCE}
    ids = list(run(_OLD, key).scalars())
    if ids:
        run(SPENT, {"user": user, "ids": ids})
        run(_FORGET, {"task": task_id, "ids": ids})
        newest = run(_NEWEST, {"user": user}).scalar_one()
        if empty := list(run(_EMPTY, {"user": user, "ids": ids, "newest": newest}).scalars()):
            for gone in GONE:
                run(gone, {"user": user, "ids": empty})
    return {"task_id": task_id, "forgotten": len(ids), "more": len(ids) == AT_ONCE}
