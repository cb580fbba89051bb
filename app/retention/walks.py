"""Walks over tables in the order of their rows, a few rows at a time: what is old and over is removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, bindparam, delete, func, select

from events.embedded import Delivery
from events.inbox import InboxEntry
from events.outbox import OutboxEntry
from events.positions import MAY_COME_LATE
from events.sql import table_of

_O, _D, _I = table_of(OutboxEntry), table_of(Delivery), table_of(InboxEntry)
_EVENTS: ColumnElement[Any] = bindparam("events", expanding=True)
_REACTED = select(_I.c.event_id).where(
    _I.c.consumer.in_(bindparam("names", expanding=True)), _I.c.event_id.in_(_EVENTS)
)
_OPEN = select(_D.c.event_id).where(_D.c.event_id.in_(_EVENTS), _D.c.delivered_at.is_(None))
_DROP_DELIVERIES = delete(_D).where(_D.c.event_id.in_(_EVENTS))
_KNOWN = select(_O.c.event_id).where(_O.c.event_id.in_(_EVENTS))


class Stride(NamedTuple):
    """One step of a walk: how many rows it removed, and where the next one begins; None at the end."""

    removed: int
    after: Any


Walk = Callable[[Connection, Any, str, int], Stride]
"""Looks at so many rows after a key, None for the first ones, and removes those that are older than an instant."""


@dataclass(frozen=True, slots=True)
class TableWalk:
    """A walk along a table's key, which rises with the age of its rows."""

    key: Column[Any]
    age: Column[Any]
    """The instant at which a row was made."""
    first: Any = 0
    """A key before all others."""
    leaves: int = 0
    """So many of the newest numbers stay: a reader's position counts from them, and SQLite gives the last one again."""
    also: Sequence[Column[Any]] = ()
    """What `choose` needs of a row besides these two."""
    choose: Callable[[Connection, Sequence[Any], str], list[Any]] | None = None
    """Chooses among the old rows; what belongs to the chosen ones goes with them."""

    def __call__(self, connection: Connection, after: Any, before: str, window: int) -> Stride:
        """Take one step."""
        key = self.key
        known = {"after": self.first if after is None else after, "window": window}
        rows = connection.execute(self._look(), known).all()
        old = [row for row in rows if row.age < before]
        if not old:
            # The rows after these are younger still.
            return Stride(0, None)
        last = rows[-1].key
        if self.leaves:
            newest = connection.execute(select(func.max(key))).scalar_one()
            old = [row for row in old if row.key <= newest - self.leaves]
        chosen = old if self.choose is None else self.choose(connection, old, before)
        if chosen:
            connection.execute(delete(key.table).where(key.in_([row.key for row in chosen])))
        return Stride(len(chosen), last if len(rows) == window else None)

    def _look(self) -> Select[Any]:
        found = select(self.key.label("key"), self.age.label("age"), *self.also)
        return found.where(self.key > bindparam("after")).order_by(self.key).limit(bindparam("window"))


def build_outbox_walk(consumers: Sequence[str]) -> TableWalk:
    """Return the walk that removes events with their deliveries, once they were published and reacted to.

    What is parked, open or not brought back by the broker stays, however old it is.
    """

    def choose(connection: Connection, rows: Sequence[Any], before: str) -> list[Any]:
        published = [row for row in rows if row.published_at is not None and row.published_at < before]
        key = {"events": [row.event_id for row in published]}
        if not published:
            return []
        reacted = set(connection.execute(_REACTED, {**key, "names": list(consumers)}).scalars())
        reacted -= set(connection.execute(_OPEN, key).scalars())
        chosen = [row for row in published if row.event_id in reacted]
        if chosen:
            connection.execute(_DROP_DELIVERIES, {"events": [row.event_id for row in chosen]})
        return chosen

    return TableWalk(
        _O.c.seq, _O.c.recorded_at, leaves=MAY_COME_LATE, also=(_O.c.event_id, _O.c.published_at), choose=choose
    )


def walk_inbox(connection: Connection, after: Any, before: str, window: int) -> Stride:
    """Remove inbox entries whose event is gone, consumer by consumer, since their key begins with it."""
    consumer, event_id = after or ("", "")
    if not consumer:
        return Stride(0, _next_consumer(connection, ""))
    found = select(_I.c.event_id, _I.c.processed_at).where(_I.c.consumer == consumer, _I.c.event_id > event_id)
    rows = connection.execute(found.order_by(_I.c.event_id).limit(window)).all()
    old = [row.event_id for row in rows if row.processed_at < before]
    if not old:
        return Stride(0, _next_consumer(connection, consumer))
    gone = set(old).difference(connection.execute(_KNOWN, {"events": old}).scalars())
    if gone:
        connection.execute(delete(_I).where(_I.c.consumer == consumer, _I.c.event_id.in_(gone)))
    return Stride(len(gone), (consumer, rows[-1].event_id))


def _next_consumer(connection: Connection, after: str) -> tuple[str, str] | None:
    name = connection.execute(select(func.min(_I.c.consumer)).where(_I.c.consumer > after)).scalar_one()
    return None if name is None else (name, "")
