"""The database port: the interface through which use cases and queries reach a database."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from events import ports

T = TypeVar("T")


class Database(ports.Database, Protocol):
    """Runs each use case in one transaction.

    Use cases and queries are plain functions on a connection. They return plain values (no open cursor) and leave
    commit and rollback to the port. A use case **can run twice**: after a storage fault it runs again in a new
    transaction, so its ids and clock value come from outside.

    `person` is whose rows alone the transaction may reach; None is the service itself. A database that cannot enforce
    this (SQLite) leaves it to the queries.
    """

    longest_wait: float  # seconds after which loops look for work without a wake-up: the delay if one is lost

    async def write(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:
        """Run a use case that may write."""

    async def read(self, query: Callable[[Connection], T], person: str | None = None) -> T:
        """Run a query that sees everything committed before."""

    async def read_apart(self, query: Callable[[Connection], T], person: str | None = None) -> T:
        """Run a long query concurrently, on a read-only connection."""

    async def write_apart(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:
        """Run a use case over many rows without blocking reads."""

    def seen_from_outside(self) -> bool:
        """Return whether another process may have committed since the last call."""

    async def close(self) -> None:
        """Finish the queued work and release the database."""
