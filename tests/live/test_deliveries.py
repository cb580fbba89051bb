"""Deliveries of a sidecar: doubled, concurrent, out of order, unreadable, or from somebody else."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from confluent_kafka import Producer

from app.dapr.routes import DEAD_ROUTE, list_subscriptions, name_route
from app.faults.arena import Arena
from app.system import Chance, SystemIds
from events.catalog import SOURCE, EventType
from infra.live.chain import LiveChain, Plan
from infra.live.programs import wait_until
from tests.live.publishing import TopicReader

PROMISES = ("faults",)

SUCCESS, DROP = {"status": "SUCCESS"}, {"status": "DROP"}


@pytest.fixture(scope="module")
def arena(chain: LiveChain) -> Iterator[Arena]:
    plan = Plan(brokers=None, database_url=None, styles=["type"])
    with LiveChain(plan) as own, Arena(own, TopicReader) as opened:
        with opened.drive(Chance(3)) as driver:
            wait_until(lambda: driver.count() > 80, 30, "changes are made")
        opened.keep(driver)
        assert not opened.check().problems
        yield opened


def deliver(arena: Arena, route: str, body: bytes, replica: int = 0, token: str | None = None) -> httpx2.Response:
    headers = {"content-type": "application/cloudevents+json", "dapr-api-token": token or arena.app_token}
    return httpx2.post(f"{arena.urls[replica]}{route}", content=body, headers=headers, timeout=15, trust_env=False)


def make_event(kind: EventType, task_id: str, version: int, completed: bool = False) -> bytes:
    task: dict[str, Any] = {"id": task_id, "title": "Made up", "created_at": "2026-01-02T03:04:05.000000Z"}
    if completed:
        task["completed_at"] = "2026-01-05T03:04:05.000000Z"
    event_id = SystemIds().new()
    data = {
        "event_id": event_id,
        "event_type": kind.value,
        "timestamp": "2026-01-05T03:04:05.000000Z",
        "user_id": "local",
        "task_id": task_id,
        "data": {"version": version, "task": task, "actor": {"kind": "person", "surface": "rest"}},
    }
    envelope = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": kind.value, "data": data}
    return json.dumps(envelope).encode()


def record(arena: Arena, body: bytes) -> bytes:
    """Put an event into the outbox as published, since no other is believed, and return it."""
    event = json.loads(body)["data"]
    arena.ledger.ask(
        "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, attempts, "
        "published_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7)",
        *(event["event_id"], event["event_type"], event["user_id"], event["task_id"], event["data"]["version"]),
        *(body.decode(), event["timestamp"]),
    )
    return body


def count_day(arena: Arena, day: str) -> tuple[int, int]:
    return arena.ledger.read_effects().days.get(day, (0, 0))


def test_an_event_that_comes_again_and_again_has_one_effect(arena: Arena) -> None:
    body = record(arena, make_event(EventType.TASK_CREATED, SystemIds().new(), 1))
    route = name_route(EventType.TASK_CREATED)
    before = count_day(arena, "2026-01-02")

    with ThreadPoolExecutor(16) as pool:  # to both replicas at the same moment, as after a rebalance
        answers = list(pool.map(lambda number: deliver(arena, route, body, number % 2), range(32)))
    answers.append(deliver(arena, route, body))

    assert [answer.json() for answer in answers] == [SUCCESS] * 33
    event_id = json.loads(body)["id"]
    assert arena.ledger.read_effects().activity[event_id] == 1
    assert count_day(arena, "2026-01-02") == (before[0] + 1, before[1])


def test_an_older_version_that_comes_later_changes_no_count(arena: Arena) -> None:
    task = SystemIds().new()
    before = count_day(arena, "2026-01-05")
    completed = make_event(EventType.TASK_COMPLETED, task, 3, completed=True)
    reopened = make_event(EventType.TASK_UPDATED, task, 4)
    for kind, body in (
        (EventType.TASK_UPDATED, reopened),
        (EventType.TASK_CREATED, make_event(EventType.TASK_CREATED, task, 1)),
        (EventType.TASK_COMPLETED, completed),
    ):
        assert deliver(arena, name_route(kind), record(arena, body)).json() == SUCCESS

    assert count_day(arena, "2026-01-05") == before


def test_the_whole_history_again_in_any_order_changes_nothing(arena: Arena) -> None:
    effects = arena.ledger.read_effects()
    routes = list_subscriptions("type")
    records = list(arena.records)
    Chance(11).shuffle(records)

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda each: deliver(arena, routes[each.topic], each.value, len(each.value) % 2), records)
        )

    assert Counter(answer.text for answer in answers) == {'{"status":"SUCCESS"}': len(records)}
    assert arena.ledger.read_effects() == effects


@pytest.mark.parametrize("token", ["", "wrong"])
def test_who_is_not_the_sidecar_is_refused(arena: Arena, token: str) -> None:
    effects = arena.ledger.read_effects()
    forged = make_event(EventType.TASK_CREATED, SystemIds().new(), 1)
    paths = [*list_subscriptions("type").values(), f"{DEAD_ROUTE}/task.created", "/bindings/recurring-scheduler"]
    for path in paths:
        headers = {"dapr-api-token": token} if token else {}
        response = httpx2.post(f"{arena.urls[0]}{path}", content=forged, headers=headers, trust_env=False)
        assert response.status_code == 401, path
        assert response.json()["code"] == "forbidden"
    assert httpx2.get(f"{arena.urls[0]}/dapr/subscribe", trust_env=False).status_code == 401
    assert arena.ledger.read_effects() == effects


def test_poison_becomes_a_dead_letter_that_is_seen_and_the_partition_goes_on(arena: Arena) -> None:
    topic, key = "task.updated", b"one-partition"
    task = SystemIds().new()
    good = record(arena, make_event(EventType.TASK_UPDATED, task, 2))
    wrong = json.loads(make_event(EventType.TASK_UPDATED, task, 3))
    del wrong["data"]["task_id"]
    foreign = {**json.loads(make_event(EventType.TASK_UPDATED, task, 4)), "source": "somebody-else"}
    producer = Producer({"bootstrap.servers": arena.chain.brokers})
    headers: dict[str, str | bytes | None] = {"content-type": "application/cloudevents+json"}
    for value in (b"\xff\xfe no json", b"[1, 2", b"", json.dumps(wrong).encode(), json.dumps(foreign).encode(), good):
        producer.produce(topic, value, key, headers=headers)
    producer.flush(20)
    del producer  # it would go on looking for its broker

    event_id = json.loads(good)["id"]
    began = time.monotonic()
    wait_until(lambda: arena.ledger.read_effects().activity[event_id] == 1, 60, "the event behind the poison arrives")
    print(f"the event behind the poison arrives after {time.monotonic() - began:.1f} s")

    def read_letters() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            httpx2.get(f"{arena.urls[1]}/api/dead-letters", trust_env=False).json().get("unreadable", [])
        )
        return found

    wait_until(lambda: len(read_letters()) == 5, 60, "dead letters are seen")
    assert {letter["topic"] for letter in read_letters()} == {topic}
    assert any("task_id" in letter["reason"] for letter in read_letters())
    assert any("not a CloudEvents 1.0 event from evolution-todo" in letter["reason"] for letter in read_letters())
    degraded = (arena.replicas[0].read_readiness() or {})["degraded"]
    assert any("could not be read" in reason for reason in degraded)
