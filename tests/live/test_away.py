"""Events that come while an application is away wait for it, through any number of failed attempts of the sidecar."""

import json
from pathlib import Path

import yaml
from confluent_kafka import Producer

from events.catalog import EventType
from infra.live.chain import LiveChain
from infra.live.programs import wait_until
from infra.live.resources import CONSUMER
from infra.live.sidecar import App
from infra.live.topics import PARTITIONS
from tests.live.publishing import make_envelope
from tests.live.receiver import Receiver

REFUSALS = 20_000
"""Failed attempts over all partitions; of so many, a daprd without our limit took one to nine for deliveries."""


def try_without_pause(resiliency: Path) -> None:
    document = yaml.safe_load(resiliency.read_text("utf-8"))
    document["spec"]["policies"]["retries"]["delivery"] = {"policy": "constant", "duration": "5ms", "maxRetries": -1}
    resiliency.write_text(yaml.safe_dump(document), "utf-8")


def test_no_refused_delivery_counts_as_done(chain: LiveChain) -> None:
    port = chain.ports.take()
    daprd = chain.add_daprd(App(CONSUMER, port))
    try_without_pause(daprd.program.folder / "resources" / "resiliency.yaml")
    with Receiver(port):
        daprd.start()
        daprd.wait_subscribed(len(EventType))

    producer = Producer({"bootstrap.servers": chain.brokers})
    sent = set()
    for event_type in EventType:
        for partition in range(PARTITIONS):
            for envelope in (make_envelope(event_type) for _ in range(20)):
                sent.add(envelope["id"])
                headers: dict[str, str | bytes | None] = {"content-type": "application/cloudevents+json"}
                producer.produce(event_type.value, json.dumps(envelope), partition=partition, headers=headers)
    producer.flush(20)
    del producer  # it would go on looking for its broker
    log = daprd.program.log
    wait_until(lambda: log.read_bytes().count(b"connection refused") > REFUSALS, 60, "daprd tries in vain")

    with Receiver(port) as back:
        back.wait_for(sent)
    daprd.stop()
