"""The reaction `deliveries`: for each channel of a person, the intent to send it an event."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, case, select, update

from events.catalog import STATE_EVENTS, EventType, TaskEvent
from events.instants import read_instant, write_instant
from events.sql import HotInsert, HotQuery, HotUpdate, table_of
from todo.channels.models import AT_ONCE, RING, Channel, ChannelDelivery

KEPT_TRYING = timedelta(hours=24)
"""How long a delivery is attempted before it is given up."""
FOR_PROGRAMS = ("webhook",)
"""The kinds that carry events to programs, in order and at any hour; all others reach people."""
CLEARING = ("webpush", "ntfy")
"""The kinds that can take back what they have shown."""

_C, _D = table_of(Channel), table_of(ChannelDelivery)
CONFIRMED = (_C.c.kind != "email") | _C.c.confirmed_at.is_not(None)
"""The condition that a channel's address is known to be right; only e-mail has to be confirmed."""
_OF_PERSON = HotQuery(
    select(_C.c.id, _C.c.kind, _C.c.events, _C.c.created_at).where(
        _C.c.user_id == bindparam("user"), _C.c.enabled.is_(True), CONFIRMED
    )
)
_INSERT = HotInsert(lambda insert: insert(_D).on_conflict_do_nothing(index_elements=["channel_id", "event_id", "what"]))
# A channel that rests after failures is woken when its rest is over.
_SOON = case((_C.c.paused_until > bindparam("now"), _C.c.paused_until), else_=AT_ONCE)
_WAKE = HotUpdate(
    update(_C)
    .where(
        *(_C.c.id == bindparam("key"), _C.c.user_id == bindparam("user"), _C.c.enabled.is_(True)),
        _C.c.next_at.is_(None) | (_C.c.next_at > _SOON),
    )
    .values(next_at=_SOON)
)
_SHOWN = (
    select(_D.c.id, _D.c.channel_id, _D.c.reminder_id, _D.c.sequence)
    .join(_C, _C.c.id == _D.c.channel_id)
    .where(
        *(_D.c.user_id == bindparam("user"), _C.c.user_id == bindparam("user"), _D.c.task_id == bindparam("task")),
        *(_D.c.what == RING, _D.c.state == "sent", _D.c.cleared.is_(False)),
        *(_C.c.enabled.is_(True), _C.c.kind.in_(CLEARING)),
    )
    .order_by(_D.c.number)
)
_CLEARED = update(_D).where(_D.c.id == bindparam("key"), _D.c.user_id == bindparam("user")).values(cleared=True)


def plan_deliveries(connection: Connection, events: Sequence[TaskEvent]) -> None:
    """Write one row for each channel that an event goes to, in the reaction's transaction; nothing is sent here.

    A channel gets what happens after it was made. What was shown of a reminder that is answered elsewhere is taken
    back where the channel can.
    """
    people = {event.user_id for event in events}
    channels = {user_id: _OF_PERSON.all(connection, {"user": user_id}) for user_id in people}
    for event in events:
        if channels[event.user_id]:
            _plan_event(connection, event, channels[event.user_id])


def _plan_event(connection: Connection, event: TaskEvent, channels: Sequence[Any]) -> None:
    for channel in channels:
        if event.event_type.value not in from_json(channel.events) or event.timestamp < channel.created_at:
            continue
        what = "event" if channel.kind in FOR_PROGRAMS else "ring"
        _plan(connection, event, channel.id, what)
    if event.event_type in STATE_EVENTS and any(channel.kind in CLEARING for channel in channels):
        clear_answered(connection, event)


def clear_answered(connection: Connection, event: TaskEvent) -> None:
    """Plan to take back each ring of a task that a state event answers, and that is still shown somewhere."""
    shown = connection.execute(_SHOWN, {"user": event.user_id, "task": event.task_id}).all()
    for ring in shown:
        if is_answered(event, ring.reminder_id, ring.sequence):
            _plan_clear(connection, event, ring)


def is_answered(event: TaskEvent, reminder_id: str, sequence: int) -> bool:
    """Return whether a state event says that a reminder has been answered: its task is done or gone, or it moved on."""
    if event.event_type is EventType.TASK_DELETED or event.task["status"] == "completed":
        return True
    for reminder in event.task.get("reminders", ()):
        if reminder["id"] == reminder_id:
            return bool(reminder["sequence"] > sequence or reminder["status"] == "cancelled")
    return True


def _plan_clear(connection: Connection, event: TaskEvent, ring: Any) -> None:
    connection.execute(_CLEARED, {"key": ring.id, "user": event.user_id})
    _plan(connection, event, ring.channel_id, f"clear {ring.reminder_id}", ring.reminder_id, ring.sequence)


def _plan(
    connection: Connection,
    event: TaskEvent,
    channel_id: str,
    what: str,
    reminder_id: str | None = None,
    sequence: int | None = None,
) -> None:
    if event.event_type is EventType.REMINDER_DUE:
        reminder = event.data["reminder"]
        reminder_id, sequence = reminder["id"], reminder["sequence"]
    _INSERT.run(
        connection,
        {
            "id": f"{event.event_id}.{channel_id}.{what}".replace(" ", "."),
            "user_id": event.user_id,
            "channel_id": channel_id,
            "what": what,
            "event_id": event.event_id,
            "event_type": event.event_type.value,
            "task_id": event.task_id,
            "reminder_id": reminder_id,
            "sequence": sequence,
            "urgent": what == "ring" and bool(event.data["reminder"].get("urgent")),
            "made_at": event.timestamp,
            "next_at": AT_ONCE,
            "expires_at": write_instant(read_instant(event.timestamp) + KEPT_TRYING),
            "state": "waiting",
            "attempts": 0,
            "used": "",
            "cleared": False,
        },
    )
    wake_channel(connection, channel_id, event.user_id, event.timestamp)


def wake_channel(connection: Connection, channel_id: str, user_id: str, at: str) -> None:
    """Note on a channel that it has something to send; one that rests is woken when its rest is over."""
    _WAKE.run(connection, {"key": channel_id, "user": user_id, "now": at})
