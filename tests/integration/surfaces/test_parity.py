"""Parity: one scenario through every surface gives the same event stream and the same effects."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json, to_json

from tests.integration.conversation.talking import open_talk, say
from tests.scenario import Scenario, call_rest, play
from tests.world import open_world

PROMISES = ("parity",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

# A step is the seconds that pass first, the tool and its arguments; {n} is the n-th task, {rn} its first reminder.
SCENARIO: Scenario = (
    (0, "create_task", {"title": "Buy milk", "notes": "2 l", "due": "2026-11-27T17:00", "priority": "P1"}),
    (1, "create_task", {"title": "Rent", "due": "2026-12-01", "tags": ["home", "money"], "reminders": ["1d", "2h"]}),
    (1, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (1, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (1, "update_task", {"task_id": "{0}", "title": "Buy oat milk", "add_tags": ["shop"], "append_notes": "barista"}),
    (1, "update_task", {"task_id": "{0}", "title": "Buy oat milk"}),
    (1, "update_task", {"task_id": "{0}", "list": "Groceries"}),
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

# The same for series: {n} is the instance or task in the answer of the n-th create, {sn} its series, and {next} the
# `next_occurrence` of the newest answer that has one.
RECURRING: Scenario = (
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

# Plans and undo: {plan} and {change} are the ids in the newest answer that has one.
SAFETY: Scenario = (
    (0, "create_task", {"title": "Meeting", "due": "2026-11-24T10:00", "tags": ["meeting"], "reminders": ["1h"]}),
    (1, "create_task", {"title": "Call", "due": "2026-11-24T11:30", "tags": ["meeting"]}),
    (1, "create_recurring_task", {"title": "Plants", "rule": "FREQ=DAILY;BYHOUR=12"}),
    (1, "plan_changes", {"filter": {"tags": ["meeting"]}, "change": {"shift": "1d"}}),
    (1, "apply_plan", {"plan_id": "{plan}"}),
    (1, "apply_plan", {"plan_id": "{plan}"}),
    (1, "undo", {}),
    (1, "undo", {"change_ids": ["{change}"]}),
    (1, "complete_task", {"task_id": "{2}"}),
    (1, "undo", {}),
    (1, "undo", {"change_ids": ["{change}"]}),
    (1, "update_recurring_task", {"task_id": "{s2}", "rule": "FREQ=WEEKLY;BYDAY=TH"}),
    (1, "undo", {}),
    (1, "delete_task", {"task_id": "{0}"}),
    (86_400 * 2, "undo", {}),
    (
        1,
        "plan_changes",
        {
            "changes": [
                {"tool": "create_task", "arguments": {"title": "New"}},
                {"tool": "update_task", "arguments": {"task_id": "{1}", "title": "Phone"}},
                {"tool": "update_task", "arguments": {"task_id": "{1}", "priority": "P1"}},
                {"tool": "delete_task", "arguments": {"task_id": "{0}"}},
            ],
            "apply": True,
        },
    ),
    (1, "undo", {}),
    (
        1,
        "create_task",
        {
            "title": "Party",
            "due": "2026-12-24",
            "start": "3d",
            "list": "Home",
            "subtasks": ["Cake", {"title": "Invitations", "due": "2w"}],
        },
    ),
    (1, "create_task", {"title": "Candles", "parent_id": "{3}"}),
    (1, "complete_task", {"task_id": "{3}"}),
    (1, "undo", {}),
    (1, "update_task", {"task_id": "{3}", "list": "Work", "shift": "1d"}),
    (1, "update_task", {"task_id": "{4}", "clear": ["parent_id"]}),
    (1, "create_recurring_task", {"title": "Week", "rule": "FREQ=WEEKLY", "subtasks": ["Bins"], "start": "1d"}),
    (1, "complete_task", {"task_id": "{5}"}),
    (1, "delete_task", {"task_id": "{3}"}),
    (1, "undo", {}),
)


async def play_rest(folder: Path, scenario: Scenario) -> tuple[list[Any], list[Any], dict[str, Any]]:
    async with open_world(folder) as world:
        return await play(world, call_rest(world), scenario)


@pytest.mark.parametrize("scenario", [SCENARIO, RECURRING, SAFETY], ids=["tasks", "series", "safety"])
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


@pytest.mark.parametrize("scenario", [SCENARIO, RECURRING, SAFETY], ids=["tasks", "series", "safety"])
async def test_the_chat_gives_the_same_answers_events_and_effects(tmp_path: Path, scenario: Scenario) -> None:
    # In a conversation the agent's calls carry ids of the conversation, so a repeat under the model's id cannot happen.
    once = tuple(step for n, step in enumerate(scenario) if n == 0 or step != scenario[n - 1] or step[1] == "undo")
    once = tuple((passing, tool, leave_id(arguments)) for passing, tool, arguments in once)
    expected = await play_rest(tmp_path / "rest", once)
    async with open_talk(tmp_path / "chat") as (world, model):
        conversation: list[str] = []

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            model.lines += [[(tool, arguments)], "Here you are."]
            answer = await say(world, f"please {tool}", conversation[0] if conversation else None)
            conversation.append(answer["conversation_id"])
            assert answer["text"] == "Here you are."
            result: dict[str, Any] = answer["calls"][0]["result"]
            return result

        played = await play(world, call, once)
    assert number_ids(played) == number_ids(expected)


def leave_id(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "request_id"}


def number_ids(played: Any) -> Any:
    """Name each id by the order of its first appearance, since a conversation uses some ids itself."""
    known: dict[str, str] = {}
    text = to_json(played).decode()
    return from_json(re.sub(r"01930000-[0-9a-f-]{27}", lambda m: known.setdefault(m[0], f"id {len(known)}"), text))


async def test_the_scenario_says_what_it_is_meant_to_say(tmp_path: Path) -> None:
    answers, events, effects = await play_rest(tmp_path, SCENARIO)
    assert [event["type"] for event in events] == [
        *["task.created"] * 3,
        "task.updated",
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
