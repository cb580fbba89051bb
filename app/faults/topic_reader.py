"""The oracle's reader of the topics, without a consumer group, and the skipping of records for a group."""

from dataclasses import dataclass, field

from app.dapr.topics import open_topics
from app.faults.oracle import Record


@dataclass
class TopicsReader:
    """Reads topics incrementally; remembers the next offset of each partition."""

    brokers: str
    topics: list[str]
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    def read_new(self) -> list[Record]:
        """Return the records since the last call, each partition in order."""
        found: list[Record] = []
        with open_topics(self.brokers, self.topics) as opened:
            for record in opened.read():
                place = (record.topic, record.partition)
                if record.offset >= self._next.get(place, 0):
                    self._next[place] = record.offset + 1
                    found.append(record)
        return found


def move_past(brokers: str, group: str, topics: list[str]) -> None:
    """Move the offsets of a consumer group, which must have no member, to the current end of the topics."""
    from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition  # type: ignore[import-untyped]  # no types

    consumer = KafkaConsumer(bootstrap_servers=brokers.split(","), group_id=group, enable_auto_commit=False)
    try:
        parts = [TopicPartition(name, number) for name in topics for number in consumer.partitions_for_topic(name)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.commit({part: OffsetAndMetadata(end, "", -1) for part, end in ends.items()})
    finally:
        consumer.close()
