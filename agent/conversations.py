"""The stored conversations: listed, read and deleted."""

from typing import Any

from sqlalchemy import bindparam, delete, select, tuple_

from agent.entries import view_calls
from agent.journal import TURNS, read_entries, require_conversation
from agent.models import ChatConversation, Turn, TurnStep
from agent.unconfirmed_calls import drop_calls_of
from events.instants import read_instant
from events.sql import table_of
from todo.record.work import Work
from todo.requests import paging

_C = table_of(ChatConversation)
_T = table_of(Turn)
_S = table_of(TurnStep)
_NEWEST = (
    select(_C)
    .where(
        _C.c.user_id == bindparam("user"),
        tuple_(_C.c.updated_at, _C.c.id) < tuple_(bindparam("before"), bindparam("before_id")),
    )
    .order_by(_C.c.updated_at.desc(), _C.c.id.desc())
    .limit(bindparam("limit"))
)


def list_conversations(work: Work, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """Return `{conversations: [{id, title, created_at, updated_at}], next_cursor?}`, newest first.

    Raises `InvalidArguments` for a cursor of another form.
    """
    before, before_id = _read_cursor(cursor)
    key = {"user": work.who.user_id, "before": before, "before_id": before_id, "limit": limit + 1}
    rows = work.connection.execute(_NEWEST, key).all()
    page, next_cursor = paging.cut_page(rows, limit, lambda row: paging.write_cursor(row.updated_at, row.id))
    view: dict[str, Any] = {
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


def read_conversation(work: Work, conversation_id: str) -> dict[str, Any]:
    """Return a whole conversation: `{id, title, created_at, updated_at, messages: [{role, text, at, …}]}`.

    An answer has its `turn_id`, `state`, `model` and `calls`. The export is the same view. Raises
    `ConversationNotFound`.
    """
    row = require_conversation(work, conversation_id)
    entries = read_entries(work, conversation_id)
    messages: list[dict[str, Any]] = []
    for turn in work.connection.execute(TURNS, {"key": conversation_id}):
        state = turn.state
        if state == "running" and read_instant(turn.held_until) <= work.now:
            state = "interrupted"
        messages.append({"role": "user", "text": turn.message, "at": turn.started_at, "turn_id": turn.id})
        answer: dict[str, Any] = {"role": "assistant", "text": turn.text, "at": turn.ended_at or turn.started_at}
        answer |= {"turn_id": turn.id, "state": state, "model": turn.model}
        if calls := view_calls(entries.get(turn.id, [])):
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
    """Delete a conversation and its turns permanently; the tasks stay. Raises `ConversationNotFound`."""
    require_conversation(work, conversation_id)
    turns = select(_T.c.id).where(_T.c.conversation_id == conversation_id)
    work.connection.execute(delete(_S).where(_S.c.turn_id.in_(turns)))
    work.connection.execute(delete(_T).where(_T.c.conversation_id == conversation_id))
    drop_calls_of(work, conversation_id)
    work.connection.execute(delete(_C).where(_C.c.user_id == work.who.user_id, _C.c.id == conversation_id))
