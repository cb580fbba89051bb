"""The entries of a turn's journal: an answer of the model with its calls, or the result of one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from pydantic_core import from_json, to_json

from agent.messages import Message, ToolCall


@dataclass(frozen=True, slots=True)
class AnswerEntry:
    """An answer of the model: its text, and the calls that it wants."""

    text: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """The result of one call: `text` for the model, `result` for people and programs."""

    call_id: str
    text: str
    result: dict[str, Any]
    failed: bool


Entry = AnswerEntry | ResultEntry


class CallView(TypedDict):
    """A call as people see it; `ok` is null and `result` absent if the call has no result."""

    name: str
    arguments: dict[str, Any]
    ok: bool | None
    result: NotRequired[dict[str, Any]]


def write_entry(entry: Entry) -> tuple[str, str]:
    """Return the kind of an entry and its JSON, as table `turn_step` stores them."""
    return "answer" if isinstance(entry, AnswerEntry) else "result", to_json(entry).decode()


def load_entry(kind: str, payload: str) -> Entry:
    """Return the entry that `write_entry` wrote."""
    fields = from_json(payload)
    if kind == "answer":
        return AnswerEntry(fields["text"], tuple(ToolCall(**call) for call in fields["calls"]))
    return ResultEntry(**fields)


def list_calls(entries: Sequence[Entry]) -> list[ToolCall]:
    """Return the calls of a turn in their order."""
    return [call for entry in entries if isinstance(entry, AnswerEntry) for call in entry.calls]


def find_results(entries: Sequence[Entry]) -> dict[str, ResultEntry]:
    """Return the results of a turn by the id of their call."""
    return {entry.call_id: entry for entry in entries if isinstance(entry, ResultEntry)}


def view_calls(entries: Sequence[Entry]) -> list[CallView]:
    """Return the calls of a turn as people see them."""
    results = find_results(entries)
    views: list[CallView] = []
    for call in list_calls(entries):
        view: CallView = {"name": call.name, "arguments": read_arguments(call) or {}, "ok": None}
        if (entry := results.get(call.call_id)) is not None:
            view["ok"], view["result"] = not entry.failed, entry.result
        views.append(view)
    return views


def read_arguments(call: ToolCall) -> dict[str, Any] | None:
    """Return the arguments of a call, `{}` if it has none; None if they are not a JSON object."""
    try:
        value = from_json(call.arguments or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_messages(entries: Sequence[Entry]) -> list[Message]:
    """Return the entries as messages for the model."""
    return [
        Message("assistant", entry.text, entry.calls)
        if isinstance(entry, AnswerEntry)
        else Message(
            "tool",
            entry.text,
            call_id=entry.call_id,
            failed=entry.failed,
            hint=str(entry.result.get("hint", "")) if entry.failed else "",
        )
        for entry in entries
    ]


def write_turn(turn: Mapping[str, Any], entries: Sequence[Entry]) -> list[Message]:
    """Return a past turn (a row of table `turn`) as messages: every call with a result, and an answer at the end."""
    messages = [Message("user", turn["message"]), *write_messages(entries)]
    results = find_results(entries)
    messages += [
        Message("tool", "not_carried_out: This call was not carried out.", call_id=call.call_id, failed=True)
        for call in list_calls(entries)
        if call.call_id not in results
    ]
    if messages[-1].role != "assistant" or messages[-1].calls:
        messages.append(Message("assistant", turn["text"] or turn["problem"] or f"(The answer was {turn['state']}.)"))
    return messages
