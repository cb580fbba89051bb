"""The calls that wait for the person's agreement."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import delete, insert, select

from agent.models import PendingCall
from events.sql import table_of
from todo.record.work import Work

_P = table_of(PendingCall)


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits for the person's agreement, and the question in one sentence."""

    confirmation_id: str
    name: str
    arguments: dict[str, Any]
    summary: str


def keep_call(work: Work, conversation_id: str | None, call: WaitingCall) -> None:
    """Keep a call until the person has decided; it replaces an earlier call of the same question."""
    own = _P.c.user_id == work.who.user_id
    work.connection.execute(delete(_P).where(own, _P.c.confirmation_id == call.confirmation_id))
    work.connection.execute(
        insert(_P),
        {
            "confirmation_id": call.confirmation_id,
            "user_id": work.who.user_id,
            "conversation_id": conversation_id,
            "code": short_code(call.confirmation_id),
            "name": call.name,
            "arguments": to_json(call.arguments).decode(),
            "summary": call.summary,
            "asked_at": work.at,
        },
    )


def find_call(work: Work, conversation_id: str | None, code: str | None) -> WaitingCall | None:
    """Return the newest call that waits in a conversation; without a conversation, the one with this code."""
    within = _P.c.conversation_id == conversation_id if conversation_id else _P.c.conversation_id.is_(None)
    newest = select(_P).where(_P.c.user_id == work.who.user_id, within).order_by(_P.c.asked_at.desc()).limit(1)
    if code is not None:
        newest = newest.where(_P.c.code == code)
    row = work.connection.execute(newest).one_or_none()
    if row is None:
        return None
    return WaitingCall(row.confirmation_id, row.name, from_json(row.arguments), row.summary)


def drop_call(work: Work, confirmation_id: str) -> None:
    """Delete a call that the person has decided on."""
    work.connection.execute(delete(_P).where(_P.c.confirmation_id == confirmation_id, _P.c.user_id == work.who.user_id))


def drop_calls_of(work: Work, conversation_id: str) -> None:
    """Delete all calls that wait in a conversation."""
    own = _P.c.user_id == work.who.user_id
    work.connection.execute(delete(_P).where(own, _P.c.conversation_id == conversation_id))


def short_code(confirmation_id: str) -> str:
    """Return what a person types to agree outside of a conversation: the random end of the id."""
    return confirmation_id.replace("-", "")[-5:]
