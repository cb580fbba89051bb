"""The oracle's view of the topics: read from their beginning, in no consumer group; and a group moved past them."""

from dataclasses import dataclass, field

from app.dapr.topics import open_topics
from app.faults.oracle import Record


@dataclass
class TopicsReader:
    """Remembers how far each partition has been read."""

    brokers: str
    topics: list[str]
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    def read_new(self) -> list[Record]:
        """Return the records that have come since the last call, each partition's in its order."""
        found: list[Record] = []
        with open_topics(self.brokers, self.topics) as opened:
            for record in opened.read():
                place = (record.topic, record.partition)
                if record.offset >= self._next.get(place, 0):
                    self._next[place] = record.offset + 1
                    found.append(record)
        return found


def move_past(brokers: str, group: str, topics: list[str]) -> None:
    """Have a consumer group, of which no member may be there, begin at the present end of these topics."""
    from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition  # type: ignore[import-untyped]  # no types

    consumer = KafkaConsumer(bootstrap_servers=brokers.split(","), group_id=group, enable_auto_commit=False)
    try:
        parts = [TopicPartition(name, number) for name in topics for number in consumer.partitions_for_topic(name)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        consumer.commit({part: OffsetAndMetadata(end, "", -1) for part, end in ends.items()})
    finally:
        consumer.close()
