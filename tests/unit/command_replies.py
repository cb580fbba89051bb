"""Messages to the built-in commands without a service; every search finds one task."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.builtin.commands import Commands
from agent.messages import Finished, Message, ModelRequest, TextPiece, Tool, ToolCall

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""A Monday."""
TOOLS = (Tool("find_tasks", "", {}),)
SHOWN = [{"id": id_, "title": title} for id_, title in (("A", "buy food"), ("B", "call the bank"), ("C", "dentist"))]


def answer(messages: Sequence[Message], now: datetime = NOW, tools: Sequence[Tool] = TOOLS) -> tuple[str, Finished]:
    """Return the text and the end of the answer to the messages."""

    async def collect() -> list[Any]:
        return [piece async for piece in Commands().answer(ModelRequest("", messages, tools, now))]

    *pieces, finished = asyncio.run(collect())
    assert isinstance(finished, Finished)
    assert all(isinstance(piece, TextPiece) for piece in pieces)
    return "".join(piece.text for piece in pieces), finished


def show(rows: list[dict[str, Any]], text: str = "show all my tasks") -> list[Message]:
    """Return a turn that showed a list."""
    call = ToolCall("call_1", "find_tasks", '{"status": "all"}')
    return [
        Message("user", text),
        Message("assistant", calls=(call,)),
        Message("tool", json.dumps({"tasks": rows, "total": len(rows)}), call_id="call_1"),
        Message("assistant", "a list"),
    ]


def ask(
    text: str,
    before: Sequence[Message] = (),
    found: Sequence[dict[str, Any]] | None = None,
    now: datetime = NOW,
) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Return the last text and the calls that answer a message.

    Searches for a task find `found`, or else the task T, whose title is the words that are looked for.
    """
    messages = [*before, Message("user", text)]
    calls: list[tuple[str, dict[str, Any]]] = []
    while True:
        said, finished = answer(messages, now)
        if not finished.calls:
            return said, calls
        (call,) = finished.calls
        calls.append((call.name, json.loads(call.arguments)))
        is_search = call.name == "find_tasks" and "limit" in calls[-1][1]
        if not is_search or len(calls) > 3:
            return said, calls
        rows = [{"id": "T", "title": calls[-1][1].get("text", "")}] if found is None else list(found)
        messages += [
            Message("assistant", said, finished.calls),
            Message("tool", json.dumps({"tasks": rows, "total": len(rows)}), call_id=call.call_id),
        ]
