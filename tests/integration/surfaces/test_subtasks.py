"""Subtasks: one tree that is made, completed, moved, deleted and taken back as one, and comes again in a series."""

from typing import Any

import pytest

from tests.contracts.surfaces import make_foreign_task
from tests.integration.surfaces.listed import add, find, refuse, rest
from tests.world import World

PROMISES = ("subtasks",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def plant(world: World, **fields: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Make a task with three subtasks and one below the first; return it, and the ids of those below by title."""
    made = await rest(
        world,
        "POST",
        "/tasks",
        {
            "title": "Birthday",
            "due": "2026-12-24",
            "subtasks": ["Cake", {"title": "Invitations", "due": "2w"}, "Music"],
            **fields,
        },
    )
    below = {each["title"]: each["id"] for each in made["subtasks"]}
    below["Candles"] = (await add(world, "Candles", parent_id=below["Cake"]))["id"]
    return made["task"], below


async def states(world: World, task: dict[str, Any], below: dict[str, str]) -> dict[str, str]:
    found = {}
    for title, key in {"Birthday": task["id"], **below}.items():
        response = await world.rest.get(f"/tasks/{key}")
        found[title] = response.json()["status"] if response.is_success else "gone"
    return found


async def test_one_call_makes_a_task_with_its_subtasks(world: World) -> None:
    agent = await world.connect()
    made = await world.call(
        agent,
        "create_task",
        title="Birthday",
        due="2026-12-24",
        list="Home",
        subtasks=["Cake", {"title": "Invitations", "due": "2w"}, "Music"],
    )
    assert made["message"] == '"Birthday" is saved in "Home" with 3 subtasks, due Thu 24 Dec 2026.'
    assert made["task"]["subtasks"] == {"open": 3, "total": 3}
    assert [(each["title"], each.get("due")) for each in made["subtasks"]] == [
        ("Cake", None),
        ("Invitations", "2026-12-10"),
        ("Music", None),
    ]
    assert [event["type"] for event in made["events"]] == ["task.created"] * 4
    events = [event["data"]["data"]["task"] for event in (await world.events())[-4:]]
    assert events[0]["subtasks"] == {"open": 3, "total": 3}
    assert [each["parent"] for each in events[1:]] == [{"id": made["task"]["id"], "title": "Birthday"}] * 3
    assert {each["list"]["name"] for each in events} == {"Home"}
    found = await world.call(agent, "find_tasks", parent_id=made["task"]["id"])
    assert [task["title"] for task in found["tasks"]] == ["Invitations", "Cake", "Music"]
    assert await find(world, list="home") == ["Invitations", "Birthday", "Cake", "Music"]
    undone = await world.call(agent, "undo")
    assert len(undone["events"]) == 4
    assert await find(world, status="all") == []


async def test_a_branch_is_completed_and_taken_back_as_one(world: World) -> None:
    task, below = await plant(world)
    await rest(world, "POST", f"/tasks/{below['Candles']}/reminders", {"at": "2026-12-01T09:00"})
    await rest(world, "POST", f"/tasks/{below['Music']}/complete")
    shown = await rest(world, "GET", f"/tasks/{task['id']}")
    assert shown["subtasks"] == {"open": 2, "total": 3}
    assert shown["version"] == 1, "a subtask's change is none of its parent"
    done = await rest(world, "POST", f"/tasks/{task['id']}/complete")
    assert done["message"] == '"Birthday" is completed with 3 subtasks.'
    assert [event["type"] for event in done["events"]] == ["task.completed"] * 4
    assert done["task"]["subtasks"] == {"open": 0, "total": 3}
    assert await world.query("SELECT status FROM reminder") == [("cancelled",)]
    reopened = await rest(world, "POST", f"/tasks/{task['id']}/reopen")
    assert len(reopened["events"]) == 1, "reopening opens the task alone"
    for _ in range(2):
        await rest(world, "POST", "/undo", {})
    assert await states(world, task, below) == {**dict.fromkeys(["Birthday", *below], "open"), "Music": "completed"}
    assert await world.query("SELECT status FROM reminder") == [("scheduled",)]


async def test_a_branch_is_deleted_and_moved_as_one(world: World) -> None:
    task, below = await plant(world, list="Home")
    moved = await rest(world, "PATCH", f"/tasks/{task['id']}", {"list": "Party"})
    assert [event["type"] for event in moved["events"]] == ["task.updated"] * 5
    assert sorted(await find(world, list="party")) == ["Birthday", "Cake", "Candles", "Invitations", "Music"]
    gone = await rest(world, "DELETE", f"/tasks/{task['id']}")
    assert gone["message"] == '"Birthday" is deleted with 4 subtasks.'
    assert [event["type"] for event in gone["events"]] == ["task.deleted"] * 5
    assert set((await states(world, task, below)).values()) == {"gone"}
    await rest(world, "POST", "/undo", {})
    assert set((await states(world, task, below)).values()) == {"open"}
    party = await add(world, "Year", list="Plans")
    under = await rest(world, "PATCH", f"/tasks/{below['Cake']}", {"parent_id": party["id"]})
    assert under["task"]["parent"] == {"id": party["id"], "title": "Year"}
    assert under["task"]["list"]["name"] == "Plans"
    assert sorted(await find(world, list="plans")) == ["Cake", "Candles", "Year"]
    assert (await rest(world, "GET", f"/tasks/{task['id']}"))["subtasks"] == {"open": 2, "total": 2}
    history = (await rest(world, "GET", f"/tasks/{below['Cake']}/history"))["history"][0]
    assert [each["title"] for each in history["changes"]["parent"]] == ["Birthday", "Year"]
    alone = await rest(world, "PATCH", f"/tasks/{below['Cake']}", {"parent_id": None})
    assert "parent" not in alone["task"]
    await rest(world, "POST", "/undo", {})
    await rest(world, "POST", "/undo", {})
    assert sorted(await find(world, list="party")) == ["Birthday", "Cake", "Candles", "Invitations", "Music"]


async def test_an_agent_asks_before_it_deletes_a_task_with_many_subtasks(world: World) -> None:
    made = await rest(world, "POST", "/tasks", {"title": "Move", "subtasks": [f"Box {n}" for n in range(9)]})
    agent = await world.connect("legacy")
    result = await agent.call_tool("delete_task", {"task_id": made["task"]["id"]})
    assert result.is_error
    assert "confirmation_required" in str(result.content)
    assert len(await find(world)) == 10, "nothing half-done"
    assert len((await world.call(agent, "complete_task", task_id=made["task"]["id"]))["events"]) == 10


async def test_a_plan_over_a_whole_branch_deletes_each_task_once(world: World) -> None:
    await plant(world, list="Party")
    plan = await rest(world, "POST", "/plans", {"filter": {"list": "party"}, "change": {"delete": True}})
    assert len(plan["diff"]) == 5
    assert '"Candles" goes with another task of the plan.' in [entry["text"] for entry in plan["diff"]]
    applied = await rest(world, "POST", f"/plans/{plan['plan_id']}/apply")
    assert [event["type"] for event in applied["events"]] == ["task.deleted"] * 5
    await rest(world, "POST", "/undo", {})
    again = {"filter": {"list": "party"}, "change": {"complete": True}, "apply": True}
    assert [event["type"] for event in (await rest(world, "POST", "/plans", again))["events"]] == ["task.completed"] * 5


async def test_each_occurrence_gets_its_subtasks_anew_and_open(world: World) -> None:
    series = {"title": "Week", "rule": "FREQ=WEEKLY;BYDAY=SU", "list": "Home", "subtasks": ["Bins", "Plants"]}
    made = await rest(world, "POST", "/recurring-tasks", series)
    assert [event["type"] for event in made["events"]] == [
        *["task.created"] * 2, "recurring.trigger", *["task.created"] * 2,
    ]  # fmt: skip
    first = made["task"]["id"]
    assert made["task"]["subtasks"] == {"open": 2, "total": 2}
    path = f"/recurring-tasks/{made['recurring_id']}"
    await rest(world, "PATCH", path, {"subtasks": ["Plants", "Sweep"]})
    assert await find(world, parent_id=first) == ["Plants", "Sweep"], "untouched subtasks follow their series"
    for order in (["Sweep", "Plants"], ["Plants", "Sweep"]):
        turned = await rest(world, "PATCH", path, {"subtasks": order})
        assert "warnings" not in turned, "another order of the same ones is no change of the occurrence"
    plants = (await rest(world, "GET", "/tasks", parent_id=first))["tasks"][0]
    await rest(world, "PATCH", f"/tasks/{plants['id']}", {"title": "All plants"})
    answer = await rest(world, "PATCH", path, {"subtasks": ["Bins"]})
    [kept] = answer["warnings"]
    assert kept.startswith(
        "The occurrence of Sun 29 Nov 2026 keeps its own subtasks, which were changed on it; each later"
    )
    same = await rest(world, "PATCH", path, {"subtasks": ["Sweep", "All plants"]})
    assert "warnings" not in same, "those that it has on it are the ones that come each time"
    await rest(world, "PATCH", path, {"subtasks": ["Bins"]})
    assert await find(world, parent_id=first) == ["All plants", "Sweep"]
    done = await rest(world, "POST", f"/tasks/{first}/complete")
    second = done["next_occurrence"]["task_id"]
    children = (await rest(world, "GET", "/tasks", parent_id=second))["tasks"]
    assert [(each["title"], each["status"], each["list"]["name"]) for each in children] == [("Bins", "open", "Home")]
    await rest(world, "POST", f"/tasks/{children[0]['id']}/complete")
    refused = await refuse(world, "POST", "/undo", {"change_ids": [done["change_id"]]})
    assert refused.startswith("undo_conflict"), "the successor's subtask has been done"
    await rest(world, "POST", f"/tasks/{children[0]['id']}/reopen")
    await rest(world, "DELETE", f"/tasks/{second}")
    assert await find(world, text="bins") == ["Bins"], "the skipped occurrence took its own along"
    await rest(world, "PATCH", path, {"subtasks": None})
    assert await find(world, text="bins") == []
    assert "subtasks" not in (await rest(world, "GET", f"/tasks/{made['recurring_id']}"))["recurrence"]
    await rest(world, "POST", "/undo", {})
    assert await find(world, text="bins") == ["Bins"]
    await rest(world, "DELETE", f"/tasks/{made['recurring_id']}")
    assert await find(world) == []


async def test_a_task_with_subtasks_becomes_a_series_with_them(world: World) -> None:
    task, _ = await plant(world)
    turned = await rest(world, "POST", "/recurring-tasks", {"task_id": task["id"], "rule": "FREQ=YEARLY"})
    template = (await rest(world, "GET", f"/tasks/{turned['recurring_id']}"))["recurrence"]
    assert template["subtasks"] == ["Cake", "Invitations", "Music"]
    done = await rest(world, "POST", f"/tasks/{task['id']}/complete")
    assert await find(world, parent_id=done["next_occurrence"]["task_id"]) == ["Cake", "Invitations", "Music"]


async def test_what_cannot_stand_there_is_refused_and_nothing_is_half_done(world: World) -> None:
    task, below = await plant(world)
    wicks = await add(world, "Wicks", parent_id=below["Candles"])
    deep = await refuse(world, "POST", "/tasks", {"title": "Fifth", "parent_id": wicks["id"]})
    assert "there would be 5 levels of tasks; 4 are allowed" in deep
    deep = await refuse(world, "POST", "/tasks", {"title": "A", "parent_id": below["Candles"], "subtasks": ["B"]})
    assert "5 levels" in deep
    circle = await refuse(world, "PATCH", f"/tasks/{task['id']}", {"parent_id": below["Candles"]})
    assert '"Birthday" cannot be a subtask of "Candles"' in circle
    itself = await refuse(world, "PATCH", f"/tasks/{task['id']}", {"parent_id": task["id"]})
    assert "cannot be a subtask of itself" in itself
    top = await add(world, "Top")
    too_deep = await refuse(world, "PATCH", f"/tasks/{task['id']}", {"parent_id": top["id"]})
    assert "5 levels" in too_deep
    many = {"title": "Many", "subtasks": [f"Number {n}" for n in range(101)]}
    assert "at most 100 are allowed" in await refuse(world, "POST", "/tasks", many)
    full = await rest(world, "POST", "/tasks", {**many, "subtasks": many["subtasks"][1:]})
    one_more = await refuse(world, "POST", "/tasks", {"title": "One", "parent_id": full["task"]["id"]})
    assert "would have 101 subtasks" in one_more
    assert "would have 101 subtasks" in await refuse(
        world, "PATCH", f"/tasks/{top['id']}", {"parent_id": full["task"]["id"]}
    )
    foreign = await refuse(world, "POST", "/tasks", {"title": "A", "parent_id": await make_foreign_task(world)})
    missing = await refuse(world, "POST", "/tasks", {"title": "A", "parent_id": "01930000-0000-7000-8000-0000000fffff"})
    assert foreign == missing, "another person's task and a missing one look the same"
    await rest(world, "POST", f"/tasks/{top['id']}/complete")
    assert '"Top" is completed' in await refuse(world, "POST", "/tasks", {"title": "A", "parent_id": top["id"]})
    elsewhere = await refuse(world, "PATCH", f"/tasks/{below['Cake']}", {"list": "Other"})
    assert '"Cake" is a subtask of "Birthday" and lives in its list' in elsewhere
    assert "lives in its list" in await refuse(
        world, "POST", "/tasks", {"title": "A", "parent_id": task["id"], "list": "Other"}
    )
    assert "nothing of it can be seen" in await refuse(world, "POST", "/tasks", {"title": "A", "subtasks": ["\u200b"]})
    series = {"task_id": below["Cake"], "rule": "FREQ=DAILY", "subtasks": ["A"]}
    assert "a subtask does not recur by itself" in await refuse(world, "POST", "/recurring-tasks", series)
    recurring = await rest(world, "POST", "/recurring-tasks", {"title": "Water", "rule": "FREQ=DAILY"})
    assert "recurs" in await refuse(world, "PATCH", f"/tasks/{recurring['task']['id']}", {"parent_id": task["id"]})
    under_series = await world.rest.post("/tasks", json={"title": "A", "parent_id": recurring["recurring_id"]})
    assert under_series.json()["code"] == "is_series"


async def test_undo_leaves_no_subtask_below_nothing(world: World) -> None:
    top = await rest(world, "POST", "/tasks", {"title": "Top"})
    other = await add(world, "Other")
    key = top["task"]["id"]
    child = await add(world, "Child", parent_id=key)
    below_nothing = await refuse(world, "POST", "/undo", {"change_ids": [top["change_id"]]})
    assert 'the subtasks of "Top", which would stand below nothing' in below_nothing
    out = await rest(world, "PATCH", f"/tasks/{child['id']}", {"parent_id": None})
    await rest(world, "PATCH", f"/tasks/{key}", {"parent_id": child["id"]})
    circle = await refuse(world, "POST", "/undo", {"change_ids": [out["change_id"]]})
    assert "stand below itself" in circle
    away = await rest(world, "PATCH", f"/tasks/{key}", {"parent_id": other["id"]})
    await rest(world, "PATCH", f"/tasks/{key}", {"parent_id": None})
    await rest(world, "DELETE", f"/tasks/{other['id']}")
    assert "which is deleted" in await refuse(
        world,
        "POST",
        "/undo",
        {"change_ids": [(await rest(world, "GET", f"/tasks/{key}/history"))["history"][0]["change_id"]]},
    )
    assert away["events"]
    assert "has subtasks" in await refuse_erasing(world, child["id"], await add(world, "Under", parent_id=child["id"]))


async def refuse_erasing(world: World, task_id: str, below: dict[str, Any]) -> str:
    assert below["parent"]["id"] == task_id
    await world.settle()
    return await refuse(world, "DELETE", f"/tasks/{task_id}/permanently")
