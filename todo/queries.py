"""Every SELECT on tasks and what belongs to them; each begins at its owner."""

from typing import Any

from sqlalchemy import bindparam, func, select

from events.tables import table_of
from todo.errors import TaskNotFound
from todo.folding import fold_words
from todo.models import Reminder, Task
from todo.work import Work

Row = dict[str, Any]

TASK = table_of(Task)
REMINDER = table_of(Reminder)

_OWNED = TASK.c.user_id == bindparam("user")
_ALIVE = TASK.c.deleted_at.is_(None)
_BY_ID = select(TASK).where(TASK.c.id == bindparam("task_id"), _OWNED, _ALIVE)
# A task's row is the lock for all that belongs to it: who comes second goes on with what the first one left.
_BY_ID_HELD = _BY_ID.with_for_update()
_REMINDERS = (
    select(REMINDER)
    .where(REMINDER.c.task_id == bindparam("task_id"), REMINDER.c.user_id == bindparam("user"))
    .order_by(REMINDER.c.remind_at, REMINDER.c.id)
)
_REMINDER_BY_ID = select(REMINDER).where(
    REMINDER.c.id == bindparam("reminder_id"), REMINDER.c.user_id == bindparam("user")
)
_SIMILAR = (
    select(TASK.c.id, TASK.c.title)
    .where(_OWNED, _ALIVE, func.instr(TASK.c.words, bindparam("word")) > 0)
    .order_by(TASK.c.status.desc(), TASK.c.deadline)
    .limit(3)
)
# Together with their tasks' rows, as every other change of a reminder; what somebody holds comes with the next round.
_DUE_REMINDERS = (
    select(REMINDER)
    .join(TASK, TASK.c.id == REMINDER.c.task_id)
    .where(REMINDER.c.status == "scheduled", REMINDER.c.remind_at <= bindparam("now"))
    .order_by(REMINDER.c.remind_at)
    .limit(bindparam("limit"))
    .with_for_update(of=TASK, skip_locked=True)
)
_NEXT_REMINDER = select(func.min(REMINDER.c.remind_at)).where(REMINDER.c.status == "scheduled")


def load_task(work: Work, task_id: str) -> Row:
    """Return the caller's living task; raises `TaskNotFound`, with up to three near titles, for anything else.

    In a transaction that may write, the row is held until its end.
    """
    statement = _BY_ID if work.reads_only else _BY_ID_HELD
    row = work.connection.execute(statement, {"task_id": task_id, "user": work.who.user_id}).one_or_none()
    if row is None:
        raise _not_found(work, task_id)
    return row._asdict()


def find_task(work: Work, task_id: str) -> Row | None:
    """Return the caller's living task, or nothing."""
    row = work.connection.execute(_BY_ID, {"task_id": task_id, "user": work.who.user_id}).one_or_none()
    return None if row is None else row._asdict()


def load_reminders(work: Work, task_id: str) -> list[Row]:
    """Return all reminders of a task of the caller's, by time."""
    rows = work.connection.execute(_REMINDERS, {"task_id": task_id, "user": work.who.user_id})
    return [row._asdict() for row in rows]


def load_reminders_of(work: Work, task_ids: list[str]) -> dict[str, list[Row]]:
    """Return the reminders of several tasks of the caller's, by task."""
    found: dict[str, list[Row]] = {}
    if task_ids:
        statement = (
            select(REMINDER)
            .where(REMINDER.c.task_id.in_(task_ids), REMINDER.c.user_id == work.who.user_id)
            .order_by(REMINDER.c.remind_at, REMINDER.c.id)
        )
        for row in work.connection.execute(statement):
            found.setdefault(row.task_id, []).append(row._asdict())
    return found


def load_reminder(work: Work, reminder_id: str) -> Row | None:
    """Return one reminder of the caller's, or nothing."""
    row = work.connection.execute(_REMINDER_BY_ID, {"reminder_id": reminder_id, "user": work.who.user_id}).one_or_none()
    return None if row is None else row._asdict()


def load_due_reminders(work: Work, limit: int) -> list[Row]:
    """Return the reminders of all users whose time has come, oldest first."""
    return [row._asdict() for row in work.connection.execute(_DUE_REMINDERS, {"now": work.at, "limit": limit})]


def next_reminder_at(work: Work) -> str | None:
    """Return when the next reminder of any user is due, or nothing."""
    at: str | None = work.connection.execute(_NEXT_REMINDER).scalar_one()
    return at


def _not_found(work: Work, task_id: str) -> TaskNotFound:
    similar = []
    for word in fold_words(task_id[:200])[:1]:
        rows = work.connection.execute(_SIMILAR, {"user": work.who.user_id, "word": f" {word}"})
        similar = [{"task_id": row.id, "title": row.title} for row in rows]
    if similar:
        near = "; ".join(f'"{each["title"]}" ({each["task_id"]})' for each in similar)
        return TaskNotFound("There is no task with this id.", f"Did you mean {near}?", similar=similar)
    return TaskNotFound("There is no task with this id.", "Look the task up with find_tasks and use its id.")
