"""The store: runs use cases on the database port with an injected clock and ids."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from app.storage.port import Database
from app.storage.wakeup import Wakeup
from events.ports import Clock, Ids
from todo.errors import StorageUnavailable
from todo.record.scopes import ADMIN
from todo.record.work import Who, Work

T = TypeVar("T")

UserCache = dict[str, tuple[ZoneInfo, str]]
"""Zone and start of day (local `HH:MM`) by user id."""


@dataclass(slots=True)
class _RepeatableIds:
    """Returns the same ids again when a use case reruns after a fault."""

    source: Ids
    given: list[str] = field(default_factory=list)
    position: int = 0

    def new(self) -> str:
        if self.position == len(self.given):
            self.given.append(self.source.new())
        self.position += 1
        return self.given[self.position - 1]


def _watch_nothing(_operation: str, _surface: str) -> AbstractContextManager[None]:
    return nullcontext()


FAULT_SHOWN = timedelta(minutes=1)


@dataclass(slots=True)
class Faults:
    """The last call that the database refused, for readiness: damage and a full disk show only where they are met."""

    at: datetime | None = None
    text: str = ""

    def note(self, at: datetime, text: str) -> None:
        """Remember a refusal."""
        self.at, self.text = at, text

    def describe(self, now: datetime) -> str:
        """Return the last refusal in words if it is at most a minute old, else ""."""
        if self.at is None or now - self.at > FAULT_SHOWN:
            return ""
        return f"a call was refused at {self.at:%H:%M:%S}Z: {self.text}"


@dataclass(frozen=True, slots=True)
class DatabaseStore:
    """Runs each use case in one transaction; a rerun after a fault sees the same instant and the same ids.

    `user_cache` saves writes the query of the user's settings. Its entries stay true because:

    - only writes use it, and SQLite runs the writes of this process one after another;
    - the use case that changes a user's settings removes their entry;
    - `DatabaseStore` clears it when a write fails, since a rolled-back write may have filled it;
    - `open_database` clears it when another process has written.

    On PostgreSQL writes run concurrently, so it is None and each transaction reads the settings itself.

    `guarded` names the operations that an agent may do only with the person's consent.
    """

    database: Database
    clock: Clock
    ids: Ids
    wakeup: Wakeup = field(default_factory=Wakeup)
    user_cache: UserCache | None = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()
    faults: Faults = field(default_factory=Faults)
    watch: Callable[[str, str], AbstractContextManager[None]] = _watch_nothing
    """Watches one call, by the operation's name and the surface, from its begin to its answer."""

    watch_write: Callable[[], AbstractContextManager[None]] = nullcontext
    """Watches one write, until it is committed."""

    trace: Callable[[], str | None] | None = None
    """Returns the trace that a write belongs to, as its events carry it; None where nothing is traced."""

    def watch_call(self, operation: str, who: Who) -> AbstractContextManager[None]:
        """Return a context that watches one call."""
        return self.watch(operation, who.surface)

    async def write(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case in one transaction, notify `wakeup` after the commit, and return the answer."""
        with self.watch_write():
            answer = await self._forget_on_failure(self.database.write(self._prepare(who, use_case), _person_of(who)))
        self.wakeup.notify()
        return answer

    async def write_apart(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case over many rows in its own transaction without blocking reads, and without a notification."""
        return await self._forget_on_failure(self.database.write_apart(self._prepare(who, use_case), _person_of(who)))

    async def write_for_all(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run an admin's use case, which reaches other people's rows; raises `Forbidden` for anybody else."""
        who.require(ADMIN)
        return await self._forget_on_failure(self.database.write(self._prepare(who, use_case)))

    async def read_for_all(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run an admin's query of other people's rows; raises `Forbidden` for anybody else."""
        who.require(ADMIN)
        return await self._read(who, query, None)

    async def read(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a query in one snapshot."""
        return await self._read(who, query, _person_of(who))

    async def read_apart(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a long query in one snapshot while other calls go on."""
        return await self._read(who, query, _person_of(who), apart=True)

    async def _read(self, who: Who, query: Callable[[Work], T], person: str | None, *, apart: bool = False) -> T:
        now = self.clock.now()
        read = self.database.read_apart if apart else self.database.read
        try:
            return await read(lambda connection: query(Work(connection, who, now, self.ids, reads_only=True)), person)
        except StorageUnavailable as error:
            self.faults.note(now, error.text)
            raise

    async def _forget_on_failure(self, writing: Coroutine[Any, Any, T]) -> T:
        try:
            return await writing
        except BaseException as error:
            if self.user_cache is not None:
                self.user_cache.clear()
            if isinstance(error, StorageUnavailable):
                self.faults.note(self.clock.now(), error.text)
            raise

    def _prepare(self, who: Who, use_case: Callable[[Work], T]) -> Callable[[Connection], T]:
        now = self.clock.now()
        ids = _RepeatableIds(self.ids)
        traceparent = None if self.trace is None else self.trace()

        def run(connection: Connection) -> T:
            ids.position = 0
            users = {} if self.user_cache is None else self.user_cache
            return use_case(Work(connection, who, now, ids, users, guarded=self.guarded, traceparent=traceparent))

        return run


def _person_of(who: Who) -> str | None:
    """Return the person whose rows alone a call reaches; None for the service itself."""
    return None if who.serves_all else who.user_id
