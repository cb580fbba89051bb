"""Redelivery: events that the broker has not brought back in time are delivered from the outbox instead."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from events.catalog import EventType
from events.consumer import Consumer
from events.embedded import OVERDUE, Delivery, redeliver
from events.inbox import InboxEntry
from events.instants import read_instant, write_instant
from events.outbox import OutboxEntry
from events.ports import Clock, Database
from events.sql import table_of

log = logging.getLogger(__name__)

GRACE_PERIOD = timedelta(minutes=1)
"""How long a published event may lack a reaction before it is overdue: a killed daprd is missed for ten seconds."""
REPORT_WITHIN = timedelta(days=7)
"""Kafka's default retention: after it no restart brings an event back, so that its topic is not reported any more."""
LOOK_BACK = timedelta(hours=1)
"""How far before the newest event a new leader begins its scan; the leader before it has scanned the rest."""
NEWEST = 5_000
"""The rows whose times a new leader looks at for its beginning: the clock of the leader before it may be wrong."""
CHUNK = 500
"""Events of one type that one query scans: three milliseconds."""
LAST_INSTANT = "9999"
"""Sorts after every instant."""
MOST_CHUNKS = 20
"""Most queries of one step for one type; the next step continues."""

_O, _I, _D = table_of(OutboxEntry), table_of(InboxEntry), table_of(Delivery)
# Only the newest event past the grace period is checked: one step in an index, for an outbox of any size. The next
# event of a topic that works again ends its silence.
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
# Not EXISTS, for which PostgreSQL may read the whole inbox into a hash.
_REACTED = (
    select(_I.c.event_id)
    .where(_I.c.consumer.in_(bindparam("names", expanding=True)), _I.c.event_id == _NEWEST.c.event_id)
    .limit(1)
    .scalar_subquery()
)
# A delivery row exists if a dead letter came back, if the event was redelivered, or if the embedded broker carried it.
_OF_NEWEST = select(_D.c.event_id).where(_D.c.event_id == _NEWEST.c.event_id)
_DELIVERED = _OF_NEWEST.limit(1).scalar_subquery()
_REDELIVERED = _OF_NEWEST.where(_D.c.last_error == OVERDUE).limit(1).scalar_subquery()
_SILENT = select(_NEWEST.c.published_at).where(
    (_REACTED.is_(None) & _DELIVERED.is_(None)) | _REDELIVERED.is_not(None),
)
_LAST = (
    select(_O.c.published_at)
    .where(_O.c.event_type == bindparam("kind"), _O.c.published_at.is_not(None))
    .order_by(_O.c.published_at.desc())
    .limit(1)
)
_RECENT = select(_O.c.event_type, _O.c.published_at).order_by(_O.c.seq.desc()).limit(bindparam("newest")).subquery()
_EARLIEST = select(func.min(_RECENT.c.published_at)).where(_RECENT.c.event_type == bindparam("kind"))
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
_REACTED_BY = select(_I.c.event_id).where(
    _I.c.consumer == bindparam("name"), _I.c.event_id.in_(bindparam("keys", expanding=True))
)
_DELIVERED_TO = select(_D.c.event_id).where(
    _D.c.event_id.in_(bindparam("keys", expanding=True)), _D.c.consumer == bindparam("name")
)


class Cursor(NamedTuple):
    """The last scanned event of a type, in the order of publishing."""

    at: str
    seq: int


class Scanned(NamedTuple):
    """A scan of one span: the next cursor, the overdue `(consumer, event_id, task_id)`, and whether more may follow."""

    cursor: Cursor
    overdue: list[tuple[str, str, str]]
    more: bool


def find_silent_types(connection: Connection, consumers: Sequence[Consumer], now: datetime) -> dict[EventType, str]:
    """Return the types whose newest event past the grace period has not come back, each with its time of publishing."""
    found = {}
    span = {"since": write_instant(now - REPORT_WITHIN), "until": write_instant(now - GRACE_PERIOD)}
    for kind in EventType:
        names = _names_of(consumers, kind)
        if names:
            at = connection.execute(_SILENT, {"kind": kind.value, "names": names, **span}).scalar_one_or_none()
            if at is not None:
                found[kind] = at
    return found


def describe_silence(silent: dict[EventType, str]) -> str:
    """Return a sentence that names the silent types and a remedy; "" if there are none."""
    if not silent:
        return ""
    kinds = ", ".join(f"{kind.value} ({at})" for kind, at in silent.items())
    return (
        f"published over a minute ago and not brought back by the broker: {kinds}; reactions come a minute late; if "
        "that stays, restart the Dapr sidecar; it ends with the next event of the type that comes back"
    )


