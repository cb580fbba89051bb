"""Silence: what has reached the broker, and has not come back to any consumer of ours."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from events.catalog import EventType
from events.consumer import Consumer
from events.inbox import InboxEntry
from events.instants import write_instant
from events.memory import Delivery
from events.outbox import OutboxEntry
from events.ports import Clock, Database
from events.tables import table_of

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=1)
"""For how long a published event may be without a reaction: a daprd that was killed is missed for ten seconds."""
HOPE = timedelta(days=7)
"""After this (as long as Kafka keeps records by itself) no restart brings an event back: it is no longer told."""

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
# A delivery is there if a dead letter came back, or if the embedded broker carried the event.
_DELIVERED = select(_D.c.event_id).where(_D.c.event_id == _NEWEST.c.event_id).limit(1).scalar_subquery()
_UNHEARD = select(_NEWEST.c.published_at).where(_REACTED.is_(None), _DELIVERED.is_(None))


def find_silence(connection: Connection, consumers: Sequence[Consumer], now: datetime) -> dict[EventType, str]:
    """Return the types whose newest event over a minute old nobody has reacted to, with when it was published."""
    found = {}
    span = {"since": write_instant(now - HOPE), "until": write_instant(now - PATIENCE)}
    for kind in EventType:
        names = [consumer.name for consumer in consumers if kind in consumer.types]
        if names:
            at = connection.execute(_UNHEARD, {"kind": kind.value, "names": names, **span}).scalar_one_or_none()
            if at is not None:
                found[kind] = at
    return found


def tell_silence(found: dict[EventType, str]) -> str:
    """Return a sentence with what to do, "" where all is heard."""
    if not found:
        return ""
    kinds = ", ".join(f"{kind.value} ({at})" for kind, at in found.items())
    return f"published over a minute ago and not reacted to: {kinds}; if that stays, restart the Dapr sidecar"


@dataclass(slots=True)
class SilenceWatch:
    """Looks for topics that have fallen silent, and logs when one does and when all are heard again."""

    database: Database
    consumers: Sequence[Consumer]
    clock: Clock
    _silent: frozenset[EventType] = field(default_factory=frozenset)

    async def find(self) -> dict[EventType, str]:
        """Return what is silent now."""
        return await self.database.read(self.look)

    def look(self, connection: Connection) -> dict[EventType, str]:
        """Return what is silent now, on a connection that is there."""
        return find_silence(connection, self.consumers, self.clock.now())

    async def step(self) -> int:
        """Look once, and log what has changed since the last time; return 0, since nothing was done about it."""
        found = await self.find()
        silent, self._silent = self._silent, frozenset(found)
        if silent != self._silent:
            log.warning("%s", tell_silence(found) or "what is published is reacted to again")
        return 0
