"""Turns of a conversation: what the person said, and which calls were answered how."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from agent.messages import Message

_NOW = re.compile(r"\w{3} (\d{1,2} \w{3} \d{4}, \d\d:\d\d)\b")


@dataclass(frozen=True, slots=True)
class Result:
    """A call with its answer: `data` is the answer's JSON object, empty where it is none or the call failed."""

    name: str
    args: dict[str, Any]
    data: dict[str, Any]
    text: str
    failed: bool

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The tasks of a list."""
        rows = self.data.get("tasks")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


@dataclass(slots=True)
class Exchange:
    """One message of the person, and what followed it."""

    text: str
    results: list[Result] = field(default_factory=list)


def split_turns(messages: Sequence[Message]) -> list[Exchange]:
    """Return the turns of a conversation, oldest first; what stands before the first person's message is left out."""
    turns: list[Exchange] = []
    waiting: dict[str, Any] = {}
    for message in messages:
        if message.role == "user":
            turns.append(Exchange(message.text))
        elif message.role == "assistant":
            # Ids are used again from answer to answer: only those of the newest one count.
            waiting = {call.call_id: call for call in message.calls}
        elif turns and (call := waiting.pop(message.call_id, None)) is not None:
            data = {} if message.failed else read_object(message.text)
            turns[-1].results.append(
                Result(call.name, read_object(call.arguments), data, message.text, message.failed or "code" in data)
            )
    return turns


def read_now(turn: Exchange, zone: tzinfo | None) -> datetime | None:
    """Return the time of a turn, to the minute, as the answers of its calls name it."""
    for result in turn.results:
        if match := _NOW.match(str(result.data.get("now", ""))):
            try:
                return datetime.strptime(match[1], "%d %b %Y, %H:%M").replace(tzinfo=zone)
            except ValueError:
                return None
    return None


def read_object(text: str) -> dict[str, Any]:
    """Return the JSON object of a text; empty where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
