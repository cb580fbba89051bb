"""The inbox: what each consumer has already reacted to."""

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import Field, SQLModel

from events.tables import HotInsert, table_of


class InboxEntry(SQLModel, table=True):
    """One event that one consumer has reacted to; `consumer` is a written name, never a Python one."""

    __tablename__ = "inbox_entry"

    consumer: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    processed_at: str


_T = table_of(InboxEntry)
_SEEN = select(_T.c.consumer).where(_T.c.consumer == bindparam("consumer"), _T.c.event_id == bindparam("event_id"))
_INSERT = HotInsert(insert(_T))


def first_time(connection: Connection, consumer: str, event_id: str, now: str) -> bool:
    """Return whether this consumer meets this event for the first time, and note it, in the caller's transaction."""
    key = {"consumer": consumer, "event_id": event_id}
    if connection.execute(_SEEN, key).first() is not None:
        return False
    _INSERT.run(connection, {**key, "processed_at": now})
    return True
