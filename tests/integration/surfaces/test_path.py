"""The path of a task and a reminder through both surfaces to the reactions."""

import pytest

from tests.world import World

pytestmark = pytest.mark.anyio


async def test_a_task_made_by_a_tool_is_saved_published_and_reacted_to(world: World) -> None:
    client = await world.connect()
    answer = await world.call(client, "create_task", title="Buy milk", due="2026-11-27T17:00", reminders=["30m"])
    assert answer["task"]["due"] == "2026-11-27T16:00:00Z"
    assert answer["task"]["due_text"] == "Fri 27 Nov 2026, 17:00 Europe/Berlin"
    assert answer["task"]["reminders"][0]["remind_at"] == "2026-11-27T15:30:00Z"
    await world.settle()
    activity = (await world.rest.get("/activity")).json()["entries"]
    assert [(entry["type"], entry["event_id"]) for entry in activity] == [("task.created", answer["events"][0]["id"])]
    assert (await world.rest.get("/statistics")).json()["days"][-1] == {
        "day": "2026-11-23",
        "created": 1,
        "completed": 0,
    }


async def test_t8_reminders_that_are_not_read_are_listed_however_late_they_rang(world: World) -> None:
    for title in ("Call mum", "Water the plants"):
        body = {"title": title, "due": "2026-11-23T12:00", "reminders": ["0m"]}
        assert (await world.rest.post("/tasks", json=body)).status_code == 201
    await world.tick(days=3)
    unread = (await world.rest.get("/notifications", params={"unread": "true"})).json()["notifications"]
    assert sorted(each["title"] for each in unread) == ["Call mum", "Water the plants"]
    assert {each["late_by_seconds"] for each in unread} == {70 * 3600}
    await world.rest.post(f"/notifications/{unread[0]['id']}/read")
    left = (await world.rest.get("/notifications", params={"unread": "true"})).json()["notifications"]
    assert left == unread[1:]
    assert len((await world.rest.get("/notifications", params={"unread": "false"})).json()["notifications"]) == 2
    refused = await world.rest.get("/notifications", params={"unread": "yes"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")


async def test_a_reminder_rings_at_its_time_and_once(world: World) -> None:
    answer = (await world.rest.post("/tasks", json={"title": "Call mum", "due": "2026-11-23T12:00"})).json()
    await world.rest.post(f"/tasks/{answer['task']['id']}/reminders", json={"before": "1h"})
    await world.tick(minutes=59)
    assert (await world.rest.get("/notifications")).json()["notifications"] == []
    await world.tick(minutes=1)
    await world.tick(minutes=1)
    [notification] = (await world.rest.get("/notifications")).json()["notifications"]
    assert (notification["title"], notification["late_by_seconds"]) == ("Call mum", 0)
