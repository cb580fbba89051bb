"""The inbox: what each consumer has already reacted to."""

from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from events.sql import HotInsert, table_of


class InboxEntry(SQLModel, table=True):
    """One event that one consumer has reacted to; `consumer` is a written name, never a Python one."""

    __tablename__ = "inbox_entry"

    consumer: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    processed_at: str


_INSERT = HotInsert(lambda insert: insert(table_of(InboxEntry)).on_conflict_do_nothing())


def first_time(connection: Connection, consumer: str, event_id: str, now: str) -> bool:
    """Return whether this consumer meets this event for the first time, and note it, in the caller's transaction.

    Whoever asks at the same moment waits for this transaction and then hears what became of it.
    """
    return _INSERT.run(connection, {"consumer": consumer, "event_id": event_id, "processed_at": now}) == 1
