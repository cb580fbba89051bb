"""Retention: what is old is removed in short steps, and no promise is cut short by it."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.retention import sweeper as sweeping
from app.retention import walks
from app.retention.sweeper import LEAST, LONG, WINDOW, Rule, Sweeper
from app.retention.walks import Stride
from app.settings import BadSettings, load_settings
from app.storage.pace import Pace
from events import positions
from tests.world import World, open_world
from todo.operations import OPERATIONS
from todo.record.scopes import EVERYTHING
from todo.record.work import Who, Work
from todo.requests.idempotency import once
from todo.requests.operation import read_call

PROMISES = ("retention",)

pytestmark = pytest.mark.anyio

ME = Who("local", "person", "rest", "", "rest", scopes=EVERYTHING)
YEAR = pytest.mark.long("a year takes a while")
TABLES = ("outbox_entry", "delivery", "inbox_entry", "request_entry", "plan", "activity", "notification", "change")


async def count(world: World, *tables: str) -> dict[str, int]:
    """Return how many rows some tables have."""
    return {
        table: int((await world.query(f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608  # no input in it
        for table in tables or TABLES
    }


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the windows small and let go of the newest rows but three, so that a few rows show what many would."""
    monkeypatch.setattr(sweeping, "WINDOW", 4)
    monkeypatch.setattr(positions, "MAY_COME_LATE", 3)
    monkeypatch.setattr("app.retention.sweeper.MAY_COME_LATE", 3)
    monkeypatch.setattr(walks, "MAY_COME_LATE", 3)


async def run(world: World, statement: str, task: dict[str, Any]) -> None:
    """Run a statement about a task as the service itself."""
    bound = text(statement).bindparams(id=task["id"])
    await world.service.database.write(lambda connection: connection.execute(bound).rowcount)


async def add(world: World, number: int, **fields: Any) -> dict[str, Any]:
    """Create a task that is published and reacted to."""
    made = await world.rest.post(
        "/tasks", json={"title": f"Task {number}", **fields}, headers={"idempotency-key": f"r{number}"}
    )
    assert made.status_code == 201, made.text
    await world.settle()
    task: dict[str, Any] = made.json()["task"]
    return task


@pytest.mark.on_both_databases
async def test_each_table_lets_go_after_its_time_and_not_before(world: World) -> None:
    for number in range(10):
        await add(world, number, reminders=[{"at": "2026-11-23T10:05"}])
    await world.tick(minutes=10)
    plan = {"changes": [{"tool": "create_task", "arguments": {"title": "planned"}}]}
    client = await world.connect()
    await world.call(client, "plan_changes", **plan)
    before = await count(world)
    world.clock.move(hours=23, minutes=45)
    await world.sweep()
    assert await count(world) == before, "within a day everything is there"

    world.clock.move(hours=1)
    await world.sweep()
    assert await count(world) == {**before, "request_entry": 0, "plan": 0}
    world.clock.move(days=6)
    await world.sweep()
    week = await count(world)
    assert week == {**before, "request_entry": 0, "plan": 0, "outbox_entry": 3, "delivery": week["delivery"]}
    assert 0 < week["delivery"] <= 9, "the deliveries go with their events"
    world.clock.move(days=7)
    await world.sweep()
    assert (await count(world, "inbox_entry"))["inbox_entry"] == week["delivery"]
    world.clock.move(days=390)
    await world.sweep()
    year = await count(world)
    assert (year["activity"], year["notification"], year["change"]) == (3, 3, before["change"])
    assert len((await world.rest.get("/tasks")).json()["tasks"]) == 10, "tasks stay"
    scraped = (await world.http.get("/metrics")).text
    assert 'todo_removed_rows_total{what="events"} 17.0' in scraped


