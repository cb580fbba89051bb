"""Every SELECT on tasks and what belongs to them; each begins at its owner."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NotRequired, cast

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Table, bindparam, case, func, literal, or_, select
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from events.sql import HotQuery, WithoutIndex, table_of
from todo.errors import IsSeries, TaskNotFound
from todo.record.models import Change, ChangeItem, Recurrence, Reminder, Task
from todo.record.shapes import RecurrenceRow, ReminderRow, TaskRow
from todo.record.work import Work
from todo.text.display import quote_title, say_actor
from todo.text.search_words import fold_words
from todo.text.when import say_due, say_instant, say_short


class SimilarTask(TypedDict):
    """A task whose title is near to what was given; of several with one title, `which` tells each by a time."""

    task_id: str
    title: str
    which: NotRequired[str]


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TASK = table_of(Task)
REMINDER = table_of(Reminder)
RECURRENCE = table_of(Recurrence)
_CHANGE = table_of(Change)
_ITEM = table_of(ChangeItem)

_OWNED = TASK.c.user_id == bindparam("user")
_ALIVE = TASK.c.deleted_at.is_(None)
_LIVING = select(TASK).where(TASK.c.id == bindparam("task_id"), _OWNED, _ALIVE)
_BY_ID = HotQuery(_LIVING)
# The row of a task is the lock for everything that belongs to it.
_BY_ID_HELD = HotQuery(_LIVING.with_for_update())
_REMINDERS = HotQuery(
    select(REMINDER)
    .where(REMINDER.c.task_id == bindparam("task_id"), REMINDER.c.user_id == bindparam("user"))
    .order_by(REMINDER.c.remind_at, REMINDER.c.id)
)
# By the tasks' keys, as in `_is_own`.
_TASKS_OF = HotQuery(
    select(TASK).where(
        TASK.c.id.in_(bindparam("tasks", expanding=True)),
        WithoutIndex(TASK.c.user_id) == bindparam("user"),
        _ALIVE,
    )
)
_REMINDERS_OF = HotQuery(
    select(REMINDER)
    .where(
        REMINDER.c.task_id.in_(bindparam("tasks", expanding=True)),
        WithoutIndex(REMINDER.c.user_id) == bindparam("user"),
    )
    .order_by(REMINDER.c.remind_at, REMINDER.c.id)
)
_REMINDER_BY_ID = select(REMINDER).where(
    REMINDER.c.id == bindparam("reminder_id"), REMINDER.c.user_id == bindparam("user")
)
MOST_WORDS = 6
"""Words of an unknown id that are searched in titles."""
_NEXT_REMINDER = HotQuery(select(func.min(REMINDER.c.remind_at)).where(REMINDER.c.status == "scheduled"))
_OWN_RECURRENCE = select(RECURRENCE).where(
    RECURRENCE.c.task_id == bindparam("task_id"), RECURRENCE.c.user_id == bindparam("user")
)
_RECURRENCE = HotQuery(_OWN_RECURRENCE)
_RECURRENCES_OF = HotQuery(
    select(RECURRENCE).where(
        RECURRENCE.c.task_id.in_(bindparam("tasks", expanding=True)),
        WithoutIndex(RECURRENCE.c.user_id) == bindparam("user"),
    )
)
# The row of a recurrence is the lock for advancing its series.
_RECURRENCE_HELD = HotQuery(_OWN_RECURRENCE.with_for_update())
_INSTANCES = select(TASK).where(TASK.c.recurring_id == bindparam("series"), _OWNED, _ALIVE)
_OPEN_INSTANCES = _INSTANCES.where(TASK.c.status == "open").order_by(TASK.c.occurrence)
_OCCURRENCES = select(TASK.c.occurrence).where(TASK.c.recurring_id == bindparam("series"), _OWNED)
_TAKEN = _OCCURRENCES.where(_ALIVE, TASK.c.occurrence > bindparam("after"))
_TAKEN_AHEAD = (
    select(TASK.c.recurring_id, TASK.c.occurrence)
    .join(RECURRENCE, RECURRENCE.c.task_id == TASK.c.recurring_id)
    .where(
        TASK.c.recurring_id.in_(bindparam("series", expanding=True)),
        _OWNED,
        RECURRENCE.c.user_id == TASK.c.user_id,
        _ALIVE,
        TASK.c.occurrence > RECURRENCE.c.newest,
    )
)
_MADE_LAST = (
    select(TASK).where(TASK.c.recurring_id == bindparam("series"), _OWNED).order_by(TASK.c.number.desc()).limit(1)
)
_DUE_SERIES = (
    select(RECURRENCE)
    .where(RECURRENCE.c.next_at <= bindparam("now"))
    .order_by(RECURRENCE.c.next_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_DELETION = (
    select(TASK.c.title, _CHANGE.c.id, _CHANGE.c.actor, _CHANGE.c.at)
    .join(_ITEM, _ITEM.c.task_id == TASK.c.id)
    .join(_CHANGE, _CHANGE.c.id == _ITEM.c.change_id)
    .where(
        TASK.c.id == bindparam("task_id"),
        _OWNED,
        TASK.c.deleted_at.is_not(None),
        _ITEM.c.after.is_(None),
        _CHANGE.c.user_id == bindparam("user"),
    )
    .order_by(_CHANGE.c.seq.desc())
    .limit(1)
)
_NEXT_SERIES = HotQuery(select(func.min(RECURRENCE.c.next_at)).where(RECURRENCE.c.next_at.is_not(None)))


def _is_own(table: Table, work: Work) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's; beside a list of keys, which is what finds the rows."""
    return WithoutIndex(table.c.user_id) == work.who.user_id


