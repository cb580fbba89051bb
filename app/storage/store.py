"""The store: use cases on the database port, with time and ids handed in."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from app.storage.port import Database
from app.storage.wakeup import Wakeup
from events.ports import Clock, Ids
from todo.record.work import Who, Work

T = TypeVar("T")


@dataclass(slots=True)
class _RepeatableIds:
    """Gives the same ids again when a use case is run a second time after a fault."""

    source: Ids
    given: list[str] = field(default_factory=list)
    position: int = 0

    def new(self) -> str:
        if self.position == len(self.given):
            self.given.append(self.source.new())
        self.position += 1
        return self.given[self.position - 1]


@dataclass(frozen=True, slots=True)
class DatabaseStore:
    """Runs use cases whole; a rerun after a fault sees the same instant and the same ids.

    `people` holds zones that writes have read. Only writes may fill it, since they alone see one another in order; it
    is emptied when a write fails and, by whoever opens the database, when another process has written. Where writes run
    side by side there is no such order, and it is None: each transaction reads for itself. `guarded` is what the
    operator wants the person to agree to.
    """

    database: Database
    clock: Clock
    ids: Ids
    bell: Wakeup = field(default_factory=Wakeup)
    people: dict[str, tuple[ZoneInfo, str]] | None = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()

    async def write(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case that may write, in one transaction, and answer after its commit."""
        answer = await self._guard(self.database.write(self._prepare(who, use_case)))
        self.bell.ring()
        return answer

    async def write_apart(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case over many rows in a transaction of its own, in a thread, while reads go on; rings no bell."""
        return await self._guard(self.database.write_apart(self._prepare(who, use_case)))

    async def read(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a use case that only reads."""
        now = self.clock.now()
        return await self.database.read(lambda connection: query(Work(connection, who, now, self.ids, reads_only=True)))

    async def _guard(self, writing: Coroutine[Any, Any, T]) -> T:
        try:
            return await writing
        except BaseException:
            if self.people is not None:
                self.people.clear()
            raise

    def _prepare(self, who: Who, use_case: Callable[[Work], T]) -> Callable[[Connection], T]:
        now = self.clock.now()
        ids = _RepeatableIds(self.ids)

        def run(connection: Connection) -> T:
            ids.position = 0
            people = {} if self.people is None else self.people
            return use_case(Work(connection, who, now, ids, people, guarded=self.guarded))

        return run
