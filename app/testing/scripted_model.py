"""A chat model that answers with a test's script and records its requests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from agent.messages import Finished, Message, ModelFailed, ModelRequest, Piece, TextPiece, ToolCall

Call = tuple[str, dict[str, Any] | str]


@dataclass
class ScriptedModel:
    """Each line is one answer: a text, a list of calls, an error to raise, or a function that returns one of these.

    Calls always carry the same id, as some servers do.
    """

    lines: list[Any]
    name: str = "tasks-agent"
    asked: list[ModelRequest] = field(default_factory=list)

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the pieces of the next line; raises `ModelFailed` after the last one."""
        self.asked.append(request)
        if not self.lines:
            sentence = "The test's script has no further line."
            raise ModelFailed("script_ended", sentence, "Give `script` one line for each answer of the model.")
        line = self.lines.pop(0)
        while callable(line):
            line = line(request)
            if hasattr(line, "__await__"):
                line = await line
        if isinstance(line, Exception):
            raise line
        if isinstance(line, str):
            for word in line.split(" "):
                yield TextPiece(f"{word} " if word != line.rpartition(" ")[2] else word)
            yield Finished(input_tokens=10, output_tokens=2)
        elif isinstance(line, list):
            calls = [
                ToolCall("call_1", name, given if isinstance(given, str) else to_json(given).decode())
                for name, given in line
            ]
            yield Finished(tuple(calls), "tool_calls", 10, 5)
        else:
            for piece in line:
                yield piece


def last_result(request: ModelRequest) -> dict[str, Any]:
    """Return the newest tool result in a request."""
    message: Message = next(each for each in reversed(request.messages) if each.role == "tool")
    result: dict[str, Any] = from_json(message.text)
    return result
