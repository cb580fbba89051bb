"""A turn is stopped from outside: by a client that waits for JSON, from another window, or from another process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.messages import ModelRequest
from tests.integration.conversation.talking import open_talk, say, stream
from tests.world import World

PROMISES = ("questions",)

pytestmark = pytest.mark.anyio

NOWHERE = "01930000-0000-7000-8000-ffffffffffff"


@asynccontextmanager
async def open_thinking(folder: Path) -> AsyncIterator[tuple[World, asyncio.Event]]:
    """Open a world whose model makes one call and then thinks forever; the event is set when the thinking begins."""
    thinks = asyncio.Event()

    async def think(_: ModelRequest) -> str:
        thinks.set()
        await asyncio.sleep(60)
        return "Never."

    async with open_talk(folder, [("create_task", {"title": "Milk"})], think, "Hello.") as (world, _):
        yield world, thinks


async def find_conversation(world: World) -> str:
    [found] = (await world.rest.get("/conversations")).json()["conversations"]
    return str(found["id"])


async def stop(world: World, conversation: str) -> Any:
    response = await world.rest.post(f"/conversations/{conversation}/stop")
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("waiting", ["json", "events"])
async def test_a_turn_is_stopped_and_tells_what_it_did(tmp_path: Path, waiting: str) -> None:
    async with open_thinking(tmp_path) as (world, thinks):
        sending: Any = say(world, "think") if waiting == "json" else stream(world, "think")
        turn = asyncio.create_task(sending)
        await thinks.wait()
        conversation = await find_conversation(world)
        assert await stop(world, conversation) == {"stopping": True}
        await stop(world, conversation)  # a second stop changes nothing, whether the turn has ended or not
        told = await asyncio.wait_for(turn, 1)
        answer = told if waiting == "json" else dict(told)["done"]
        assert answer["finish"] == "stopped"
        if waiting == "json":
            assert [(call["name"], call["ok"]) for call in told["calls"]] == [("create_task", True)]
        assert await stop(world, conversation) == {"stopping": False}
        messages = (await world.rest.get(f"/conversations/{conversation}")).json()["messages"]
        assert messages[1]["state"] == "stopped"
        assert (await say(world, "hello", conversation))["text"] == "Hello."


async def test_another_process_stops_it_too(tmp_path: Path) -> None:
    async with open_thinking(tmp_path) as (world, thinks), open_talk(tmp_path) as (other, _):
        turn = asyncio.create_task(say(world, "think"))
        await thinks.wait()
        assert await stop(other, await find_conversation(other)) == {"stopping": True}
        assert (await asyncio.wait_for(turn, 4))["finish"] == "stopped"


async def test_a_conversation_that_is_not_ones_own_is_not_there(tmp_path: Path) -> None:
    async with open_thinking(tmp_path) as (world, thinks):
        turn = asyncio.create_task(say(world, "think"))
        await thinks.wait()
        conversation = await find_conversation(world)
        await world.service.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE conversation SET user_id = 'stranger'")
        )
        foreign = await world.rest.post(f"/conversations/{conversation}/stop")
        missing = await world.rest.post(f"/conversations/{NOWHERE}/stop")
        assert (foreign.status_code, foreign.json()) == (404, missing.json())
        assert not turn.done()
        await world.service.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE conversation SET user_id = 'local'")
        )
        await stop(world, conversation)
        assert (await turn)["finish"] == "stopped"
