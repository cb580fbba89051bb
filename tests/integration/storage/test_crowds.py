"""Fifty callers at the same moment, on both databases: one effect, and a clear answer for each."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx2
import pytest

from tests.contracts.surfaces import Reply, call
from tests.integration.conversation.talking import serve_talk
from tests.integration.safety.agent_calls import do, make
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

CROWD = 50


async def call_all(world: World, tool: str, arguments: dict[str, Any]) -> list[Reply]:
    """Make the same call fifty times at once: one third by the person, the others by agents of each revision."""
    surfaces = ("rest", "modern", "legacy")
    return await asyncio.gather(
        *(call(world, surfaces[n % 3], tool, arguments, "agent", agent_id=n) for n in range(CROWD))  # type: ignore[arg-type]  # of three
    )


async def test_fifty_calls_with_one_request_id_have_one_effect(world: World) -> None:
    replies = await call_all(world, "create_task", {"title": "Once", "request_id": "same"})
    assert [reply.text for reply in replies if reply.code] == []
    assert sorted(reply.answer.get("replayed", False) for reply in replies) == [False] + [True] * (CROWD - 1)
    assert len({reply.answer["task"]["id"] for reply in replies}) == 1
    assert await world.query("SELECT count(*) FROM task") == [(1,)]
    assert len(await world.events()) == 1


async def test_fifty_agents_apply_one_plan_once(world: World) -> None:
    await make(world, 5, tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"append_notes": "more"})
    stored = len(await world.events())
    replies = await asyncio.gather(
        *(call(world, "modern", "apply_plan", {"plan_id": plan["plan_id"]}, "agent", n) for n in range(CROWD))
    )
    assert [reply.text for reply in replies if reply.code] == []
    assert sorted(reply.answer.get("replayed", False) for reply in replies) == [False] + [True] * (CROWD - 1)
    assert len({reply.answer["change_id"] for reply in replies}) == 1
    assert await world.query("SELECT DISTINCT notes FROM task") == [("more",)]
    assert len(await world.events()) == stored + 5


async def test_fifty_undos_of_one_change_take_it_back_once(world: World) -> None:
    [task] = await make(world, 1)
    changed = await do(world, "update_task", task_id=task, title="Other")
    stored = len(await world.events())
    replies = await call_all(world, "undo", {"change_ids": [changed["change_id"]]})
    assert [reply.code for reply in replies].count("") == 1
    assert {reply.code for reply in replies} == {"", "undo_conflict"}
    [done] = [reply.answer["change_id"] for reply in replies if not reply.code]
    for reply in replies:
        assert not reply.code or ("undone already" in reply.sentence and done in reply.sentence)
    assert await world.query("SELECT title FROM task") == [("Task 0",)]
    assert len(await world.events()) == stored + 1


async def test_fifty_undos_of_one_change_with_one_request_id_are_one_and_its_repeats(world: World) -> None:
    [task] = await make(world, 1)
    changed = await do(world, "update_task", task_id=task, title="Other")
    stored = len(await world.events())
    replies = await call_all(world, "undo", {"change_ids": [changed["change_id"]], "request_id": "same"})
    assert [reply.text for reply in replies if reply.code] == []
    assert sorted(reply.answer.get("replayed", False) for reply in replies) == [False] + [True] * (CROWD - 1)
    assert len(await world.events()) == stored + 1


async def test_of_fifty_threads_that_change_what_they_have_seen_one_wins(tmp_path: Path, storage: str) -> None:
    async with serve_talk(tmp_path) as (world, _, url):
        task = (await world.rest.post("/tasks", json={"title": "Seen"})).json()["task"]["id"]
        gate = Barrier(CROWD)

        def change(number: int) -> int:
            with httpx2.Client(base_url=url.removesuffix("/v1"), timeout=30) as http:
                gate.wait(20)
                headers = {"If-Match": '"1"'}
                return http.patch(f"/api/tasks/{task}", json={"title": f"By {number}"}, headers=headers).status_code

        with ThreadPoolExecutor(CROWD) as pool:
            loop = asyncio.get_running_loop()
            codes = await asyncio.gather(*(loop.run_in_executor(pool, change, n) for n in range(CROWD)))
        assert sorted(codes) == [200] + [412] * (CROWD - 1)
        assert await world.query("SELECT version, title FROM task") == [(2, f"By {codes.index(200)}")]
        assert len(await world.events()) == 2
