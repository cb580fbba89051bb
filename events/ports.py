"""What is handed in from outside: time, identity, transport and storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time; the only source of "now" in the product."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class Ids(Protocol):
    """Makes identities; the only source of new ids in the product."""

    def new(self) -> str:
        """Return a new UUIDv7 (RFC 9562, section 5.7) as lower-case text."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One recorded event on its way out: `payload` is the whole CloudEvent as JSON text, sent byte for byte."""

    event_id: str
    event_type: str
    task_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry: `unknown` means it may have been written, so the same bytes are sent again.

    `named` says that the broker answered and named this entry as failed, so that it may be the entry's own trouble.
    """

    event_id: str
    status: Literal["published", "unknown", "refused"]
    reason: str = ""
    named: bool = False


class Publisher(Protocol):
    """Carries events to the broker; at most one event of a task is in a batch."""

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Send the batch and answer one `Outcome` per entry, in any order; never raises for a broker's fault."""
        ...


class Database(Protocol):
    """Runs plain functions whole, each in one transaction; answers leave only after the commit."""

    async def write(self, use_case: Callable[[Connection], T]) -> T:
        """Run a function that may write; it may be run twice after a fault, so it must not touch anything else."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a function that only reads; it sees all that was committed before."""
        ...
