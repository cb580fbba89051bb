"""Reminders that ring: for the first time when they are due, and again until somebody answers."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update

from events.catalog import EventType
from events.instants import read_instant, shorten_instant, write_instant
from events.sql import HotQuery, table_of
from todo.record.changes import emit
from todo.record.models import User
from todo.record.places import load_places
from todo.record.queries import REMINDER, TASK, find_tasks_by_id, load_reminders_of
from todo.record.shapes import TaskShape
from todo.record.views import view_task
from todo.record.work import Work
from todo.text.manner import seconds_of

MOST_AGAIN = 12
"""How often a reminder rings again under one sequence."""

_U = table_of(User)
_DUE = (
    select(REMINDER.c.id)
    .join(TASK, TASK.c.id == REMINDER.c.task_id)
    .where(REMINDER.c.status == "scheduled", REMINDER.c.remind_at <= bindparam("now"))
    .order_by(REMINDER.c.remind_at)
    .limit(bindparam("limit"))
    # Locks the tasks' rows, like every other change of a reminder; locked ones are left to the next round.
    .with_for_update(of=TASK, skip_locked=True)
)
# The condition is repeated on the update: a reminder fired by another transaction since is left alone.
_FIRE = (
    update(REMINDER)
    .where(REMINDER.c.id.in_(_DUE), REMINDER.c.status == "scheduled", REMINDER.c.remind_at <= bindparam("now"))
    .values(status="fired", fired_at=bindparam("at"), rings=1)
    .returning(REMINDER)
)
_AGAIN = (
    select(REMINDER)
    .join(TASK, TASK.c.id == REMINDER.c.task_id)
    .where(REMINDER.c.ring_at <= bindparam("now"))
    .order_by(REMINDER.c.ring_at)
    .limit(bindparam("limit"))
    .with_for_update(of=TASK, skip_locked=True)
)
_RING = (
    update(REMINDER)
    .where(
        *(REMINDER.c.id == bindparam("key"), REMINDER.c.user_id == bindparam("owner")),
        *(REMINDER.c.rings == bindparam("rung"), REMINDER.c.ring_at == bindparam("was")),
    )
    .values(rings=REMINDER.c.rings + 1, ring_at=bindparam("next_at"))
)
_SET_AGAIN = (
    update(REMINDER)
    .where(REMINDER.c.id == bindparam("key"), REMINDER.c.user_id == bindparam("owner"))
    .values(ring_at=bindparam("next_at"))
)
_STOP = (
    update(REMINDER)
    .where(
        *(REMINDER.c.task_id == bindparam("key"), REMINDER.c.user_id == bindparam("owner")),
        REMINDER.c.ring_at.is_not(None),
    )
    .values(ring_at=None)
)
_NAG = HotQuery(select(_U.c.nag_minutes).where(_U.c.id == bindparam("owner")))
_NEXT = HotQuery(select(func.min(REMINDER.c.ring_at)).where(REMINDER.c.ring_at.is_not(None)))


def fire_due(work: Work, limit: int = 250) -> int:
    """Fire up to `limit` due reminders of all users; return how many were examined.

    Each (reminder, sequence) emits one `reminder.due`: the conditional update decides, not the caller.
    """
    due = work.connection.execute(_FIRE, {"now": work.at, "limit": limit, "at": work.at}).all()
    for owner, rung in _by_owner(work, due):
        nag = _NAG.scalar(work.connection, {"owner": owner.who.user_id})
        told = []
        for reminder, task in _with_tasks(owner, rung):
            seconds = seconds_of(reminder.nag) if reminder.nag else (nag or 0) * 60
            if seconds and task["status"] == "open":
                values = {"key": reminder.id, "owner": reminder.user_id, "next_at": _after(work, seconds)}
                work.connection.execute(_SET_AGAIN, values)
            told.append(_describe(owner, task, reminder, read_instant(reminder.remind_at), 1))
        emit(owner, EventType.REMINDER_DUE, told)
    return len(due)


def ring_again(work: Work, limit: int = 250) -> int:
    """Ring again up to `limit` reminders that are not answered yet; return how many were examined.

    Each further ring emits one `reminder.due` under the same sequence, with its number.
    """
    due = work.connection.execute(_AGAIN, {"now": work.at, "limit": limit}).all()
    for owner, rung in _by_owner(work, due):
        nag = _NAG.scalar(work.connection, {"owner": owner.who.user_id})
        told = []
        tasks = {reminder.id: task for reminder, task in _with_tasks(owner, rung)}
        for reminder in rung:
            task = tasks.get(reminder.id)
            seconds = seconds_of(reminder.nag) if reminder.nag else (nag or 0) * 60
            is_wanted = task is not None and task["status"] == "open" and reminder.status == "fired" and seconds > 0
            goes_on = is_wanted and reminder.rings < MOST_AGAIN
            mine = {"key": reminder.id, "owner": reminder.user_id}
            if task is None or not is_wanted:
                work.connection.execute(_SET_AGAIN, {**mine, "next_at": None})
                continue
            values = {**mine, "rung": reminder.rings, "was": reminder.ring_at}
            next_at = _after(work, seconds) if goes_on else None
            if work.connection.execute(_RING, {**values, "next_at": next_at}).rowcount:
                told.append(_describe(owner, task, reminder, read_instant(reminder.ring_at), reminder.rings + 1))
        emit(owner, EventType.REMINDER_DUE, told)
    return len(due)


def next_ring_at(work: Work) -> str | None:
    """Return when a reminder rings again next; None if none does."""
    at: str | None = _NEXT.scalar(work.connection)
    return at


def stop_rings(work: Work, task_id: str) -> None:
    """Let the reminders of a task that have rung not ring again: the person has seen one of them."""
    work.connection.execute(_STOP, {"key": task_id, "owner": work.who.user_id})


def _by_owner(work: Work, due: Any) -> list[tuple[Work, list[Any]]]:
    by_user: dict[str, list[Any]] = {}
    for reminder in sorted(due, key=lambda each: (each.remind_at, each.id)):
        by_user.setdefault(reminder.user_id, []).append(reminder)
    return [(work.for_user(user_id), rung) for user_id, rung in by_user.items()]


def _with_tasks(owner: Work, rung: list[Any]) -> list[tuple[Any, TaskShape]]:
    """Return reminders with the views of their tasks, without those whose task is gone."""
    task_ids = [reminder.task_id for reminder in rung]
    tasks, reminders = find_tasks_by_id(owner, task_ids), load_reminders_of(owner, task_ids)
    places = load_places(owner, list(tasks.values()))
    return [
        (reminder, view_task(task, reminders[task["id"]], owner.zone, place=places[task["id"]]))
        for reminder in rung
        if (task := tasks.get(reminder.task_id)) is not None
    ]


def _after(work: Work, seconds: int) -> str:
    return write_instant(work.now + timedelta(seconds=seconds))


def _describe(work: Work, task: TaskShape, reminder: Any, planned: datetime, ring: int) -> tuple[str, dict[str, Any]]:
    """Return the id of a task and the data of the event that one of its reminders rings."""
    rung: dict[str, Any] = {
        "id": reminder.id,
        "remind_at": shorten_instant(reminder.remind_at),
        "sequence": reminder.sequence,
    }
    if reminder.urgent:
        rung["urgent"] = True
    data: dict[str, Any] = {
        "version": task["version"],
        "task": task,
        "actor": work.who.actor(),
        "reminder": rung,
        "late_by_seconds": int((work.now - planned).total_seconds()),
    }
    if ring > 1:
        data["ring"] = ring
    return task["id"], data
