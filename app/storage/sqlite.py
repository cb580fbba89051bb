"""SQLite connections configured for the database port, and the mapping of SQLite faults to refusals."""

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
"""Bytes of WAL that trigger a checkpoint."""

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
    """Return SQLite's extended error code if `error` is a storage fault, or None if the caller caused it."""
    if isinstance(error, DBAPIError):
        error = error.orig
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code if code is not None and code & 0xFF in _SENTENCES else None


def is_busy(error: BaseException) -> bool:
    """Return whether another connection's lock is the cause."""
    return (fault_code(error) or 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException) -> bool:
    """Return whether the disk is full."""
    return (fault_code(error) or 0) & 0xFF == sqlite3.SQLITE_FULL


def to_refusal(error: Exception) -> Exception:
    """Return a storage fault as a `StorageUnavailable`, and any other error unchanged."""
    code = fault_code(error)
    if code is None:
        return error
    unavailable = StorageUnavailable(*_SENTENCES[code & 0xFF])
    unavailable.__cause__ = error
    return unavailable


class _Raw(sqlite3.Connection):
    """A connection that refuses commit and rollback by a use case, which would end other calls' work too.

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
    """One connection to the file, as SQLAlchemy's object and as sqlite3's."""

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
        """Roll the transaction back if one is open."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def sound(self) -> bool:
        """Return whether SQLAlchemy's transaction state is intact; a refused commit, for example, breaks it."""
        transaction = self.connection.get_transaction()
        return (transaction is None or transaction.is_active) and not self.connection.in_nested_transaction()

    def changed(self) -> bool:
        """Return whether another connection committed since the last call."""
        seen, self.version = self.version, self.raw.execute("PRAGMA data_version").fetchone()[0]
        return seen != self.version

    def close(self) -> None:
        """Close the connection in any state, and suppress faults."""
        with contextlib.suppress(sqlite3.Error):
            self.roll_back()
        with contextlib.suppress(*FAULTS):
            self.connection.close()


class SqliteFile:
    """The database file: opens connections to it and detects if the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._identity: tuple[int, int] | None = None
        # All connections share one engine and so its compiled statements. A pool would only add resets and checks.
        self._engine = create_engine("sqlite://", creator=self.connect, poolclass=NullPool, pool_reset_on_return=None)

    def connect(self) -> sqlite3.Connection:
        """Open a bare connection; only the first one may create the file, later a missing file is a fault."""
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
        """Open a connection that writes durably; checkpoints are left to the port."""
        return self._open(
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            # A fully copied WAL restarts and shrinks to this size, so its size shows the work left to a checkpoint.
            f"journal_size_limit={WAL_PASSIVE // 2}",
        )

    def reader(self, last: Handle | None = None) -> Handle:
        """Return `last` if it is intact, else close it and open a read-only connection."""
        if last and last.sound():
            return last
        if last:
            last.close()
        # A broad search reads the whole file. Measured: over 100,000 tasks, 178 ms with 16 MB of pages, 126 with 64.
        return self._open("query_only=ON", "cache_size=-64000")

    def _open(self, *pragmas: str) -> Handle:
        connection = self._engine.connect()
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - `connect` returns it
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
        """Raise `StorageUnavailable` if the file was moved or replaced: a write to a deleted file would be lost."""
        if self._identity != self._look() and self._identity is not None:
            raise StorageUnavailable(
                "The database file was moved, deleted or replaced while in use.",
                "Put it back, or start the service again.",
            )

    def wal_size(self) -> int:
        """Return the size of the write-ahead log in bytes."""
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def checkpoint(self) -> None:
        """Copy the WAL into the file as far as possible without blocking readers or writers."""
        # After a lock or a fault, the next checkpoint does the work; a writer meets the fault itself.
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self.connect()) as raw:
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino
