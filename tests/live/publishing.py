"""Publishing as the relay does, in bulk through daprd, and reading as a plain Kafka client."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2
from confluent_kafka import Consumer, KafkaException, TopicPartition

from app.faults import oracle
from app.system import SystemIds
from events.catalog import SOURCE, EventType
from infra.live.programs import wait_until
from infra.live.sidecar import Daprd


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes


def make_envelope(event_type: EventType, task_id: str = "task-1") -> dict[str, Any]:
    """Return a whole CloudEvent with an id of its own."""
    return {
        "specversion": "1.0",
        "id": SystemIds().new(),
        "source": SOURCE,
        "type": event_type.value,
        "subject": f"task/{task_id}",
        "time": "2026-11-23T15:04:05.123456Z",
        "datacontenttype": "application/json",
        "partitionkey": task_id,
        "taskversion": 1,
        "data": {"task_id": task_id, "title": "Grüße, 世界"},
    }


def publish(daprd: Daprd, topic: str, *envelopes: dict[str, Any]) -> httpx2.Response:
    """Publish by the bulk route and return the response unchecked."""
    entries = [
        {
            "entryId": each["id"],
            "event": each,
            "contentType": "application/cloudevents+json",
            "metadata": {"partitionKey": each["partitionkey"]},
        }
        for each in envelopes
    ]
    with httpx2.Client(trust_env=False, timeout=120) as http:
        return http.post(f"{daprd.url}/v1.0/publish/bulk/taskevents/{topic}", json=entries)


def read_topic(brokers: str, topic: str) -> list[Record]:
    """Return all current records of a topic, without a consumer group."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "enable.auto.commit": False})
    found: list[Record] = []
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        for number in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=20)
            consumer.assign([TopicPartition(topic, number, low)])
            while low < high:
                message = consumer.poll(20)
                assert message is not None, f"{topic}: {high - low} records did not come"
                assert message.error() is None, message.error()
                low = int(message.offset() or 0) + 1
                found.append(Record(topic, number, low - 1, message.key(), message.value() or b""))
    finally:
        consumer.close()
    return found


def count_partitions(brokers: str) -> dict[str, int]:
    """Return the number of partitions by topic."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader"})
    try:
        return {name: len(topic.partitions) for name, topic in consumer.list_topics(timeout=20).topics.items()}
    finally:
        consumer.close()


class TopicReader:
    """Reads topics incrementally from their beginning, without a consumer group."""

    def __init__(self, brokers: str, topics: list[str]) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": "reader", "enable.auto.commit": False, "log_level": 0}
        )
        self._topics = topics
        self._next: dict[tuple[str, int], int] = {}

    def read_new(self) -> list[oracle.Record]:
        """Return the records that have come since the last call, each partition's in its order."""
        ends = {}
        for topic in self._topics:
            for number in self._consumer.list_topics(topic, timeout=20).topics[topic].partitions:
                low, high = self._ask_offsets(TopicPartition(topic, number))
                if self._next.setdefault((topic, number), low) < high:
                    ends[topic, number] = high
        self._consumer.assign([TopicPartition(*place, self._next[place]) for place in ends])
        found: list[oracle.Record] = []
        while any(self._next[place] < end for place, end in ends.items()):
            message = self._consumer.poll(20)
            assert message is not None, f"records did not come: {ends} {self._next}"
            assert message.error() is None, message.error()
            topic, number, offset = message.topic() or "", message.partition() or 0, int(message.offset() or 0)
            if offset >= ends[topic, number]:
                continue
            self._next[topic, number] = offset + 1
            found.append(Record(topic, number, offset, message.key(), message.value() or b""))
        self._consumer.assign([])
        return found

    def _ask_offsets(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the first offset and the one after the last; retry while a restarted broker does not lead yet."""
        found: list[tuple[int, int]] = []

        def ask() -> bool:
            with suppress(KafkaException):
                found.append(self._consumer.get_watermark_offsets(partition, timeout=20))
            return bool(found)

        wait_until(ask, 20, f"{partition} is led")
        return found[0]
