"""Events published through the real daprd are stored in the real Kafka and reach every subscriber, in every style."""

import json
from collections.abc import Iterator

import pytest

from events.catalog import EventType, TopicStyle, name_topic
from infra.live.admin import KafkaUnreachable, count_brokers
from infra.live.chain import LiveChain
from infra.live.programs import LiveError, wait_until
from infra.live.resources import CONSUMER, PRODUCT
from infra.live.sidecar import App, Daprd
from infra.live.topics import STYLES, name_dead_letters
from tests.live.publishing import count_partitions, make_envelope, publish, read_topic
from tests.live.receiver import Receiver

PROMISES = ("round-trip",)


@pytest.fixture
def publisher(chain: LiveChain) -> Iterator[Daprd]:
    daprd = chain.add_daprd(App(PRODUCT))
    daprd.start()
    yield daprd
    daprd.stop()


def subscribe(chain: LiveChain, receiver: Receiver, style: TopicStyle, retries: int | None = None) -> Daprd:
    daprd = chain.add_daprd(App(CONSUMER, receiver.port), style, retries=retries)
    daprd.start()
    daprd.wait_subscribed(1 if style == "single" else len(EventType))
    return daprd


@pytest.mark.parametrize("style", STYLES)
def test_each_type_arrives_whole_at_its_route(
    chain: LiveChain, publisher: Daprd, receiver: Receiver, style: TopicStyle
) -> None:
    consumer = subscribe(chain, receiver, style)
    sent = {event["id"]: event for event in map(make_envelope, EventType)}
    for event in sent.values():
        assert publish(publisher, name_topic(EventType(event["type"]), style), event).status_code == 204

    for event_id, delivery in receiver.wait_for(set(sent)).items():
        event = sent[event_id]
        assert delivery.path == f"/events/{event['type'].replace('.', '-')}"
        assert event.items() <= delivery.event.items(), "nothing that was sent is changed on the way"
        assert delivery.headers["__key"] == event["partitionkey"]
    consumer.stop()

    topic = name_topic(EventType.TASK_CREATED, style)
    stored = {json.loads(record.value)["id"]: record for record in read_topic(chain.brokers, topic)}
    (created,) = (event for event in sent.values() if event["type"] == "task.created")
    assert stored[created["id"]].key == b"task-1"
    assert "世界".encode() in stored[created["id"]].value


def test_what_came_before_the_first_consumer_is_not_missed(
    chain: LiveChain, publisher: Daprd, receiver: Receiver
) -> None:
    early = make_envelope(EventType.TASK_CREATED)
    publish(publisher, "task.created", early)
    newcomer = chain.add_daprd(App("newcomer", receiver.port))

    newcomer.start()

    receiver.wait_for({early["id"]})
    newcomer.stop()


def test_a_dropped_event_becomes_a_dead_letter_and_the_next_one_passes(
    chain: LiveChain, publisher: Daprd, receiver: Receiver
) -> None:
    poison, good = make_envelope(EventType.TASK_UPDATED), make_envelope(EventType.TASK_UPDATED)
    receiver.answer = lambda delivery: "DROP" if delivery.event["id"] == poison["id"] else "SUCCESS"
    consumer = subscribe(chain, receiver, "type")

    publish(publisher, "task.updated", poison, good)

    receiver.wait_for({poison["id"], good["id"]})
    dead = {json.loads(record.value)["id"] for record in read_topic(chain.brokers, "task.updated.dead")}
    assert poison["id"] in dead
    assert good["id"] not in dead
    consumer.stop()


def test_a_retried_event_is_tried_so_often_and_then_a_dead_letter(
    chain: LiveChain, publisher: Daprd, receiver: Receiver
) -> None:
    stubborn, next_one = make_envelope(EventType.TASK_DELETED), make_envelope(EventType.TASK_DELETED)
    receiver.answer = lambda delivery: "RETRY" if delivery.event["id"] == stubborn["id"] else "SUCCESS"
    consumer = subscribe(chain, receiver, "type", retries=1)

    publish(publisher, "task.deleted", stubborn, next_one)

    receiver.wait_for({next_one["id"]})
    assert sum(delivery.event["id"] == stubborn["id"] for delivery in receiver.deliveries) == 2
    dead = {json.loads(record.value)["id"] for record in read_topic(chain.brokers, "task.deleted.dead")}
    assert stubborn["id"] in dead
    consumer.stop()


def test_a_consumer_may_not_publish_and_nobody_may_to_a_topic_that_is_not_ours(
    chain: LiveChain, publisher: Daprd, receiver: Receiver
) -> None:
    event = make_envelope(EventType.TASK_CREATED)
    consumer = chain.add_daprd(App(CONSUMER))
    consumer.start()

    assert publish(consumer, "task.created", event).status_code == 403
    assert publish(publisher, "task.craeted", event).status_code == 403

    assert "task.craeted" not in count_partitions(chain.brokers)
    consumer.stop()


def test_topics_have_their_partitions_and_their_dead_letters(chain: LiveChain) -> None:
    found = count_partitions(chain.brokers)

    for style in STYLES:
        for event_type in EventType:
            topic = name_topic(event_type, style)
            assert found[topic] == found[name_dead_letters(topic)] == chain.plan.partitions


@pytest.mark.long("17 s; a row of the long faults, too")
def test_a_daprd_that_starts_before_kafka_comes_up_with_it(chain: LiveChain) -> None:
    assert chain.kafka is not None
    chain.kafka.kill()
    early = chain.add_daprd(App(PRODUCT))
    early.begin()
    wait_until(lambda: early.program.exits > 0, 60, "daprd gives up without Kafka")

    chain.kafka.start()

    early.wait_ready()
    assert publish(early, "task.created", make_envelope(EventType.TASK_CREATED)).status_code == 204
    early.stop()


def test_a_killed_daprd_comes_back_by_itself(chain: LiveChain, publisher: Daprd) -> None:
    before = publisher.program.pid

    publisher.crash()

    publisher.wait_ready()
    assert publisher.program.pid != before
    assert publish(publisher, "task.created", make_envelope(EventType.TASK_CREATED)).status_code == 204


def test_a_paused_kafka_answers_nobody_and_goes_on_where_it_was(chain: LiveChain, publisher: Daprd) -> None:
    assert chain.kafka is not None
    chain.kafka.pause()
    with pytest.raises(KafkaUnreachable):
        count_brokers(chain.brokers, 0.3)

    chain.kafka.resume()

    chain.kafka.wait_ready()
    assert publish(publisher, "task.created", make_envelope(EventType.TASK_CREATED)).status_code == 204


def test_the_cron_binding_calls_its_route(chain: LiveChain, receiver: Receiver) -> None:
    ticking = chain.add_daprd(App(PRODUCT, receiver.port), schedule="@every 1s")

    ticking.start()

    wait_until(lambda: receiver.ticks > 0, 30, "the cron binding fires")
    ticking.stop()


def test_postgres_has_databases_and_survives_a_kill(chain: LiveChain) -> None:
    postgres = chain.postgres
    assert postgres is not None
    assert postgres.create_database("kept").endswith("/kept")

    postgres.kill()
    postgres.start()

    with pytest.raises(LiveError, match="already exists"):
        postgres.create_database("kept")
