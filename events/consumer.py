"""A consumer: one named reaction to some event types, each event at most once in effect."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from events.catalog import EventType, TaskEvent
from events.inbox import first_time
from events.tables import send


class Answer(StrEnum):
    """The exact words that Dapr understands; anything else would be retried for ever."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reaction under a written name: renaming the function must not deliver everything again."""

    name: str
    types: frozenset[EventType]
    react: Callable[[Connection, TaskEvent], None]

    def deliver(self, connection: Connection, event: TaskEvent, now: str) -> Answer:
        """React once, in the caller's transaction: the inbox row and the effect commit together or not at all.

        Whatever `react` raises is the caller's to roll back and retry.
        """
        if event.event_type not in self.types:
            return Answer.DROP
        if first_time(connection, self.name, event.event_id, now):
            self.react(connection, event)
        return Answer.SUCCESS


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Make what happens inside whole or undone, without ending the transaction around it."""
    send(connection, "SAVEPOINT reaction")
    try:
        yield
    except BaseException:
        send(connection, "ROLLBACK TO reaction")
        send(connection, "RELEASE reaction")
        raise
    send(connection, "RELEASE reaction")
