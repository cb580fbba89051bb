"""Answers say what is now true, who did what, and stay below 25,000 tokens (four characters each)."""

from typing import Any

import pytest

from tests.integration.safety.agent_calls import do, fail
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

MOST_CHARACTERS = 100_000
"""25,000 tokens, text and structure together."""


async def measure(world: World, tool: str, **arguments: Any) -> tuple[dict[str, Any], int]:
    """Call a tool over MCP; return its structured answer and the characters of text and structure together."""
    client = await world.connect()
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content, 2 * len(result.content[0].text)  # type: ignore[union-attr]  # our tools answer text


async def test_a_deleted_task_says_so_and_who_deleted_it(world: World) -> None:
    task = (await world.rest.post("/tasks", json={"title": "Passport"})).json()["task"]["id"]
    deleted = await do(world, "delete_task", client="Claude", task_id=task)
    assert deleted["task"]["deleted"] is True
    gone = await fail(world, "complete_task", task_id=task)
    assert gone.code == "task_not_found"
    assert gone.sentence.startswith('"Passport" is deleted, by Claude (an assistant), Mon 23 Nov 2026, 10:00')
    assert gone.answer["change_id"] == deleted["change_id"]
    await do(world, "undo", change_ids=[gone.answer["change_id"]])
    assert "deleted" not in (await do(world, "get_task", task_id=task))["task"]


async def test_a_conflict_says_what_it_was_and_what_it_is(world: World) -> None:
    task = (await do(world, "create_task", title="Milk", priority="low"))["task"]["id"]
    body = {"title": "Oat milk", "priority": "high"}
    await world.rest.patch(f"/tasks/{task}", json=body, headers={"User-Agent": "Mozilla/5.0"})
    refused = await fail(world, "update_task", task_id=task, title="Rye", expected_version=1)
    assert refused.code == "version_conflict"
    both = 'title from "Milk" to "Oat milk", priority from "low" to "high"'
    assert f"{both} by the person, on the page, Mon 23 Nov 2026, 10:00" in refused.sentence
    assert refused.answer["changes"] == {"title": ["Milk", "Oat milk"], "priority": ["low", "high"]}
    assert "ask the person" in refused.answer["hint"]


async def test_a_history_of_long_notes_stays_small(world: World) -> None:
    task = (await do(world, "create_task", title="Log", notes="x" * 300))["task"]["id"]
    for number in range(60):
        await do(world, "update_task", task_id=task, append_notes=f"{number} " + "y" * 300)
    answer, size = await measure(world, "get_task", task_id=task, include=["history"])
    assert size < MOST_CHARACTERS
    assert answer["history_cut"] is True
    old, new = answer["history"][0]["changes"]["notes"]
    assert old == f"({300 + sum(len(f'{n} ') + 301 for n in range(59))} characters)"
    assert new.startswith("(the same, and then) 59 yyy")


async def test_a_page_of_large_tasks_is_cut_with_a_way_to_go_on(world: World) -> None:
    tags = [f"{n:02}{'t' * 62}" for n in range(50)]
    made = []
    for number in range(30):
        body = {"title": f"{number:03}" + "t" * 190, "tags": tags, "due": "2026-12-01T10:00"}
        body["reminders"] = [f"{minutes}m" for minutes in range(1, 21)]
        made.append((await world.rest.post("/tasks", json=body)).json()["task"]["id"])
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer, size = await measure(world, "find_tasks", limit=50, **cursor)
        assert size < MOST_CHARACTERS
        seen += [task["id"] for task in answer["tasks"]]
        if "next_cursor" not in answer:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert sorted(seen) == sorted(made)
    assert cursor, "the page was cut"


async def test_an_applied_plan_answers_briefly(world: World) -> None:
    for number in range(20):
        await do(world, "create_task", title=f"Meeting {number}", due="2026-11-24T10:00", tags=["meeting"])
    change = {"shift": "1d"}
    answer, size = await measure(world, "plan_changes", filter={"tags": ["meeting"]}, change=change, apply=True)
    assert answer["message"] == "20 tasks are changed in one go; undo takes all of it back."
    assert size / 2 / 20 / 4 < 90
    assert [each["number"] for each in answer["diff"]] == list(range(1, 21))


async def test_a_plan_that_deletes_says_deleted(world: World) -> None:
    for number in range(3):
        await do(world, "create_task", title=f"T{number}", tags=["t"])
    planned = await do(world, "plan_changes", filter={"tags": ["t"]}, change={"delete": True}, apply=True)
    assert planned["message"] == "3 tasks are deleted in one go; undo takes all of it back."
    assert all(task["deleted"] for task in planned["tasks"])
