"""The journal of a turn: each step is written before the next one is taken, so that no crash does a thing twice."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, insert, select, update

from agent.errors import ConversationBusy, ConversationNotFound
from agent.messages import Message, ToolCall
from agent.models import ChatConversation, Turn, TurnStep
from events.instants import read_instant, write_instant
from events.sql import table_of, take_lock
from todo.errors import InvalidArguments
from todo.record.views import View
from todo.record.work import Work
from todo.requests.idempotency import find_answer

HELD = timedelta(seconds=6)
"""For how long a running turn is believed to be alive after its last sign of life.

One that is wrongly taken for dead does no harm: its calls carry the same ids as those of whoever goes on with it.
"""
TITLE = 60

_C = table_of(ChatConversation)
_T = table_of(Turn)
_S = table_of(TurnStep)
_OWN = select(_C).where(_C.c.id == bindparam("key"), _C.c.user_id == bindparam("user"))
_BY_KEY = select(_C).where(_C.c.key == bindparam("key"), _C.c.user_id == bindparam("user"))
TURNS = select(_T).where(_T.c.conversation_id == bindparam("key")).order_by(_T.c.number)
_STEPS = (
    select(_S)
    .join(_T, _T.c.id == _S.c.turn_id)
    .where(_T.c.conversation_id == bindparam("key"))
    .order_by(_T.c.number, _S.c.number)
)
_ADD_STEP = insert(_S)
_RUNS = (_T.c.id == bindparam("turn")) & (_T.c.state == "running")
_HOLD = update(_T).where(_RUNS).values(held_until=bindparam("until")).returning(_T.c.stop_wanted)
_WANT_STOP = (
    update(_T)
    .where(_T.c.conversation_id == bindparam("within"), _T.c.state == "running", _T.c.held_until > bindparam("now"))
    .values(stop_wanted=True)
    .returning(_T.c.id)
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a turn's journal: an `answer` (`{text, calls}`), or the `result` of a call (`{text, result, …}`)."""

    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A turn as it was found or begun, with its journal and with all that was said before it.

    `report` says what became of the turn before, if its process had died; `after_question` whether that turn ended with
    a question to the person.
    """

    conversation_id: str
    turn_id: str
    number: int
    model: str
    message: str
    state: str
    text: str
    problem: str | None
    steps: list[Entry]
    before: list[Message]
    report: str = ""
    after_question: bool = False


def open_turn(
    work: Work, conversation_id: str | None, chat_key: str | None, key: str | None, message: str, model: str
) -> Opened:
    """Begin the turn of a message, or find the one that its `key` names; without an id the conversation is new.

    `chat_key` is a chat client's own id of the conversation. A turn whose process has died becomes `interrupted`; with
    the same key it is then gone on with. Raises `ConversationNotFound`, `ConversationBusy`.
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
    steps = read_steps(work, conversation)
    known = next((turn for turn in turns if key is not None and turn["key"] == key), None)
    report = ""
    for turn in turns:
        if turn["state"] == "interrupted" and turn is not known and turn["ended_at"] is None:
            report = turn["text"] = _settle(work, turn, steps.setdefault(turn["id"], []))
    before = [turn for turn in turns if known is None or turn["number"] < known["number"]]
    said = [each for turn in before for each in tell_turn(turn, steps.get(turn["id"], []))]
    if known is not None:
        if known["message"] != message:
            raise InvalidArguments("This message id was used for another message.", "Give each message its own.")
        if known["state"] == "interrupted" and known["ended_at"] is None:
            known["state"] = "running"
            _update_turn(work, known["id"], state="running", held_until=_until(work), stop_wanted=False)
        return _describe(known, steps.get(known["id"], []), said)
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
        "held_until": _until(work),
        "stop_wanted": False,
    }
    work.connection.execute(insert(_T), begun)
    work.connection.execute(update(_C).where(_C.c.id == conversation).values(updated_at=work.at))
    asked = bool(turns) and turns[-1]["state"] == "waiting"
    return replace(_describe(begun, [], said), report=report, after_question=asked)


def add_steps(work: Work, turn_id: str, first: int, steps: list[Entry]) -> None:
    """Write entries of the journal, numbered from `first`; a turn that somebody else ended takes none.

    Raises `ConversationNotFound` if the conversation was deleted meanwhile, `ConversationBusy` if the turn is no
    longer ours.
    """
    require_running(work, turn_id)
    _write_steps(work, turn_id, first, steps)


def require_running(work: Work, turn_id: str) -> bool:
    """Say that the turn still runs, and return whether somebody wants it to stop; raises as `add_steps` does."""
    held = work.connection.execute(_HOLD, {"turn": turn_id, "until": _until(work)}).one_or_none()
    if held is not None:
        return bool(held.stop_wanted)
    if work.connection.execute(select(_T.c.id).where(_T.c.id == turn_id)).first() is None:
        raise ConversationNotFound("The conversation was deleted.", "Begin another one.")
    raise ConversationBusy("The turn was taken over by another process.", "Read the conversation again.")


def want_stop(work: Work, conversation_id: str) -> str | None:
    """Note that the turn that runs in a conversation is to stop; return its id, or nothing if none runs.

    Raises `ConversationNotFound`.
    """
    require_conversation(work, conversation_id)
    turn_id: str | None = work.connection.execute(
        _WANT_STOP, {"within": conversation_id, "now": work.at}
    ).scalar_one_or_none()
    return turn_id


def end_turn(work: Work, turn_id: str, state: str, text: str, problem: str | None, tokens: tuple[int, int]) -> None:
    """Close a turn that runs, with what was answered or what went wrong."""
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


