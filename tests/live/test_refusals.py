"""One event that the real broker refuses among good ones: the publisher names it, and it alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from events.catalog import EventType
from events.dapr import DaprPublisher, open_client
from events.ports import Outgoing
from infra.live.chain import LiveChain
from infra.live.resources import PRODUCT
from infra.live.sidecar import App
from infra.live.topics import MOST_BYTES, limit_topic
from tests.live.product import until
from tests.live.publishing import make_envelope, read_topic

PROMISES = ("refused-event",)

pytestmark = pytest.mark.anyio

TOPIC = "task.updated"


@contextmanager
def limited(chain: LiveChain, size: int) -> Iterator[None]:
    limit_topic(chain.brokers, TOPIC, size)
    try:
        yield
    finally:
        limit_topic(chain.brokers, TOPIC, MOST_BYTES)


def make_event(task_id: str, notes: str = "") -> Outgoing:
    envelope = make_envelope(EventType.TASK_UPDATED, task_id)
    envelope["data"]["notes"] = notes
    return Outgoing(envelope["id"], TOPIC, task_id, json.dumps(envelope))


async def test_a_large_event_is_refused_alone_also_by_those_of_its_partition(chain: LiveChain) -> None:
    daprd = chain.add_daprd(App(PRODUCT))
    daprd.start()
    good = [make_event(f"task-{number}") for number in range(24)]  # four times as many as partitions
    large = make_event("task-large", "x" * 20_000)
    batch = [*good[:12], large, *good[12:]]

    async with open_client(daprd.url) as client:
        publisher = DaprPublisher(client, "taskevents")

        async def is_limited() -> bool:
            [tried] = await publisher.publish([make_event("task-large", "x" * 20_000)])
            return tried.status == "refused"

        with limited(chain, 16 << 10):
            await until(is_limited, "the broker heeds the limit")
            outcomes = {each.event_id: each for each in await publisher.publish(batch)}
            stored = [json.loads(record.value)["id"] for record in read_topic(chain.brokers, TOPIC)]
    daprd.stop()

    assert outcomes[large.event_id].status == "refused", outcomes[large.event_id]
    assert {outcomes[each.event_id].status for each in good} == {"published"}
    assert [each.event_id in stored for each in batch] == [each is not large for each in batch]