@pytest.mark.on_both_databases
async def test_what_waits_or_failed_stays_however_old_it_is(world: World) -> None:
    stuck = await add(world, 0)
    for number in range(1, 6):
        await add(world, number)
    its_events = "SELECT event_id FROM outbox_entry WHERE task_id = :id"
    for statement in (
        "UPDATE delivery SET delivered_at = NULL, parked_at = '2026' WHERE task_id = :id AND consumer = 'activity'",
        f"DELETE FROM inbox_entry WHERE consumer = 'activity' AND event_id IN ({its_events})",  # noqa: S608  # no input
    ):
        await run(world, statement, stuck)
    # What Kafka has not brought back yet has neither a delivery nor an entry in the inbox.
    away = await add(world, 20)
    for table in ("delivery", "inbox_entry"):
        await run(world, f"DELETE FROM {table} WHERE event_id IN ({its_events})", away)  # noqa: S608  # no input in it
    unpublished = (await world.rest.post("/tasks", json={"title": "waits"})).json()["task"]
    world.clock.move(days=100)
    for number in range(6, 12):
        await add(world, number)
    await world.rest.post("/tasks", json={"title": "waits too"})
    await world.sweep()
    left = {row[0] for row in await world.query("SELECT task_id FROM outbox_entry")}
    assert stuck["id"] in left
    assert {unpublished["id"], away["id"]} <= left
    assert len(left) == 10, "the rest of the old ones is gone"
    assert (await world.rest.get("/dead-letters")).json()["dead_letters"]
    assert (await world.rest.post("/dead-letters/replay")).json()["replayed"] == 1


@pytest.mark.on_both_databases
async def test_a_person_shortens_their_own_history_and_the_tasks_stay(world: World) -> None:
    task = await add(world, 0)
    tick = f"/tasks/{task['id']}"
    renamed = (await world.rest.patch(tick, json={"title": "second"})).json()
    old = (await world.rest.post("/lists", json={"name": "Home"})).json()
    world.clock.move(days=40)
    recent = (await world.rest.patch(tick, json={"title": "third"})).json()
    for number in range(1, 4):
        await add(world, number)
    await world.sweep()
    assert (await count(world, "change"))["change"] == 7, "without a wish everything stays"

    refused = await world.rest.patch("/me", json={"history_days": 7})
    assert refused.status_code == 422
    assert "history_days" in refused.json()["detail"]
    assert (await world.rest.patch("/me", json={"history_days": 30})).json()["history_days"] == 30
    await world.sweep()
    assert (await count(world, "change", "change_item", "change_list")) == {
        "change": 4,
        "change_item": 4,
        "change_list": 0,
    }
    shown = (await world.rest.get(f"{tick}/history")).json()["history"]
    assert [each["change_id"] for each in shown] == [recent["change_id"]]
    past = await world.rest.get(tick, params={"at": "2026-11-24"})
    assert past.status_code == 404
    assert "does not reach back to" in past.json()["detail"]
    gone = await world.rest.post("/undo", json={"change_ids": [renamed["change_id"]]})
    assert gone.json()["code"] == "task_not_found"
    undone = await world.rest.post("/undo", json={"change_ids": [recent["change_id"]]})
    assert undone.json()["task"]["title"] == "second"
    assert old["change_id"]
    assert len((await world.rest.get("/lists")).json()["lists"]) == 1
    assert "history_days" not in (await world.rest.patch("/me", json={"history_days": None})).json()


@pytest.mark.on_both_databases
async def test_a_change_of_very_many_tasks_is_forgotten_in_parts_and_not_undone_halfway(world: World) -> None:
    await world.rest.patch("/me", json={"history_days": 30})
    lines = "\n".join(f"Line {number}" for number in range(11))
    brought = await world.rest.post("/import?apply=true", content=lines, headers={"content-type": "text/plain"})
    assert brought.status_code == 200, brought.text
    (change,) = (await world.rest.get("/changes")).json()["changes"]
    world.clock.move(days=31)
    await add(world, 1)
    seen = set()
    while await world.service.sweeper.step():
        left = await count(world, "change", "change_item")
        seen.add((left["change"], left["change_item"]))
        if left == {"change": 2, "change_item": 8}:
            refused = await world.rest.post("/undo", json={"change_ids": [change["change_id"]]})
            assert refused.json()["code"] == "undo_conflict"
    assert seen == {(2, 12), (2, 8), (2, 4), (1, 1)}


def change(work: Work, tasks: list[str], day: int, count: int) -> int:
    """Change tasks by so many calls, each a change of its own under an id of its own."""
    operation = OPERATIONS["update_task"]
    for number in range(count):
        given = {"task_id": tasks[number % len(tasks)], "notes": f"{day} {number}", "request_id": f"{work.at} {number}"}
        once(work, operation.name, read_call(operation, given).request, operation.use_case)
    return count


