"""Work: everything that one use case may touch, and who asks for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, select

from events.instants import write_instant
from events.ports import Ids
from events.sql import table_of
from todo.record.models import User
from todo.text.when import read_zone

T = TypeVar("T")

ActorKind = Literal["person", "agent", "scheduler"]
Surface = Literal["rest", "mcp", "chat", "scheduler"]

_U = table_of(User)
_USER = select(_U.c.zone, _U.c.day_start).where(_U.c.id == bindparam("id"))
# Whoever writes holds the zone still: a date-only task must not be saved with a deadline of the zone before.
_USER_HELD = _USER.with_for_update(read=True)


@dataclass(frozen=True, slots=True)
class Who:
    """The caller, as the edge has established it; no argument that a model can fill says any of this.

    `origin` is where "the newest change from here" is looked for: a conversation, a token, a process or a client.
    """

    user_id: str
    kind: ActorKind
    surface: Surface
    client: str = ""
    origin: str = ""

    def actor(self) -> dict[str, str]:
        """Return the actor as events and history show it."""
        actor: dict[str, str] = {"kind": self.kind, "surface": self.surface}
        if self.client:
            actor["client"] = self.client
        return actor


@dataclass(slots=True)
class Work:
    """One transaction's work for one caller: a use case reads and writes through it and never commits.

    `now` is aware and UTC, and stays the same however long the work takes; `at` is the same instant as text.
    `people` remembers each user's zone and start of day for as long as the store knows them to be true. With
    `reads_only` nothing is locked. `kept` holds the recurrences of the series that this change moves on, as they were.
    In a plan, `gathered` takes what each step touched, so that all of it is recorded as one change. `guarded` names the
    operations that an agent may not do without the person; with `agreed` they have agreed to this very one.
    """

    connection: Connection
    who: Who
    now: datetime
    ids: Ids
    people: dict[str, tuple[ZoneInfo, str]] = field(default_factory=dict)
    reads_only: bool = False
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    gathered: list[Any] | None = None
    guarded: frozenset[str] = frozenset()
    agreed: bool = False
    at: str = field(init=False)

    def __post_init__(self) -> None:
        self.at = write_instant(self.now)

    @property
    def zone(self) -> ZoneInfo:
        """The caller's time zone."""
        return self._settings()[0]

    @property
    def day_start(self) -> str:
        """The caller's local `HH:MM` from which reminders of date-only tasks count."""
        return self._settings()[1]

    def for_user(self, user_id: str) -> "Work":
        """Return the same work seen as another user's, for the scheduler, which serves everybody."""
        who = Who(user_id, self.who.kind, self.who.surface, self.who.client, self.who.origin)
        return Work(self.connection, who, self.now, self.ids, self.people, self.reads_only)

    def _settings(self) -> tuple[ZoneInfo, str]:
        known = self.people.get(self.who.user_id)
        if known is None:
            statement = _USER if self.reads_only else _USER_HELD
            row = self.connection.execute(statement, {"id": self.who.user_id}).one()
            known = self.people[self.who.user_id] = (read_zone(row.zone), row.day_start)
        return known


class Store(Protocol):
    """Where use cases run: whole, one transaction each, with the answer only after the commit."""

    async def write(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case that may write."""
        ...

    async def read(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a use case that only reads."""
        ...
