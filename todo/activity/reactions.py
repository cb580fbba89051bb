"""The product's reactions to its own events: notifications, activity feed, statistics."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

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


def notify(connection: Connection, events: Sequence[TaskEvent]) -> None:
    """Write the notifications of reminders that rang, with their delays if they are late."""
    _INSERT_NOTIFICATION.run_many(
        connection,
        [
            {
                "id": event.event_id,
                "user_id": event.user_id,
                "task_id": event.task_id,
                "title": event.task["title"],
                "text": say_ring(event),
                "remind_at": event.data["reminder"]["remind_at"],
                "late_by_seconds": int(event.data["late_by_seconds"]),
                "read": False,
            }
            for event in events
        ],
    )


def log_activity(connection: Connection, events: Sequence[TaskEvent]) -> None:
    """Write one line of the activity feed for each event."""
    _INSERT_ACTIVITY.run_many(
        connection,
        [
            {
                "event_id": event.event_id,
                "user_id": event.user_id,
                "type": event.event_type.value,
                "task_id": event.task_id,
                "version": event.version,
                "timestamp": event.timestamp,
                "text": _say_event(event),
            }
            for event in events
        ],
    )


def _say_event(event: TaskEvent) -> str:
    text = f"{_SAID[event.event_type]} {quote_title(event.task['title'])}"
    if event.event_type is EventType.TASK_UPDATED and (names := event.data.get("changes")):
        text += f" ({', '.join(names)})"
    actor = event.data.get("actor", {})
    if actor.get("kind") == "agent":
        text += f" by {show_text(actor.get('client') or actor['surface'])}"
    return text


def count_tasks(connection: Connection, events: Sequence[TaskEvent]) -> None:
    """Count created and completed tasks per local day; the order of the events does not matter.

    A state event counts only if its version is greater than the last one applied; the row that stays after a
    deletion is the tombstone. Series are not counted; a restored task was counted when it was new.
    """
    single = [event for event in events if event.task.get("kind") != "recurring"]
    zones = {
        user: when.read_zone(_ZONE.scalar(connection, {"key": user})) for user in {each.user_id for each in single}
    }
    rows = [_find_days(event, zones[event.user_id]) for event in single]
    firsts = {row["task_id"]: row for row in reversed(rows)}
    # Most events are the first of their task, so insert before looking it up.
    new = _INSERT_COUNTED.find_new(connection, list(firsts.values()), "task_id")
    sums: Counter[tuple[str, str, str]] = Counter()
    for event, row in zip(single, rows, strict=True):
        was: str | None = None
        completed = row["completed_day"]
        if row["task_id"] in new and firsts[row["task_id"]] is row:
            sums[event.user_id, row["created_day"], "created"] += 1
        else:
            known = connection.execute(_COUNTED, {"key": event.task_id}).one()
            if known.version >= event.version:
                continue
            was = known.completed_day
            connection.execute(_UPDATE_COUNTED, {"key": event.task_id, "seen": event.version, "day": completed})
        if was != completed:
            sums.update({(event.user_id, was or "", "completed"): -1, (event.user_id, completed or "", "completed"): 1})
    for user_id, day in sorted({(user_id, day) for user_id, day, _ in sums if day}):
        counts = {name: sums[user_id, day, name] for name in ("created", "completed")}
        _ADD_DAY.run(connection, {"user_id": user_id, "day": day, **counts})


def _find_days(event: TaskEvent, zone: ZoneInfo) -> dict[str, Any]:
    """Return the row of a task that is counted: on which local days it was created and completed."""
    completed_at = event.task.get("completed_at")
    completed = None if completed_at is None else str(when.local_day(read_instant(completed_at), zone))
    created = str(when.local_day(read_instant(event.task["created_at"]), zone))
    return {"task_id": event.task_id, "version": event.version, "created_day": created, "completed_day": completed}


REACTIONS: tuple[Consumer, ...] = (
    Consumer("notifications", frozenset({EventType.REMINDER_DUE}), notify),
    Consumer("activity", frozenset(EventType), log_activity),
    Consumer("statistics", STATE_EVENTS, count_tasks),
    Consumer("deliveries", frozenset(EventType), plan_deliveries),
)
"""Every reaction under the consumer name that its inbox entries carry; to add one, add a row."""
