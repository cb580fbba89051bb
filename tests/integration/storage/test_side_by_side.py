"""Concurrent transactions on PostgreSQL, in one process and in two, leave the same as serial ones."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.identity import LOCAL_PERSON, SCHEDULER
from app.storage.postgres import TRIES
from events.catalog import TaskEvent
from events.lease import Lease
from events.sql import take_lock
from tests.world import World
from todo.activity.reactions import count_tasks
from todo.errors import StorageUnavailable
from todo.record.scopes import EVERYTHING
from todo.record.shapes import Answer
from todo.record.work import Who, Work
from todo.requests.idempotency import once
from todo.requests.schemas import CreateTask
from todo.rings import fire_due
from todo.tasks.tasks import create_task

PROMISES = ("two-databases",)

pytestmark = [pytest.mark.anyio, pytest.mark.database("postgresql")]

AGENT = Who("local", "agent", "mcp", "", "ide", scopes=EVERYTHING)


async def make(world: World, **fields: Any) -> str:
    response = await world.rest.post("/tasks", json={"title": "Buy milk", **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["task"]["id"])


async def test_changes_of_one_task_at_the_same_moment_queue_up(world: World, second: World) -> None:
    """As on SQLite, a call without a version gets no conflict; the events are in the order of versions."""
    task = await make(world)
    calls = [
        each.rest.patch(f"/tasks/{task}", json={"notes": f"{number} {index}"})
        for number in range(8)
        for index, each in enumerate((world, second))
    ]
    responses = await asyncio.gather(*calls)
    assert {response.status_code for response in responses} == {200}
    assert sorted(response.json()["task"]["version"] for response in responses) == list(range(2, 18))
    assert [event["taskversion"] for event in await world.events()] == list(range(1, 18))


async def test_of_two_that_saw_the_same_version_one_is_refused(world: World, second: World) -> None:
    task = await make(world)
    calls = [
        each.rest.patch(f"/tasks/{task}", json={"notes": f"{number}"}, headers={"If-Match": '"1"'})
        for number, each in enumerate((world, second, world, second))
    ]
    statuses = [response.status_code for response in await asyncio.gather(*calls)]
    assert sorted(statuses) == [200, 412, 412, 412]


async def test_x17_a_call_on_a_series_meets_no_conflict_that_it_did_not_ask_for(world: World, second: World) -> None:
    """The open instance is changed after the call has read it and before the call writes it."""
    made = (await world.rest.post("/recurring-tasks", json={"title": "Water", "rule": "FREQ=DAILY"})).json()
    series, instance = made["recurring_id"], made["task"]["id"]
    written, waits = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(connection: Connection) -> None:
        touch = text("UPDATE task SET version = version + 1, notes = 'meanwhile' WHERE id = :key")
        connection.execute(touch, {"key": instance})
        loop.call_soon(written.set)
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(blocked).scalar_one():
            connection.exec_driver_sql("SELECT pg_sleep(0.01)")
        waits.set()

    holding = asyncio.create_task(second.service.database.write(hold))
    await written.wait()
    changed = await world.rest.patch(f"/recurring-tasks/{series}", json={"title": "Water the plants"})
    await holding
    assert waits.is_set()
    assert changed.status_code == 200, changed.text
    found = (await world.rest.get(f"/tasks/{instance}")).json()
    assert (found["title"], found["notes"], found["version"]) == ("Water the plants", "meanwhile", 3)


async def test_x17_six_calls_on_one_series_at_the_same_moment_all_succeed(world: World, second: World) -> None:
    made = (await world.rest.post("/recurring-tasks", json={"title": "Water", "rule": "FREQ=DAILY"})).json()
    series = made["recurring_id"]
    for number in range(8):
        calls = [
            each.rest.patch(f"/recurring-tasks/{series}", json=fields)
            for each in (world, second)
            for fields in ({"title": f"Water {number}"}, {"skip": "1"}, {"notes": f"{number}"})
        ]
        responses = await asyncio.gather(*calls)
        assert {response.status_code for response in responses} == {200}, [each.text for each in responses]


async def test_two_processes_with_one_request_id_have_one_effect(world: World, second: World) -> None:
    calls = [
        each.rest.post("/tasks", json={"title": "Once"}, headers={"Idempotency-Key": f"{number}"})
        for number in range(10)
        for each in (world, second, world)
    ]
    responses = await asyncio.gather(*calls)
    assert {response.status_code for response in responses} == {201}
    assert sum("replayed" in response.json() for response in responses) == 20
    assert await world.query("SELECT count(*) FROM task") == [(10,)]


@pytest.mark.parametrize("named", [True, False])
async def test_a_repeat_waits_for_the_call_that_still_runs(world: World, second: World, named: bool) -> None:
    started = asyncio.Event()

    def slow(work: Work, request: CreateTask) -> Answer:
        answer = create_task(work, request)
        started.set()
        work.connection.exec_driver_sql("SELECT pg_sleep(0.2)")
        return answer

    async def call(at: World, request_id: str | None, use_case: Any) -> Answer:
        request = CreateTask(title="Milk", request_id=request_id)
        return await at.service.store.write(AGENT, lambda work: once(work, "create_task", request, use_case))

    first = asyncio.create_task(call(world, "id" if named else None, slow))
    await started.wait()
    again = await call(second, "id" if named else "new", create_task)
    assert again["replayed"] is True
    assert again["task"] == (await first)["task"]
    assert await world.query("SELECT count(*) FROM task") == [(1,)]


async def test_reminders_ring_once_whoever_rings_them(world: World, second: World) -> None:
    for number in range(10):
        await make(world, title=f"Task {number}", reminders=["2026-11-23T11:00", "2026-11-23T11:01"])
    for each in (world, second):
        each.clock.move(hours=2)
    stores = [world.service.store, second.service.store] * 4
    while sum(await asyncio.gather(*(store.write(SCHEDULER, lambda work: fire_due(work, 5)) for store in stores))):
        pass
    rung = await world.query("SELECT task_id FROM outbox_entry WHERE event_type = 'reminder.due'")
    assert len(rung) == 20
    assert await world.query("SELECT count(*) FROM reminder WHERE status = 'fired'") == [(20,)]


async def test_completing_while_it_rings_leaves_no_doubt(world: World, second: World) -> None:
    """Either the reminder rang and is fired, or it was cancelled and did not ring."""
    tasks = [await make(world, title=f"Task {number}", reminders=["2026-11-23T11:00"]) for number in range(12)]
    for each in (world, second):
        each.clock.move(hours=2)
    rings = [second.service.store.write(SCHEDULER, lambda work: fire_due(work, 3)) for _ in range(8)]
    calls = [world.rest.post(f"/tasks/{task}/complete") for task in tasks]
    await asyncio.gather(*calls, *rings)
    rung = await world.query("SELECT task_id FROM outbox_entry WHERE event_type = 'reminder.due' ORDER BY task_id")
    fired = await world.query("SELECT task_id FROM reminder WHERE status = 'fired' ORDER BY task_id")
    cancelled = await world.query("SELECT count(*) FROM reminder WHERE status = 'cancelled'")
    assert rung == fired
    assert len(fired) + cancelled[0][0] == 12


async def test_two_deliverers_react_once_and_in_order(world: World, second: World) -> None:
    for number in range(5):
        task = await make(world, title=f"Task {number}")
        await world.rest.patch(f"/tasks/{task}", json={"notes": "x"})
        await world.rest.post(f"/tasks/{task}/complete")
    services = [world.service, second.service]
    for _ in range(8):
        await asyncio.gather(*(service.relay.step() for service in services * 2))
        await asyncio.gather(*(service.broker.step() for service in services * 4))
    events = await world.query("SELECT event_id FROM outbox_entry")
    reacted = await world.query("SELECT event_id FROM activity")
    assert sorted(events) == sorted(reacted)
    versions = await world.query("SELECT task_id, version FROM activity ORDER BY task_id, seq")
    assert [row[1] for row in versions] == [1, 2, 3] * 5
    assert await world.query("SELECT created, completed FROM day_count") == [(5, 5)]


async def test_one_of_many_gets_the_lease(world: World, second: World) -> None:
    async def acquire(name: str, holder: str, service: Any) -> bool:
        return bool(await service.database.write(Lease(holder, name).acquire))

    for name in ("new", "expired"):
        if name == "expired":
            statement = text("INSERT INTO lease VALUES ('expired', 'dead', 7, 0)")
            await world.service.database.write(lambda connection: connection.execute(statement).close())  # noqa: B023
        services = [world.service, second.service] * 6
        held = await asyncio.gather(*(acquire(name, f"{number}", each) for number, each in enumerate(services)))
        assert held.count(True) == 1
        winner = str(held.index(True))
        assert await world.query("SELECT holder FROM lease WHERE name = :name", name=name) == [(winner,)]
        assert await acquire(name, winner, world.service)
        assert not await acquire(name, "late", second.service)
    assert await world.query("SELECT epoch FROM lease WHERE name = 'expired'") == [(8,)]


async def test_a_date_saved_while_the_zone_changes_ends_with_its_day_there(world: World, second: World) -> None:
    for number, zone in enumerate(("America/New_York", "Asia/Tokyo", "UTC", "Pacific/Apia")):
        creates = [make(second, title=f"{number} {each}", due="2026-11-27") for each in range(8)]
        await asyncio.gather(*creates[:4], world.rest.patch("/me", json={"zone": zone}), *creates[4:])
        assert len(await world.query("SELECT DISTINCT deadline FROM task")) == 1


async def test_another_process_is_seen_at_once(world: World, second: World) -> None:
    rung = asyncio.Event()
    world.service.background.wakeup.listeners.append(rung.set)
    watch = asyncio.create_task(world.service.background._watch())
    try:
        for _ in range(3):
            await asyncio.wait_for(rung.wait(), 0.5 if world.service.background._wakes else 2)
            await asyncio.sleep(0.45)  # the second poll after a change is over
            rung.clear()
            await make(second)
            await asyncio.wait_for(rung.wait(), 0.5)
    finally:
        watch.cancel()


async def test_a_change_that_commits_after_a_later_one_is_seen_too(world: World, second: World) -> None:
    """Row numbers are assigned before the commit: an older one may appear after a newer one is known."""
    recorded, seen = asyncio.Event(), asyncio.Event()
    rings: asyncio.Queue[None] = asyncio.Queue()
    world.service.background.wakeup.listeners.append(lambda: rings.put_nowait(None))

    def slow(work: Work) -> None:
        create_task(work, CreateTask(title="Begun first"))
        recorded.set()
        while not seen.is_set():
            work.connection.exec_driver_sql("SELECT pg_sleep(0.002)")

    writing = asyncio.create_task(second.service.store.write(LOCAL_PERSON, slow))
    await recorded.wait()
    await make(second, title="Done first")
    watch = asyncio.create_task(world.service.background._watch())
    try:
        await asyncio.wait_for(rings.get(), 1)
        seen.set()
        await writing
        await asyncio.wait_for(rings.get(), 0.5)
    finally:
        watch.cancel()


async def test_a_second_deliverer_waits_for_the_first_one(world: World, second: World) -> None:
    await make(world)
    begun, ended = asyncio.Event(), asyncio.Event()

    def deliver(connection: Connection) -> None:
        take_lock(connection, "deliveries")
        begun.set()
        while not ended.is_set():
            connection.exec_driver_sql("SELECT pg_sleep(0.002)")

    first = asyncio.create_task(world.service.database.write(deliver))
    await begun.wait()
    stepping = asyncio.create_task(second.service.relay.step())
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(5):
        while await world.query(waiting) != [(1,)]:
            pass
    assert await world.query("SELECT count(*) FROM activity") == [(0,)]
    ended.set()
    await first
    assert await stepping == 1
    assert await world.query("SELECT count(*) FROM activity") == [(1,)]


async def test_a_conflict_is_retried_with_the_same_ids_and_time(world: World) -> None:
    runs: list[str] = []

    def use_case(work: Any) -> Any:
        answer = create_task(work, CreateTask(title="Buy milk"))
        runs.append(answer["task"]["id"])
        if len(runs) < 4:
            state = "40001" if len(runs) % 2 else "40P01"
            work.connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")
        return answer

    answer = await world.service.store.write(LOCAL_PERSON, use_case)
    assert (len(runs), set(runs)) == (4, {answer["task"]["id"]})
    assert await world.query("SELECT count(*) FROM task") == [(1,)]


async def test_endless_conflicts_are_reported(world: World) -> None:
    runs: list[None] = []

    def use_case(connection: Connection) -> None:
        runs.append(None)
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")

    world.service.database._jitter = lambda _: 0.0  # type: ignore[attr-defined]
    with pytest.raises(StorageUnavailable, match="Another call"):
        await world.service.database.write(use_case)
    assert len(runs) == TRIES


async def test_a_deadlock_is_resolved(world: World) -> None:
    tasks = [await make(world), await make(world)]
    met: set[str] = set()

    def take(first: str, then: str) -> Callable[[Connection], None]:
        def use_case(connection: Connection) -> None:
            lock = text("SELECT 1 FROM task WHERE id = :id FOR UPDATE")
            connection.execute(lock, {"id": first})
            met.add(first)
            while len(met) < 2:
                connection.exec_driver_sql("SELECT pg_sleep(0.002)")
            connection.execute(lock, {"id": then})

        return use_case

    database = world.service.database
    async with asyncio.timeout(10):
        await asyncio.gather(database.write(take(*tasks)), database.write(take(*reversed(tasks))))


async def test_events_of_one_task_that_come_at_the_same_moment_are_both_counted(world: World, second: World) -> None:
    """As from two topics: the second delivery waits for the first one's row, and neither needs a redelivery."""
    task = await make(world)
    await world.rest.post(f"/tasks/{task}/complete")
    created, completed = [TaskEvent.model_validate(each["data"]) for each in await world.events()]
    started = asyncio.Event()

    def count_slowly(connection: Connection) -> None:
        count_tasks(connection, [created])
        started.set()
        connection.exec_driver_sql("SELECT pg_sleep(0.2)")

    first = asyncio.create_task(world.service.database.write(count_slowly))
    await started.wait()
    await second.service.database.write(lambda connection: count_tasks(connection, [completed]))
    await first
    assert await world.query("SELECT created, completed FROM day_count") == [(1, 1)]
