"""The oracle's view of the topics: read from their beginning, in no consumer group."""

from dataclasses import dataclass, field

from app.faults.oracle import Record
from app.topics import open_topics


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
