"""The ports that are injected: time, identity, transport and storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Clock(Protocol):
    """The only source of "now" in the product."""

    def now(self) -> datetime:
        """Return the current instant as an aware UTC datetime."""
        ...


class Ids(Protocol):
    """The only source of new ids in the product."""

    def new(self) -> str:
        """Return a new UUIDv7 (RFC 9562, section 5.7) as lower-case text."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One recorded event to publish: `payload` is the whole CloudEvent as JSON text, sent byte for byte."""

    event_id: str
    event_type: str
    task_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one entry: `unknown` means that it may have been written, so that the same bytes are sent again.

    `named` says that the broker answered and named this entry as failed: the entry itself may be at fault. `marked`
    says that the entry is marked as published already, in the transaction that published it.
    """

    event_id: str
    status: Literal["published", "unknown", "refused"]
    reason: str = ""
    named: bool = False
    marked: bool = False


class Publisher(Protocol):
    """Publishes events to the broker; a batch holds at most one event of a task."""

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send the batch and return one `Outcome` per entry, in any order; never raises for a broker's fault."""
        ...


class Database(Protocol):
    """Runs plain functions, each in one transaction; their results are returned only after the commit."""

    async def write(self, use_case: Callable[[Connection], T]) -> T:
        """Run a function that may write; a fault may run it twice, so that it must have no other side effect."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads; it sees everything committed before."""
        ...
