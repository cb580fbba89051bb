"""Silent topics are detected: published events that no consumer got back."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.event import listen, remove

from app.cli.doctor import examine
from events.catalog import EventType
from events.instants import write_instant
from events.ports import Outcome, Outgoing
from events.redelivery import GRACE_PERIOD, REPORT_WITHIN, Redelivery
from tests.clock import MONDAY
from tests.integration.event_path.dapr_worlds import SUCCESS, deliver, make_event, open_dapr
from tests.world import World

PROMISES = ("refused-event",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

Event = tuple[str, dict[str, Any]]


class Taker:
    """A broker that accepts everything; the test itself posts what comes back."""

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        return [Outcome(each.event_id, "published") for each in batch]


async def publish(world: World) -> Event:
    """Make a task, publish its event, and return its route and envelope."""
    made = await make_event(world)
    world.service.relay.publisher = Taker()
    assert await world.service.relay.step() == 1
    return made


async def read_readiness(world: World) -> list[str]:
    """Return the reasons of silence in a readiness that stays 200."""
    response = await world.http.get("/readyz")
    assert response.status_code == 200
    return [reason for reason in response.json()["degraded"] if "not brought back" in reason]


def watch_of(world: World) -> Redelivery:
    assert world.service.background.redelivery is not None
    return world.service.background.redelivery


async def explain(world: World, storage: str, ask: Callable[[Connection], object]) -> list[str]:
    """Return the plan of every query that `ask` sends."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    def look(connection: Connection) -> list[str]:
        listen(connection, "before_cursor_execute", note)
        ask(connection)
        remove(connection, "before_cursor_execute", note)
        word = "EXPLAIN QUERY PLAN" if storage == "sqlite" else "EXPLAIN (ANALYZE, TIMING OFF)"
        plans = [connection.exec_driver_sql(f"{word} {statement}", values) for statement, values in asked]
        return ["\n".join(str(row) for row in plan) for plan in plans]

    return await world.service.database.read(look)


def pass_patience(world: World) -> None:
    world.clock.at += GRACE_PERIOD


async def test_what_is_published_and_not_heard_of_for_a_minute_is_told_by_readiness(dapr: World) -> None:
    await publish(dapr)
    dapr.clock.at += GRACE_PERIOD - timedelta(seconds=0.001)
    assert await read_readiness(dapr) == []
    dapr.clock.move(seconds=0.001)
    [reason] = await read_readiness(dapr)
    assert f"task.created ({write_instant(MONDAY)})" in reason
    assert "restart the Dapr sidecar" in reason


async def test_only_the_silent_type_is_told_and_a_reaction_ends_it(dapr: World) -> None:
    created = await publish(dapr)
    await dapr.rest.post(f"/tasks/{created[1]['data']['task_id']}/complete")
    await dapr.service.relay.step()
    assert await deliver(dapr, *created) == SUCCESS
    pass_patience(dapr)
    [reason] = await read_readiness(dapr)
    assert "task.completed" in reason
    assert "task.created" not in reason
    assert await deliver(dapr, "/events/task-completed", (await dapr.events())[-1]) == SUCCESS
    assert await read_readiness(dapr) == []


async def test_a_topic_that_is_heard_again_is_no_trouble_whatever_it_lost(dapr: World) -> None:
    await publish(dapr)
    pass_patience(dapr)
    event = await publish(dapr)
    assert await read_readiness(dapr) != [], "what is new has a minute, what is old has not"
    pass_patience(dapr)
    assert await read_readiness(dapr) != []
    await deliver(dapr, *event)
    assert await read_readiness(dapr) == []


async def test_a_dead_letter_is_no_silence(dapr: World) -> None:
    _, event = await publish(dapr)
    assert await deliver(dapr, "/events/dead/task.created", event) == SUCCESS
    pass_patience(dapr)
    assert await read_readiness(dapr) == []


async def test_what_the_broker_itself_has_forgotten_is_no_longer_told(dapr: World) -> None:
    await publish(dapr)
    dapr.clock.at += REPORT_WITHIN - timedelta(seconds=1)
    assert await read_readiness(dapr) != []
    dapr.clock.move(seconds=1)
    assert await read_readiness(dapr) == []


async def test_what_waits_for_the_broker_is_no_silence(dapr: World) -> None:
    await make_event(dapr)
    pass_patience(dapr)
    assert await read_readiness(dapr) == []


async def test_the_embedded_broker_is_not_watched(world: World) -> None:
    assert world.service.background.redelivery is None
    assert not any(each["check"] == "reactions" for each in await examine(world.service.settings, world.clock))


async def test_the_doctor_has_a_line_for_it(dapr: World) -> None:
    async def ask() -> tuple[bool, str]:
        [line] = [each for each in await examine(dapr.service.settings, dapr.clock) if each["check"] == "reactions"]
        return line["ok"], line["detail"]

    event = await publish(dapr)
    assert (await ask())[0]
    pass_patience(dapr)
    ok, detail = await ask()
    assert not ok
    assert "task.created" in detail
    assert "restart the Dapr sidecar" in detail
    await deliver(dapr, *event)
    assert (await ask())[0]


async def test_each_change_of_it_is_one_line_of_the_log(dapr: World, caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> list[str]:
        caplog.clear()
        for _ in range(3):
            await watch_of(dapr).step()
        return [each.message for each in caplog.records if each.name == "events.redelivery"]

    await publish(dapr)
    with caplog.at_level(logging.WARNING):
        assert await listen() == []
        pass_patience(dapr)
        taken, told = await listen()
        assert taken == "1 of task.created: the broker has not brought them for a minute"
        assert "task.created" in told
        assert "restart the Dapr sidecar" in told
        assert await listen() == []
        await deliver(dapr, *await publish(dapr))
        pass_patience(dapr)
        assert await listen() == ["what is published is brought back again"]


@pytest.mark.parametrize(("role", "listens"), [("all", True), ("worker", True), ("api", False)])
async def test_whoever_leads_listens(tmp_path: Path, role: str, listens: bool) -> None:
    async with open_dapr(tmp_path, role=role) as world:
        background = world.service.background
        background.start(leading=role != "api")
        names = [task.get_name() for task in background._tasks]
        await background.stop()
    assert ("redelivery" in names) is listens


async def test_a_look_takes_one_step_in_each_index_whatever_there_is(dapr: World, storage: str) -> None:
    await publish(dapr)
    outbox = (
        "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, attempts, "
        "published_at) SELECT :id, event_type, user_id, :id, version, '', recorded_at, 0, published_at "
        "FROM outbox_entry WHERE seq = 1"
    )
    inbox = "INSERT INTO inbox_entry VALUES ('activity', :id, 'x')"
    rows = [{"id": f"copy-{number}"} for number in range(3_000)]
    for copy in (outbox, inbox):
        await dapr.service.database.write(lambda connection: connection.execute(text(copy), rows).close())  # noqa: B023
    await dapr.service.database.write(lambda connection: connection.exec_driver_sql("ANALYZE").close())
    pass_patience(dapr)
    plans = await explain(dapr, storage, watch_of(dapr).find_silent_on)
    plan = plans[0]
    assert len(plans) == len(EventType)
    if storage == "sqlite":
        for name in ("ix_outbox_published (event_type=", "sqlite_autoindex_inbox_entry_1 (", "ux_delivery ("):
            assert f"INDEX {name}" in plan
        assert "TEMP B-TREE" not in plan
    else:
        assert "Backward using ix_outbox_published" in plan
        assert "using inbox_entry_pkey" in plan
        assert "Seq Scan on outbox_entry" not in plan
        assert "hashed" not in plan
