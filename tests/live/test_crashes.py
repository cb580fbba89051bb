"""Crashes at the worst moments, and several relays and schedulers on one database."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx2
import pytest

from app.faults.arena import Arena
from app.system import Chance, SystemClock
from events.instants import write_instant
from infra.live.programs import wait_until
from tests.long import also_long

PROMISES = ("faults",)

TAKE_OVER_SECONDS = 2.0
"""Promised: a holder that ends, however, is followed within it."""


def write(url: str, method: str, path: str, **body: Any) -> dict[str, Any]:
    response = httpx2.request(method, f"{url}/api{path}", json=body, timeout=10, trust_env=False)
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


def count_records(arena: Arena) -> Counter[str]:
    arena.records += arena.reader.read_new()
    return Counter(json.loads(record.value or b"")["id"] for record in arena.records)


def assert_whole(arena: Arena) -> None:
    assert not arena.check().problems


@contextmanager
def marks_blocked(arena: Arena) -> Iterator[None]:
    """Hold every row of the outbox, so that what is published cannot be marked: new rows can still be written."""
    held, release = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(arena.ledger.url)
        try:
            async with connection.transaction():
                await connection.fetch("SELECT seq FROM outbox_entry FOR UPDATE")
                held.set()
                await asyncio.to_thread(release.wait)
        finally:
            await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    try:
        assert held.wait(10)
        yield
    finally:
        release.set()
        thread.join()


def test_a_crash_between_commit_and_publishing_loses_nothing(arena: Arena) -> None:
    for replica in arena.replicas:
        replica.daprd.pause()  # what is sent to it now is never published: it is killed before it goes on
    answers = [write(url, "POST", "/tasks", title=f"Committed {number}") for number in range(10) for url in arena.urls]
    ids = {event["id"] for answer in answers for event in answer["events"]}
    # the relay has taken them up once it waits for an answer; one that marked first would have marked them by now
    leader = arena.find_leader()
    wait_until(lambda: has_connection_to(leader.daprd.ports["http"]), 10, "the relay calls its sidecar")

    for replica in arena.replicas:
        replica.program.crash()
        replica.daprd.kill()
    assert not ids & count_records(arena).keys()

    for replica in arena.replicas:
        replica.daprd.begin()
    wait_until(lambda: ids <= count_records(arena).keys(), 30, "all that was committed is published")
    assert {count_records(arena)[event_id] for event_id in ids} == {1}
    assert_whole(arena)


def has_connection_to(port: int) -> bool:
    lines = Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]
    return any(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


def test_a_crash_between_publishing_and_marking_sends_the_same_event_again(arena: Arena) -> None:
    for replica in arena.replicas:
        replica.wait_ready()
    leader = arena.find_leader()
    for replica in arena.replicas:
        replica.daprd.pause()
    ids = {write(url, "POST", "/tasks", title="Published")["events"][0]["id"] for url in arena.urls for _ in range(5)}
    with marks_blocked(arena):
        for replica in arena.replicas:
            replica.daprd.resume()
        # The rest waits until these are marked: what cannot be marked is not sent again and again.
        wait_until(lambda: bool(ids & count_records(arena).keys()), 30, "some are published")
        leader.program.crash()

    wait_until(lambda: arena.ledger.count_waiting() == 0, 30, "all are published and marked")
    counts = count_records(arena)
    assert any(counts[event_id] > 1 for event_id in ids), "the crash fell between publishing and marking"
    assert_whole(arena)


def test_two_relays_at_rest_publish_each_event_once(arena: Arena) -> None:
    for replica in arena.replicas:
        replica.wait_ready()
    arena.find_leader()
    before = count_records(arena)
    with arena.drive(Chance(5), pace=15) as driver:
        wait_until(lambda: driver.count() >= 150, 30, "changes are made")
    arena.keep(driver)

    arena.wait_published()

    counts = count_records(arena) - before
    assert len(counts) > 100
    assert set(counts.values()) == {1}, "without a fault nobody publishes beside the leader"
    assert_whole(arena)


@pytest.mark.parametrize("way", also_long(["killed", "hung"], ["stopped"], "a third way to end"))
def test_a_leader_that_ends_is_followed_within_two_seconds(arena: Arena, way: str) -> None:
    for replica in arena.replicas:
        replica.wait_ready()
    leader = arena.find_leader()
    holder = leader.program.pid
    other = next(replica for replica in arena.replicas if replica is not leader)
    with arena.drive(Chance(6)) as driver:
        wait_until(lambda: driver.count() >= 30, 30, "changes are made")
        end = {"killed": leader.program.crash, "hung": leader.program.pause, "stopped": leader.program.stop}[way]
        end()
        began = time.monotonic()

        wait_until(lambda: arena.ledger.read_lease()[0] not in (None, holder), 10, "another leads")
        took_over = time.monotonic() - began

        try:
            answer = write(other.url, "POST", "/tasks", title=f"After the leader was {way}")
            wait_until(lambda: answer["events"][0]["id"] in count_records(arena), 30, "the follower publishes")
        finally:
            # The tests after this one need both.
            if way == "hung":
                leader.program.resume()  # now two processes believe that they lead
            if way == "stopped":
                leader.program.start()
        leader.wait_ready()
        at = driver.count()
        wait_until(lambda: driver.count() >= at + 30, 30, "both take changes")
    arena.keep(driver)
    print(f"{way}: another leads after {took_over:.2f} s")
    assert took_over < TAKE_OVER_SECONDS
    assert not arena.refused
    assert_whole(arena)


@pytest.mark.long("20 s; in memory there are storms of it")
def test_two_schedulers_and_two_crons_ring_and_make_each_thing_once(arena: Arena) -> None:
    for replica in arena.replicas:
        replica.wait_ready()
        replica.daprd.wait_subscribed(2)
    at = (SystemClock().now() + timedelta(seconds=15)).replace(microsecond=0)
    due, rule = write_instant(at), f"FREQ=HOURLY;BYMINUTE={at.minute};BYSECOND={at.second}"
    url = arena.urls[0]
    tasks = [write(url, "POST", "/tasks", title=f"Rings {n}", reminders=[due])["task"]["id"] for n in range(10)]
    made = [
        write(
            url, "POST", "/recurring-tasks", title=f"Comes {n}", rule=rule, first_due=due, zone="UTC",
            mode="every_occurrence",
        )["recurring_id"]
        for n in range(10)
    ]  # fmt: skip

    def count(kind: str, column: str, ids: list[str]) -> Counter[str]:
        statement = f"SELECT {column} FROM {kind} WHERE {column} = ANY($1)"  # noqa: S608  # our own words
        return Counter(row[0] for row in arena.ledger.ask(statement, ids))

    wait_until(lambda: len(count("notification", "task_id", tasks)) == 10, 40, "all reminders ring")
    wait_until(lambda: min(count("task", "recurring_id", made).values()) == 2, 20, "all next instances are made")
    leader = arena.find_leader()
    leader.program.crash()  # the next one looks at what is due as well
    ticks = count_ticks(arena)
    wait_until(lambda: count_ticks(arena) > ticks + 2, 20, "crons go on ticking")

    assert set(count("notification", "task_id", tasks).values()) == {1}
    assert set(count("task", "recurring_id", made).values()) == {2}
    assert_whole(arena)


def count_ticks(arena: Arena) -> int:
    """How often the sidecars' crons called the product, as their own measurements say."""
    found = 0
    for replica in arena.replicas:
        try:
            said = httpx2.get(f"http://127.0.0.1:{replica.daprd.ports['metrics']}/metrics", trust_env=False).text
        except httpx2.TransportError:
            continue
        found += sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in said.splitlines()
            if line.startswith("dapr_component_input_binding_count{")
        )
    return found
