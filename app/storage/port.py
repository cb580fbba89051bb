"""The database port: what the rest of the product may ask of a database."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from events import ports

T = TypeVar("T")


class Database(ports.Database, Protocol):
    """Where use cases run, each whole in one transaction.

    Use cases and queries are plain functions on a connection. They return plain values (no open cursor), leave the
    ends of transactions to the port, and **can be run twice**: after a fault of the storage a use case is run again
    in a transaction of its own, so that it takes its ids and clock value from outside of itself.
    """

    longest_wait: float  # seconds after which to look for work in any quiet: what a lost wake-up costs

    async def read_apart(self, query: Callable[[Connection], T]) -> T:
        """Run a long query beside all else, on a connection that cannot write."""

    async def write_apart(self, use_case: Callable[[Connection], T]) -> T:
        """Run a use case over many rows, while reads go on."""

    def seen_from_outside(self) -> bool:
        """Whether another process may have committed since the last call."""

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
