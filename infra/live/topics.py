"""The topics of the event catalogue, in every style, each with its dead-letter topic."""

from collections.abc import Sequence
from typing import get_args

from events.catalog import EventType, TopicStyle, name_topic
from infra.live.admin import open_admin
from infra.live.programs import LiveError

STYLES: tuple[TopicStyle, ...] = get_args(TopicStyle)
PARTITIONS = 6
"""More can be added later, but then keys move to other partitions and lose their order: start with enough."""
MOST_BYTES = 1_048_588
"""Of one batch of records: the most that Dapr's client sends, so that the topic takes every event that Dapr takes;
events stop at 900 KiB."""
_LIMIT = "max.message.bytes"
_ANSWER_SECONDS = 20.0
_OK, _ALREADY_THERE = 0, 36


def list_topics(styles: Sequence[TopicStyle] = STYLES) -> list[str]:
    """Return the topics of these styles, in the catalogue's order."""
    return list(dict.fromkeys(name_topic(event_type, style) for style in styles for event_type in EventType))


def name_dead_letters(topic: str) -> str:
    """Return the dead-letter topic of a topic."""
    return f"{topic}.dead"


def limit_topic(brokers: str, topic: str, size: int) -> None:
    """Set the most bytes that a topic takes in one batch of records; brokers apply it a little later.

    Raises `LiveError` with the broker's reason.
    """
    from kafka.admin import ConfigResource  # type: ignore[import-untyped]  # it ships no types

    with open_admin(brokers, _ANSWER_SECONDS) as admin:
        answer = admin.alter_configs([ConfigResource("topic", topic, {_LIMIT: str(size)})], raise_on_unknown=False)
    reason = answer["topic"][topic]
    if reason != "OK":
        raise LiveError(f"Kafka does not change {_LIMIT} of the topic {topic}: {reason}.")


def provide_topics(
    brokers: str, styles: Sequence[TopicStyle] = STYLES, partitions: int = PARTITIONS, seconds: float = 30.0
) -> list[str]:
    """Create the missing topics and dead-letter topics; return their names when all partitions have leaders.

    The brokers decide on the number of replicas. Raises `LiveError` with the broker's reason.
    """
    from kafka.errors import KafkaTimeoutError  # type: ignore[import-untyped]  # it ships no types

    topics = list_topics(styles)
    wanted = [*topics, *map(name_dead_letters, topics)]
    shape = {"num_partitions": partitions, "configs": {_LIMIT: str(MOST_BYTES)}}
    with open_admin(brokers, _ANSWER_SECONDS) as admin:
        answer = admin.create_topics(dict.fromkeys(wanted, shape), timeout_ms=15_000, raise_errors=False)
        for topic in answer["topics"]:
            if topic["error_code"] not in (_OK, _ALREADY_THERE):
                reason = topic.get("error_message") or f"error {topic['error_code']}"
                raise LiveError(f"Kafka does not make the topic {topic['name']}: {reason}.")
        try:
            admin.wait_for_topics(wanted, timeout_ms=int(seconds * 1000))
        except KafkaTimeoutError:
            raise LiveError(f"topics with leaders: not within {seconds:g} s.") from None
    return wanted
