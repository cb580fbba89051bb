"""Conversations as they are kept: listed, read whole, deleted; and the calls that wait for the person's agreement."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, delete, insert, select, tuple_

from agent.journal import TURNS, read_steps, require_conversation, view_calls
from agent.models import ChatConversation, PendingCall, Turn, TurnStep
from events.instants import read_instant
from events.sql import table_of
from todo.record.views import View
from todo.record.work import Work
from todo.requests import paging

_C = table_of(ChatConversation)
_T = table_of(Turn)
_S = table_of(TurnStep)
_P = table_of(PendingCall)
_NEWEST = (
    select(_C)
    .where(
        _C.c.user_id == bindparam("user"),
        tuple_(_C.c.updated_at, _C.c.id) < tuple_(bindparam("before"), bindparam("before_id")),
    )
    .order_by(_C.c.updated_at.desc(), _C.c.id.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that waits for the person's agreement."""

    confirmation_id: str
    name: str
    arguments: dict[str, Any]
    summary: str


def list_conversations(work: Work, limit: int = 50, cursor: str | None = None) -> View:
    """Return `{conversations: [{id, title, created_at, updated_at}], next_cursor?}`, newest first.

    Raises `InvalidArguments` for a cursor of another form.
    """
    before, before_id = _read_cursor(cursor)
    key = {"user": work.who.user_id, "before": before, "before_id": before_id, "limit": limit + 1}
    rows = work.connection.execute(_NEWEST, key).all()
    page, next_cursor = paging.cut_page(rows, limit, lambda row: paging.write_cursor(row.updated_at, row.id))
    view: View = {
        "conversations": [
            {"id": row.id, "title": row.title, "created_at": row.created_at, "updated_at": row.updated_at}
            for row in page
        ]
    }
    return view if next_cursor is None else {**view, "next_cursor": next_cursor}


def _read_cursor(cursor: str | None) -> tuple[str, str]:
    """Return `updated_at` and id of the row before the page; older cursors are that instant alone."""
    if cursor is None:
        return "~", ""
    try:
        before, before_id = [cursor, ""] if cursor[:1].isdigit() else paging.read_cursor(cursor)
        read_instant(before)
    except (ValueError, TypeError) as error:
        raise paging.refuse_cursor() from error
    if not (paging.is_key(before) and isinstance(before_id, str) and paging.is_key(before_id)):
        raise paging.refuse_cursor()
    return before, before_id


def read_conversation(work: Work, conversation_id: str) -> View:
    """Return a whole conversation: `{id, title, created_at, updated_at, messages: [{role, text, at, …}]}`.

    An answer carries its `turn_id`, `state`, `model` and `calls`; the same view is the export. Raises
    `ConversationNotFound`.
    """
    row = require_conversation(work, conversation_id)
    steps = read_steps(work, conversation_id)
    messages: list[View] = []
    for turn in work.connection.execute(TURNS, {"key": conversation_id}):
        state = turn.state
        if state == "running" and read_instant(turn.held_until) <= work.now:
            state = "interrupted"
        messages.append({"role": "user", "text": turn.message, "at": turn.started_at, "turn_id": turn.id})
        answer: View = {"role": "assistant", "text": turn.text, "at": turn.ended_at or turn.started_at}
        answer |= {"turn_id": turn.id, "state": state, "model": turn.model}
        if calls := view_calls(steps.get(turn.id, [])):
            answer["calls"] = calls
        if turn.problem:
            answer["problem"] = turn.problem
        if turn.input_tokens or turn.output_tokens:
            answer["usage"] = {"input_tokens": turn.input_tokens, "output_tokens": turn.output_tokens}
        messages.append(answer)
    return {
        "id": row["id"],
        "title": row["title"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "messages": messages,
    }


def delete_conversation(work: Work, conversation_id: str) -> None:
    """Delete a conversation with all its turns for good; the tasks stay. Raises `ConversationNotFound`."""
    require_conversation(work, conversation_id)
    turns = select(_T.c.id).where(_T.c.conversation_id == conversation_id)
    work.connection.execute(delete(_S).where(_S.c.turn_id.in_(turns)))
    work.connection.execute(delete(_T).where(_T.c.conversation_id == conversation_id))
    work.connection.execute(delete(_P).where(_P.c.conversation_id == conversation_id))
    work.connection.execute(delete(_C).where(_C.c.id == conversation_id))


def keep_call(work: Work, conversation_id: str | None, asked: Asked) -> None:
    """Keep a call until the person has decided; a second one for the same question takes its place."""
    work.connection.execute(delete(_P).where(_P.c.confirmation_id == asked.confirmation_id))
    work.connection.execute(
        insert(_P),
        {
            "confirmation_id": asked.confirmation_id,
            "user_id": work.who.user_id,
            "conversation_id": conversation_id,
            "code": short_code(asked.confirmation_id),
            "name": asked.name,
            "arguments": to_json(asked.arguments).decode(),
            "summary": asked.summary,
            "asked_at": work.at,
        },
    )


def find_call(work: Work, conversation_id: str | None, code: str | None) -> Asked | None:
    """Return the newest call that waits in a conversation or, outside of one, the one with this code."""
    wanted = _P.c.conversation_id == conversation_id if conversation_id else _P.c.conversation_id.is_(None)
    found = select(_P).where(_P.c.user_id == work.who.user_id, wanted).order_by(_P.c.asked_at.desc()).limit(1)
    if code is not None:
        found = found.where(_P.c.code == code)
    row = work.connection.execute(found).one_or_none()
    if row is None:
        return None
    return Asked(row.confirmation_id, row.name, from_json(row.arguments), row.summary)


def drop_call(work: Work, confirmation_id: str) -> None:
    """Forget a call that is decided."""
    work.connection.execute(delete(_P).where(_P.c.confirmation_id == confirmation_id, _P.c.user_id == work.who.user_id))


def short_code(confirmation_id: str) -> str:
    """Return what a person types to agree where no conversation is known: the random end of the id."""
    return confirmation_id.replace("-", "")[-5:]
