"""The product's reactions to its own events: notifications, activity feed, statistics."""

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from events.catalog import STATE_EVENTS, EventType, TaskEvent
from events.consumer import Consumer
from events.instants import read_instant
from events.sql import HotInsert, HotQuery, table_of
from todo.channels.reaction import plan_deliveries
from todo.channels.words import say_ring
from todo.record.models import Activity, CountedTask, DayCount, Notification, User
from todo.text import when
from todo.text.display import quote_title, show_text

_N = table_of(Notification)
_A = table_of(Activity)
_C = table_of(CountedTask)
_D = table_of(DayCount)
_U = table_of(User)

_INSERT_NOTIFICATION = HotInsert(insert(_N))
_INSERT_ACTIVITY = HotInsert(insert(_A))
_COUNTED = select(_C).where(_C.c.task_id == bindparam("key")).with_for_update()
_INSERT_COUNTED = HotInsert(lambda insert: insert(_C).on_conflict_do_nothing())
_UPDATE_COUNTED = (
    update(_C).where(_C.c.task_id == bindparam("key")).values(version=bindparam("seen"), completed_day=bindparam("day"))
)
_ZONE = HotQuery(select(_U.c.zone).where(_U.c.id == bindparam("key")))


def _add_to_day(upsert: Any) -> Any:
    new = upsert(_D)
    sums = {name: _D.c[name] + new.excluded[name] for name in ("created", "completed")}
    return new.on_conflict_do_update(index_elements=["user_id", "day"], set_=sums)


_ADD_DAY = HotInsert(_add_to_day)
_SAID = {
    EventType.TASK_CREATED: "Created",
    EventType.TASK_UPDATED: "Changed",
    EventType.TASK_COMPLETED: "Completed",
    EventType.TASK_DELETED: "Deleted",
    EventType.REMINDER_DUE: "Reminded of",
    EventType.RECURRING_TRIGGER: "Came round:",
}


def notify(connection: Connection, event: TaskEvent) -> None:
    """Write the notification of a reminder that rang, with its delay if it is late."""
    _INSERT_NOTIFICATION.run(
        connection,
        {
            "id": event.event_id,
            "user_id": event.user_id,
            "task_id": event.task_id,
            "title": event.task["title"],
            "text": say_ring(event),
            "remind_at": event.data["reminder"]["remind_at"],
            "late_by_seconds": int(event.data["late_by_seconds"]),
            "read": False,
        },
    )


def log_activity(connection: Connection, event: TaskEvent) -> None:
    """Write one line of the activity feed."""
    text = f"{_SAID[event.event_type]} {quote_title(event.task['title'])}"
    if event.event_type is EventType.TASK_UPDATED and (names := event.data.get("changes")):
        text += f" ({', '.join(names)})"
    actor = event.data.get("actor", {})
    if actor.get("kind") == "agent":
        text += f" by {show_text(actor.get('client') or actor['surface'])}"
    _INSERT_ACTIVITY.run(
        connection,
        {
            "event_id": event.event_id,
            "user_id": event.user_id,
            "type": event.event_type.value,
            "task_id": event.task_id,
            "version": event.version,
            "timestamp": event.timestamp,
            "text": text,
        },
    )


def count_task(connection: Connection, event: TaskEvent) -> None:
    """Count created and completed tasks per local day; the order of the events does not matter.

    A state event counts only if its version is greater than the last one applied; the row that stays after a
    deletion is the tombstone. Series are not counted; a restored task was counted when it was new.
    """
    task = event.task
    if task.get("kind") == "recurring":
        return
    zone = when.read_zone(_ZONE.scalar(connection, {"key": event.user_id}))
    completed_at = task.get("completed_at")
    completed = None if completed_at is None else str(when.local_day(read_instant(completed_at), zone))
    created = str(when.local_day(read_instant(task["created_at"]), zone))
    row = {"task_id": event.task_id, "version": event.version, "created_day": created, "completed_day": completed}
    was: str | None = None
    # Most events are the first of their task, so insert before looking it up.
    if _INSERT_COUNTED.run(connection, row):
        _add(connection, event.user_id, created, created=1)
    else:
        known = connection.execute(_COUNTED, {"key": event.task_id}).one()
        if known.version >= event.version:
            return
        was = known.completed_day
        connection.execute(_UPDATE_COUNTED, {"key": event.task_id, "seen": event.version, "day": completed})
    if was != completed:
        _add(connection, event.user_id, was, completed=-1)
        _add(connection, event.user_id, completed, completed=1)


REACTIONS: tuple[Consumer, ...] = (
    Consumer("notifications", frozenset({EventType.REMINDER_DUE}), notify),
    Consumer("activity", frozenset(EventType), log_activity),
    Consumer("statistics", STATE_EVENTS, count_task),
    Consumer("deliveries", frozenset(EventType), plan_deliveries),
)
"""Every reaction under the consumer name that its inbox entries carry; to add one, add a row."""


def _add(connection: Connection, user_id: str, day: str | None, *, created: int = 0, completed: int = 0) -> None:
    if day is not None:
        row: dict[str, Any] = {"user_id": user_id, "day": day, "created": created, "completed": completed}
        _ADD_DAY.run(connection, row)
