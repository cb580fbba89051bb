"""The messages of a conversation and the pieces of a model's answer, independent of any wire format."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Role = Literal["user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model wrote it; `arguments` is its JSON text, which may be malformed.

    `call_id` pairs a call with its result within one answer only: models reuse ids from turn to turn.
    """

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a person's text, a model's text and calls, or the result (JSON text) of one call.

    `hint` is the end of a refusal's text that advises programs, not people.
    """

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    failed: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it; `schema` is the JSON Schema of its arguments, `writes` whether it may change tasks."""

    name: str
    description: str
    schema: dict[str, Any]
    writes: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request to a model: `system` and the messages, oldest first; the last one is the person's or a tool's.

    `now` is in the person's zone. Without tools the model can only talk.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[Tool]
    now: datetime


@dataclass(frozen=True, slots=True)
class TextPiece:
    """More text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer, without which it is incomplete: its calls, if any, and its tokens."""

    calls: tuple[ToolCall, ...] = ()
    reason: Literal["stop", "tool_calls", "length", "content_filter"] = "stop"
    input_tokens: int = 0
    output_tokens: int = 0


Piece = TextPiece | Finished


class ChatModel(Protocol):
    """A model that answers conversations: a language model or the built-in commands."""

    @property
    def name(self) -> str:
        """The model's id, as people and clients see it."""

    def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the answer piece by piece, `Finished` last; raises `ModelFailed`.

        A stream without `Finished` was cut off: none of its calls may be carried out.
        """


class ModelFailed(Exception):
    """A model gave no complete answer: what happened (`sentence`), and what the person can do (`advice`)."""

    def __init__(self, code: str, sentence: str, advice: str, retry_after: float | None = None) -> None:
        super().__init__(f"{sentence} {advice}")
        self.code = code
        self.sentence = sentence
        self.advice = advice
        self.retry_after = retry_after
