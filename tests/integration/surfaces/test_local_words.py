"""What is stored in UTC has local words beside it, without seconds; answers stay small with them."""

import json
import re
from typing import Any

import pytest

from tests.integration.safety.agent_calls import do, fail
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

SECONDS = re.compile(r"\d\d:\d\d:\d\d(?![\d.]*Z)")


def measure_tokens(answer: dict[str, Any]) -> float:
    """Return the size of an answer's text, four characters to a token."""
    return len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False)) / 4


def list_words(value: Any, name: str = "") -> list[str]:
    """Return the texts of an answer that people read."""
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in list_words(each, key)]
    if isinstance(value, list):
        return [text for each in value for text in list_words(each, name)]
    is_said = name in ("message", "text", "warnings", "now", "hint") or name.endswith("_text")
    return [value] if is_said and isinstance(value, str) else []


async def test_reminders_and_completions_have_local_words(world: World) -> None:
    made = await do(world, "create_task", title="Rent", due="2026-11-27T17:00", reminders=["30m", "2026-11-26T08:00"])
    assert [(each["remind_at"], each["remind_text"]) for each in made["task"]["reminders"]] == [
        ("2026-11-26T07:00:00Z", "Thu 26 Nov 2026, 08:00"),
        ("2026-11-27T15:30:00Z", "Fri 27 Nov 2026, 16:30"),
    ]
    world.clock.move(hours=1, seconds=7)
    done = await do(world, "complete_task", task_id=made["task"]["id"])
    assert done["task"]["completed_at"].startswith("2026-11-23T10:00:07")
    assert done["task"]["completed_text"] == "Mon 23 Nov 2026, 11:00"
    await world.rest.patch("/me", json={"zone": "Asia/Tokyo"})
    seen = (await do(world, "get_task", task_id=made["task"]["id"]))["task"]
    assert seen["completed_text"] == "Mon 23 Nov 2026, 19:00"
    assert seen["reminders"][1]["remind_text"] == "Sat 28 Nov 2026, 00:30 Asia/Tokyo", "the due has another zone"


async def test_conflicts_and_history_tell_times_as_they_are_for_the_person(world: World) -> None:
    made = await do(world, "create_task", title="Dentist", due="2026-11-24T10:00", reminders=["1h"])
    task = made["task"]["id"]
    world.clock.move(seconds=42)
    await world.rest.patch(f"/tasks/{task}", json={"due": "2026-11-25T11:30"})
    refused = await fail(world, "update_task", task_id=task, title="X", expected_version=1)
    assert 'due from "Tue 24 Nov 2026, 10:00" to "Wed 25 Nov 2026, 11:30"' in refused.sentence
    assert 'reminders from "Tue 24 Nov 2026, 09:00" to "Wed 25 Nov 2026, 10:30"' in refused.sentence
    assert "T09:00" not in refused.sentence
    words = ["Tue 24 Nov 2026, 10:00", "Wed 25 Nov 2026, 11:30"]
    assert refused.answer["changes"]["due_text"] == words
    assert refused.answer["fields"].keys() == {"due", "reminders"}
    await do(world, "complete_task", task_id=task)
    history = (await do(world, "get_task", task_id=task, include=["history"]))["history"]
    assert history[1]["changes"]["due_text"] == words
    assert history[0]["changes"]["completed_text"] == [None, "Mon 23 Nov 2026, 10:00"]
    assert history[0]["text"] == "Completed by agent (an assistant)"
    assert history[1]["text"] == "Changed (due, reminders) by another app"
    changes = (await world.rest.get("/changes")).json()["changes"]
    assert changes[0]["at_text"] == "Mon 23 Nov 2026, 10:00 Europe/Berlin"


async def test_only_the_reminders_that_differ_are_told(world: World) -> None:
    made = await do(world, "create_task", title="Rent", due="2026-11-27", reminders=["1d", "2026-11-26T12:00"])
    await do(world, "update_task", task_id=made["task"]["id"], due="2026-11-28")
    history = (await do(world, "get_task", task_id=made["task"]["id"], include=["history"]))["history"]
    old, new = history[0]["changes"]["reminders"]
    assert [each["remind_text"] for each in old] == ["Thu 26 Nov 2026, 09:00"]
    assert [each["remind_text"] for each in new] == ["Fri 27 Nov 2026, 09:00"]
    await do(world, "cancel_reminder", reminder_id=new[0]["id"])
    history = (await do(world, "get_task", task_id=made["task"]["id"], include=["history"]))["history"]
    assert [[each["status"] for each in side] for side in history[0]["changes"]["reminders"]] == [
        ["scheduled"],
        ["cancelled"],
    ]


