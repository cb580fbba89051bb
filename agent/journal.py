"""The journal of a turn: each entry is committed before the next step, so that no crash repeats an effect."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic_core import to_json
from sqlalchemy import bindparam, insert, select, update

from agent.account import say_deed
from agent.entries import Entry, ResultEntry, find_results, list_calls, load_entry, view_calls, write_entry, write_turn
from agent.errors import ConversationBusy, ConversationNotFound
from agent.messages import Message
from agent.models import ChatConversation, Turn, TurnStep
from agent.unconfirmed_calls import WaitingCall, keep_call
from events.instants import read_instant, write_instant
from events.sql import table_of, take_lock
from todo.errors import Forbidden, InvalidArguments, TodoError
from todo.record.work import Store, Who, Work
from todo.requests.confirmations import ConfirmationView, read_confirmation
from todo.requests.idempotency import find_answer

HELD = timedelta(seconds=6)
"""How long a turn's lease lasts after its last heartbeat.

Taking a living turn for dead is harmless: whichever process continues it uses the same call ids.
"""
HEARTBEAT_SECONDS = 1.5
"""The interval between two heartbeats of a running turn: a quarter of `HELD`."""
TITLE = 60
"""Characters of a conversation's title."""

_C = table_of(ChatConversation)
_T = table_of(Turn)
_S = table_of(TurnStep)
_OWN = select(_C).where(_C.c.id == bindparam("key"), _C.c.user_id == bindparam("user"))
_BY_KEY = select(_C).where(_C.c.key == bindparam("key"), _C.c.user_id == bindparam("user"))
TURNS = select(_T).where(_T.c.conversation_id == bindparam("key")).order_by(_T.c.number)
_ENTRIES = (
    select(_S)
    .join(_T, _T.c.id == _S.c.turn_id)
    .where(_T.c.conversation_id == bindparam("key"))
    .order_by(_T.c.number, _S.c.number)
)
_ADD_ENTRY = insert(_S)
_RUNS = (_T.c.id == bindparam("turn")) & (_T.c.state == "running")
_HOLD = update(_T).where(_RUNS).values(held_until=bindparam("until")).returning(_T.c.stop_wanted)
_WANT_STOP = (
    update(_T)
    .where(_T.c.conversation_id == bindparam("within"), _T.c.state == "running", _T.c.held_until > bindparam("now"))
    .values(stop_wanted=True)
    .returning(_T.c.id)
)


@dataclass(frozen=True, slots=True)
class OpenedTurn:
    """A turn, new or found by its key, with its journal and the messages of the turns before it.

    `report` says what the turn before had done if its process died; `after_question` is whether that turn ended with a
    question to the person.
    """

    conversation_id: str
    turn_id: str
    number: int
    model: str
    message: str
    state: str
    text: str
    problem: str | None
    entries: list[Entry]
    before: list[Message]
    report: str = ""
    after_question: bool = False


def open_turn(
    work: Work, conversation_id: str | None, chat_key: str | None, key: str | None, message: str, model: str
) -> OpenedTurn:
    """Begin the turn of a message, or find the one with its `key`; without a conversation's id, begin a conversation.

    `chat_key` is a chat client's own id of the conversation. A turn whose lease has expired becomes `interrupted`; the
    same key then resumes it. Raises `ConversationNotFound`, `ConversationBusy`, `InvalidArguments`.
    """
    conversation = _open_conversation(work, conversation_id, chat_key, message)
    take_lock(work.connection, "conversation", conversation)
    turns = [row._asdict() for row in work.connection.execute(TURNS, {"key": conversation})]
    for turn in turns:
        if turn["state"] == "running":
            if read_instant(turn["held_until"]) > work.now:
                raise ConversationBusy("The message before is still being answered.", "Wait for its end, or stop it.")
            turn["state"] = "interrupted"
            _update_turn(work, turn["id"], state="interrupted")
    entries = read_entries(work, conversation)
    known = next((turn for turn in turns if key is not None and turn["key"] == key), None)
    report = ""
    for turn in turns:
        if turn["state"] == "interrupted" and turn is not known and turn["ended_at"] is None:
            report = turn["text"] = _settle(work, turn, entries.setdefault(turn["id"], []))
    before = [turn for turn in turns if known is None or turn["number"] < known["number"]]
    messages = [message for turn in before for message in write_turn(turn, entries.get(turn["id"], []))]
    if known is not None:
        if known["message"] != message:
            raise InvalidArguments("This message id was used for another message.", "Give each message its own.")
        if known["state"] == "interrupted" and known["ended_at"] is None:
            known["state"] = "running"
            _update_turn(work, known["id"], state="running", held_until=_lease_end(work), stop_wanted=False)
        return _describe(known, entries.get(known["id"], []), messages)
    begun = {
        "id": work.ids.new(),
        "conversation_id": conversation,
        "number": turns[-1]["number"] + 1 if turns else 1,
        "key": key,
        "model": model,
        "client": work.who.client,
        "message": message,
        "state": "running",
        "text": "",
        "problem": None,
        "input_tokens": 0,
        "output_tokens": 0,
        "started_at": work.at,
        "ended_at": None,
        "held_until": _lease_end(work),
        "stop_wanted": False,
    }
    work.connection.execute(insert(_T), begun)
    own = (_C.c.id == conversation, _C.c.user_id == work.who.user_id)
    work.connection.execute(update(_C).where(*own).values(updated_at=work.at))
    asked = bool(turns) and turns[-1]["state"] == "waiting"
    return replace(_describe(begun, [], messages), report=report, after_question=asked)


