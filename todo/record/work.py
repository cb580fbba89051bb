"""Work: one transaction of one caller, with everything that a use case may touch."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, select

from events.instants import write_instant
from events.ports import Ids
from events.sql import HotQuery, table_of
from todo.errors import Forbidden
from todo.record.bounds import BoundConnection, Bounds, refuse_outside
from todo.record.models import User
from todo.record.scopes import MEANINGS
from todo.record.shapes import Answer
from todo.record.touched import Collected
from todo.text import when
from todo.text.when import read_zone

T = TypeVar("T")
A = TypeVar("A", bound=Answer)
V = TypeVar("V", bound=Mapping[str, Any])

ActorKind = Literal["person", "agent", "scheduler"]
Surface = Literal["rest", "mcp", "chat", "scheduler"]

_U = table_of(User)
_SETTINGS = select(_U.c.zone, _U.c.day_start).where(_U.c.id == bindparam("id"))
_USER = HotQuery(_SETTINGS)
# A writer locks the zone: a date-only task must not be saved with a deadline of the previous zone.
_USER_HELD = HotQuery(_SETTINGS.with_for_update(read=True))


@dataclass(frozen=True, slots=True)
class Who:
    """The caller, as established at the edge; no argument that a model can fill says any of this.

    `origin` scopes "the newest change from here": a conversation, a token, a process or a client. `scopes` is what
    the credential allows, with everything that it implies; `token` is the label of that credential, never its secret.
    `bounds` are the lists that the credential is bound to; None for all.
    """

    user_id: str
    kind: ActorKind
    surface: Surface
    client: str = ""
    origin: str = ""
    token: str = ""
    scopes: frozenset[str] = field(kw_only=True)
    bounds: Bounds | None = field(default=None, kw_only=True)

    @property
    def serves_all(self) -> bool:
        """Whether this is the scheduler, which works on everybody's rows."""
        return self.kind == "scheduler"

    def actor(self) -> dict[str, str]:
        """Return the actor as events and history show it."""
        actor: dict[str, str] = {"kind": self.kind, "surface": self.surface}
        if self.client:
            actor["client"] = self.client
        if self.token:
            actor["token"] = self.token
        return actor

    def write_actor(self) -> str:
        """Return the actor as its changes store it; changes of one client are found by this very text."""
        return to_json(self.actor()).decode()

    def name_own(self, text: str) -> str:
        """Return a name as the caller's rows have it; that of a bound token differs from all others."""
        return text if self.bounds is None else self.bounds.name(text)

    def require_all_lists(self, what: str) -> None:
        """Raise `Forbidden` for a token that is bound to lists; `what` ends "A token for lists may not …"."""
        if self.bounds is not None:
            raise refuse_outside(f"A token for lists may not {what}.")

    def require(self, *scopes: str) -> None:
        """Raise `Forbidden` unless the caller's credential has all these scopes."""
        missing = [scope for scope in scopes if scope not in self.scopes]
        if missing:
            raise Forbidden(
                f"This call may not {MEANINGS[missing[0]]}.",
                f"Ask the person for a token with the scope {missing[0]}, and send no X-Todo-Read-Only.",
                scope=" ".join(missing),
            )


@dataclass(slots=True)
class Work:
    """One transaction's work for one caller: a use case reads and writes through it and never commits.

    `now` is aware, in UTC and constant for the whole transaction; `at` is the same instant as text. `people` caches
    each user's zone and start of day for as long as the store knows them to be true. With `reads_only` no row is
    locked. `guarded` names the operations that an agent may not do without the person; `agreed` says that they have
    agreed to this one. In a plan, each step hands its part to `collected` instead of recording a change of its own.
    `list_names` caches the names of lists for the views of this transaction. `traceparent` is the trace that the events
    of this work belong to; None without one.
    """

    connection: Connection
    who: Who
    now: datetime
    ids: Ids
    people: dict[str, tuple[ZoneInfo, str]] = field(default_factory=dict)
    reads_only: bool = False
    guarded: frozenset[str] = frozenset()
    agreed: bool = False
    collected: Collected | None = None
    list_names: dict[str, str] = field(default_factory=dict)
    traceparent: str | None = None
    at: str = field(init=False)

    def __post_init__(self) -> None:
        self.at = write_instant(self.now)
        bounds = self.who.bounds
        if bounds is not None and not isinstance(self.connection, BoundConnection):
            self.connection = cast("Connection", BoundConnection(self.connection, self.who.user_id, bounds))

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
        return replace(self, who=replace(self.who, user_id=user_id))

    def with_agreement(self) -> "Work":
        """Return the same work for a call to which the person has agreed."""
        return replace(self, agreed=True)

    def hides_part_of(self, change_id: str) -> bool:
        """Return whether a change reaches beyond the lists that the caller is bound to."""
        return isinstance(self.connection, BoundConnection) and self.connection.hides_part_of(change_id)

    def refuse_split_series(self, series_id: str) -> None:
        """Raise `Forbidden` if a series is only in part in the lists that the caller is bound to.

        Its course is one: dates would come twice, or not at all.
        """
        if isinstance(self.connection, BoundConnection) and self.connection.hides_part_of_series(series_id):
            raise refuse_outside("This recurring task is partly outside the lists of this token.")

    def see_view(self, view: V | None) -> V | None:
        """Return an earlier view of a task, None if the task was outside the caller's lists then."""
        bounds = self.who.bounds
        return view if view is None or bounds is None or bounds.hold_view(view) else None

    def in_plan(self, collected: Collected, ids: Ids) -> "Work":
        """Return the same work for a step of a plan, which collects what its steps touch, with ids of its own."""
        return replace(self, collected=collected, ids=ids)

    def stamp(self, answer: A) -> A:
        """Return an answer with the present in the caller's zone: `now` in words, `now_at` as an instant."""
        now_at = self.now.astimezone(self.zone).isoformat(timespec="minutes")
        return cast("A", {**self.stamp_briefly(answer), "now_at": now_at})

    def stamp_briefly(self, answer: A) -> A:
        """Return an answer with the present in words alone; they name the zone, so that its tasks need not."""
        own, stamped = self.zone.key, {**answer, "now": when.say_now(self.now, self.zone)}
        if (task := answer.get("task")) is not None:
            stamped["task"] = _leave_out_zone(task, own)
        if (tasks := answer.get("tasks")) is not None:
            stamped["tasks"] = [_leave_out_zone(each, own) for each in tasks]
        return cast("A", stamped)

    def _settings(self) -> tuple[ZoneInfo, str]:
        known = self.people.get(self.who.user_id)
        if known is None:
            statement = _USER if self.reads_only else _USER_HELD
            row = statement.first(self.connection, {"id": self.who.user_id})
            known = self.people[self.who.user_id] = (read_zone(row.zone), row.day_start)
        return known


def _leave_out_zone(task: Mapping[str, Any], own: str) -> Mapping[str, Any]:
    """Return a task without its zone if that is the person's own."""
    return {name: value for name, value in task.items() if name != "zone"} if task.get("zone") == own else task


class Store(Protocol):
    """Where use cases run: whole, one transaction each, with the answer only after the commit."""

    def watch_call(self, operation: str, who: Who) -> AbstractContextManager[None]:
        """Return a context that watches one call of an operation."""
        ...

    async def write(self, who: Who, use_case: Callable[[Work], T]) -> T:
        """Run a use case that may write."""
        ...

    async def read(self, who: Who, query: Callable[[Work], T]) -> T:
        """Run a use case that only reads."""
        ...
