"""The history that people have chosen to keep for some time alone: what is older is removed."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from app.retention.walks import Stride
from events.instants import read_instant, write_instant
from events.sql import WithoutIndex, table_of
from todo.activity.short_history import GONE, SPENT
from todo.record.list_models import ChangeList
from todo.record.models import Change, ChangeItem, User

_C, _U = table_of(Change), table_of(User)
_NEXT = (
    select(_U.c.id, _U.c.history_days)
    .where(_U.c.history_days.is_not(None), _U.c.id > bindparam("after"))
    .order_by(_U.c.id)
    .limit(1)
)
# The newest number stays: SQLite would give it to the next change once more.
_OLD = (
    select(_C.c.id)
    .where(_C.c.user_id == bindparam("user"), _C.c.at < bindparam("before"))
    .where(_C.c.seq < select(func.max(_C.c.seq)).scalar_subquery())
    .order_by(_C.c.at)
    .limit(bindparam("limit"))
)
_IDS: Any = bindparam("ids", expanding=True)
_I, _L = table_of(ChangeItem), table_of(ChangeList)
_ITEMS = select(_I.c.change_id, _I.c.task_id).where(_I.c.change_id.in_(_IDS)).limit(bindparam("limit"))
# One by one: SQLite compares pairs with each row of the table.
_DROP = delete(_I).where(_I.c.change_id == bindparam("change"), _I.c.task_id == bindparam("task"))
# By the ids: the owner's index would lead through all that they ever changed.
_PARTS = (delete(_L).where(WithoutIndex(_L.c.user_id) == bindparam("user"), _L.c.change_id.in_(_IDS)), *GONE)


def walk_histories(connection: Connection, after: Any, now: str, window: int) -> Stride:
    """Remove some old changes of one person with all their parts; tasks themselves stay as they are."""
    person = connection.execute(_NEXT, {"after": after or ""}).one_or_none()
    if person is None:
        return Stride(0, None)
    before = write_instant(read_instant(now) - timedelta(days=person.history_days))
    ids = list(connection.execute(_OLD, {"user": person.id, "before": before, "limit": max(window // 2, 1)}).scalars())
    if not ids:
        return Stride(0, person.id)
    # A change of very many tasks goes item by item; from the first one on it cannot be undone any more.
    connection.execute(SPENT, {"user": person.id, "ids": ids})
    found = connection.execute(_ITEMS, {"ids": ids, "limit": window})
    items = [{"change": item.change_id, "task": item.task_id} for item in found]
    if items:
        connection.execute(_DROP, items)
    if len(items) == window:
        return Stride(0, after or "")
    for parts in _PARTS:
        connection.execute(parts, {"user": person.id, "ids": ids})
    return Stride(len(ids), after or "")