async def test_a_moved_occurrence_and_a_series_tell_their_dates_in_words(world: World) -> None:
    made = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    assert "occurrence_text" not in made["task"], "the due says it"
    moved = await do(world, "update_task", task_id=made["task"]["id"], shift="2h")
    assert moved["task"]["occurrence_text"] == "Mon 23 Nov 2026, 12:00 Europe/Berlin"
    changed = await do(world, "update_recurring_task", task_id=made["recurring_id"], skip="2026-11-24")
    recurrence = changed["task"]["recurrence"]
    assert recurrence["first_due_text"] == "Mon 23 Nov 2026, 12:00 Europe/Berlin"
    assert recurrence["skipped_text"] == ["Tue 24 Nov 2026, 12:00"]


async def test_history_tells_when_reminders_rang(world: World) -> None:
    task = (await do(world, "create_task", title="Oven", reminders=["2026-11-23T10:30"]))["task"]["id"]
    await world.tick(minutes=30)
    await do(world, "snooze_reminder", task_id=task, duration="10m")
    await world.tick(hours=3)
    history = (await do(world, "get_task", task_id=task, include=["history"]))["history"]
    assert [each["kind"] for each in history] == ["reminder_rang", "snooze_reminder", "reminder_rang", "create_task"]
    assert history[0]["text"] == "The reminder of Mon 23 Nov 2026, 10:40 rang, late"
    assert history[0]["at_text"] == "Mon 23 Nov 2026, 13:30 Europe/Berlin"
    assert history[2]["text"] == "The reminder of Mon 23 Nov 2026, 10:30 rang"
    other = (await do(world, "create_task", title="Other"))["task"]["id"]
    assert len((await do(world, "get_task", task_id=other, include=["history"]))["history"]) == 1


async def test_an_undo_names_what_it_removes_by_its_date(world: World) -> None:
    made = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    await do(world, "complete_task", task_id=made["task"]["id"])
    undone = await do(world, "undo")
    assert '"Plants", due Tue 24 Nov 2026, 12:00, is gone' in undone["message"]


async def test_no_words_have_seconds(world: World) -> None:
    world.clock.move(seconds=37)
    made = await do(
        world, "create_task", title="Tea", due="2026-11-23T17:00:30", reminders=["10m", "2026-11-23T12:00:05"]
    )
    task = made["task"]["id"]
    answers = [made, await do(world, "set_reminder", task_id=task, before="15m")]
    await world.tick(hours=2, seconds=11)
    answers.append(await do(world, "snooze_reminder", task_id=task, duration="7m"))
    answers.append(await do(world, "plan_changes", changes=[{"tool": "complete_task", "arguments": {"task_id": task}}]))
    answers.append(await do(world, "update_task", task_id=task, shift="1d"))
    answers.append(await do(world, "get_task", task_id=task, include=["history"]))
    answers.append((await world.rest.get("/notifications")).json())
    answers.append((await world.rest.get("/changes")).json())
    words = [text for answer in answers for text in list_words(answer)]
    assert len(words) > 30
    assert [text for text in words if SECONDS.search(text)] == []


@pytest.mark.parametrize("due", ["2026-11-27", "2026-11-27T17:00"])
async def test_a_create_answers_in_140_tokens(world: World, due: str) -> None:
    made = await do(world, "create_task", title="Buy milk", due=due)
    assert {"id", "title", "status", "due", "due_local", "due_text", "priority", "tags", "version"} < made[
        "task"
    ].keys()
    assert measure_tokens(made) <= 140


async def test_a_page_of_twenty_rows_has_at_most_2200_tokens(world: World) -> None:
    for number in range(20):
        body = {"title": f"Call customer {number:02}", "due": f"2026-11-{24 + number % 5}T{9 + number % 8:02}:00"}
        assert (await world.rest.post("/tasks", json={**body, "reminders": ["30m"]})).status_code == 201
    page = await do(world, "find_tasks")
    assert len(page["tasks"]) == 20
    assert all(row["due_text"] and row["created_at"] and row["reminders"][0]["before"] for row in page["tasks"])
    assert measure_tokens(page) <= 2_200
    whole = (await do(world, "get_task", task_id=page["tasks"][0]["id"]))["task"]
    assert whole["created_at"] == whole["updated_at"] == "2026-11-23T09:00:00Z"
