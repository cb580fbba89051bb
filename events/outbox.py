"""The outbox: events recorded in the transaction of their change, pending until they are published."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, bindparam, func, insert, select, update
from sqlmodel import Field, SQLModel

from events.backoff import write_span
from events.catalog import TaskEvent
from events.cloudevent import decode_event, encode_event
from events.ports import Outgoing
from events.positions import Position, advance, find_end
from events.sql import HotInsert, HotQuery, HotUpdate, RowNumber, only_where, table_of

FEW = 32
"""Rows first read with their payloads; the backlog is usually smaller. Measured: docs/decisions/0005-speed.md."""
WINDOW = 1_000
"""Rows then read without their payloads; if they hold too few tasks, one row per task is read instead."""
MOST_CHARACTERS = 8 << 20
"""Most characters of all payloads of one claim: bounds the memory that a backlog of large events takes."""


class OutboxEntry(SQLModel, table=True):
    """One recorded event; `seq` rises per task because the task's row is written first."""

    __tablename__ = "outbox_entry"
    __table_args__ = (
        Index("ix_outbox_pending", "seq", **only_where("published_at IS NULL AND parked_at IS NULL")),
        Index("ix_outbox_published", "event_type", "published_at", **only_where("published_at IS NOT NULL")),
        Index("ix_outbox_parked", "task_id", **only_where("parked_at IS NOT NULL")),
        Index(
            "ux_outbox_state",
            "task_id",
            "version",
            unique=True,
            **only_where("event_type IN ('task.created','task.updated','task.completed','task.deleted')"),
        ),
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    event_id: str = Field(unique=True)
    event_type: str
    user_id: str
    task_id: str
    version: int
    payload: str
    recorded_at: str
    attempts: int = 0
    next_attempt_at: str | None = None
    last_error: str | None = None
    parked_at: str | None = None
    published_at: str | None = None


_T = table_of(OutboxEntry)
_PENDING = _T.c.published_at.is_(None) & _T.c.parked_at.is_(None)
_INSERT = HotInsert(insert(_T))
_PARKED_TASKS = select(_T.c.task_id).where(_T.c.parked_at.is_not(None))
_WAITING = _PENDING & _T.c.task_id.not_in(_PARKED_TASKS)
_WHOLE = select(_T.c.seq, _T.c.task_id, _T.c.next_attempt_at, _T.c.event_id, _T.c.event_type, _T.c.payload)
_FEW = HotQuery(_WHOLE.where(_WAITING).order_by(_T.c.seq).limit(FEW))
_CHOSEN = _WHOLE.where(_T.c.seq.in_(bindparam("chosen", expanding=True))).order_by(_T.c.seq)
# Without payloads: the oldest rows, and the oldest row of each task.
_NOT_IN_FLIGHT = _WAITING & _T.c.event_id.not_in(bindparam("in_flight", expanding=True))
_OLDEST = (
    select(_T.c.seq, _T.c.task_id, _T.c.next_attempt_at, func.length(_T.c.payload).label("size"))
    .where(_NOT_IN_FLIGHT)
    .order_by(_T.c.seq)
    .limit(WINDOW)
)
_OLDEST_PER_TASK = _OLDEST.where(_T.c.seq.in_(select(func.min(_T.c.seq)).where(_NOT_IN_FLIGHT).group_by(_T.c.task_id)))
_RECORDED = select(_T.c.event_type, _T.c.user_id, _T.c.task_id, _T.c.version, _T.c.payload).where(
    _T.c.event_id == bindparam("key")
)
_ANY_PENDING = HotQuery(select(_T.c.seq).where(_PENDING).limit(1))
_COUNT = select(func.count()).select_from(_T)
_COUNT_PENDING, _COUNT_PARKED = HotQuery(_COUNT.where(_PENDING)), HotQuery(_COUNT.where(_T.c.parked_at.is_not(None)))
_OLDEST_WAITING = HotQuery(select(_T.c.recorded_at).where(_WAITING).order_by(_T.c.seq).limit(1))
_MARK = HotUpdate(
    update(_T)
    .where(_T.c.event_id == bindparam("key"), _T.c.published_at.is_(None))
    .values(published_at=bindparam("at"))
)
_DELAY = (
    update(_T)
    .where(_T.c.event_id == bindparam("key"), _T.c.published_at.is_(None))
    .values(
        attempts=_T.c.attempts + 1,
        next_attempt_at=bindparam("next_at"),
        last_error=bindparam("error"),
        parked_at=bindparam("parked"),
    )
)
_DEFER = (
    update(_T)
    .where(_T.c.event_id == bindparam("key"), _T.c.published_at.is_(None))
    .values(next_attempt_at=bindparam("next_at"), last_error=bindparam("error"))
)


def record_events(connection: Connection, events: Sequence[TaskEvent], traceparent: str | None = None) -> None:
    """Record events in their order in the transaction of their change; raises `ValueError` for one above 900 KiB.

    The transaction must have written the tasks' rows first: only then does `seq` rise per task. `traceparent` is the
    W3C trace context of the change, where it is traced.
    """
    _INSERT.run_many(connection, [_write_row(event, traceparent) for event in events])


def _write_row(event: TaskEvent, traceparent: str | None) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "event_type": event.event_type.value,
        "user_id": event.user_id,
        "task_id": event.task_id,
        "version": event.version,
        "payload": encode_event(event, traceparent),
        "recorded_at": event.timestamp,
        "attempts": 0,
    }


