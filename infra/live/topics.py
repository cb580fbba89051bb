"""The topics of the event catalogue, in every style, each with its dead-letter topic."""

from collections.abc import Sequence
from typing import get_args

from events.catalog import EventType, TopicStyle, name_topic
from infra.live.programs import LiveError, wait_until
from infra.live.wire import WireError, create_topics, read_metadata, set_topic

STYLES: tuple[TopicStyle, ...] = get_args(TopicStyle)
PARTITIONS = 6
"""More can be added later, but then the keys move to other partitions and lose their order: start with enough."""
MOST_BYTES = 1_048_588
"""Of one batch of records: what Dapr's client sends at most, so that an event that passes there passes here;
events stop at 900 KiB."""
_LIMIT = "max.message.bytes"


def list_topics(styles: Sequence[TopicStyle] = STYLES) -> list[str]:
    """Return the topics of these styles, in the catalogue's order."""
    return list(dict.fromkeys(name_topic(event_type, style) for style in styles for event_type in EventType))


def name_dead_letters(topic: str) -> str:
    """Return the topic for what cannot be delivered from `topic`."""
    return f"{topic}.dead"


def limit_topic(brokers: str, topic: str, size: int) -> None:
    """Set the bytes that a topic takes of one batch of records; a broker heeds it a little later."""
    set_topic(brokers, topic, _LIMIT, str(size))


def provide_topics(
    brokers: str, styles: Sequence[TopicStyle] = STYLES, partitions: int = PARTITIONS, seconds: float = 30.0
) -> list[str]:
    """Make the topics and their dead-letter topics where they are missing; return when all can be written to."""
    topics = list_topics(styles)
    wanted = [*topics, *map(name_dead_letters, topics)]
    try:
        create_topics(brokers, wanted, partitions, {_LIMIT: str(MOST_BYTES)})
    except WireError as error:
        raise LiveError(str(error)) from None

    def are_led() -> bool:
        try:
            found = read_metadata(brokers).topics
        except WireError:
            return False
        return all(found.get(topic, 0) > 0 for topic in wanted)

    wait_until(are_led, seconds, "topics with leaders")
    return wanted