def view_calls(steps: list[Entry]) -> list[View]:
    """Return the calls of a turn as people see them: `{name, arguments, ok, result}`, `ok` null if it has no result."""
    results = {step.payload["call_id"]: step.payload for step in steps if step.kind == "result"}
    shown: list[View] = []
    for step in steps:
        for call in step.payload.get("calls", []) if step.kind == "answer" else []:
            result = results.get(call["call_id"])
            view: View = {"name": call["name"], "arguments": read_object(call["arguments"]) or {}, "ok": None}
            if result is not None:
                view |= {"ok": not result["failed"], "result": result["result"]}
            shown.append(view)
    return shown


def tell_turn(turn: dict[str, Any], steps: list[Entry]) -> list[Message]:
    """Return a turn as a model is told of it later: each call with its result, and an answer at the end."""
    said = [Message("user", turn["message"]), *tell_steps(steps)]
    waiting = [call for message in said for call in message.calls]
    answered = {message.call_id for message in said if message.role == "tool"}
    said += [
        Message("tool", "not_carried_out: This call was not carried out.", call_id=call.call_id, failed=True)
        for call in waiting
        if call.call_id not in answered
    ]
    if said[-1].role != "assistant" or said[-1].calls:
        said.append(Message("assistant", turn["text"] or turn["problem"] or f"(The answer was {turn['state']}.)"))
    return said


def tell_steps(steps: list[Entry]) -> list[Message]:
    """Return the entries of a journal as messages."""
    said = []
    for step in steps:
        if step.kind == "answer":
            calls = tuple(ToolCall(**call) for call in step.payload["calls"])
            said.append(Message("assistant", step.payload["text"], calls))
        else:
            payload = step.payload
            said.append(Message("tool", payload["text"], call_id=payload["call_id"], failed=payload["failed"]))
    return said


def read_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object of a call's arguments, `{}` for nothing at all; None for what is no object."""
    try:
        value = from_json(text or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _open_conversation(work: Work, conversation_id: str | None, chat_key: str | None, message: str) -> str:
    if conversation_id is not None:
        return str(require_conversation(work, conversation_id)["id"])
    if chat_key is not None:
        take_lock(work.connection, "chat", work.who.user_id, chat_key)
        known = work.connection.execute(_BY_KEY, {"key": chat_key, "user": work.who.user_id}).one_or_none()
        if known is not None:
            return str(known.id)
    title = " ".join(message.split())
    row = {
        "id": work.ids.new(),
        "user_id": work.who.user_id,
        "key": chat_key,
        "title": title if len(title) <= TITLE else f"{title[: TITLE - 1]}…",
        "created_at": work.at,
        "updated_at": work.at,
    }
    work.connection.execute(insert(_C), row)
    return str(row["id"])


def require_conversation(work: Work, conversation_id: str) -> dict[str, Any]:
    """Return the row of the caller's conversation; raises `ConversationNotFound`."""
    if not (conversation_id.isascii() and conversation_id.isprintable()):
        raise ConversationNotFound("This is no conversation's id.", "GET /api/conversations lists them.")
    row = work.connection.execute(_OWN, {"key": conversation_id, "user": work.who.user_id}).one_or_none()
    if row is None:
        raise ConversationNotFound("There is no such conversation.", "GET /api/conversations lists them.")
    return row._asdict()


def _describe(turn: dict[str, Any], steps: list[Entry], before: list[Message]) -> Opened:
    kept = {name: turn[name] for name in ("conversation_id", "number", "model", "message", "state", "text", "problem")}
    return Opened(**kept, turn_id=turn["id"], steps=steps, before=before)


def read_steps(work: Work, conversation_id: str) -> dict[str, list[Entry]]:
    """Return the journals of a conversation's turns, by the turn's id."""
    steps: dict[str, list[Entry]] = {}
    for row in work.connection.execute(_STEPS, {"key": conversation_id}):
        steps.setdefault(row.turn_id, []).append(Entry(row.kind, from_json(row.payload)))
    return steps


def _settle(work: Work, turn: dict[str, Any], steps: list[Entry]) -> str:
    """End a turn whose process has died: learn which of its calls were saved, carry out none, and say both."""
    calls = [call for step in steps if step.kind == "answer" for call in step.payload["calls"]]
    known = {step.payload["call_id"] for step in steps if step.kind == "result"}
    found = []
    for call in calls:
        if call["call_id"] in known:
            continue
        answer = find_answer(work, call["call_id"])
        if answer is not None:
            found.append(make_result(call["call_id"], to_json(answer).decode(), dict(answer), failed=False))
    if found:
        _write_steps(work, turn["id"], len(steps), found)
        steps += found
    done = [str(view["result"].get("message", view["name"])) for view in view_calls(steps) if view["ok"]]
    left = [view["name"] for view in view_calls(steps) if view["ok"] is None]
    report = "The message before was cut off"
    report += f"; done: {' '.join(done)}" if done else "; nothing was changed by it."
    report += f" Not done: {', '.join(left)}." if left else ""
    _update_turn(work, turn["id"], text=report, ended_at=work.at)
    return report


def make_result(call_id: str, text: str, result: dict[str, Any], *, failed: bool) -> Entry:
    """Return the journal's entry of a call's result."""
    return Entry("result", {"call_id": call_id, "text": text, "result": result, "failed": failed})


def _write_steps(work: Work, turn_id: str, first: int, steps: list[Entry]) -> None:
    rows = [
        {"turn_id": turn_id, "number": number, "kind": step.kind, "payload": to_json(step.payload).decode()}
        for number, step in enumerate(steps, first)
    ]
    work.connection.execute(_ADD_STEP, [{**row, "at": work.at} for row in rows])


def _update_turn(work: Work, turn_id: str, **values: Any) -> None:
    work.connection.execute(update(_T).where(_T.c.id == turn_id).values(**values))


def _until(work: Work) -> str:
    return write_instant(work.now + HELD)
