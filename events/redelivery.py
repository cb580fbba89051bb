"""Silence: what has reached the broker and has not come back is told, and delivered from the outbox instead."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from events.catalog import EventType
from events.consumer import Consumer
from events.embedded import UNHEARD, Delivery, take_over
from events.inbox import InboxEntry
from events.instants import read_instant, write_instant
from events.outbox import OutboxEntry
from events.ports import Clock, Database
from events.sql import table_of

log = logging.getLogger(__name__)

GRACE_PERIOD = timedelta(minutes=1)
"""For how long a published event may be without a reaction: a daprd that was killed is missed for ten seconds."""
REPORT_WITHIN = timedelta(days=7)
"""After this (as long as Kafka keeps records by itself) no restart brings an event back: it is no longer told."""
LOOK_BACK = timedelta(hours=1)
"""How far before the newest event a process begins to look that leads anew: whoever led before it saw the rest."""
CHUNK = 500
"""How many events of a type are looked at in one query: three milliseconds."""
MOST_CHUNKS = 20
"""How many queries a step makes for one type; what is left waits for the next step."""

_O, _I, _D = table_of(OutboxEntry), table_of(InboxEntry), table_of(Delivery)
# Only the newest event of a type that is old enough is looked at: one step in an index, whatever the outbox holds. A
# topic that is heard again clears the trouble with its next event.
_NEWEST = (
    select(_O.c.event_id, _O.c.published_at)
    .where(
        _O.c.event_type == bindparam("kind"),
        _O.c.published_at > bindparam("since"),
        _O.c.published_at <= bindparam("until"),
    )
    .order_by(_O.c.published_at.desc())
    .limit(1)
    .subquery()
)
# Not by EXISTS, for which PostgreSQL may read the whole inbox into a hash.
_REACTED = (
    select(_I.c.event_id)
    .where(_I.c.consumer.in_(bindparam("names", expanding=True)), _I.c.event_id == _NEWEST.c.event_id)
    .limit(1)
    .scalar_subquery()
)
# A delivery is there if a dead letter came back, if it was taken over, or if the embedded broker carried the event.
_OF_NEWEST = select(_D.c.event_id).where(_D.c.event_id == _NEWEST.c.event_id)
_DELIVERED = _OF_NEWEST.limit(1).scalar_subquery()
_TAKEN_OVER = _OF_NEWEST.where(_D.c.last_error == UNHEARD).limit(1).scalar_subquery()
_SILENT = select(_NEWEST.c.published_at).where(
    (_REACTED.is_(None) & _DELIVERED.is_(None)) | _TAKEN_OVER.is_not(None),
)
_LAST = (
    select(_O.c.published_at)
    .where(_O.c.event_type == bindparam("kind"), _O.c.published_at.is_not(None))
    .order_by(_O.c.published_at.desc())
    .limit(1)
)
_NEXT = (
    select(_O.c.published_at, _O.c.seq, _O.c.event_id, _O.c.task_id)
    .where(
        _O.c.event_type == bindparam("kind"),
        _O.c.published_at >= bindparam("at"),
        (_O.c.published_at > bindparam("at")) | (_O.c.seq > bindparam("seq")),
        _O.c.published_at <= bindparam("until"),
    )
    .order_by(_O.c.published_at, _O.c.seq)
    .limit(CHUNK)
)
_HEARD = select(_I.c.event_id).where(
    _I.c.consumer == bindparam("name"), _I.c.event_id.in_(bindparam("keys", expanding=True))
)
_CARRIED = select(_D.c.event_id).where(
    _D.c.event_id.in_(bindparam("keys", expanding=True)), _D.c.consumer == bindparam("name")
)


class Mark(NamedTuple):
    """Up to which event of a type, in the order of publishing, has been looked."""

    at: str
    seq: int


def find_silence(connection: Connection, consumers: Sequence[Consumer], now: datetime) -> dict[EventType, str]:
    """Return the types whose newest event over a minute old the broker has not brought, with when it was published."""
    found = {}
    span = {"since": write_instant(now - REPORT_WITHIN), "until": write_instant(now - GRACE_PERIOD)}
    for kind in EventType:
        names = _names_of(consumers, kind)
        if names:
            at = connection.execute(_SILENT, {"kind": kind.value, "names": names, **span}).scalar_one_or_none()
            if at is not None:
                found[kind] = at
    return found


def tell_silence(found: dict[EventType, str]) -> str:
    """Return a sentence with what to do, "" where all is heard."""
    if not found:
        return ""
    kinds = ", ".join(f"{kind.value} ({at})" for kind, at in found.items())
    return (
        f"published over a minute ago and not brought back by the broker: {kinds}; reactions come a minute late; if "
        "that stays, restart the Dapr sidecar; it ends with the next event of the type that comes back"
    )


@dataclass(slots=True)
class Redelivery:
    """Delivers what the broker has not brought within a minute, and logs when topics fall silent and are heard again.

    A broker that brings it after all changes nothing: each consumer's inbox knows the event. The marks are kept in
    memory; whoever leads anew begins `LOOK_BACK` before the newest event.
    """

    database: Database
    consumers: Sequence[Consumer]
    clock: Clock
    _silent: frozenset[EventType] = field(default_factory=frozenset)
    _marks: dict[EventType, Mark] = field(default_factory=dict)
    _late: set[EventType] = field(default_factory=set)

    def begin(self) -> None:
        """Forget how far it has been looked: another process may have led meanwhile, by a clock of its own."""
        self._marks.clear()

    async def find(self) -> dict[EventType, str]:
        """Return what is silent now."""
        return await self.database.read(self.look)

    def look(self, connection: Connection) -> dict[EventType, str]:
        """Return what is silent now, on a connection that is there."""
        return find_silence(connection, self.consumers, self.clock.now())

    async def step(self) -> int:
        """Take over what was not brought, log what has changed, and return how many deliveries were taken over."""
        taken = 0
        for kind in EventType:
            names = _names_of(self.consumers, kind)
            if names:
                taken += await self._take_over(kind, names)
        found = await self.find()
        silent, self._silent = self._silent, frozenset(found)
        if silent != self._silent:
            log.warning("%s", tell_silence(found) or "what is published is brought back again")
        return taken

    async def _take_over(self, kind: EventType, names: Sequence[str]) -> int:
        """Look at the events of a type that have become old enough, chunk by chunk until something is missing."""
        for _ in range(MOST_CHUNKS):
            mark, unheard, more = await self.database.read(lambda connection: self._look_on(connection, kind, names))
            if unheard:
                await self.database.write(lambda connection: take_over(connection, unheard))  # noqa: B023  # awaited
                if kind not in self._late:
                    events = len({event_id for _, event_id, _ in unheard})
                    log.warning("%s of %s: the broker has not brought them for a minute", events, kind.value)
                self._late.add(kind)
            # Not before the write: what fails is looked at again.
            self._marks[kind] = mark
            if unheard or not more:
                if not unheard:
                    self._late.discard(kind)
                return len(unheard)
            await asyncio.sleep(0)  # a file is read on this thread: whoever calls meanwhile comes between
        return 0

    def _look_on(
        self, connection: Connection, kind: EventType, names: Sequence[str]
    ) -> tuple[Mark, list[tuple[str, str, str]], bool]:
        """Return the next mark, `(consumer, event_id, task_id)` of what is missing, and whether there may be more."""
        now = self.clock.now()
        until = write_instant(now - GRACE_PERIOD)
        mark = self._marks.get(kind)
        if mark is None or mark.at > until:
            # No look so far; or the clock was ahead at the last one, and what is published now sorts before it.
            mark = _begin(connection, kind, now)
        parameters = {"kind": kind.value, "at": mark.at, "seq": mark.seq, "until": until}
        rows = connection.execute(_NEXT, parameters).all()
        if not rows:
            return mark, [], False
        unheard = [(name, row.event_id, row.task_id) for name in names for row in _find_missing(connection, name, rows)]
        return Mark(rows[-1].published_at, rows[-1].seq), unheard, len(rows) == CHUNK


def _begin(connection: Connection, kind: EventType, now: datetime) -> Mark:
    last = connection.execute(_LAST, {"kind": kind.value}).scalar_one_or_none()
    first = now - GRACE_PERIOD if last is None else min(read_instant(last), now - GRACE_PERIOD)
    return Mark(write_instant(max(first - LOOK_BACK, now - REPORT_WITHIN)), 0)


def _find_missing(connection: Connection, name: str, rows: Sequence[Any]) -> list[Any]:
    """Return those of the events that a consumer has not reacted to and that are not on their way to it from here."""
    for query in (_HEARD, _CARRIED):
        if rows:
            known = set(connection.execute(query, {"name": name, "keys": [row.event_id for row in rows]}).scalars())
            rows = [row for row in rows if row.event_id not in known]
    return list(rows)


def _names_of(consumers: Sequence[Consumer], kind: EventType) -> list[str]:
    return [consumer.name for consumer in consumers if kind in consumer.types]
