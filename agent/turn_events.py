"""The events of a running turn in their order: `Begun` first, `Done` or `Failed` last."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Begun:
    """The turn is stored and begins."""

    conversation_id: str
    turn_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Text:
    """More text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool is called; `call` is its number in the turn, from 1."""

    call: int
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call has its result; `ok` says whether it succeeded."""

    call: int
    name: str
    ok: bool
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConfirmationWanted:
    """The person has to agree before the last call is carried out; `items` are the tasks it affects, of `total`."""

    confirmation_id: str
    summary: str
    expires_at: str
    action: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is over; `text` is the whole answer, `finish` is `stop`, `waiting` or `stopped`."""

    turn_id: str
    text: str
    finish: str = "stop"
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ended without an answer; its completed calls keep their effect, and `detail` names them."""

    turn_id: str
    code: str
    detail: str
    retry_after: float | None = None
    done: list[str] = field(default_factory=list)


TurnEvent = Begun | Text | CallStarted | CallFinished | ConfirmationWanted | Done | Failed
