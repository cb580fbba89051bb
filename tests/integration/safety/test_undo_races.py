"""Undo, edits and plans at the same moment, on both databases: the later call is refused."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from tests.contracts.surfaces import call
from tests.integration.safety.agent_calls import do, make, see
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def test_undo_and_edits_at_the_same_moment_lose_nothing(world: World) -> None:
    [task] = await make(world, 1)
    for round_ in range(4):
        changed = await do(world, "update_task", task_id=task, title=f"Round {round_}")
        calls: list[tuple[str, dict[str, Any]]] = [("undo", {"change_ids": [changed["change_id"]]})]
        calls += [("update_task", {"task_id": task, "title": f"Edit {round_} {n}"}) for n in range(3)]
        replies = await asyncio.gather(
            *(call(world, "modern", tool, arguments, f"client {n}") for n, (tool, arguments) in enumerate(calls))
        )
        assert {reply.code for reply in replies} <= {"", "undo_conflict", "version_conflict"}
        events = [each["data"]["data"] for each in await world.events() if each["subject"] == f"task/{task}"]
        versions = [data["version"] for data in events]
        assert versions == list(range(1, len(versions) + 1))
        assert events[-1]["task"]["title"] == (await see(world, task))["title"]
        for sooner, later in pairwise(events):
            assert later["changes"]["title"] == [sooner["task"]["title"], later["task"]["title"]], "no lost update"


async def test_two_undos_at_once_take_back_two_changes_or_one_is_refused(world: World) -> None:
    [task] = await make(world, 1)
    await do(world, "update_task", task_id=task, title="One")
    await do(world, "update_task", task_id=task, title="Two")
    replies = await asyncio.gather(*(call(world, "modern", "undo", {}, "agent") for _ in range(2)))
    good = [reply for reply in replies if not reply.code]
    assert {reply.code for reply in replies} <= {"", "undo_conflict", "version_conflict"}
    assert (await see(world, task))["title"] == {1: "One", 2: "Task 0"}[len(good)]
    [[marked]] = await world.query("SELECT count(*) FROM change WHERE undone_by IS NOT NULL")
    assert marked == len(good)


async def test_a_plan_applied_at_the_same_moment_has_one_effect(world: World) -> None:
    await make(world, 3, tags=["here"])
    plan = await do(world, "plan_changes", filter={"tags": ["here"]}, change={"append_notes": "more"})
    replies = await asyncio.gather(
        *(call(world, "modern", "apply_plan", {"plan_id": plan["plan_id"]}, "agent") for _ in range(3))
    )
    assert not [reply.text for reply in replies if reply.code]
    assert sorted(reply.answer.get("replayed", False) for reply in replies) == [False, True, True]
    assert await world.query("SELECT notes FROM task") == [("more",)] * 3


async def test_a_plan_and_an_edit_at_the_same_moment_lose_nothing(world: World) -> None:
    tasks = await make(world, 3, tags=["here"])
    plan = await do(world, "plan_changes", filter={"tags": ["here"]}, change={"title": "Planned"})
    applied, edited = await asyncio.gather(
        call(world, "modern", "apply_plan", {"plan_id": plan["plan_id"]}, "agent"),
        call(world, "modern", "update_task", {"task_id": tasks[1], "title": "Edited"}, "rival"),
    )
    assert {applied.code, edited.code} <= {"", "version_conflict"}
    titles = [(await see(world, task))["title"] for task in tasks]
    if applied.code:
        assert titles == ["Task 0", "Edited", "Task 2"]
    else:
        assert titles in (["Planned"] * 3, ["Planned", "Edited", "Planned"])
        if not edited.code:
            events = [each["data"]["data"] for each in await world.events() if each["subject"] == f"task/{tasks[1]}"]
            assert events[-1]["changes"]["title"] == ["Planned", "Edited"]


async def test_deletions_at_the_same_moment_are_counted_one_after_the_other(world: World) -> None:
    tasks = await make(world, 14)
    replies = await asyncio.gather(
        *(call(world, "modern", "delete_task", {"task_id": task_id}, "agent") for task_id in tasks)
    )
    assert sorted(reply.code for reply in replies) == [""] * 9 + ["confirmation_required"] * 5
