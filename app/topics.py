"""The topics as Kafka holds them now, read by a plain client from their beginning to their present end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from events.ledger import Record
from todo.errors import TodoError

ANSWER_SECONDS = 15.0
NEVER = 1 << 62


class TopicsUnreadable(TodoError):
    """The brokers do not answer, or do not have the topics."""

    code = "topics_unreadable"


@dataclass(slots=True)
class Topics:
    """Some topics; `floors` tells of those that have lost their beginning since when (ms) they are whole."""

    consumer: Any
    names: Sequence[str]
    partitions: dict[str, int] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)

    def read(self) -> Iterator[Record]:
        """Yield what was there at the first moment, each partition in its order; raises `TopicsUnreadable`."""
        begins, ends = self._find_bounds()
        left = {part for part, begin in begins.items() if begin < ends[part]}
        self.consumer.assign(sorted(left))
        for part in left:
            self.consumer.seek(part, begins[part])
        quiet = 0.0
        while left:
            batches = self.consumer.poll(timeout_ms=500)
            quiet = 0.0 if batches else quiet + 0.5
            if quiet > ANSWER_SECONDS:
                raise TopicsUnreadable(f"The brokers stopped answering before {len(left)} partitions were read.")
            for part, records in batches.items():
                yield from self._take(part, records, begins[part], ends[part])
            # Not every offset holds a record: what counts is the position.
            done = {part for part in left if self.consumer.position(part) >= ends[part]}
            left -= done
            if done:
                self.consumer.pause(*done)

    def _find_bounds(self) -> tuple[dict[Any, int], dict[Any, int]]:
        from kafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types

        existing = self.consumer.topics()
        missing = [name for name in self.names if name not in existing]
        if missing:
            raise TopicsUnreadable(f"There is no topic {', '.join(missing)}.", "Is TODO_TOPIC_STYLE right?")
        numbers = {name: sorted(self.consumer.partitions_for_topic(name) or ()) for name in self.names}
        self.partitions = {name: len(each) for name, each in numbers.items()}
        parts = [TopicPartition(name, number) for name in self.names for number in numbers[name]]
        begins, ends = self.consumer.beginning_offsets(parts), self.consumer.end_offsets(parts)
        for part in parts:
            if begins[part] == ends[part] > 0:
                self.floors[part.topic] = NEVER
        return begins, ends

    def _take(self, part: Any, records: Sequence[Any], begin: int, end: int) -> Iterator[Record]:
        for each in records:
            if each.offset >= end:
                return
            if each.offset == begin > 0:
                self.floors[part.topic] = max(self.floors.get(part.topic, 0), each.timestamp)
            yield Record(part.topic, part.partition, each.offset, each.key, each.value, each.timestamp)


@contextmanager
def open_topics(brokers: str, names: Sequence[str]) -> Iterator[Topics]:
    """Open a client that belongs to no group and commits nothing; raises `TopicsUnreadable`."""
    from kafka import KafkaConsumer  # imported on first use: nothing else needs it
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # it ships no types

    try:
        consumer = KafkaConsumer(
            bootstrap_servers=brokers.split(","),
            client_id="evolution-todo-verify",
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            bootstrap_timeout_ms=int(ANSWER_SECONDS * 1000),
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise TopicsUnreadable(f"No broker answers at {brokers}: {type(error).__name__}.") from None
    try:
        yield Topics(consumer, names)
    except KafkaError as error:
        raise TopicsUnreadable(f"The topics cannot be read: {str(error)[:300]}.") from None
    finally:
        consumer.close()
