"""SQLite connections as the database port wants them, and what SQLite's faults mean to a caller."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from todo.errors import StorageUnavailable

T = TypeVar("T")

WAL_PASSIVE = 4 << 20
"""Bytes of WAL from which on its content is to be copied into the file."""

FAULTS = (sqlite3.Error, DBAPIError)

_DAMAGED = ("The database file is damaged.", "Stop the service and restore a backup.")
_HELD = ("Another process holds the database.", "Try again in a moment.")
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_NOMEM: ("There is no memory left for the database.", "Try again in a moment."),
    sqlite3.SQLITE_READONLY: (
        "The database file is read-only.",
        "Give the service write access to the file and its folder, then try again.",
    ),
    sqlite3.SQLITE_IOERR: ("The disk reported an error.", "Check the disk, then try again."),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: ("The disk is full.", "Free some space, then try again."),
    sqlite3.SQLITE_CANTOPEN: (
        "The database file cannot be opened.",
        "Check that its folder exists and that the service may write there.",
    ),
}


def fault_code(error: BaseException | None) -> int | None:
    """SQLite's extended code if `error` is a fault of the storage; None if it is one of the caller's own."""
    if isinstance(error, DBAPIError):
        error = error.orig
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code if code is not None and code & 0xFF in _SENTENCES else None


def is_busy(error: BaseException) -> bool:
    """Whether another connection's lock is the reason."""
    return (fault_code(error) or 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException) -> bool:
    """Whether there is no room left."""
    return (fault_code(error) or 0) & 0xFF == sqlite3.SQLITE_FULL


def to_refusal(error: Exception) -> Exception:
    """A fault of the storage in the words of the product, any other error as it is."""
    code = fault_code(error)
    if code is None:
        return error
    unavailable = StorageUnavailable(*_SENTENCES[code & 0xFF])
    unavailable.__cause__ = error
    return unavailable


class _Raw(sqlite3.Connection):
    """A connection whose transactions only the port ends: a use case that tries would commit its neighbours' work.

    SQLAlchemy's own BEGIN sends nothing to SQLite; its COMMIT and ROLLBACK arrive here.
    """

    def commit(self) -> None:
        self._refuse()

    def rollback(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        if self.in_transaction:
            raise RuntimeError("a use case may not end the transaction: the database port does")


@dataclass(slots=True)
class Handle:
    """One connection to the file, as SQLAlchemy and as SQLite see it."""

    connection: Connection
    raw: sqlite3.Connection
    version: int = 0

    def query(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in one snapshot."""
        self.raw.execute("BEGIN")
        try:
            return query(self.connection)
        finally:
            self.roll_back()

    def roll_back(self) -> None:
        """Leave no transaction open."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def sound(self) -> bool:
        """Whether SQLAlchemy's idea of the transaction is whole: a commit that was refused, say, leaves it broken."""
        transaction = self.connection.get_transaction()
        return (transaction is None or transaction.is_active) and not self.connection.in_nested_transaction()

    def changed(self) -> bool:
        """Whether another connection committed since the last call."""
        seen, self.version = self.version, self.raw.execute("PRAGMA data_version").fetchone()[0]
        return seen != self.version

    def close(self) -> None:
        """Let go of the file, in whatever state the connection is."""
        with contextlib.suppress(sqlite3.Error):
            self.roll_back()
        with contextlib.suppress(*FAULTS):
            self.connection.close()


class SqliteFile:
    """The database file: opens connections to it, and knows whether it is still the one that was opened first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._identity: tuple[int, int] | None = None
        # One engine for all connections, since it holds the compiled statements; a pool would only reset and check.
        self._engine = create_engine("sqlite://", creator=self.connect, poolclass=NullPool, pool_reset_on_return=None)

    def connect(self) -> sqlite3.Connection:
        """Open a bare connection; creates the file only if none was seen yet: a missing file is a fault afterwards."""
        mode = "rwc" if self._identity is None else "rw"
        raw = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            timeout=0,
            factory=_Raw,
        )
        try:
            for pragma in ("busy_timeout=0", "temp_store=MEMORY", "cache_size=-16000", "foreign_keys=ON"):
                raw.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            raw.close()
            raise
        return raw

    def writer(self) -> Handle:
        """Open a connection that writes durably and leaves checkpoints to the port."""
        return self._open(
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            # A WAL that is wholly in the file begins anew and shrinks to this: its size tells what is left to copy.
            f"journal_size_limit={WAL_PASSIVE // 2}",
        )

    def reader(self, last: Handle | None = None) -> Handle:
        """Open a connection that cannot write, unless `last` is still good."""
        if last and last.sound():
            return last
        if last:
            last.close()
        # A wide search reads a whole large file: measured over 100,000 tasks, 178 ms with 16 MB of pages, 126 with 64.
        return self._open("query_only=ON", "cache_size=-64000")

    def _open(self, *pragmas: str) -> Handle:
        connection = self._engine.connect()
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - what `connect` made
        handle = Handle(connection, raw)
        try:
            for pragma in pragmas:
                raw.execute(f"PRAGMA {pragma}")
            handle.changed()
            if self._identity is None:
                self._identity = self._look()
        except sqlite3.Error:
            handle.close()
            raise
        return handle

    def check_place(self) -> None:
        """Refuse if the file is not where we opened it: a write into a deleted file would succeed and be lost."""
        if self._identity != self._look() and self._identity is not None:
            raise StorageUnavailable(
                "The database file was moved, deleted or replaced while in use.",
                "Put it back, or start the service again.",
            )

    def wal_size(self) -> int:
        """Bytes in the write-ahead log."""
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def checkpoint(self) -> None:
        """Copy what can be copied into the file without being in anybody's way."""
        # A lock or a fault only leaves the work to the next checkpoint; who writes meets the fault by itself.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self.connect()) as raw:
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino
