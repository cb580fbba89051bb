"""A due in a zone of its own, and several reminders in one call, on every surface."""

from typing import Any

import pytest

from tests.contracts.surfaces import SURFACES, Surface, call, count_stored
from tests.integration.safety.agent_calls import do, fail
from tests.scenario import FOR_AGENTS
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

TOKYO: dict[str, Any] = {"title": "Call Kenji", "due": "2026-11-27T09:00", "zone": "Asia/Tokyo"}
BOTH = "Fri 27 Nov 2026, 01:00 Europe/Berlin (09:00 Asia/Tokyo)"


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_due_in_another_zone_is_kept_and_shown_so(world: World, surface: Surface) -> None:
    made = (await call(world, surface, "create_task", TOKYO)).answer
    task = made["task"]
    assert (task["due"], task["zone"]) == ("2026-11-27T00:00:00Z", "Asia/Tokyo")
    assert task["due_text"] == BOTH
    assert task["due_local"] == "2026-11-27T01:00", "the form to send back is in the person's zone"
    assert made["message"] == f'"Call Kenji" is saved, due {BOTH}.'
    [event] = await world.events()
    assert event["data"]["data"]["task"]["zone"] == "Asia/Tokyo"
    seen = (await call(world, surface, "get_task", {"task_id": task["id"]})).answer
    assert (seen if surface == "rest" else seen["task"])["due_text"] == BOTH


async def test_the_persons_own_zone_is_left_out_of_answers_and_kept_in_events(world: World) -> None:
    made = await do(world, "create_task", title="Milk", due="2026-11-27T17:00")
    assert "zone" not in made["task"]
    assert made["message"] == '"Milk" is saved, due Fri 27 Nov 2026, 17:00.'
    [event] = await world.events()
    assert event["data"]["data"]["task"]["zone"] == "Europe/Berlin"
    await world.rest.patch("/me", json={"zone": "America/New_York"})
    seen = (await do(world, "get_task", task_id=made["task"]["id"]))["task"]
    assert (seen["zone"], seen["due"]) == ("Europe/Berlin", "2026-11-27T16:00:00Z")
    assert seen["due_text"] == "Fri 27 Nov 2026, 11:00 America/New_York (17:00 Europe/Berlin)"


async def test_another_day_there_is_named(world: World) -> None:
    made = await do(world, "create_task", title="Call", due="2026-11-28T09:00", zone="Pacific/Auckland")
    assert made["task"]["due_text"] == "Fri 27 Nov 2026, 21:00 Europe/Berlin (Sat 28 Nov 2026, 09:00 Pacific/Auckland)"
    same = await do(world, "create_task", title="Call", due="2026-11-28T09:00", zone="europe/paris")
    assert same["task"]["due_text"] == "Sat 28 Nov 2026, 09:00 Europe/Berlin", "the clocks there show the same"


async def test_a_moved_due_keeps_its_zone_and_its_clock_there(world: World) -> None:
    # New York leaves summer time a week after Berlin: a day is a day on the clocks of the due's own zone.
    world.clock.at = world.clock.at.replace(month=10, day=20)
    made = await do(world, "create_task", title="Board", due="2026-10-24T09:00", zone="America/New_York")
    assert made["task"]["due_text"] == "Sat 24 Oct 2026, 15:00 Europe/Berlin (09:00 America/New_York)"
    moved = await do(world, "update_task", task_id=made["task"]["id"], shift="1d")
    assert moved["task"]["due_text"] == "Sun 25 Oct 2026, 14:00 Europe/Berlin (09:00 America/New_York)"
    given = await do(world, "update_task", task_id=made["task"]["id"], due="2026-10-28T10:00")
    assert given["task"]["due_text"] == "Wed 28 Oct 2026, 10:00 Europe/Berlin", "a local time is in the person's zone"
    await do(world, "undo")
    assert (await do(world, "get_task", task_id=made["task"]["id"]))["task"]["zone"] == "America/New_York"


async def test_another_zone_alone_keeps_the_local_time(world: World) -> None:
    made = await do(world, "create_task", title="Call", due="2026-11-27T09:00", reminders=["1h"])
    moved = await do(world, "update_task", task_id=made["task"]["id"], zone="Asia/Tokyo")
    assert moved["task"]["due_text"] == BOTH
    assert moved["task"]["reminders"][0]["remind_text"] == "Fri 27 Nov 2026, 00:00 Europe/Berlin"
    assert moved["message"] == f'"Call" is changed (reminders), due {BOTH}.'
    again = await do(world, "update_task", task_id=made["task"]["id"], zone="Asia/Tokyo")
    assert again["events"] == []


