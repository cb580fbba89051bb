"""A person's statistics: what was added and done on each day, and what each list holds."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, select

from events.sql import table_of
from todo.errors import InvalidArguments
from todo.record.lists import load_lists
from todo.record.models import CountedTask, DayCount
from todo.record.queries import TASK
from todo.record.work import Work
from todo.text import when

INBOX = "Inbox"
_D = table_of(DayCount)
_K = table_of(CountedTask)
_BY_LIST = (
    select(TASK.c.list_id, TASK.c.status, func.count(), func.sum(case((TASK.c.deadline < bindparam("at"), 1), else_=0)))
    .where(TASK.c.user_id == bindparam("user"), TASK.c.kind == "task", TASK.c.deleted_at.is_(None))
    .group_by(TASK.c.list_id, TASK.c.status)
)


def read_statistics(
    work: Work, from_: str | None = None, until: str | None = None, *, by_list: bool = False
) -> dict[str, Any]:
    """Return `{days: [{day, created, completed}], open, overdue, lists?}`; default: the last 14 local days.

    `lists` are `{name, list_id?, archived?, open, overdue, completed}` of the tasks that there are now; the first one,
    without an id, is the inbox.
    """
    today = when.local_day(work.now, work.zone)
    last = _read_day(work, until, today)
    first = _read_day(work, from_, last - timedelta(days=13))
    if not 0 <= (last - first).days < 366:
        raise InvalidArguments("from and until must span 1 to 366 days.", "Give two days, the first one first.")
    counts = _count_days(work, str(first), str(last))
    days: list[dict[str, Any]] = []
    for offset in range((last - first).days + 1):
        day = str(first + timedelta(days=offset))
        created, completed = counts.get(day, (0, 0))
        days.append({"day": day, "created": created, "completed": completed})
    open_ = (
        select(func.count())
        .select_from(TASK)
        .where(
            TASK.c.user_id == work.who.user_id,
            TASK.c.kind == "task",
            TASK.c.status == "open",
            TASK.c.deleted_at.is_(None),
        )
    )
    view: dict[str, Any] = {
        "days": days,
        "open": work.connection.execute(open_).scalar_one(),
        "overdue": work.connection.execute(open_.where(TASK.c.deadline < work.at)).scalar_one(),
    }
    return {**view, "lists": _count_by_list(work)} if by_list else view


def _count_days(work: Work, first: str, last: str) -> dict[str, tuple[int, int]]:
    """Return how many tasks were created and completed, by local day; for a token for lists, task by task."""
    if work.who.bounds is None:
        kept = select(_D.c.day, _D.c.created, _D.c.completed).where(
            _D.c.user_id == work.who.user_id, _D.c.day >= first, _D.c.day <= last
        )
        return {row.day: (row.created, row.completed) for row in work.connection.execute(kept)}
    found: list[dict[str, int]] = []
    for day in (_K.c.created_day, _K.c.completed_day):
        own = (
            select(day.label("day"), func.count().label("tasks"))
            .join(TASK, TASK.c.id == _K.c.task_id)
            .where(TASK.c.user_id == work.who.user_id)
        )
        rows = work.connection.execute(own.where(day >= first, day <= last).group_by(day))
        found.append({row.day: int(row.tasks) for row in rows})
    created, completed = found
    return {day: (created.get(day, 0), completed.get(day, 0)) for day in created.keys() | completed.keys()}


def _count_by_list(work: Work) -> list[dict[str, Any]]:
    counts: dict[str | None, dict[str, int]] = {}
    for list_id, status, many, late in work.connection.execute(_BY_LIST, {"user": work.who.user_id, "at": work.at}):
        counted = counts.setdefault(list_id, {"open": 0, "overdue": 0, "completed": 0})
        counted[status] += many
        counted["overdue"] += late if status == "open" else 0
    none = {"open": 0, "overdue": 0, "completed": 0}
    views: list[dict[str, Any]] = [{"name": INBOX, **counts.get(None, none)}]
    for row in load_lists(work):
        archived = {"archived": True} if row["archived"] else {}
        views.append({"name": row["name"], "list_id": row["id"], **archived, **counts.get(row["id"], none)})
    return views


def _read_day(work: Work, text: str | None, default: date) -> date:
    if text is None:
        return default
    due = when.read_time(text, work.zone, work.now).due
    if not when.is_date(due):
        raise InvalidArguments("from and until must be dates.", "Write them as 2026-11-27.")
    return date.fromisoformat(due)
