"""The exchanges of a conversation: each message of the person with the calls that followed and their answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from agent.messages import Message, ToolCall


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call with its answer; `data` is the answer's JSON object, empty if it has none or the call failed.

    `hint` is the end of a refusal's text that advises programs.
    """

    name: str
    args: dict[str, Any]
    data: dict[str, Any]
    text: str
    failed: bool
    hint: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The tasks of a list."""
        rows = self.data.get("tasks")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


@dataclass(slots=True)
class Exchange:
    """One message of the person and the calls that followed it."""

    text: str
    calls: list[AnsweredCall] = field(default_factory=list)


def split_exchanges(messages: Sequence[Message]) -> list[Exchange]:
    """Return the exchanges of a conversation, oldest first; messages before the person's first one are left out."""
    exchanges: list[Exchange] = []
    unanswered: dict[str, ToolCall] = {}
    for message in messages:
        if message.role == "user":
            exchanges.append(Exchange(message.text))
        elif message.role == "assistant":
            # Models reuse call ids: only those of the newest answer count.
            unanswered = {call.call_id: call for call in message.calls}
        elif exchanges and (call := unanswered.pop(message.call_id, None)) is not None:
            data = {} if message.failed else read_object(message.text)
            failed = message.failed or "code" in data
            given = read_object(call.arguments)
            exchanges[-1].calls.append(AnsweredCall(call.name, given, data, message.text, failed, message.hint))
    return exchanges


def read_now(exchange: Exchange, zone: tzinfo | None) -> datetime | None:
    """Return the time of an exchange from the answers of its calls; None if none names it.

    Answers of reads name the present, answers of writes the instant at which their task was changed.
    """
    for call in exchange.calls:
        task = call.data.get("task")
        at = call.data.get("now_at") or (task.get("updated_at") if isinstance(task, dict) else None)
        if at is not None:
            try:
                return datetime.fromisoformat(str(at)).astimezone(zone)
            except (ValueError, OverflowError):
                return None
    return None


def read_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a text is; an empty one if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