def claim_events(
    connection: Connection, now: datetime, limit: int, in_flight: Sequence[Outgoing] = ()
) -> list[Outgoing]:
    """Return up to `limit` of the oldest pending events, at most one per task, none of a parked task.

    A task whose oldest event waits for its next attempt holds its later events back. Events in `in_flight` count as
    published: the claim may be sent once all of them have arrived.
    """
    if not in_flight:
        few = _FEW.all(connection)
        if len(few) < FEW:
            return [_to_outgoing(row) for row in _first_per_task(few, now, limit)]
    parameters = {"in_flight": [each.event_id for each in in_flight]}
    rows = connection.execute(_OLDEST, parameters).all()
    batch = _first_per_task(rows, now, limit)
    if len(rows) == WINDOW and 2 * len(batch) < limit:
        # A long backlog of few tasks fills the window: look past it.
        batch = _first_per_task(connection.execute(_OLDEST_PER_TASK, parameters).all(), now, limit)
    chosen = [row.seq for row in _take_while_small(batch)]
    return [_to_outgoing(row) for row in connection.execute(_CHOSEN, {"chosen": chosen})] if chosen else []


def _first_per_task(rows: Sequence[Any], now: datetime, limit: int) -> list[Any]:
    span = write_span(now)
    seen: set[str] = set()
    batch: list[Any] = []
    for row in rows:
        _seq, task_id, next_attempt_at, *_ = row
        if task_id in seen:
            continue
        seen.add(task_id)
        if next_attempt_at is None or not span["now"] < next_attempt_at <= span["latest"]:
            batch.append(row)
            if len(batch) == limit:
                break
    return batch


def _take_while_small(batch: Sequence[Any]) -> Sequence[Any]:
    """Return the first rows whose payloads together stay within `MOST_CHARACTERS`, at least one row."""
    size = 0
    for count, row in enumerate(batch):
        size += row.size
        if count and size > MOST_CHARACTERS:
            return batch[:count]
    return batch


def _to_outgoing(row: Any) -> Outgoing:
    return Outgoing(row.event_id, row.event_type, row.task_id, row.payload)


def mark_published(connection: Connection, event_ids: Sequence[str], now: str) -> None:
    """Mark events as published."""
    _MARK.run_many(connection, [{"key": event_id, "at": now} for event_id in event_ids])


