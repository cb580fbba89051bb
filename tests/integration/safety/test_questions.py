"""Questions to the person: their content, and how they reach listeners, from this process and from others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json

from app.http.server import QuietServer, bind, build_server
from tests.integration.conversation.talking import open_talk, say, stream
from tests.integration.safety.agent_calls import delete_up_to_the_limit, do, fail, make
from tests.world import URL, World, open_world
from todo.requests.confirmations import MOST_ITEMS

PROMISES = ("questions",)

pytestmark = pytest.mark.anyio

SOON = 2.0
QUIET = 0.6
"""Longer than two polls of the other processes' changes."""


class Listener:
    """Reads the questions on a stream, each as (id, state)."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def read(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            if line == "event: confirmation":
                view = from_json((await anext(lines)).removeprefix("data: "))
                self._told.put_nowait((view["id"], view["state"]))

    async def next(self) -> tuple[str, str]:
        return await asyncio.wait_for(self._told.get(), SOON)

    async def hears_nothing(self) -> bool:
        await asyncio.sleep(QUIET)
        return self._told.empty()


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve a world on a real port, with its background work."""
    listener = bind("127.0.0.1", 0)
    server: QuietServer = build_server(world.service)
    running = asyncio.create_task(server._serve([listener]))
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/api", timeout=10) as http:
            yield http
    finally:
        server.end()
        await running


@asynccontextmanager
async def listening(http: httpx2.AsyncClient) -> AsyncIterator[Listener]:
    async with http.stream("GET", "/notifications/stream") as response:
        listener = Listener()
        reading = asyncio.create_task(listener.read(response.aiter_lines()))
        try:
            yield listener
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def ask(world: World, task: str) -> str:
    """Ask as an agent for one deletion more than it may do without confirmation; return the question."""
    refused = await fail(world, "delete_task", task_id=task)
    return str(refused.answer["confirmation_id"])


async def decide(world: World, question: str, decision: str) -> None:
    assert (await world.rest.post(f"/confirmations/{question}", json={"decision": decision})).is_success


async def test_a_stream_tells_of_a_question_and_of_its_answer_at_once(world: World, second: World) -> None:
    await delete_up_to_the_limit(world)
    task, other, third = await make(world, 3)
    async with serving(world) as http:
        async with listening(http) as listener:
            here = await ask(world, task)
            assert await listener.next() == (here, "pending")
            # All else is quiet each time: only the question can have woken the stream.
            assert await listener.hears_nothing()
            elsewhere = await ask(second, other)
            assert await listener.next() == (elsewhere, "pending"), "what another process asks is seen too"
            assert await listener.hears_nothing()
            await decide(second, here, "accept")
            assert await listener.next() == (here, "accepted")
            second.clock.move(seconds=1)
            await decide(second, elsewhere, "reject")
            assert await listener.next() == (elsewhere, "rejected")
            await do(world, "delete_task", task_id=task)
            assert await listener.next() == (here, "used")
            waiting = await ask(world, third)
            assert await listener.next() == (waiting, "pending")
        async with listening(http) as listener:
            assert await listener.next() == (waiting, "pending"), "whoever comes later hears of what waits"
            assert await listener.hears_nothing()


async def test_a_question_lists_what_it_means(world: World) -> None:
    titles = ['Say "hi", "bye"', "Call\u202e mum", *(f"Old {n}" for n in range(10))]
    for title in titles:
        await do(world, "create_task", title=title, tags=["x"], due="2026-11-27")
    await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY", tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"], "kind": "task"}, change={"delete": True})
    refused = await fail(world, "apply_plan", plan_id=plan["plan_id"])
    assert "items" not in refused.answer, "the agent knows its tasks, and pays for each word"
    [question] = (await world.rest.get("/confirmations")).json()["confirmations"]
    items = question["items"]
    assert question["action"] == "Delete 13 tasks"
    assert question["total"] == len(items) == 13
    assert {"title": 'Say "hi", "bye"', "due": "2026-11-27", "due_text": "Fri 27 Nov 2026"}.items() <= next(
        each for each in items if "hi" in each["title"]
    ).items()
    assert {each["title"] for each in items} >= {"Call⟨U+202E⟩ mum", "Plants"}
    page = (await world.http.get(refused.answer["link"].removeprefix(URL))).text
    assert page.count("<li>") == 13
    assert "<bdi>Say &quot;hi&quot;, &quot;bye&quot;</bdi>" in page
    assert "Delete 13 tasks:" in page


async def test_a_long_list_is_cut_and_says_so(world: World) -> None:
    steps = [{"tool": "create_task", "arguments": {"title": f"Mine {n}"}} for n in range(52)]
    made = [(await do(world, "plan_changes", surface="rest", changes=steps, apply=True))["change_id"] for _ in "ab"]
    refused = await fail(world, "undo", change_ids=made)
    [question] = (await world.rest.get("/confirmations")).json()["confirmations"]
    assert (len(question["items"]), question["total"]) == (MOST_ITEMS, 104)
    assert "and 4 more" in (await world.http.get(refused.answer["link"].removeprefix(URL))).text


async def test_what_the_operator_guards_is_listed_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, confirm="update_task") as world:
        first, second = await make(world, 2, due="2026-11-27T17:00")
        await fail(world, "update_task", task_id=first, title="Other")
        steps = [{"tool": "update_task", "arguments": {"task_id": each, "title": "Other"}} for each in (second, first)]
        plan = await do(world, "plan_changes", changes=steps)
        await fail(world, "apply_plan", plan_id=plan["plan_id"])
        of_plan, of_call = (await world.rest.get("/confirmations")).json()["confirmations"]
        assert [each["id"] for each in of_call["items"]] == [first]
        assert [each["id"] for each in of_plan["items"]] == [second, first]
        assert of_plan["items"][0]["due_text"] == "Fri 27 Nov 2026, 17:00 Europe/Berlin"
        assert of_call["action"] == of_call["summary"]


DELETE: Any = (
    [("plan_changes", {"filter": {"text": "old"}, "change": {"delete": True}})],
    lambda request: [("apply_plan", {"plan_id": from_json(request.messages[-1].text)["plan_id"]})],
)


async def test_the_conversation_tells_the_same_of_a_question_as_its_list(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE, *DELETE) as (world, _):
        for n in range(12):
            await world.rest.post("/tasks", json={"title": f"Old {n}"})
        told = dict(await stream(world, "delete the old ones"))["confirmation"]
        [question] = (await world.rest.get("/confirmations")).json()["confirmations"]
        names = ("summary", "action", "items", "total", "expires_at")
        assert {name: told[name] for name in names} == {name: question[name] for name in names}
        assert told["total"] == 12
        assert (await say(world, "delete the old ones"))["confirmation"]["items"] == told["items"]