def add_entries(work: Work, turn_id: str, first: int, entries: Sequence[Entry]) -> None:
    """Append entries to the journal of a running turn, numbered from `first`.

    Raises `ConversationNotFound` if the conversation has been deleted, `ConversationBusy` if another process has
    taken the turn over.
    """
    renew_lease(work, turn_id)
    _insert_entries(work, turn_id, first, entries)


def renew_lease(work: Work, turn_id: str) -> bool:
    """Extend the lease of a running turn; return whether someone wants it to stop. Raises as `add_entries` does."""
    held = work.connection.execute(_HOLD, {"turn": turn_id, "until": _lease_end(work)}).one_or_none()
    if held is not None:
        return bool(held.stop_wanted)
    if work.connection.execute(select(_T.c.id).where(_T.c.id == turn_id)).first() is None:
        raise ConversationNotFound("The conversation was deleted.", "Begin another one.")
    raise ConversationBusy("The turn was taken over by another process.", "Read the conversation again.")


def request_stop(work: Work, conversation_id: str) -> str | None:
    """Mark the running turn of a conversation to stop; return its id, or None if no turn runs.

    Raises `ConversationNotFound`.
    """
    require_conversation(work, conversation_id)
    turn_id: str | None = work.connection.execute(
        _WANT_STOP, {"within": conversation_id, "now": work.at}
    ).scalar_one_or_none()
    return turn_id


def end_turn(work: Work, turn_id: str, state: str, text: str, problem: str | None, tokens: tuple[int, int]) -> None:
    """End a running turn with its answer, or with the problem that stopped it."""
    _update_turn(
        work,
        turn_id,
        state=state,
        text=text,
        problem=problem,
        ended_at=work.at,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
    )


def require_conversation(work: Work, conversation_id: str) -> dict[str, Any]:
    """Return the row of one of the caller's conversations; raises `ConversationNotFound`."""
    if not (conversation_id.isascii() and conversation_id.isprintable()):
        raise ConversationNotFound("This is not the id of a conversation.", "GET /api/conversations lists them.")
    row = work.connection.execute(_OWN, {"key": conversation_id, "user": work.who.user_id}).one_or_none()
    if row is None:
        raise ConversationNotFound("There is no such conversation.", "GET /api/conversations lists them.")
    return row._asdict()


def read_entries(work: Work, conversation_id: str) -> dict[str, list[Entry]]:
    """Return the journals of a conversation's turns, by the turn's id."""
    entries: dict[str, list[Entry]] = {}
    for row in work.connection.execute(_ENTRIES, {"key": conversation_id}):
        entries.setdefault(row.turn_id, []).append(load_entry(row.kind, row.payload))
    return entries


@dataclass(frozen=True, slots=True)
class NoJournal:
    """The journal of a turn whose client keeps the conversation: it stores only a call that waits for the person."""

    store: Store
    who: Who
    conversation_id: str | None = None

    async def add(self, first: int, entries: Sequence[Entry]) -> None:
        """Store no entry."""

    async def keep_call(self, call: WaitingCall) -> ConfirmationView:
        """Keep a call that waits for the person; return the question."""

        def keep(work: Work) -> ConfirmationView:
            keep_call(work, self.conversation_id, call)
            return read_confirmation(work, call.confirmation_id)

        return await self.store.write(self.who, keep)

    async def send_heartbeats(self, _stop: Callable[[], None]) -> None:
        """Do nothing, since this turn has no lease."""