def delay_event(connection: Connection, event_id: str, error: str, next_at: str | None, parked_at: str | None) -> None:
    """Count a refusal: retry at `next_at`, or park the event and with it its task's later events."""
    connection.execute(_DELAY, {"key": event_id, "error": error[:500], "next_at": next_at, "parked": parked_at})


def defer_event(connection: Connection, event_id: str, error: str, next_at: str) -> None:
    """Retry at `next_at` an event that may not have arrived; this does not count as a refusal."""
    connection.execute(_DEFER, {"key": event_id, "error": error[:500], "next_at": next_at})


def read_attempts(connection: Connection, event_id: str) -> int:
    """Return how often an event has been refused."""
    return int(connection.execute(select(_T.c.attempts).where(_T.c.event_id == event_id)).scalar_one())


def find_recorded(connection: Connection, event: TaskEvent) -> TaskEvent | None:
    """Return an event as the outbox holds it; None if it holds no such event.

    Anyone who can reach a topic or a route can send an event: what the outbox does not hold is not believed.
    """
    row = connection.execute(_RECORDED, {"key": event.event_id}).one_or_none()
    known = None if row is None else (row.event_type, row.user_id, row.task_id, row.version)
    if row is None or known != (event.event_type.value, event.user_id, event.task_id, event.version):
        return None
    return decode_event(row.payload)


def is_kept(connection: Connection, event_id: str) -> bool:
    """Return whether the outbox holds an event of this id."""
    return connection.execute(select(_T.c.seq).where(_T.c.event_id == event_id)).first() is not None


def find_last(connection: Connection, count: int) -> Position:
    """Return the position before the last `count` events."""
    end = find_end(connection, _T.c.seq)
    last = max(end.last - count, 0)
    return Position(last, frozenset(each for each in end.missing if each < last))


def list_recorded(connection: Connection, after: Position, limit: int) -> tuple[Position, list[Any]]:
    """Return rows `(seq, payload, published_at, parked_at)` after a position, in order, and the position after them."""
    columns = (_T.c.seq, _T.c.payload, _T.c.published_at, _T.c.parked_at)
    rows = connection.execute(select(*columns).where(after.ahead(_T.c.seq)).order_by(_T.c.seq).limit(limit)).all()
    return advance(connection, _T.c.seq, after, [row.seq for row in rows]), list(rows)


PublishedPage = list[Any]


def find_published_bounds(connection: Connection) -> tuple[str, str]:
    """Return when the oldest event was recorded and when the newest was published; "" where there is none."""
    oldest, newest = connection.execute(select(func.min(_T.c.recorded_at), func.max(_T.c.published_at))).one()
    return oldest or "", newest or ""


def list_published(connection: Connection, after: int, limit: int) -> PublishedPage:
    """Return rows `(seq, event_id, event_type, task_id, version, payload, published_at)` after a row number."""
    columns = (_T.c.seq, _T.c.event_id, _T.c.event_type, _T.c.task_id, _T.c.version, _T.c.payload, _T.c.published_at)
    return list(connection.execute(select(*columns).where(_T.c.seq > after).order_by(_T.c.seq).limit(limit)))


def has_pending(connection: Connection) -> bool:
    """Return whether any event is pending, including those that wait for their next attempt."""
    return _ANY_PENDING.first(connection) is not None


def count_backlog(connection: Connection) -> tuple[int, int]:
    """Return (pending, parked): events still to be published, and events refused for good."""
    return _COUNT_PENDING.scalar(connection), _COUNT_PARKED.scalar(connection)


def find_oldest_waiting(connection: Connection) -> str | None:
    """Return when the oldest pending event was recorded, leaving out tasks with a parked event; None if none waits."""
    found: str | None = _OLDEST_WAITING.scalar(connection)
    return found


def resume_parked(connection: Connection) -> int:
    """Make every parked event pending again; return how many."""
    return connection.execute(
        update(_T).where(_T.c.parked_at.is_not(None)).values(parked_at=None, next_attempt_at=None, attempts=0)
    ).rowcount
