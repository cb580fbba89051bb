"""Three brokers: with one down, records on two are kept; with two down, nothing is acknowledged."""

from collections.abc import Iterator

import pytest

from events.catalog import EventType
from infra.live.chain import LiveChain, Plan
from infra.live.programs import wait_until
from infra.live.resources import PRODUCT
from infra.live.sidecar import App
from tests.live.publishing import make_envelope, publish, read_topic

pytestmark = pytest.mark.long("a minute")

TOPIC = "task.created"


@pytest.fixture(scope="module")
def three(chain: LiveChain) -> Iterator[LiveChain]:
    with LiveChain(Plan(kafka_nodes=3, postgres=False, brokers=None, partitions=3, styles=["type"])) as opened:
        yield opened


def test_one_broker_may_go_and_two_may_not(three: LiveChain) -> None:
    assert three.kafka is not None
    daprd = three.add_daprd(App(PRODUCT))
    daprd.start()
    events = [make_envelope(EventType.TASK_CREATED, f"task-{number}") for number in range(12)]
    first, second, third = events[:4], events[4:8], events[8:]

    def reach(batch: list[dict[str, object]]) -> bool:
        return publish(daprd, TOPIC, *batch).status_code == 204

    assert reach(first)
    three.kafka.nodes[0].kill()
    wait_until(lambda: reach(second), 60, "two of three brokers take events")
    three.kafka.nodes[1].kill()
    assert not reach(third), "what only one broker would hold is not acknowledged"

    for node in three.kafka.nodes[:2]:
        node.program.start()
    three.kafka.wait_ready()
    wait_until(lambda: reach(third), 60, "three of three brokers take events")

    stored = b"".join(record.value for record in read_topic(three.brokers, TOPIC))
    assert all(event["id"].encode() in stored for event in events)