@dataclass(frozen=True, slots=True)
class StoredJournal(NoJournal):
    """The journal of a turn in the database; each entry is committed before the next step."""

    turn_id: str = ""

    async def add(self, first: int, entries: Sequence[Entry]) -> None:
        """Append entries, numbered from `first`; raises `ConversationNotFound`, `ConversationBusy`."""
        await self.store.write(self.who, lambda work: add_entries(work, self.turn_id, first, entries))

    async def send_heartbeats(self, stop: Callable[[], None]) -> None:
        """Renew the turn's lease until cancelled; an error here shows up again with the next entry.

        Calls `stop` when someone asked, in any process, that the turn stop.
        """
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                if await self.store.write(self.who, lambda work: renew_lease(work, self.turn_id)):
                    stop()
            except TodoError:
                continue


def _open_conversation(work: Work, conversation_id: str | None, chat_key: str | None, message: str) -> str:
    bound_to = None if work.who.bounds is None else work.who.bounds.key
    if conversation_id is not None:
        known = require_conversation(work, conversation_id)
        if known["bound_to"] != bound_to:
            # What is said here must not come to reach beyond the lists of the token.
            raise Forbidden("This conversation belongs to a token that is bound to lists.", "Begin another one.")
        return str(known["id"])
    if chat_key is not None:
        chat_key = work.who.name_own(chat_key)
        take_lock(work.connection, "chat", work.who.user_id, chat_key)
        found = work.connection.execute(_BY_KEY, {"key": chat_key, "user": work.who.user_id}).one_or_none()
        if found is not None:
            return str(found.id)
    title = " ".join(message.split())
    row = {
        "id": work.ids.new(),
        "user_id": work.who.user_id,
        "key": chat_key,
        "title": title if len(title) <= TITLE else f"{title[: TITLE - 1]}…",
        "created_at": work.at,
        "updated_at": work.at,
        "bound_to": bound_to,
    }
    work.connection.execute(insert(_C), row)
    return str(row["id"])


def _describe(turn: dict[str, Any], entries: list[Entry], before: list[Message]) -> OpenedTurn:
    kept = {name: turn[name] for name in ("conversation_id", "number", "model", "message", "state", "text", "problem")}
    return OpenedTurn(**kept, turn_id=turn["id"], entries=entries, before=before)


def _settle(work: Work, turn: dict[str, Any], entries: list[Entry]) -> str:
    """End a turn whose process died: find out which of its calls were saved, carry out none, and report both."""
    known = find_results(entries)
    saved = [
        ResultEntry(call.call_id, to_json(answer).decode(), dict(answer), failed=False)
        for call in list_calls(entries)
        if call.call_id not in known and (answer := find_answer(work, call.call_id)) is not None
    ]
    if saved:
        _insert_entries(work, turn["id"], len(entries), saved)
        entries += saved
    calls = list(zip(list_calls(entries), view_calls(entries), strict=True))
    done = [str(view["result"].get("message")) for _, view in calls if view["ok"] and "change_id" in view["result"]]
    left = [deed for call, view in calls if view["ok"] is None and (deed := say_deed(call))]
    report = "The message before was cut off"
    report += f"; done: {' '.join(done)}" if done else "; nothing was changed by it."
    report += f" Not done: {', '.join(left)}." if left else ""
    _update_turn(work, turn["id"], text=report, ended_at=work.at)
    return report


def _insert_entries(work: Work, turn_id: str, first: int, entries: Sequence[Entry]) -> None:
    rows = [
        {"turn_id": turn_id, "number": number, "kind": kind, "payload": payload, "at": work.at}
        for number, (kind, payload) in enumerate(map(write_entry, entries), first)
    ]
    work.connection.execute(_ADD_ENTRY, rows)


def _update_turn(work: Work, turn_id: str, **values: Any) -> None:
    work.connection.execute(update(_T).where(_T.c.id == turn_id).values(**values))


def _lease_end(work: Work) -> str:
    return write_instant(work.now + HELD)