def load_task(work: Work, task_id: str) -> TaskRow:
    """Return the caller's living task; raises `TaskNotFound`, with up to three near titles, for anything else.

    In a transaction that may write, the row is held until its end.
    """
    statement = _BY_ID if work.reads_only else _BY_ID_HELD
    row = statement.first(work.connection, {"task_id": task_id, "user": work.who.user_id})
    if row is None:
        raise _not_found(work, task_id)
    return cast("TaskRow", row._asdict())


def find_task(work: Work, task_id: str) -> TaskRow | None:
    """Return the caller's living task; None if there is none."""
    row = _BY_ID.first(work.connection, {"task_id": task_id, "user": work.who.user_id})
    return None if row is None else cast("TaskRow", row._asdict())


def nominal_of(instance: TaskRow) -> str:
    """Return the nominal date of an instance of a series."""
    if instance["occurrence"] is None:
        raise ValueError("only an instance of a series has a nominal date")
    return instance["occurrence"]


def open_due(instance: TaskRow) -> str:
    """Return when an instance of a series is due: the date it was moved to, else its nominal date."""
    return instance["due"] or nominal_of(instance)


def load_single_task(work: Work, task_id: str) -> TaskRow:
    """Return the caller's living task that is not a series; raises `IsSeries`, naming the open occurrence."""
    task = load_task(work, task_id)
    if task["kind"] == "task":
        return task
    series = f"{quote_title(task['title'])} is a recurring task; only one occurrence of it can be done or reminded of."
    open_ones = load_open_instances(work, task_id)
    if not open_ones:
        raise IsSeries(series, "None is open now: preview_occurrences shows when the next ones come.")
    named = open_ones[0]
    due = open_due(named)
    raise IsSeries(
        series,
        f"Use the open one: {named['id']}, {say_due(due, work.zone)}.",
        open_instance={"task_id": named["id"], "due": due},
    )


def load_recurrence(work: Work, task_id: str) -> RecurrenceRow:
    """Return the recurrence of a series of the caller's; a transaction that may write locks the row until its end."""
    statement = _RECURRENCE if work.reads_only else _RECURRENCE_HELD
    row = statement.first(work.connection, {"task_id": task_id, "user": work.who.user_id})
    return cast("RecurrenceRow", row._asdict())


def load_recurrences_of(work: Work, task_ids: list[str]) -> dict[str, RecurrenceRow]:
    """Return the recurrences of several series of the caller's, by id."""
    if not task_ids:
        return {}
    rows = _RECURRENCES_OF.all(work.connection, {"tasks": task_ids, "user": work.who.user_id})
    return {row.task_id: cast("RecurrenceRow", row._asdict()) for row in rows}


def load_any_tasks(work: Work, task_ids: list[str]) -> dict[str, TaskRow]:
    """Return those of the tasks that are the caller's, deleted ones included, by id and in the order of ids.

    In a transaction that may write, the rows are held until its end.
    """
    statement = select(TASK).where(TASK.c.id.in_(task_ids), _is_own(TASK, work)).order_by(TASK.c.id)
    held = statement if work.reads_only else statement.with_for_update()
    return {row.id: cast("TaskRow", row._asdict()) for row in work.connection.execute(held)}


def find_tasks_by_id(work: Work, task_ids: list[str]) -> dict[str, TaskRow]:
    """Return those of the tasks that are the caller's and living, by id."""
    if not task_ids:
        return {}
    found = _TASKS_OF.all(work.connection, {"tasks": task_ids, "user": work.who.user_id})
    return {row.id: cast("TaskRow", row._asdict()) for row in found}


def load_open_instances(work: Work, series_id: str) -> list[TaskRow]:
    """Return the open instances of a series, by nominal date."""
    rows = work.connection.execute(_OPEN_INSTANCES, {"series": series_id, "user": work.who.user_id})
    return [cast("TaskRow", row._asdict()) for row in rows]


def find_made_last(work: Work, series_id: str) -> TaskRow | None:
    """Return the newest instance, even a deleted one; None if there is none."""
    row = work.connection.execute(_MADE_LAST, {"series": series_id, "user": work.who.user_id}).one_or_none()
    return None if row is None else cast("TaskRow", row._asdict())


def load_taken(work: Work, series_id: str, after: str | None) -> frozenset[str]:
    """Return the nominal dates later than `after` that have a living instance already."""
    key = {"series": series_id, "user": work.who.user_id, "after": after or ""}
    return frozenset(work.connection.execute(_TAKEN, key).scalars())


