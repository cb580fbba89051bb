"""Losses add up by client: over conversations, tools and plans, however little each call alone takes."""

from typing import Any

import pytest

from app.identity import LOCAL_USER
from tests.integration.safety.agent_calls import do, fail, make
from tests.world import World
from todo.errors import ConfirmationRequired
from todo.operations import OPERATIONS
from todo.record.scopes import EVERYTHING
from todo.record.shapes import Answer
from todo.record.work import Who
from todo.requests.confirmations import MANY_LOSSES
from todo.requests.operation import read_call, run_call

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def say(world: World, conversation: str, name: str, **arguments: Any) -> Answer:
    """Call an operation as the assistant of one conversation."""
    who = Who(LOCAL_USER, "agent", "chat", "page", f"conversation:{conversation}", scopes=EVERYTHING)
    return await run_call(world.service.store, who, read_call(OPERATIONS[name], arguments))


async def post_tasks(world: World, count: int, **fields: Any) -> list[str]:
    """Create tasks as the person."""
    made = [await world.rest.post("/tasks", json={"title": f"Mine {n}", **fields}) for n in range(count)]
    return [str(each.json()["task"]["id"]) for each in made]


async def test_a_new_conversation_does_not_start_the_count_again(world: World) -> None:
    tasks = await post_tasks(world, MANY_LOSSES + 1)
    for number, task in enumerate(tasks[: MANY_LOSSES - 1]):
        await say(world, str(number % 4), "delete_task", task_id=task)
    with pytest.raises(ConfirmationRequired):
        await say(world, "another", "delete_task", task_id=tasks[-1])
    # another client has a count of its own, and after ten minutes everybody begins at zero
    await do(world, "delete_task", client="rival", task_id=tasks[-2])
    world.clock.move(minutes=11)
    await say(world, "another", "delete_task", task_id=tasks[-1])


async def test_series_that_are_ended_one_by_one_are_losses(world: World) -> None:
    series = [
        (await do(world, "create_recurring_task", title=f"S{n}", rule="FREQ=DAILY", first_due="2027-01-01"))[
            "recurring_id"
        ]
        for n in range(MANY_LOSSES)
    ]
    for task_id in series[:-1]:
        await do(world, "update_recurring_task", task_id=task_id, ends="2026-11-30")
    refused = await fail(world, "update_recurring_task", task_id=series[-1], ends="2026-11-30")
    assert refused.code == "confirmation_required"


async def test_a_pause_and_a_skip_lose_nothing(world: World) -> None:
    made = await do(world, "create_recurring_task", title="S", rule="FREQ=DAILY;BYHOUR=18")
    for _ in range(MANY_LOSSES):
        await do(world, "update_recurring_task", task_id=made["recurring_id"], paused=True)
        await do(world, "update_recurring_task", task_id=made["recurring_id"], paused=False)
    for _ in range(MANY_LOSSES):
        await do(world, "update_recurring_task", task_id=made["recurring_id"], skip="1")


@pytest.mark.parametrize("change", [{"title": "Overwritten"}, {"notes": "Overwritten"}])
async def test_a_plan_that_overwrites_the_persons_words_asks(world: World, change: dict[str, str]) -> None:
    await post_tasks(world, 40, notes="Long and precious", tags=["mine"])
    planned = await do(world, "plan_changes", filter={"tags": ["mine"]}, change=change, apply=True)
    assert "needs_confirmation" in planned
    refused = await fail(world, "apply_plan", plan_id=planned["plan_id"])
    assert refused.code == "confirmation_required"


async def test_its_own_tasks_and_added_notes_are_no_losses(world: World) -> None:
    await make(world, 20, tags=["own"], notes="First")
    await do(world, "plan_changes", filter={"tags": ["own"]}, change={"title": "Mine to change"}, apply=True)
    await post_tasks(world, 20, notes="First", tags=["mine"])
    done = await do(world, "plan_changes", filter={"tags": ["mine"]}, change={"append_notes": "More"}, apply=True)
    assert len(done["tasks"]) == 20
    done = await do(world, "plan_changes", filter={"tags": ["mine"]}, change={"complete": True}, apply=True)
    assert len(done["tasks"]) == 20


async def test_titles_overwritten_one_by_one_add_up_with_deletions(world: World) -> None:
    tasks = await post_tasks(world, MANY_LOSSES)
    half = MANY_LOSSES // 2
    for task in tasks[:half]:
        await do(world, "update_task", task_id=task, title="Renamed")
    for task in tasks[half:-1]:
        await do(world, "delete_task", task_id=task)
    assert (await fail(world, "update_task", task_id=tasks[-1], title="Renamed")).code == "confirmation_required"
