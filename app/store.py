"""The store: use cases on the database port, with time and ids handed in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from app.bell import Bell
from app.database import Database
from events.ports import Clock, Ids
from todo.work import Who, Work

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
    """Runs use cases whole; a rerun after a fault sees the same instant and the same ids."""

    database: Database
    clock: Clock
    ids: Ids
    bell: Bell = field(default_factory=Bell)

    async def write(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case that may write, in one transaction, and answer after its commit."""
        answer = await self.database.write(self._prepare(who, use_case))
        self.bell.ring()
        return answer

    async def write_apart(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case over many rows in a transaction of its own, in a thread, while reads go on."""
        return await self.database.write_apart(self._prepare(who, use_case))

    async def read(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a use case that only reads."""
        now = self.clock.now()
        return await self.database.read(lambda connection: query(Work(connection, who, now, self.ids)))

    def _prepare(self, who: Who, use_case: Callable[[Work], T]) -> Callable[[Connection], T]:
        now = self.clock.now()
        ids = _RepeatableIds(self.ids)

        def run(connection: Connection) -> T:
            ids.position = 0
            return use_case(Work(connection, who, now, ids))

        return run
