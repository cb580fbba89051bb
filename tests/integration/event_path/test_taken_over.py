"""Overdue events are redelivered from the outbox after a minute: once, to consumers that lack them, in any order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from events import redelivery
from events.catalog import EventType
from events.consumer import Consumer
from events.redelivery import CHUNK, GRACE_PERIOD, LOOK_BACK, MOST_CHUNKS, _scan
from tests.clock import MONDAY
from tests.integration.event_path.dapr_worlds import SUCCESS, Fragile, deliver, read_activity
from tests.integration.event_path.test_redelivery import explain, publish, watch_of
from tests.world import World
from todo.activity.reactions import REACTIONS
from todo.errors import StorageUnavailable

PROMISES = ("taken-over",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

NAMES = [consumer.name for consumer in REACTIONS if EventType.TASK_CREATED in consumer.types]
EACH = len(NAMES)
"""The reactions to one `task.created`."""


async def look(world: World) -> int:
    """Step once, make the redeliveries, and return their number."""
    taken = await watch_of(world).step()
    while await world.service.broker.step():
        pass
    return taken


async def read_statistics(world: World) -> dict[str, Any]:
    body: dict[str, Any] = (await world.rest.get("/statistics")).json()
    return body


async def publish_copies(world: World, count: int) -> None:
    """Publish a number of further `task.created` events at one moment."""
    await publish(world)
    rows = [{"id": f"copy-{number}"} for number in range(count - 1)]
    copy = (
        "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, attempts, "
        "published_at) SELECT :id, event_type, user_id, :id, version, payload, recorded_at, 0, published_at "
        "FROM outbox_entry WHERE seq = 1"
    )
    await world.service.database.write(lambda connection: connection.execute(text(copy), rows).close())


async def hear_all(world: World) -> None:
    """Let all consumers of `task.created` have reacted to all events so far."""
    heard = "INSERT INTO inbox_entry SELECT :name, event_id, 'x' FROM outbox_entry"
    names = [{"name": name} for name in NAMES]
    await world.service.database.write(lambda connection: connection.execute(text(heard), names).close())


async def count_taken_over(world: World) -> int:
    return await world.service.database.read(
        lambda connection: int(connection.execute(text("SELECT count(DISTINCT event_id) FROM delivery")).scalar_one())
    )


async def test_an_event_that_was_passed_over_has_its_effect_after_a_minute(dapr: World) -> None:
    await publish(dapr)
    heard = await publish(dapr)
    assert await deliver(dapr, *heard) == SUCCESS
    dapr.clock.at += GRACE_PERIOD - timedelta(seconds=0.001)
    assert await look(dapr) == 0
    assert await read_activity(dapr) == ["task.created"]
    dapr.clock.move(seconds=0.001)
    assert await look(dapr) == EACH, "all reactions to the one, nothing of the other"
    assert await read_activity(dapr) == ["task.created", "task.created"]
    assert await look(dapr) == 0


async def test_whatever_comes_after_all_has_no_second_effect(dapr: World) -> None:
    event = await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    await look(dapr)
    before = await read_statistics(dapr), await read_activity(dapr)
    assert await deliver(dapr, *event) == SUCCESS
    assert await deliver(dapr, f"/events/dead/{event[1]['type']}", event[1]) == SUCCESS
    assert (await read_statistics(dapr), await read_activity(dapr)) == before
    assert (await dapr.rest.get("/dead-letters")).json()["dead_letters"] == []


async def test_what_comes_between_the_look_and_the_delivery_has_no_second_effect(dapr: World) -> None:
    event = await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await watch_of(dapr).step() == EACH
    assert await deliver(dapr, *event) == SUCCESS
    assert await look(dapr) == 0
    assert await read_activity(dapr) == ["task.created"]


async def test_only_who_misses_it_gets_it(dapr: World) -> None:
    event = await publish(dapr)
    assert await deliver(dapr, *event) == SUCCESS
    forget = "DELETE FROM inbox_entry WHERE consumer = 'statistics'"
    await dapr.service.database.write(lambda connection: connection.exec_driver_sql(forget).close())
    dapr.clock.at += GRACE_PERIOD
    assert await watch_of(dapr).step() == 1
    assert await dapr.service.database.read(
        lambda connection: connection.exec_driver_sql("SELECT consumer FROM delivery").scalars().all()
    ) == ["statistics"]


async def test_a_dead_letter_is_left_to_who_replays_it(dapr: World) -> None:
    route, event = await publish(dapr)
    assert route == "/events/task-created"
    assert await deliver(dapr, "/events/dead/task.created", event) == SUCCESS
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == 0
    assert await read_activity(dapr) == []


async def test_what_fails_from_here_too_is_parked_with_its_reason(dapr: World) -> None:
    fragile = Consumer("fragile", frozenset({EventType.TASK_CREATED}), Fragile())
    dapr.service.broker._by_name["fragile"] = fragile
    watch_of(dapr).consumers = [fragile]
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == 1
    for _ in range(8):
        dapr.clock.move(seconds=60)
        await look(dapr)
    [parked] = (await dapr.rest.get("/dead-letters")).json()["dead_letters"]
    assert (parked["consumer"], "no such word" in parked["reason"]) == ("fragile", True)


async def test_a_crowd_of_one_moment_is_taken_over_chunk_by_chunk(dapr: World) -> None:
    await publish_copies(dapr, 2 * CHUNK + 3)
    dapr.clock.at += GRACE_PERIOD
    steps = []
    while taken := await watch_of(dapr).step():
        steps.append(taken)
    assert steps == [EACH * CHUNK, EACH * CHUNK, EACH * 3]
    assert await count_taken_over(dapr) == 2 * CHUNK + 3


async def test_what_was_heard_is_passed_over_many_chunks_in_a_step(dapr: World) -> None:
    await publish_copies(dapr, 3 * CHUNK)
    await hear_all(dapr)
    dapr.clock.move(seconds=1)
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert MOST_CHUNKS > 3
    assert await watch_of(dapr).step() == EACH


async def test_who_leads_anew_looks_an_hour_back(dapr: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "NEWEST", 1)
    for at in (timedelta(), timedelta(seconds=2), LOOK_BACK + timedelta(seconds=1)):
        dapr.clock.at = MONDAY + at
        await publish(dapr)
    dapr.clock.at += timedelta(days=3)
    assert await watch_of(dapr).step() == 2 * EACH, "whoever led before has seen to the first"


async def test_what_was_published_while_the_clock_was_behind_is_seen(dapr: World) -> None:
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == EACH
    dapr.clock.move(minutes=-30)
    await publish(dapr)
    dapr.clock.move(minutes=30)
    assert await look(dapr) == EACH
    assert await look(dapr) == 0


@pytest.mark.parametrize("hours", [0.5, 3])
async def test_what_was_published_by_a_leader_with_a_clock_that_is_behind_is_seen_by_who_leads_after_it(
    dapr: World, hours: float
) -> None:
    background = dapr.service.background
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == EACH
    dapr.clock.move(hours=-hours)
    await publish(dapr)
    dapr.clock.move(hours=hours)
    dapr.service.relay.take_earliest_mark()  # another process has published it
    assert await look(dapr) == 0, "this process has looked past it"
    background.start()
    async with asyncio.timeout(10):
        while len(await read_activity(dapr)) < 2:
            await asyncio.sleep(0)
    await background.stop()


async def test_a_clock_that_was_ahead_hides_nothing(dapr: World) -> None:
    dapr.clock.move(hours=2)
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == EACH
    dapr.clock.at = MONDAY
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    assert await look(dapr) == EACH
    assert len(await read_activity(dapr)) == 2


async def test_what_was_stamped_by_a_clock_ahead_does_not_wait_until_its_time_comes(dapr: World) -> None:
    dapr.clock.move(hours=1)
    await publish(dapr)
    dapr.clock.move(hours=-1)
    assert await look(dapr) == EACH
    assert await look(dapr) == 0
    assert len(await read_activity(dapr)) == 1
    dapr.clock.move(hours=2)
    assert await look(dapr) == 0


async def test_what_could_not_be_stored_is_looked_at_again(dapr: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD

    async def refuse(_: Any) -> None:
        raise StorageUnavailable("The disk is full.", "Free some room.")

    with monkeypatch.context() as patch:
        patch.setattr(type(dapr.service.database), "write", lambda _self, use_case, *_: refuse(use_case))
        with pytest.raises(StorageUnavailable):
            await watch_of(dapr).step()
    assert await look(dapr) == EACH


async def test_each_look_begins_where_the_last_one_ended(dapr: World, storage: str) -> None:
    await publish_copies(dapr, 3_000)
    await hear_all(dapr)
    await dapr.service.database.write(lambda connection: connection.exec_driver_sql("ANALYZE").close())
    dapr.clock.at += GRACE_PERIOD
    assert await watch_of(dapr).step() == 0
    dapr.clock.move(seconds=1)
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD
    kind, names = EventType.TASK_CREATED, NAMES
    watch = watch_of(dapr)
    plans = await explain(
        dapr, storage, lambda connection: _scan(connection, kind, names, *watch._find_span(connection, kind))
    )
    assert len(plans) == 1 + 2 * EACH, "the next events, and what each consumer knows of them, by inbox and deliveries"
    assert "ix_outbox_published" in plans[0]
    for plan in plans:
        assert "Seq Scan on outbox_entry" not in plan
        assert "Seq Scan on inbox_entry" not in plan
        assert "SCAN" not in plan
