"""A consumer: a named reaction to some event types that takes effect at most once per event."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from events.catalog import EventType, TaskEvent
from events.inbox import find_new
from events.sql import execute_raw, is_storage_fault


class Answer(StrEnum):
    """The exact words that Dapr understands; it would retry any other answer for ever."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reaction under a stored name, so that renaming the function does not deliver every event again."""

    name: str
    types: frozenset[EventType]
    react: Callable[[Connection, Sequence[TaskEvent]], None]
    """Takes events in their order; several at once leave what they leave one by one."""

    def deliver(self, connection: Connection, events: Sequence[TaskEvent], now: str) -> Answer:
        """React once to each event, in the caller's transaction: inbox rows and effects commit together or not at all.

        Exceptions of `react` pass through; the caller rolls back and retries. Returns DROP if none of the events is of
        its types.
        """
        wanted = [event for event in events if event.event_type in self.types]
        if not wanted:
            return Answer.DROP
        new = find_new(connection, self.name, [event.event_id for event in wanted], now)
        if new:
            self.react(connection, [event for event in wanted if event.event_id in new])
        return Answer.SUCCESS


def deliver_at_once(connection: Connection, consumers: Sequence[Consumer], event: TaskEvent, now: str) -> None:
    """Run all consumers of this type without savepoints. Fast path; on failure use `deliver_to_all`."""
    for consumer in consumers:
        if event.event_type in consumer.types:
            consumer.deliver(connection, [event], now)


def deliver_to_all(
    connection: Connection, consumers: Sequence[Consumer], event: TaskEvent, now: str
) -> list[tuple[Consumer, Exception]]:
    """Run each consumer of this type in a savepoint; return those that failed, each with its exception.

    A fault of the database is none of a reaction's: it passes through. The inbox records the consumers that succeeded,
    so that a redelivery reaches only the others.
    """
    failed = []
    for consumer in consumers:
        if event.event_type not in consumer.types:
            continue
        try:
            with savepoint(connection):
                consumer.deliver(connection, [event], now)
        except Exception as error:
            if is_storage_fault(error):
                raise
            failed.append((consumer, error))
    return failed


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Roll the block back if it raises, without ending the transaction around it."""
    execute_raw(connection, "SAVEPOINT reaction")
    try:
        yield
    except BaseException as error:
        if is_storage_fault(error):
            raise  # the transaction is lost, and perhaps the connection
        execute_raw(connection, "ROLLBACK TO reaction")
        execute_raw(connection, "RELEASE reaction")
        raise
    execute_raw(connection, "RELEASE reaction")
