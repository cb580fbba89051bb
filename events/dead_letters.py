"""Dead letters: deliveries that a broker gave up, stored where operators see and replay them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlmodel import Field, SQLModel

from events.catalog import TaskEvent
from events.embedded import park_delivery
from events.outbox import find_recorded
from events.sql import HotQuery, RowNumber, table_of

MOST_KEPT = 64 << 10
"""Most bytes kept of an unreadable record."""


class DeadLetter(SQLModel, table=True):
    """A record of a dead-letter topic that does not belong to this database; it can be read but not replayed."""

    __tablename__ = "dead_letter"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    topic: str
    payload: str
    reason: str
    received_at: str


_T = table_of(DeadLetter)
_INSERT = insert(_T)
_COUNT = HotQuery(select(func.count()).select_from(_T))


def park_event(connection: Connection, consumers: Sequence[str], event: TaskEvent, now: str) -> bool:
    """Park an event for the consumers that have not reacted to it; a replay delivers it to them again.

    Parks nothing and returns False if the outbox, from which a replay takes it, does not hold the event.
    """
    if find_recorded(connection, event) is None:
        return False
    for name in consumers:
        park_delivery(connection, name, event, "came back as a dead letter", now)
    return True


def store_unreadable(connection: Connection, topic: str, body: bytes, reason: str, now: str) -> None:
    """Store the beginning of a record that cannot be read, for an operator to inspect."""
    payload = body[:MOST_KEPT].decode("utf-8", "backslashreplace").replace("\0", "\\0")
    row = {"topic": topic, "payload": payload, "reason": reason[:500].replace("\0", "\\0"), "received_at": now}
    connection.execute(_INSERT, row)


def count_unreadable(connection: Connection) -> int:
    """Return how many unreadable records are stored."""
    return int(_COUNT.scalar(connection))


def list_unreadable(connection: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Return `{id, topic, reason, received_at, payload}` of the unreadable records, newest first."""
    rows = connection.execute(select(_T).order_by(_T.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  # the documented way to a dict
