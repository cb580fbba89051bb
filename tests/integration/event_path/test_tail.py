"""Events printed as they are recorded."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from app.cli.tail import PAGE, Tail, describe_row, tail_events
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def make_tasks(world: World, *titles: str) -> None:
    for title in titles:
        await world.rest.post("/tasks", json={"title": title})


async def test_the_last_ones_come_first_then_those_that_are_recorded(world: World) -> None:
    await make_tasks(world, "One", "Two", "Three")
    tail = Tail(world.service.database, 2)
    assert [describe_row(row).split()[-1] for row in await tail.step()] == ["Two", "Three"]
    assert await tail.step() == []
    await make_tasks(world, "Four")
    [row] = await tail.step()
    assert "waiting" in describe_row(row)
    assert await tail.step() == []


async def test_what_is_committed_late_under_a_lower_number_is_not_missed(world: World) -> None:
    await make_tasks(world, "One", "Two", "Three")
    tail = Tail(world.service.database, 0)
    assert await tail.step() == []

    def shift(connection: object) -> None:
        connection.execute(text("UPDATE outbox_entry SET seq = 5 WHERE seq = 3"))  # type: ignore[attr-defined]

    await world.service.database.write(shift)
    assert [row.seq for row in await tail.step()] == [5]
    await world.service.database.write(
        lambda connection: connection.execute(text("UPDATE outbox_entry SET seq = 4 WHERE seq = 2"))
    )
    assert [row.seq for row in await tail.step()] == [4]
    assert await tail.step() == []


async def test_many_come_in_pages(world: World) -> None:
    await make_tasks(world, "One")
    copy = text(
        "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, attempts) "
        "SELECT :id, event_type, user_id, task_id, :n, payload, recorded_at, 0 FROM outbox_entry WHERE version = 1"
    )
    tail = Tail(world.service.database, 0)
    await tail.step()
    many = 3 * PAGE + 7
    await world.service.database.write(
        lambda connection: connection.execute(
            copy, [{"id": f"c{number}", "n": number} for number in range(2, many + 2)]
        )
    )
    seen = []
    while rows := await tail.step():
        seen += [row.seq for row in rows]
    assert len(seen) == len(set(seen)) == many


async def test_without_follow_it_ends_and_json_is_the_event_itself(world: World, tmp_path: Path) -> None:
    await make_tasks(world, "One", "Line\u2028feed\u0007")
    await world.settle()
    settings = world.service.settings
    lines = [line async for line in tail_events(settings, 10, follow=False, as_json=True)]
    assert [json.loads(line) for line in lines] == await world.events()
    said = [line async for line in tail_events(settings, 1, follow=False, as_json=False)]
    assert len(said) == 1
    assert "person/rest" in said[0]
    assert "published" in said[0]
    assert said[0].endswith("Line⟨U+2028⟩feed⟨U+0007⟩")


async def test_following_goes_on(world: World) -> None:
    await make_tasks(world, "One")
    following = tail_events(world.service.settings, 1, follow=True, as_json=False)
    async with asyncio.timeout(20):
        assert (await anext(following)).endswith("One")
        await make_tasks(world, "Two")
        assert (await anext(following)).endswith("Two")
    await following.aclose()  # type: ignore[attr-defined]  # a generator
