"""The sender is shared: a receiver of many channels leaves room for all others, and every look is by an index."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from tests.integration.channels.receivers import Web, make
from tests.world import World
from todo.channels.queue import Busy, find_next, give_up, mark_well, take_due

PROMISES = ("channels-deliver",)

pytestmark = pytest.mark.anyio


@pytest.mark.on_both_databases
@pytest.mark.parametrize("other", ["https://SLOW.example:443/", "https://slow.example/"])
async def test_a_receiver_of_many_channels_that_hangs_leaves_room_for_all_others(
    world: World, web: Web, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr("todo.channels.queue.MOST_OF_RECEIVER", 3)
    monkeypatch.setattr("app.channels.sender.MOST_AT_ONCE", 4)
    release, sender = asyncio.Event(), world.service.sender

    async def hang(_request: httpx2.Request) -> httpx2.Response:
        await release.wait()
        return httpx2.Response(200)

    web.replies["slow.example"] = web.replies["SLOW.example"] = hang
    for number in range(6):
        await make(world, kind="webhook", address=f"{other if number % 2 else 'https://slow.example/'}{number}")
    fast = await make(world, kind="webhook", address="https://zoom.example/")
    await world.rest.post("/tasks", json={"title": "x"})
    await world.settle()

    def count(host: str) -> int:
        return sum(each.headers["host"].lower().startswith(host) for each in web.asked)

    for _ in range(100):
        await sender.step()
        await asyncio.sleep(0)
        if count("zoom.example"):
            break
    # Of the slow one's six channels three are sent to, and the fast one had the fourth place.
    assert (count("slow.example"), count("zoom.example")) == (3, 1)
    assert await sender.wait_seconds(30) == 30, "the others wait for a place, and are not looked for in a circle"
    release.set()
    await sender.settle()
    await world.send()
    assert (count("slow.example"), count("zoom.example")) == (6, 1)
    assert "problem" not in (await world.rest.get(f"/channels/{fast['id']}")).json()


async def test_what_failed_is_tried_again_before_what_is_new_however_much_comes(world: World, web: Web) -> None:
    await make(world, kind="webhook", address="https://hooks.example/")
    web.replies["hooks.example"] = lambda _: httpx2.Response(500)
    first = (await world.rest.post("/tasks", json={"title": "first"})).json()["task"]["id"]
    await world.settle()
    await world.send()
    web.replies.clear()
    for number in range(20):
        await world.rest.post("/tasks", json={"title": f"new {number}"})
    await world.settle()
    world.clock.move(minutes=1)
    web.asked.clear()
    await world.service.sender.step()
    await world.service.sender.settle()
    assert [each["subject"] for each in web.bodies("hooks.example")][:1] == [f"task/{first}"]


async def test_a_channel_that_moves_to_another_receiver_has_its_share_there(world: World, web: Web) -> None:
    made = await make(world, kind="ntfy", address="https://ntfy.example/topic")
    await world.rest.patch(f"/channels/{made['id']}", json={"address": "https://other.example:8443/topic"})
    assert await world.query("SELECT receiver FROM channel") == [("https://other.example:8443",)]


async def test_everything_that_the_sender_looks_for_is_found_by_an_index(world: World, web: Web, storage: str) -> None:
    if storage != "sqlite":
        pytest.skip("PostgreSQL reads a small table as a whole, rightly")
    for number in range(3):
        await make(world, kind="webhook", address=f"https://hooks.example/{number}")
    await world.rest.post("/tasks", json={"title": "x"})
    await world.settle()
    seen: list[str] = []

    def look(connection: Connection) -> list[str]:
        # The driver itself tells of every statement, with its values.
        raw: Any = connection.connection.driver_connection
        raw.set_trace_callback(seen.append)
        try:
            find_next(connection, Busy({"a": "b"}))
            (first, *_) = take_due(connection, world.clock.now(), 10, Busy())
            mark_well(connection, first[0].channel_id, world.clock.now())
            give_up(connection, first[0].channel_id, "x", world.clock.now())
        finally:
            raw.set_trace_callback(None)
        return [f"{row[-1]}" for sql in seen for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]

    plans = await world.service.database.write(look)
    assert len(seen) > 20
    assert any("ix_channel_next" in each for each in plans)
    assert any("ix_channel_delivery_due" in each for each in plans)
    assert not [each for each in plans if "B-TREE" in each]
    scans = [each for each in plans if each.startswith("SCAN channel")]
    assert not [each for each in scans if "COVERING INDEX ix_channel_next" not in each]