async def live(world: World, days: int, a_day: int, tasks: list[str]) -> None:
    """Let days go by with changes, reactions and removal, four of them at a time."""
    for day in range(0, days, 4):
        await world.service.store.write(ME, partial(change, tasks=tasks, day=day, count=4 * a_day))
        await world.tick(days=4)
        await world.sweep()


async def measure(world: World) -> tuple[int, int]:
    """Return the rows of all tables that grow with use, and the bytes of the database."""
    scraped = (await world.http.get("/metrics")).text
    (size,) = (line.split()[1] for line in scraped.splitlines() if line.startswith("todo_database_bytes "))
    return sum((await count(world)).values()), int(float(size))


@pytest.mark.on_both_databases
@pytest.mark.parametrize(("days", "a_day"), [(20, 1), pytest.param(329, 40, marks=YEAR)])
async def test_a_year_takes_no_more_room_than_a_month(
    tmp_path: Path, days: int, a_day: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if a_day > 1:
        monkeypatch.setattr(sweeping, "WINDOW", WINDOW)
    async with open_world(tmp_path, retention_activity="30d") as world:
        await world.rest.patch("/me", json={"history_days": 30})
        tasks = [(await add(world, number))["id"] for number in range(min(4 * a_day, 50))]
        await live(world, 36, a_day, tasks)
        rows, size = await measure(world)
        await live(world, days, a_day, tasks)
        later, grown = await measure(world)
        assert later <= rows * 1.1, await count(world)
        assert grown <= size * 1.1 + 64 * 1024


async def test_a_transaction_that_takes_long_is_followed_by_smaller_ones(world: World) -> None:
    """By a timer that goes on with each row."""
    took: list[float] = []
    at, row_seconds = 0.0, 0.0001

    def walk(_connection: Connection, after: int | None, _before: str, window: int) -> Stride:
        nonlocal at
        took.append(window * row_seconds)
        at += took[-1]
        return Stride(window, (after or 0) + window)

    rules, pace = [Rule("rows", timedelta(0), walk)], Pace(WINDOW, LEAST, LONG, lambda: at)
    sweeper = Sweeper(world.service.database, world.clock, rules, pace=pace)
    for _ in range(12):
        await sweeper.step()
    assert round(took[-1] / row_seconds) == WINDOW, "quick ones grow to the most"
    row_seconds = 0.001
    for _ in range(12):
        await sweeper.step()
    slow = took[12:]
    assert slow[0] > 2 * LONG, "nothing said so before"
    assert [seconds for seconds in slow[3:] if seconds > LONG + row_seconds] == []
    row_seconds = 0.01
    for _ in range(6):
        await sweeper.step()
    assert round(took[-1] / row_seconds) == LEAST, "it goes on, however slow the database is"
    row_seconds = 0.0001
    for _ in range(16):
        await sweeper.step()
    assert round(took[-1] / row_seconds) == WINDOW


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"retention_events": "7"}, "TODO_RETENTION_EVENTS: a period such as 7d or 36h is needed, or forever"),
        ({"retention_events": "2d"}, "TODO_RETENTION_EVENTS=2d: at least 3d is needed"),
        ({"retention_plans": "1h"}, "TODO_RETENTION_PLANS=1h: at least 1d is needed"),
        ({"retention_inbox": "6d"}, "TODO_RETENTION_INBOX=6d: shorter than TODO_RETENTION_EVENTS=7d"),
        ({"retention_events": "forever"}, "TODO_RETENTION_INBOX=14d: shorter than TODO_RETENTION_EVENTS=forever"),
    ],
)
def test_periods_that_would_break_a_promise_are_refused(tmp_path: Path, given: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load_settings(data_dir=tmp_path, **given)
    assert said in str(refused.value)


async def test_what_is_kept_for_ever_is_never_looked_at(tmp_path: Path) -> None:
    forever = {f"retention_{name}": "forever" for name in ("events", "inbox", "plans", "activity")}
    async with open_world(tmp_path, **forever) as world:
        for number in range(6):
            await add(world, number)
        before = await count(world)
        world.clock.move(days=4_000)
        await world.sweep()
        assert await count(world) == {**before, "request_entry": 0}
