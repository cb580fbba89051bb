"""What a conversation is made of, and what a model says: no wire format and no vendor's type."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Role = Literal["user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model wrote it: `arguments` is its JSON text, which may be broken.

    Models reuse `call_id` from turn to turn: it pairs a call with its result inside one model answer, nothing else.
    """

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a person's text, a model's text and calls, or the result (JSON text) of one call."""

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model is told of it; `schema` is the JSON Schema of its arguments, `writes` whether it may change."""

    name: str
    description: str
    schema: dict[str, Any]
    writes: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked: `system` and the messages, oldest first, the last one from the person or a tool.

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
    """The end of an answer, which alone makes it whole: its calls, if it wants any, and the tokens it took."""

    calls: tuple[ToolCall, ...] = ()
    reason: Literal["stop", "tool_calls", "length", "content_filter"] = "stop"
    input_tokens: int = 0
    output_tokens: int = 0


Piece = TextPiece | Finished


class ChatModel(Protocol):
    """Whatever answers a conversation."""

    @property
    def name(self) -> str:
        """The model's id, as people and clients see it."""

    def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the answer piece by piece, `Finished` last; raises `ModelFailed`.

        A stream that ends without `Finished` was cut off: nothing of it may be carried out.
        """


class ModelFailed(Exception):
    """A model that gave no whole answer: what happened, and what the person can do."""

    def __init__(self, code: str, sentence: str, advice: str, retry_after: float | None = None) -> None:
        super().__init__(f"{sentence} {advice}")
        self.code = code
        self.sentence = sentence
        self.advice = advice
        self.retry_after = retry_after
