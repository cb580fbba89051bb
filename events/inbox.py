"""The inbox: the events that each consumer has already reacted to."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select
from sqlmodel import Field, SQLModel

from events.sql import HotInsert, table_of


class InboxEntry(SQLModel, table=True):
    """One event that one consumer has reacted to; `consumer` is a stored name, not a Python identifier."""

    __tablename__ = "inbox_entry"

    consumer: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    processed_at: str


_INSERT = HotInsert(lambda insert: insert(table_of(InboxEntry)).on_conflict_do_nothing())
_T = table_of(InboxEntry)
_KNOWN = select(_T.c.event_id).where(
    _T.c.consumer.in_(bindparam("consumers", expanding=True)), _T.c.event_id == bindparam("event_id")
)


def is_known(connection: Connection, consumers: Sequence[str], event_id: str) -> bool:
    """Return whether any of these consumers has reacted to an event."""
    return connection.execute(_KNOWN.limit(1), {"consumers": list(consumers), "event_id": event_id}).first() is not None


def find_new(connection: Connection, consumer: str, event_ids: Sequence[str], now: str) -> set[str]:
    """Record in the caller's transaction that a consumer meets some events; return those that it meets first.

    A concurrent call for the same event waits for this transaction and then sees its result.
    """
    rows = [{"consumer": consumer, "event_id": event_id, "processed_at": now} for event_id in event_ids]
    return _INSERT.find_new(connection, rows, "event_id")
