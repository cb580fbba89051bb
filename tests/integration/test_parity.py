"""Parity: one scenario through every surface gives the same event stream and the same effects."""

from collections import Counter
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

# The same for series: {n} is the instance or task that the n-th create answered with, {sn} its series; the names of
# what came later are read from the answers: {next} is the `next_occurrence` of the newest answer that had one.
RECURRING: tuple[tuple[float, str, dict[str, Any]], ...] = (
    (0, "create_recurring_task", {"title": "Plants", "rule": "FREQ=DAILY;BYHOUR=12", "reminders": ["1d", "30m"]}),
    (1, "create_task", {"title": "Rent", "due": "2026-12-01", "reminders": ["1d"]}),
    (1, "create_recurring_task", {"task_id": "{1}", "rule": "FREQ=MONTHLY", "tags": ["home"], "request_id": "once"}),
    (1, "create_recurring_task", {"task_id": "{1}", "rule": "FREQ=MONTHLY", "tags": ["home"], "request_id": "once"}),
    (
        1,
        "create_recurring_task",
        {
            "title": "Standup",
            "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "first_due": "2026-11-23T15:00",
            "mode": "every_occurrence",
            "catch_up": "all",
            "zone": "America/New_York",
        },
    ),
    (1, "preview_occurrences", {"task_id": "{s3}", "count": 3}),
    (1, "preview_occurrences", {"rule": "FREQ=MONTHLY;BYMONTHDAY=31", "first_due": "2027-01-31"}),
    (3_600, "complete_task", {"task_id": "{0}"}),
    (86_400, "update_task", {"task_id": "{next}", "title": "Plants on the balcony", "shift": "2h"}),
    (1, "update_recurring_task", {"task_id": "{s0}", "title": "All plants", "add_tags": ["home"], "notes": "Rain"}),
    (1, "update_recurring_task", {"task_id": "{s0}", "clear": ["notes"]}),
    (1, "update_recurring_task", {"task_id": "{next}", "skip": "2"}),
    (1, "update_recurring_task", {"task_id": "{s0}", "paused": "true"}),
    (1, "update_recurring_task", {"task_id": "{s0}", "paused": True}),
    (86_400 * 3, "binding", {}),
    (1, "update_recurring_task", {"task_id": "{s0}", "paused": False}),
    (1, "update_recurring_task", {"task_id": "{s3}", "rule": "FREQ=WEEKLY;BYDAY=TU", "reminders": ["2h"]}),
    (1, "delete_task", {"task_id": "{1}"}),
    (1, "update_recurring_task", {"task_id": "{s2}", "ends": "1"}),
    (1, "complete_task", {"task_id": "{next}"}),
    (1, "reopen_task", {"task_id": "{next}"}),
    (86_400 * 9, "binding", {}),
    (1, "delete_task", {"task_id": "{s3}"}),
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
            "create_recurring_task": ("POST", "/recurring-tasks"),
            "update_recurring_task": ("PATCH", f"/recurring-tasks/{task_id}"),
            "preview_occurrences": ("POST", "/recurring-tasks/preview"),
        }[tool]
        if method == "POST" and path.startswith("/recurring-tasks") and task_id is not None:
            body["task_id"] = task_id
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


Scenario = tuple[tuple[float, str, dict[str, Any]], ...]


async def play(world: World, call: Call, scenario: Scenario) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Play a scenario and return (answers, events, effects), each without what names the surface."""
    made: list[dict[str, Any]] = []
    following = ""
    answers = []
    for passing, tool, arguments in scenario:
        if tool == "binding":
            world.clock.move(seconds=passing)
            answers.append((await world.http.post("/bindings/recurring-scheduler")).json())
            continue
        await world.tick(seconds=passing)
        names = {f"{{{index}}}": task["id"] for index, task in enumerate(made)}
        names |= {f"{{r{index}}}": task["reminders"][0]["id"] for index, task in enumerate(made) if "reminders" in task}
        names |= {f"{{s{index}}}": task["recurring_id"] for index, task in enumerate(made) if "recurring_id" in task}
        names["{next}"] = following
        filled = {
            name: names.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()
        }
        answer = await call(tool, filled)
        if tool.startswith("create") and "replayed" not in answer:
            made.append(answer["task"])
        following = answer.get("next_occurrence", {}).get("task_id", following)
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


async def play_rest(folder: Path, scenario: Scenario) -> tuple[list[Any], list[Any], dict[str, Any]]:
    async with open_world(folder) as world:
        return await play(world, call_rest(world), scenario)


@pytest.mark.parametrize("scenario", [SCENARIO, RECURRING], ids=["tasks", "series"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("transport", ["http", "stdio"])
async def test_tools_and_rest_give_the_same_answers_events_and_effects(
    tmp_path: Path, mode: str, transport: str, scenario: Scenario
) -> None:
    expected = await play_rest(tmp_path / "rest", scenario)
    async with open_world(tmp_path / "mcp") as world:
        client = await (world.connect(mode) if transport == "http" else world.connect_stdio(mode))
        played = await play(world, lambda tool, arguments: world.call(client, tool, **arguments), scenario)
    assert played[1] == expected[1]
    assert played[0] == expected[0]
    assert played[2] == expected[2]


async def test_the_scenario_says_what_it_is_meant_to_say(tmp_path: Path) -> None:
    answers, events, effects = await play_rest(tmp_path, SCENARIO)
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


async def test_the_scenario_of_series_says_what_it_is_meant_to_say(tmp_path: Path) -> None:
    answers, events, effects = await play_rest(tmp_path, RECURRING)
    comes, goes = ["task.created", "recurring.trigger"], "task.deleted"
    changed = "task.updated"
    assert [[event["type"] for event in answer.get("events", [])] for answer in answers] == [
        ["task.created", *comes],
        ["task.created"],
        *[["task.created", changed, "recurring.trigger"]] * 2,
        ["task.created", *comes],
        *[[]] * 2,
        ["task.completed", *comes],
        [changed],
        *[[changed] * 2] * 2,
        [changed, goes, *comes],
        [changed, goes],
        *[[]] * 2,
        [changed, *comes],
        [changed] * 6,
        [goes, *comes],
        [changed],
        ["task.completed"] * 2,
        [changed],
        [],
        [goes] * 7,
    ]
    assert [answer["processed"] for answer in answers if "processed" in answer] == [1, 3]
    counts = Counter(event["type"] for event in events)
    assert counts["recurring.trigger"] == 12
    assert counts["reminder.due"] == len(effects["/notifications"]["notifications"]) == 3
    assert {entry["event_id"] for entry in effects["/activity"]["entries"]} <= {event["id"] for event in events}
    skipped = [event["data"]["data"]["skipped"] for event in events if event["type"] == "recurring.trigger"]
    assert sum(skipped) == 2, "the date that skip=2 took out, and the one that went by while paused"
