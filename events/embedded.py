"""The embedded broker: as durable as the database, with one delivery row per consumer and event."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, bindparam, exists, func, select, update
from sqlmodel import Field, SQLModel

from events.backoff import next_attempt, write_span
from events.catalog import EventType, TaskEvent
from events.cloudevent import decode_event
from events.consumer import Answer, Consumer, savepoint
from events.inbox import InboxEntry
from events.instants import write_instant
from events.outbox import OutboxEntry, mark_published
from events.ports import Clock, Database, Outcome, Outgoing
from events.sql import HotInsert, HotQuery, HotUpdate, RowNumber, is_storage_fault, only_where, table_of, take_lock

log = logging.getLogger(__name__)

OVERDUE = "the broker has not brought it"
"""The `last_error` of a redelivery; it stays after the delivery is done."""


class Delivery(SQLModel, table=True):
    """The delivery of one event to one consumer: delivered, open for its next attempt, or parked with its reason."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_pending", "id", **only_where("delivered_at IS NULL AND parked_at IS NULL")),
        Index("ix_delivery_parked", "id", **only_where("parked_at IS NOT NULL")),
        Index(
            "ix_delivery_retrying",
            "consumer",
            "task_id",
            **only_where("delivered_at IS NULL AND parked_at IS NULL AND attempts > 0"),
        ),
        Index("ux_delivery", "event_id", "consumer", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    consumer: str
    event_id: str
    task_id: str
    attempts: int = 0
    next_attempt_at: str | None = None
    last_error: str | None = None
    parked_at: str | None = None
    delivered_at: str | None = None


_T = table_of(Delivery)
_O = table_of(OutboxEntry)
_OPEN = _T.c.delivered_at.is_(None) & _T.c.parked_at.is_(None)
_I = table_of(InboxEntry)
_REACTED = select(_I.c.event_id).where(_I.c.consumer == bindparam("consumer"), _I.c.event_id == bindparam("event_id"))
# A parked delivery does not count once its consumer has reacted: a dead-letter topic is shared, so that a letter which
# another consumer gave up may come before the event itself.
_PARKED = _T.c.parked_at.is_not(None) & ~exists().where(
    _I.c.consumer == _T.c.consumer, _I.c.event_id == _T.c.event_id
).correlate(_T)
_COUNT = select(func.count()).select_from(_T)
_COUNT_OPEN, _COUNT_PARKED = HotQuery(_COUNT.where(_OPEN)), HotQuery(_COUNT.where(_PARKED))
_ANY_OPEN = HotQuery(select(_T.c.id).where(_OPEN).limit(1))
_INSERT = HotInsert(lambda insert: insert(_T).on_conflict_do_nothing(index_elements=["event_id", "consumer"]))
_LATER = (_T.c.next_attempt_at > bindparam("now")) & (_T.c.next_attempt_at <= bindparam("latest"))
_DUE = HotQuery(
    select(_T.c.id, _T.c.consumer, _T.c.event_id, _T.c.task_id, _T.c.attempts, _O.c.payload)
    .join(_O, _O.c.event_id == _T.c.event_id)
    .where(_OPEN, _T.c.next_attempt_at.is_(None) | ~_LATER)
    .order_by(_T.c.id)
    .limit(bindparam("limit"))
)
_WAITING = HotQuery(
    select(_T.c.consumer, _T.c.task_id, func.min(_T.c.id))
    .where(_OPEN, _T.c.attempts > 0, _LATER)
    .group_by(_T.c.consumer, _T.c.task_id)
)
_DONE = HotUpdate(update(_T).where(_T.c.id == bindparam("key")).values(delivered_at=bindparam("at")))
_FAILED = (
    update(_T)
    .where(_T.c.id == bindparam("key"))
    .values(
        attempts=_T.c.attempts + 1,
        next_attempt_at=bindparam("next_at"),
        last_error=bindparam("error"),
        parked_at=bindparam("parked"),
    )
)


@dataclass(slots=True)
class EmbeddedBroker:
    """A publisher that also delivers, with the promises of the real chain, across restarts too.

    What is published is delivered, and marked in the outbox, in the same transaction; what did not succeed is delivered
    again by `step`. A delivery is parked after `park_after` failed attempts.
    """

    database: Database
    consumers: Sequence[Consumer]
    clock: Clock
    batch: int = 100
    park_after: int = 8
    on_delivered: Callable[[], None] = lambda: None
    _by_name: dict[str, Consumer] = field(init=False)
    _by_type: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {consumer.name: consumer for consumer in self.consumers}
        self._by_type = {
            kind.value: [consumer.name for consumer in self.consumers if kind in consumer.types] for kind in EventType
        }

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Write one delivery row per consumer and event, and deliver; a second publish of an event has no effect."""
        rows = [
            {"consumer": name, "event_id": each.event_id, "task_id": each.task_id, "attempts": 0}
            for each in batch
            for name in self._by_type[each.event_type]
        ]
        published = [each.event_id for each in batch]

        def publish(connection: Connection) -> None:
            if rows:
                _INSERT.run_many(connection, rows)
                self._deliver_due(connection)
            mark_published(connection, published, write_instant(self.clock.now()))

        await self.database.write(publish)
        self.on_delivered()
        return [Outcome(event_id, "published", marked=True) for event_id in published]

    async def step(self) -> int:
        """Deliver up to a batch of due events and return how many deliveries were attempted.

        A failing reaction is undone alone: what a consumer gets together is delivered one by one if any of it fails.
        While a delivery waits for its next attempt, that consumer's later events of the same task wait behind it: order
        per task holds.
        """
        span = write_span(self.clock.now())
        if not await self.database.read(lambda connection: _DUE.first(connection, {**span, "limit": 1})):
            return 0
        tried = await self.database.write(self._deliver_due)
        self.on_delivered()
        return tried

    def _deliver_due(self, connection: Connection) -> int:
        # One deliverer at a time, even if the lease has two holders: one could overtake the other within a task.
        take_lock(connection, "deliveries")
        at = self.clock.now()
        span = write_span(at)
        held = {(consumer, task_id): first for consumer, task_id, first in _WAITING.all(connection, span)}
        batches: dict[str, list[Any]] = {}
        for row in _DUE.all(connection, {**span, "limit": self.batch}):
            if held.get((row.consumer, row.task_id), row.id) >= row.id:
                batches.setdefault(row.consumer, []).append(row)
        events: dict[str, TaskEvent] = {}
        done: list[int] = []
        tried = 0
        for rows in batches.values():
            if self._deliver_together(connection, rows, events, at):
                succeeded, failed = [row.id for row in rows], 0
            else:
                succeeded, failed = self._deliver_each(connection, rows, events, at)
            done += succeeded
            tried += len(succeeded) + failed
        _DONE.run_many(connection, [{"key": key, "at": span["now"]} for key in done])
        return tried

    def _deliver_together(
        self, connection: Connection, rows: Sequence[Any], events: dict[str, TaskEvent], at: datetime
    ) -> bool:
        """Deliver a batch to one consumer in one savepoint; return False, with nothing done, if any of it fails."""
        if len(rows) == 1 or any(row.attempts for row in rows):
            return False
        try:
            with savepoint(connection):
                self._deliver(connection, rows, events, at)
        except Exception as error:
            if is_storage_fault(error):
                raise
            return False
        return True

    def _deliver_each(
        self, connection: Connection, rows: Sequence[Any], events: dict[str, TaskEvent], at: datetime
    ) -> tuple[list[int], int]:
        """Deliver a batch to one consumer, each in its own savepoint; return what succeeded, and how many failed."""
        done: list[int] = []
        failed: set[str] = set()
        for row in rows:
            if row.task_id in failed:
                continue
            try:
                with savepoint(connection):
                    self._deliver(connection, [row], events, at)
            except Exception as error:
                if is_storage_fault(error):
                    raise
                failed.add(row.task_id)
                self._put_off(connection, row, error, at)
            else:
                done.append(row.id)
        return done, len(failed)

    def _deliver(self, connection: Connection, rows: Sequence[Any], events: dict[str, TaskEvent], at: datetime) -> None:
        """Deliver some events, which `events` keeps once they are decoded, to the one consumer of these rows."""
        for row in rows:
            if row.event_id not in events:
                events[row.event_id] = decode_event(row.payload)
        consumer = self._by_name[rows[0].consumer]
        if consumer.deliver(connection, [events[row.event_id] for row in rows], write_instant(at)) is Answer.RETRY:
            raise RuntimeError("the consumer asked for another attempt")

    def _put_off(self, connection: Connection, row: Any, error: Exception, at: datetime) -> None:
        """Note a failed attempt and when the next one is due, or park the delivery."""
        parked = row.attempts + 1 >= self.park_after
        reason = f"{type(error).__name__}: {error}"[:500]
        log.warning("reaction %s failed%s: %s", row.consumer, ", parked" if parked else "", reason)
        next_at = write_instant(next_attempt(at, row.attempts))
        parked_at = write_instant(at) if parked else None
        connection.execute(_FAILED, {"key": row.id, "next_at": next_at, "error": reason, "parked": parked_at})


def park_delivery(connection: Connection, consumer: str, event: TaskEvent, reason: str, now: str) -> None:
    """Park a delivery that failed for good; does nothing if the consumer has already reacted to the event."""
    if connection.execute(_REACTED, {"consumer": consumer, "event_id": event.event_id}).first() is None:
        row = {"consumer": consumer, "event_id": event.event_id, "task_id": event.task_id, "attempts": 0}
        _INSERT.run(connection, {**row, "last_error": reason, "parked_at": now})


def redeliver(connection: Connection, overdue: Sequence[tuple[str, str, str]]) -> None:
    """Open deliveries, rows of `(consumer, event_id, task_id)`, that no other broker has made; each at most once."""
    rows = [
        {"consumer": name, "event_id": event_id, "task_id": task_id, "attempts": 0, "last_error": OVERDUE}
        for name, event_id, task_id in overdue
    ]
    _INSERT.run_many(connection, rows)


def has_open(connection: Connection) -> bool:
    """Return whether any delivery is open, including those that wait for their next attempt."""
    return _ANY_OPEN.first(connection) is not None


def count_deliveries(connection: Connection) -> tuple[int, int]:
    """Return how many deliveries are (open, parked)."""
    return _COUNT_OPEN.scalar(connection), _COUNT_PARKED.scalar(connection)


def list_parked(connection: Connection, user_id: str, limit: int = 50) -> list[dict[str, object]]:
    """Return the user's parked deliveries, newest first: `{id, consumer, event_id, event_type, task_id, reason}`."""
    rows = connection.execute(
        select(
            _T.c.id,
            _T.c.consumer,
            _T.c.event_id,
            _O.c.event_type,
            _T.c.task_id,
            _T.c.last_error.label("reason"),
            _T.c.parked_at,
        )
        .join(_O, _O.c.event_id == _T.c.event_id)
        .where(_PARKED, _O.c.user_id == user_id)
        .order_by(_T.c.id.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  # the documented way to a dict


def replay_parked(connection: Connection, user_id: str | None, delivery_id: int | None = None) -> int:
    """Reopen a user's parked deliveries, or one of them, for another round of attempts; return how many.

    None stands for all users: it is for the operator's commands only.
    """
    statement = update(_T).where(_T.c.parked_at.is_not(None))
    if user_id is not None:
        statement = statement.where(_T.c.event_id.in_(select(_O.c.event_id).where(_O.c.user_id == user_id)))
    if delivery_id is not None:
        statement = statement.where(_T.c.id == delivery_id)
    return connection.execute(statement.values(parked_at=None, next_attempt_at=None, attempts=0)).rowcount
