"""Where a person's reminders ring, in words, and when an agent hears of it."""

from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import bindparam, select

from events.catalog import EventType
from events.instants import write_instant
from events.sql import table_of
from todo.channels.models import Channel
from todo.channels.reaction import CONFIRMED, FOR_PROGRAMS
from todo.record.models import Change, ChangeItem
from todo.record.work import Work
from todo.text.display import quote_title

QUIET_FOR = timedelta(hours=1)
"""A client that has set no reminder for so long is taken to be in another conversation."""
CONVERSATION = "chat:"
"""How the origin of a conversation of our own begins."""
_LOOKED_AT = 50
_SETTING = ("create_task", "create_recurring_task", "set_reminder")

_C, _CHANGE, _ITEM = table_of(Channel), table_of(Change), table_of(ChangeItem)
_OF_PERSON = (
    select(_C.c.kind, _C.c.name, _C.c.events, _C.c.failing_since)
    .where(_C.c.user_id == bindparam("user"), _C.c.enabled.is_(True), CONFIRMED)
    .order_by(_C.c.id)
)
_LATELY = (
    select(_CHANGE.c.id, _CHANGE.c.kind, _CHANGE.c.at)
    .where(_CHANGE.c.user_id == bindparam("user"), _CHANGE.c.origin == bindparam("origin"))
    .order_by(_CHANGE.c.seq.desc())
    .limit(_LOOKED_AT)
    .subquery()
)
_SAID = (
    select(_LATELY.c.id)
    .join(_ITEM, _ITEM.c.change_id == _LATELY.c.id)
    .where(_LATELY.c.kind.in_(_SETTING), _LATELY.c.at > bindparam("since"), _ITEM.c.after.contains('"reminders":'))
    .limit(1)
)


def say_where(work: Work) -> str:
    """Return where a reminder that an agent is about to set will ring; "" if it has heard so in this conversation.

    People see it on the page; a plan's rehearsal says nothing of it.
    """
    if work.who.kind != "agent" or work.collected is not None or _has_heard(work):
        return ""
    return describe_where(work)


def describe_where(work: Work) -> str:
    """Return where the person's reminders ring, as a sentence."""
    rows = work.connection.execute(_OF_PERSON, {"user": work.who.user_id}).all()
    ways = {_say_way(row): row.failing_since is not None for row in rows if _carries_rings(row)}
    if not ways:
        return "Reminders ring nowhere but on the page; more ways can be added there, under me."
    dead = [way for way, is_failing in ways.items() if is_failing]
    said = f"Reminders ring {_join(['on the page', *ways])}"
    return f"{said}; {_join(dead)} nothing arrives at present." if dead else f"{said}."


def _has_heard(work: Work) -> bool:
    origin = work.who.origin
    since = "" if origin.startswith(CONVERSATION) else write_instant(work.now - QUIET_FOR)
    values = {"user": work.who.user_id, "origin": origin, "since": since}
    return work.connection.execute(_SAID, values).first() is not None


def _carries_rings(row: Any) -> bool:
    return EventType.REMINDER_DUE.value in from_json(row.events)


def _say_way(row: Any) -> str:
    if row.kind in FOR_PROGRAMS:
        return f"by the webhook {quote_title(row.name)}"
    if row.kind == "apprise":
        return f"by {quote_title(row.name)}"
    return {"email": "by e-mail", "ntfy": "by ntfy"}.get(row.kind, f"on {quote_title(row.name)}")


def _join(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