def load_taken_ahead(work: Work, series_ids: list[str]) -> dict[str, set[str]]:
    """Return, by series, the nominal dates later than its newest one that have a living instance already."""
    taken: dict[str, set[str]] = {}
    if series_ids:
        for row in work.connection.execute(_TAKEN_AHEAD, {"series": series_ids, "user": work.who.user_id}):
            taken.setdefault(row.recurring_id, set()).add(row.occurrence)
    return taken


def load_due_series(work: Work, limit: int) -> list[RecurrenceRow]:
    """Return the recurrences of all users whose next instance has to be made now, oldest first."""
    return [
        cast("RecurrenceRow", row._asdict())
        for row in work.connection.execute(_DUE_SERIES, {"now": work.at, "limit": limit})
    ]


def next_series_at(work: Work) -> str | None:
    """Return when the next instance of any user's series has to be made; None if never."""
    at: str | None = _NEXT_SERIES.scalar(work.connection)
    return at


def load_reminders(work: Work, task_id: str) -> list[ReminderRow]:
    """Return all reminders of a task of the caller's, by time."""
    rows = _REMINDERS.all(work.connection, {"task_id": task_id, "user": work.who.user_id})
    return [cast("ReminderRow", row._asdict()) for row in rows]


def load_reminders_of(work: Work, task_ids: list[str]) -> dict[str, list[ReminderRow]]:
    """Return the reminders of several tasks of the caller's, by task."""
    found: dict[str, list[ReminderRow]] = {}
    if task_ids:
        for row in _REMINDERS_OF.all(work.connection, {"tasks": task_ids, "user": work.who.user_id}):
            found.setdefault(row.task_id, []).append(cast("ReminderRow", row._asdict()))
    return found


def load_reminder(work: Work, reminder_id: str) -> ReminderRow | None:
    """Return one reminder of the caller's; None if there is none."""
    row = work.connection.execute(_REMINDER_BY_ID, {"reminder_id": reminder_id, "user": work.who.user_id}).one_or_none()
    return None if row is None else cast("ReminderRow", row._asdict())


def next_reminder_at(work: Work) -> str | None:
    """Return when the next reminder of any user is due; None if never."""
    at: str | None = _NEXT_REMINDER.scalar(work.connection)
    return at


def _not_found(work: Work, task_id: str) -> TaskNotFound:
    deletion = work.connection.execute(_DELETION, {"task_id": task_id, "user": work.who.user_id}).first()
    if deletion is not None:
        return TaskNotFound(
            f"{quote_title(deletion.title)} is deleted, by {say_actor(from_json(deletion.actor))}, "
            f"{say_instant(deletion.at, work.zone)}.",
            f'If the person wants it back: undo with change_ids=["{deletion.id}"].',
            deleted=True,
            change_id=deletion.id,
        )
    similar = _list_similar(work, task_id)
    if similar:
        near = "; ".join(_name_one(each) for each in similar)
        return TaskNotFound("There is no task with this id.", f"Did you mean {near}?", similar=similar)
    return TaskNotFound("There is no task with this id.", "Look the task up with find_tasks and use its id.")


def _list_similar(work: Work, text: str) -> list[SimilarTask]:
    """Return up to three tasks whose titles hold most words of an unknown id."""
    # The longest words are the most selective.
    words = sorted(dict.fromkeys(fold_words(text)), key=len, reverse=True)[:MOST_WORDS]
    if not words or _UUID.fullmatch(text):
        return []
    # A blank before each word, so that only beginnings of words match.
    title = literal(" ") + TASK.c.title_key
    matched = sum((case((func.instr(title, f" {word}") > 0, 1), else_=0) for word in words), literal(0))
    statement = (
        select(TASK.c.id, TASK.c.title, TASK.c.title_key, TASK.c.due, TASK.c.completed_at, TASK.c.created_at)
        .where(_OWNED, _ALIVE, or_(*(func.instr(title, f" {word}") > 0 for word in words)))
        .order_by(matched.desc(), TASK.c.status.desc(), TASK.c.deadline, TASK.c.id)
        .limit(3)
    )
    return name_similar(work, work.connection.execute(statement, {"user": work.who.user_id}).all())


def name_similar(work: Work, rows: Sequence[Any]) -> list[SimilarTask]:
    """Return rows of (id, title, title_key, due, completed_at, created_at) as tasks to choose from."""
    titles = Counter(row.title_key for row in rows)
    found: list[SimilarTask] = []
    for row in rows:
        one: SimilarTask = {"task_id": row.id, "title": row.title}
        if titles[row.title_key] > 1:
            kind, at = next((kind, at) for kind, at in _list_times(row) if at is not None)
            one["which"] = f"{kind} {say_short(at, work.zone)}"
        found.append(one)
    return found


def _list_times(row: Any) -> tuple[tuple[str, str | None], ...]:
    return (("completed", row.completed_at), ("due", row.due), ("created", row.created_at))


def _name_one(task: SimilarTask) -> str:
    which = f", {task['which']}" if "which" in task else ""
    return f"{quote_title(task['title'])}{which} ({task['task_id']})"
