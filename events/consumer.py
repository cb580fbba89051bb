"""A consumer: one named reaction to some event types, each event at most once in effect."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from events.catalog import EventType, TaskEvent
from events.inbox import first_time
from events.sql import execute_raw


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


def deliver_at_once(connection: Connection, consumers: Sequence[Consumer], event: TaskEvent, now: str) -> None:
    """Let every consumer of this type react, all or none: the short way, while nobody fails."""
    for consumer in consumers:
        if event.event_type in consumer.types:
            consumer.deliver(connection, event, now)


def deliver_to_all(
    connection: Connection, consumers: Sequence[Consumer], event: TaskEvent, now: str
) -> list[tuple[Consumer, Exception]]:
    """Let every consumer of this type react, each whole or not at all; return those that failed, with the reason.

    Those that did react have it in their inbox, so that the event can be delivered again for the others.
    """
    failed = []
    for consumer in consumers:
        if event.event_type not in consumer.types:
            continue
        try:
            with savepoint(connection):
                consumer.deliver(connection, event, now)
        except Exception as error:  # noqa: BLE001  # whatever a reaction raises must not stop the others
            failed.append((consumer, error))
    return failed


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Make what happens inside whole or undone, without ending the transaction around it."""
    execute_raw(connection, "SAVEPOINT reaction")
    try:
        yield
    except BaseException:
        execute_raw(connection, "ROLLBACK TO reaction")
        execute_raw(connection, "RELEASE reaction")
        raise
    execute_raw(connection, "RELEASE reaction")