@dataclass(slots=True)
class Redelivery:
    """Redelivers events that are overdue, and logs when topics fall silent and when they work again.

    A broker that brings such an event later does no harm: each consumer's inbox knows it. The cursors are kept in
    memory; a new leader begins `LOOK_BACK` before the newest event. `take_earliest_mark` is the relay's: events that it
    marked while the clock was behind sort before the cursors. What a clock ahead has stamped is scanned apart.
    """

    database: Database
    consumers: Sequence[Consumer]
    clock: Clock
    take_earliest_mark: Callable[[], datetime | None] = lambda: None
    _silent: frozenset[EventType] = field(default_factory=frozenset)
    _cursors: dict[EventType, Cursor] = field(default_factory=dict)
    _ahead: dict[EventType, Cursor] = field(default_factory=dict)
    _overdue: set[EventType] = field(default_factory=set)

    def begin(self) -> None:
        """Forget the cursors: another process, with its own clock, may have led in between."""
        self._cursors.clear()
        self._ahead.clear()

    async def find_silent(self) -> dict[EventType, str]:
        """Return the types that are silent now, as `find_silent_types` does."""
        return await self.database.read(self.find_silent_on)

    def find_silent_on(self, connection: Connection) -> dict[EventType, str]:
        """Return the types that are silent now, on an open connection."""
        return find_silent_types(connection, self.consumers, self.clock.now())

    async def step(self) -> int:
        """Redeliver overdue events, log changes of silence, and return how many deliveries were made."""
        redelivered = 0
        earliest = self.take_earliest_mark()
        if earliest is not None:
            back = Cursor(write_instant(earliest), 0)
            self._cursors = {kind: min(cursor, back) for kind, cursor in self._cursors.items()}
        for kind in EventType:
            names = _names_of(self.consumers, kind)
            if names:
                redelivered += await self._redeliver(kind, names)
        silent = await self.find_silent()
        before, self._silent = self._silent, frozenset(silent)
        if before != self._silent:
            log.warning("%s", describe_silence(silent) or "what is published is brought back again")
        return redelivered

    async def _redeliver(self, kind: EventType, names: Sequence[str]) -> int:
        """Scan the events of a type that are due or in the future, chunk by chunk until one has overdue events."""
        for _ in range(MOST_CHUNKS):
            past, ahead = await self.database.read(lambda connection: self._scan_both(connection, kind, names))
            overdue = past.overdue + ahead.overdue
            if overdue:
                await self.database.write(lambda connection: redeliver(connection, overdue))  # noqa: B023  # awaited
                if kind not in self._overdue:
                    events = len({event_id for _, event_id, _ in overdue})
                    log.warning("%s of %s: the broker has not brought them for a minute", events, kind.value)
                self._overdue.add(kind)
            # Only after the write: a chunk that fails is scanned again.
            self._cursors[kind], self._ahead[kind] = past.cursor, ahead.cursor
            if overdue or not (past.more or ahead.more):
                if not overdue:
                    self._overdue.discard(kind)
                return len(overdue)
            await asyncio.sleep(0)  # SQLite reads on this thread: let waiting calls run in between
        return 0

    def _scan_both(self, connection: Connection, kind: EventType, names: Sequence[str]) -> tuple[Scanned, Scanned]:
        """Scan what is past the grace period and what is in the future, in one snapshot."""
        past = _scan(connection, kind, names, *self._find_span(connection, kind))
        return past, _scan(connection, kind, names, *self._find_span_ahead(kind))

    def _find_span(self, connection: Connection, kind: EventType) -> tuple[Cursor, str]:
        """Return where the scan of what is past the grace period goes on, and its end."""
        now = self.clock.now()
        until = write_instant(now - GRACE_PERIOD)
        cursor = self._cursors.get(kind)
        if cursor is None or cursor.at > until:
            # The first scan; or the clock was ahead at the last one, so that events published now sort before it.
            cursor = _begin_scan(connection, kind, now)
        return cursor, until

    def _find_span_ahead(self, kind: EventType) -> tuple[Cursor, str]:
        """Return where the scan of the future goes on: what a clock ahead has stamped would wait until it comes.

        How long ago that was is not known, so there is no grace period; what comes after all has no second effect.
        """
        first = Cursor(write_instant(self.clock.now() + GRACE_PERIOD), 0)
        return max(first, self._ahead.get(kind, first)), LAST_INSTANT


def _scan(connection: Connection, kind: EventType, names: Sequence[str], cursor: Cursor, until: str) -> Scanned:
    """Scan one chunk of the events of a type, after a cursor and up to an instant."""
    parameters = {"kind": kind.value, "at": cursor.at, "seq": cursor.seq, "until": until}
    rows = connection.execute(_NEXT, parameters).all()
    if not rows:
        return Scanned(cursor, [], more=False)
    overdue = [(name, row.event_id, row.task_id) for name in names for row in _find_overdue(connection, name, rows)]
    return Scanned(Cursor(rows[-1].published_at, rows[-1].seq), overdue, more=len(rows) == CHUNK)


def _begin_scan(connection: Connection, kind: EventType, now: datetime) -> Cursor:
    last = connection.execute(_LAST, {"kind": kind.value}).scalar_one_or_none()
    earliest = connection.execute(_EARLIEST, {"kind": kind.value, "newest": NEWEST}).scalar_one()
    first = min([now - GRACE_PERIOD, *(read_instant(each) for each in (last, earliest) if each is not None)])
    return Cursor(write_instant(max(first - LOOK_BACK, now - REPORT_WITHIN)), 0)


def _find_overdue(connection: Connection, name: str, rows: Sequence[Any]) -> list[Any]:
    """Return the events that a consumer has neither reacted to nor gets from the outbox already."""
    for query in (_REACTED_BY, _DELIVERED_TO):
        if rows:
            known = set(connection.execute(query, {"name": name, "keys": [row.event_id for row in rows]}).scalars())
            rows = [row for row in rows if row.event_id not in known]
    return list(rows)


def _names_of(consumers: Sequence[Consumer], kind: EventType) -> list[str]:
    return [consumer.name for consumer in consumers if kind in consumer.types]
