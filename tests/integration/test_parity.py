"""Parity: one scenario through every surface gives the same event stream and the same effects."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import World, open_world

pytestmark = pytest.mark.anyio

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

# Each step: seconds that pass first, the tool, its arguments; {n} is the n-th task made, {rn} its first reminder.
SCENARIO: tuple[tuple[float, str, dict[str, Any]], ...] = (
    (0, "create_task", {"title": "Buy milk", "notes": "2 l", "due": "2026-11-27T17:00", "priority": "P1"}),
    (1, "create_task", {"title": "Rent", "due": "2026-12-01", "tags": ["home", "money"], "reminders": ["1d", "2h"]}),
    (1, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (1, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (1, "update_task", {"task_id": "{0}", "title": "Buy oat milk", "add_tags": ["shop"], "append_notes": "barista"}),
    (1, "update_task", {"task_id": "{0}", "title": "Buy oat milk"}),
    (1, "set_reminder", {"task_id": "{0}", "before": "30m"}),
    (1, "set_reminder", {"task_id": "{0}", "before": "30m"}),
    (1, "set_reminder", {"task_id": "{0}", "at": "2026-11-23T11:00"}),
    (3600, "snooze_reminder", {"task_id": "{0}", "duration": "10m"}),
    (1, "update_task", {"task_id": "{0}", "shift": "-1d"}),
    (900, "complete_task", {"task_id": "{0}"}),
    (1, "complete_task", {"task_id": "{0}"}),
    (1, "reopen_task", {"task_id": "{0}"}),
    (1, "cancel_reminder", {"reminder_id": "{r1}"}),
    (1, "cancel_reminder", {"task_id": "{1}"}),
    (1, "update_task", {"task_id": "{1}", "clear": ["due", "tags"]}),
    (1, "delete_task", {"task_id": "{1}"}),
    (86_400 * 4, "complete_task", {"task_id": "{2}"}),
)


def call_rest(world: World) -> Call:
    """Render a tool call as its REST request."""

    async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        body = dict(arguments)
        headers = {"Idempotency-Key": body.pop("request_id")} if "request_id" in body else {}
        task_id, reminder_id = body.pop("task_id", None), body.pop("reminder_id", None)
        if tool == "cancel_reminder" and reminder_id is None:
            reminder_id = await only_waiting_reminder(world, task_id)
        if tool == "snooze_reminder" and reminder_id is None:
            reminder_id = await last_rung_reminder(world, task_id)
        for name in body.pop("clear", []):
            body[name] = None
        method, path = {
            "create_task": ("POST", "/tasks"),
            "update_task": ("PATCH", f"/tasks/{task_id}"),
            "complete_task": ("POST", f"/tasks/{task_id}/complete"),
            "reopen_task": ("POST", f"/tasks/{task_id}/reopen"),
            "delete_task": ("DELETE", f"/tasks/{task_id}"),
            "set_reminder": ("POST", f"/tasks/{task_id}/reminders"),
            "snooze_reminder": ("POST", f"/reminders/{reminder_id}/snooze"),
            "cancel_reminder": ("DELETE", f"/reminders/{reminder_id}"),
        }[tool]
        response = await world.rest.request(method, path, json=body, headers=headers)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return call


async def only_waiting_reminder(world: World, task_id: str) -> str:
    task = (await world.rest.get(f"/tasks/{task_id}")).json()
    [waiting] = [each["id"] for each in task["reminders"] if each["status"] == "scheduled"]
    return str(waiting)


async def last_rung_reminder(world: World, task_id: str) -> str:
    notifications = (await world.rest.get("/notifications")).json()["notifications"]
    remind_at = next(each["remind_at"] for each in notifications if each["task_id"] == task_id)
    task = (await world.rest.get(f"/tasks/{task_id}")).json()
    return str(next(each["id"] for each in task["reminders"] if each["remind_at"] == remind_at))


async def play(world: World, call: Call) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Play the scenario and return (answers, events, effects), each without what names the surface."""
    made: list[dict[str, Any]] = []
    answers = []
    for passing, tool, arguments in SCENARIO:
        await world.tick(seconds=passing)
        names = {f"{{{index}}}": task["id"] for index, task in enumerate(made)}
        names |= {f"{{r{index}}}": task["reminders"][0]["id"] for index, task in enumerate(made) if "reminders" in task}
        filled = {
            name: names.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()
        }
        answer = await call(tool, filled)
        if tool == "create_task" and "replayed" not in answer:
            made.append(answer["task"])
        answers.append(answer)
    await world.tick()
    effects = {
        path: (await world.rest.get(path)).json()
        for path in ("/notifications", "/activity", "/statistics?until=2026-11-27")
    }
    for entry in effects["/activity"]["entries"]:
        entry["text"] = entry["text"].partition(" by ")[0]
    events = await world.events()
    for event in events:
        event.pop("traceparent", None)
        assert event["data"]["data"].pop("actor")["kind"] in ("person", "agent", "scheduler")
        event["data"]["data"].pop("request_id", None)
    return answers, events, effects


async def play_rest(folder: Path) -> tuple[list[Any], list[Any], dict[str, Any]]:
    async with open_world(folder) as world:
        return await play(world, call_rest(world))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("transport", ["http", "stdio"])
async def test_tools_and_rest_give_the_same_answers_events_and_effects(
    tmp_path: Path, mode: str, transport: str
) -> None:
    expected = await play_rest(tmp_path / "rest")
    async with open_world(tmp_path / "mcp") as world:
        client = await (world.connect(mode) if transport == "http" else world.connect_stdio(mode))
        played = await play(world, lambda tool, arguments: world.call(client, tool, **arguments))
    assert played[1] == expected[1]
    assert played[0] == expected[0]
    assert played[2] == expected[2]


async def test_the_scenario_says_what_it_is_meant_to_say(tmp_path: Path) -> None:
    answers, events, effects = await play_rest(tmp_path)
    assert [event["type"] for event in events] == [
        *["task.created"] * 3,
        "task.updated",
        "task.updated",
        "task.updated",
        "reminder.due",
        "task.updated",
        "task.updated",
        "reminder.due",
        "task.completed",
        "task.updated",
        "task.updated",
        "task.updated",
        "task.updated",
        "task.deleted",
        "reminder.due",
        "task.completed",
    ]
    assert [bool(answer["events"]) for answer in answers].count(False) == 3
    assert answers[3]["replayed"] is True
    assert [each["title"] for each in effects["/notifications"]["notifications"]] == ["Buy oat milk"] * 3
    assert effects["/statistics?until=2026-11-27"]["days"][-5:] == [
        {"day": "2026-11-23", "created": 3, "completed": 0},
        {"day": "2026-11-24", "created": 0, "completed": 0},
        {"day": "2026-11-25", "created": 0, "completed": 0},
        {"day": "2026-11-26", "created": 0, "completed": 0},
        {"day": "2026-11-27", "created": 0, "completed": 1},
    ]