async def test_a_series_made_of_a_due_with_a_zone_has_that_zone(world: World) -> None:
    made = await do(world, "create_task", **TOKYO)
    series = await do(world, "create_recurring_task", task_id=made["task"]["id"], rule="FREQ=WEEKLY")
    assert series["task"]["due_text"] == BOTH
    shown = (await do(world, "get_task", task_id=series["recurring_id"]))["task"]["recurrence"]
    assert (shown["zone"], shown["rule_text"]) == ("Asia/Tokyo", "every Friday at 09:00 (Asia/Tokyo time)")


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("create_task", {"title": "X", "due": "2026-11-27", "zone": "Asia/Tokyo"}, "invalid_arguments"),
        ("create_task", {"title": "X", "zone": "Asia/Tokyo"}, "invalid_arguments"),
        ("create_task", {"title": "X", "due": "2026-11-27T09:00", "zone": "Asia/Tokio"}, "invalid_time"),
        ("update_task", {"zone": "Asia/Tokyo"}, "invalid_arguments"),
        ("update_task", {"zone": "Asia/Tokyo", "shift": "1d"}, "invalid_arguments"),
        ("update_task", {"zone": "Asia/Tokyo", "clear": ["due"]}, "invalid_arguments"),
        ("set_reminder", {"at": ["2026-11-25T09:00"], "before": ["1h"]}, "invalid_arguments"),
        ("set_reminder", {"at": []}, "invalid_arguments"),
        ("set_reminder", {"at": ["2026-11-25T09:00", "soon"]}, "invalid_time"),
        ("set_reminder", {"at": ["2026-11-25T09:00", "2026-11-20T09:00"]}, "reminder_in_past"),
        ("set_reminder", {"at": [f"2026-12-{day:02}" for day in range(1, 22)]}, "invalid_arguments"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_nothing_stored(
    world: World, surface: Surface, tool: str, arguments: dict[str, Any], code: str
) -> None:
    task = (await world.rest.post("/tasks", json={"title": "Day", "due": "2026-11-27"})).json()["task"]["id"]
    named = {} if tool == "create_task" else {"task_id": task}
    held = await count_stored(world)
    refused = await call(world, surface, tool, {**named, **arguments})
    assert refused.code == code, refused.text
    assert refused.sentence.endswith((".", "?"))
    assert await count_stored(world) == held


async def test_a_series_itself_takes_its_zone_by_its_own_tool(world: World) -> None:
    made = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    refused = await fail(world, "update_task", task_id=made["recurring_id"], zone="Asia/Tokyo")
    assert "update_recurring_task" in refused.sentence


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("given", [["1d", "1h"], '["1h", "1d"]', ["1h", "1d", "60m"]])
async def test_several_reminders_are_set_in_one_change(world: World, surface: Surface, given: Any) -> None:
    made = (await call(world, surface, "create_task", {"title": "Exam", "due": "2026-11-27T17:00"})).answer["task"]
    answer = (await call(world, surface, "set_reminder", {"task_id": made["id"], "before": given})).answer
    assert [each["before"] for each in answer["task"]["reminders"]] == ["1d", "1h"]
    assert [event["type"] for event in answer["events"]] == ["task.updated"]
    assert answer["message"] == (
        'You will be reminded of "Exam" on Thu 26 Nov 2026, 17:00 Europe/Berlin (1d before the due) and '
        "Fri 27 Nov 2026, 16:00 Europe/Berlin (1h before the due)." + ("" if surface == "rest" else FOR_AGENTS)
    )
    await call(world, surface, "undo", {})
    seen = (await world.rest.get(f"/tasks/{made['id']}")).json()
    assert "reminders" not in seen


async def test_of_several_reminders_those_that_are_set_already_stay(world: World) -> None:
    task = (await do(world, "create_task", title="Exam", reminders=["2026-11-26T08:00"]))["task"]
    answer = await do(world, "set_reminder", task_id=task["id"], at=["2026-11-26T08:00", "2026-11-27T08:00"])
    assert answer["message"].count("2026") == 1
    assert answer["task"]["reminders"][0] == task["reminders"][0]
    assert len(answer["task"]["reminders"]) == 2
    again = await do(world, "set_reminder", task_id=task["id"], at=["2026-11-27T08:00", "2026-11-26T08:00"])
    assert again["events"] == []
    assert again["message"].startswith("Reminders are set for Thu 26 Nov 2026, 08:00")


async def test_many_reminders_stop_at_the_limit_of_a_task(world: World) -> None:
    reminders = [f"2026-12-{day:02}" for day in range(1, 20)]
    task = (await do(world, "create_task", title="Exam", reminders=reminders))["task"]["id"]
    refused = await fail(world, "set_reminder", task_id=task, at=["2027-01-01", "2027-01-02"])
    assert "at most 20 reminders" in refused.sentence
    assert len((await do(world, "set_reminder", task_id=task, at=["2027-01-01"]))["task"]["reminders"]) == 20
