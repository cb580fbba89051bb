"""Lists: named on any call, kept as changes like all others, and without an event of their own."""

from typing import Any

import pytest

from tests.integration.surfaces.listed import add, find, refuse, rest
from tests.world import World

PROMISES = ("lists",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def show(world: World, **query: Any) -> list[tuple[str, int]]:
    return [(each["name"], each["open"]) for each in (await rest(world, "GET", "/lists", **query))["lists"]]


async def test_a_list_is_made_by_its_name_and_found_by_it(world: World) -> None:
    made = await rest(world, "POST", "/tasks", {"title": "Milk", "list": "  Café   shop "})
    assert made["task"]["list"]["name"] == "Café shop"
    assert made["warnings"] == ['The list "Café shop" is new.']
    assert made["message"] == '"Milk" is saved in "Café shop".'
    second = await rest(world, "POST", "/tasks", {"title": "Bread", "list": "CAFE\u0301 SHOP"})
    assert second["task"]["list"] == made["task"]["list"]
    assert "warnings" not in second
    near = await rest(world, "POST", "/tasks", {"title": "Rake", "list": "Cafe shops"})
    assert near["warnings"] == ['The list "Cafe shops" is new. Did you mean "Café shop"?']
    assert "list" not in await add(world, "Loose", list="inbox")
    assert await find(world, list="cafe shop") == ["Milk", "Bread"]
    assert await find(world, list="Inbox") == ["Loose"]
    assert await find(world, list="Café shop", text="bre") == ["Bread"]
    unknown = await rest(world, "GET", "/tasks", list="Nowhere")
    assert unknown["tasks"] == []
    assert unknown["lists"] == [{"name": "Café shop", "open": 2}, {"name": "Cafe shops", "open": 1}]
    lists = await rest(world, "GET", "/lists")
    assert lists["inbox"] == {"open": 1}
    agent = await world.connect()
    found = await world.call(agent, "find_tasks", list="café SHOP")
    assert [task["list"]["name"] for task in found["tasks"]] == ["Café shop"] * 2
    assert (await world.call(agent, "find_tasks", list="Nowhere"))["lists"] == unknown["lists"]


async def test_renaming_orders_and_archiving_are_changes_without_events(world: World) -> None:
    task = await add(world, "Milk", list="Groceries", due="2026-11-23")
    await add(world, "Rake", list="Garden")
    key = task["list"]["id"]
    events = len(await world.events())
    renamed = await rest(world, "PATCH", f"/lists/{key}", {"name": "Food", "position": 2})
    assert renamed["events"] == []
    assert renamed["list"] == {"id": key, "name": "Food", "position": 2, "archived": False}
    assert await show(world) == [("Garden", 1), ("Food", 1)]
    assert (await rest(world, "GET", f"/tasks/{task['id']}"))["list"] == {"id": key, "name": "Food"}
    again = await rest(world, "PATCH", f"/lists/{key}", {"name": "Food"})
    assert "change_id" not in again
    await rest(world, "PATCH", f"/lists/{key}", {"archived": True})
    assert await find(world) == ["Rake"]
    assert await find(world, due_until="2026-11-23") == []
    assert await find(world, list="food") == ["Milk"], "what is named is shown"
    assert await show(world) == [("Garden", 1)]
    assert await show(world, archived=True) == [("Garden", 1), ("Food", 1)]
    assert len(await world.events()) == events, "consumers know lists by their id"
    changes = (await rest(world, "GET", "/changes"))["changes"]
    assert changes[0]["text"].startswith('The list "Food" was archived, by ')
    assert changes[1]["lists"][0]["text"] == 'the list "Food" was renamed from "Groceries"'
    undone = await rest(world, "POST", "/undo", {})
    assert undone["message"].startswith('Undone: the list "Food" was taken out of the archive.')
    await rest(world, "POST", "/undo", {})
    assert await show(world) == [("Groceries", 1), ("Garden", 1)]
    await rest(
        world,
        "POST",
        "/undo",
        {"change_ids": [undone["change_id"]]},
    )
    assert await show(world, archived=True) == [("Groceries", 1), ("Garden", 1)]
    assert await find(world) == ["Rake"], "redone"


async def test_a_deleted_list_lets_its_tasks_go_or_takes_them_along(world: World) -> None:
    milk = await add(world, "Milk", list="Groceries")
    done = await add(world, "Bread", list="Groceries")
    await rest(world, "POST", f"/tasks/{done['id']}/complete")
    series = {"title": "Eggs", "rule": "FREQ=DAILY", "list": "Groceries"}
    eggs = await rest(world, "POST", "/recurring-tasks", series)
    assert eggs["task"]["list"]["name"] == "Groceries"
    key = milk["list"]["id"]
    kept = await rest(world, "DELETE", f"/lists/{key}")
    assert [event["type"] for event in kept["events"]] == ["task.updated"] * 4
    assert (await world.events())[-1]["data"]["data"]["changes"]["list"][1] is None
    assert await find(world, list="inbox", status="all") == ["Eggs", "Milk", "Bread"]
    await rest(world, "POST", "/undo", {})
    assert await find(world, list="Groceries", status="all") == ["Eggs", "Milk", "Bread"]
    gone = await rest(world, "DELETE", f"/lists/{key}", tasks="delete")
    assert [event["type"] for event in gone["events"]] == ["task.deleted"] * 4
    assert await find(world, status="all") == []
    await rest(world, "POST", "/undo", {})
    assert await find(world, list="Groceries", status="all") == ["Eggs", "Milk", "Bread"]
    await rest(world, "POST", f"/tasks/{eggs['task']['id']}/complete")
    assert await find(world, list="Groceries") == ["Eggs", "Milk"], "the next occurrence is in the list too"


async def test_undo_minds_the_lists(world: World) -> None:
    made = await rest(world, "POST", "/tasks", {"title": "Milk", "list": "Groceries"})
    moved = await rest(world, "PATCH", f"/tasks/{made['task']['id']}", {"list": "Food"})
    assert moved["message"] == '"Milk" is changed (list).'
    await rest(world, "POST", "/undo", {"change_ids": [moved["change_id"]]})
    assert await show(world) == [("Groceries", 1)], "the list that the change made went with it"
    await add(world, "Bread", list="Groceries")
    stays = await rest(world, "POST", "/undo", {"change_ids": [made["change_id"]]})
    assert stays["warnings"] == ['The list "Groceries" stays: there are tasks in it.']
    key = made["task"]["list"]["id"]
    renamed = await rest(world, "PATCH", f"/lists/{key}", {"name": "Shop"})
    await rest(world, "POST", "/lists", {"name": "groceries"})
    refused = await refuse(world, "POST", "/undo", {"change_ids": [renamed["change_id"]]})
    assert refused.startswith("undo_conflict: Nothing was undone: changed since: the name of the list")
    cleared = await rest(world, "PATCH", f"/tasks/{(await add(world, 'Ham', list='Shop'))['id']}", {"list": None})
    await rest(world, "DELETE", f"/lists/{key}")
    refused = await refuse(world, "POST", "/undo", {"change_ids": [cleared["change_id"]]})
    assert 'list of "Ham"' in refused


async def test_a_series_and_a_plan_carry_their_list(world: World) -> None:
    series = await rest(world, "POST", "/recurring-tasks", {"title": "Water", "rule": "FREQ=DAILY"})
    answer = await rest(world, "PATCH", f"/recurring-tasks/{series['recurring_id']}", {"list": "Garden"})
    assert answer["task"]["list"]["name"] == "Garden"
    assert [event["type"] for event in answer["events"]] == ["task.updated"] * 2
    assert await find(world, list="garden") == ["Water"]
    upcoming = await rest(world, "GET", "/tasks", list="garden", due_until="2026-11-30")
    assert upcoming["upcoming"]
    assert "upcoming" not in await rest(world, "GET", "/tasks", list="inbox", due_until="2026-11-30")
    await add(world, "Rake")
    plan = await rest(world, "POST", "/plans", {"filter": {"text": "rake"}, "change": {"list": "Sheds"}})
    assert await show(world) == [("Garden", 1)], "a plan changes nothing"
    assert plan["warnings"] == ['1: The list "Sheds" is new.']
    applied = await rest(world, "POST", f"/plans/{plan['plan_id']}/apply")
    assert await show(world) == [("Garden", 1), ("Sheds", 1)]
    assert len(applied["events"]) == 1
    others = await rest(world, "POST", "/plans", {"filter": {"not": {"list": "garden"}}, "change": {"priority": "low"}})
    assert [entry["title"] for entry in others["diff"]] == ["Rake"]
    await rest(world, "POST", "/undo", {})
    assert await show(world) == [("Garden", 1)]


async def test_what_cannot_be_a_list_is_refused(world: World) -> None:
    await rest(world, "POST", "/lists", {"name": "Garden"})
    for name in ("gárden", "GARDEN\u200b"):
        assert 'There is a list "Garden" already' in await refuse(world, "POST", "/lists", {"name": name})
    assert "has 65 characters" in await refuse(world, "POST", "/lists", {"name": "x" * 65})
    assert "nothing of it can be seen" in await refuse(world, "POST", "/lists", {"name": "\u2003\u200b"})
    assert "is empty" in await refuse(world, "POST", "/lists", {"name": "   "})
    assert "The inbox is there already" in await refuse(world, "POST", "/lists", {"name": "Inbox"})
    assert "There is no list" in await refuse(world, "PATCH", "/lists/nothing", {"name": "A"})
    assert "cannot be emptied" in await refuse(world, "PATCH", "/lists/nothing", {"name": None})
    assert "must be one of keep, delete" in await refuse(world, "DELETE", "/lists/nothing", tasks="burn")
    assert "list is both given and cleared" in await refuse_tool(world)


async def refuse_tool(world: World) -> str:
    task = await add(world, "Milk")
    agent = await world.connect()
    result = await agent.call_tool("update_task", {"task_id": task["id"], "list": "A", "clear": ["list"]})
    assert result.is_error
    return str(result.content)


async def test_a_repeated_request_makes_one_list(world: World) -> None:
    for _ in range(2):
        response = await world.rest.post("/lists", json={"name": "Garden"}, headers={"Idempotency-Key": "once"})
        assert response.status_code == 201
    assert response.json()["replayed"] is True
    assert response.headers["location"] == f"/api/lists/{response.json()['list']['id']}"
    assert await show(world) == [("Garden", 0)]


async def test_a_feed_holds_one_list_and_leaves_archived_ones_out(world: World) -> None:
    await add(world, "Milk", list="Groceries", due="2026-11-24")
    rake = await add(world, "Rake", list="Garden", due="2026-11-24")
    feed = await rest(world, "POST", "/calendars", {"list": "garden"})
    everything = await rest(world, "POST", "/calendars", {})
    assert feed["list"] == rake["list"]
    assert await read_feed(world, feed) == ["Rake"]
    assert await read_feed(world, everything) == ["Milk", "Rake"]
    await rest(world, "PATCH", f"/lists/{rake['list']['id']}", {"archived": True})
    assert await read_feed(world, everything) == ["Milk"]
    assert await read_feed(world, feed) == ["Rake"]
    assert 'There is no list "Shed"' in await refuse(world, "POST", "/calendars", {"list": "Shed"})


async def read_feed(world: World, feed: dict[str, Any]) -> list[str]:
    text = (await world.http.get(feed["url"].removeprefix("http://127.0.0.1:8000"))).text
    return [line.removeprefix("SUMMARY:") for line in text.splitlines() if line.startswith("SUMMARY:")]
