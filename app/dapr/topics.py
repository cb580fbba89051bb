"""The reader of Kafka's topics, by a plain client from their beginning to their current end."""

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.settings import Settings
from events.topic_audit import TopicRecord
from todo.errors import TodoError

ANSWER_SECONDS = 15.0
NEVER = 1 << 62


class TopicsUnreadable(TodoError):
    """The brokers do not answer, or lack a topic."""

    code = "topics_unreadable"


@dataclass(slots=True)
class Topics:
    """Some topics; for a topic whose oldest records have expired, `floors` holds the time (ms) of its first record."""

    consumer: Any
    names: Sequence[str]
    partitions: dict[str, int] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)

    def read(self) -> Iterator[TopicRecord]:
        """Yield the records present at the start, each partition in order; raises `TopicsUnreadable`."""
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
            # Not every offset holds a record, so compare the consumer's position.
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

    def _take(self, part: Any, records: Sequence[Any], begin: int, end: int) -> Iterator[TopicRecord]:
        for each in records:
            if each.offset >= end:
                return
            if each.offset == begin > 0:
                self.floors[part.topic] = max(self.floors.get(part.topic, 0), each.timestamp)
            yield TopicRecord(part.topic, part.partition, each.offset, each.key, each.value, each.timestamp)


_VAGUE = ("KafkaConnectionError", "KafkaTimeoutError", "NodeNotReadyError", "Cancelled")


class _Reasons(logging.Handler):
    """Keeps the reason for a failed connection: the client only logs it, and then raises a timeout."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        for each in arguments:
            # A vague error, such as the end of a connection, only follows from the specific one.
            name = type(each).__name__
            if isinstance(each, Exception) and (name not in _VAGUE or not self.reason):
                self.reason = str(each)[:300] or name


def build_security(settings: Settings) -> dict[str, Any]:
    """Return the client's options for login and TLS; raises `TopicsUnreadable` for an invalid CA."""
    login = settings.kafka_username is not None
    protocol = ("SASL_" if login else "") + ("SSL" if settings.kafka_encrypted else "PLAINTEXT")
    options: dict[str, Any] = {"security_protocol": protocol}
    if settings.kafka_encrypted:
        try:
            options["ssl_context"] = ssl.create_default_context(cadata=settings.kafka_ca)
        except (ssl.SSLError, ValueError):
            raise TopicsUnreadable("TODO_KAFKA_CA holds no certificate.", "It is the CA itself, in PEM.") from None
    if login:
        options["sasl_mechanism"] = str(settings.kafka_mechanism).replace("SHA", "SCRAM-SHA")
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password
    return options


@contextmanager
def open_topics(brokers: str, names: Sequence[str], security: Mapping[str, Any] | None = None) -> Iterator[Topics]:
    """Open a client without a consumer group, which commits no offsets; raises `TopicsUnreadable`.

    `security` takes the result of `build_security`.
    """
    from kafka import KafkaConsumer  # imported on first use: half a second
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # it ships no types

    reasons, logger = _Reasons(), logging.getLogger("kafka")
    logger.addHandler(reasons)
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
            **(security or {}),
        )
    except KafkaError as error:
        why = reasons.reason or type(error).__name__
        step = "Is the login right?" if security and "sasl_mechanism" in security else ""
        raise TopicsUnreadable(f"No broker answers at {brokers}: {why}.", step) from None
    finally:
        logger.removeHandler(reasons)
    try:
        yield Topics(consumer, names)
    except KafkaError as error:
        raise TopicsUnreadable(f"The topics cannot be read: {str(error)[:300]}.") from None
    finally:
        consumer.close()
