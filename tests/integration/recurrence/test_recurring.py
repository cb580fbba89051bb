"""Recurring tasks by the contract (section 6): creating, the three modes, completing, catching up."""

from typing import Any

import pytest

from tests.integration.recurrence.series_calls import (
    complete,
    create,
    delete,
    instances,
    kinds,
    open_ids,
    read,
    refuse,
    reopen,
    revise,
    send,
    triggers,
)
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_creating_emits_the_series_then_its_first_instance_in_one_change(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR;BYHOUR=17", tags=["home"], priority="high", notes="All of them")

    task, series_id = made["task"], made["recurring_id"]
    assert kinds(made) == ["task.created", "task.created", "recurring.trigger"]
    assert task["recurring_id"] == series_id != task["id"]
    assert (task["due"], task["occurrence"]) == ("2026-11-27T16:00:00Z", "2026-11-27T16:00:00Z")
    assert (task["tags"], task["priority"], task["notes"]) == (["home"], "high", "All of them")
    assert "then Fri 4 Dec 2026, 17:00 Europe/Berlin" in made["message"], (
        "the next dates are told from the answer alone"
    )
    series = await read(world, series_id)
    assert series["kind"] == "recurring"
    assert "due" not in series
    recurrence = series["recurrence"]
    assert recurrence["rule_text"] == "every Friday at 17:00"
    assert (recurrence["mode"], recurrence["catch_up"], recurrence["paused"]) == ("one_at_a_time", "latest", False)
    events = await world.events()
    assert [event["data"]["task_id"] for event in events] == [series_id, task["id"], task["id"]]
    data = [event["data"]["data"] for event in events]
    assert [each["version"] for each in data] == [1, 1, 1]
    assert data[0]["change_id"] == data[1]["change_id"] == made["change_id"]
    assert data[2] == {
        "version": 1,
        "task": {**task, "zone": "Europe/Berlin"},
        "actor": data[0]["actor"],
        "recurring_id": series_id,
        "occurrence": task["occurrence"],
        "skipped": 0,
    }


async def test_a_late_completion_makes_one_next_instance_that_is_still_to_come(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    await world.tick(days=4)
    assert await instances(world, made["recurring_id"]) == ["2026-11-23T11:00:00Z"]

    done = await complete(world, made["task"]["id"])

    assert kinds(done) == ["task.completed", "task.created", "recurring.trigger"]
    assert done["next_occurrence"]["due"] == "2026-11-27T11:00:00Z"
    assert "Next: Fri 27 Nov 2026, 12:00 Europe/Berlin" in done["message"]
    assert await triggers(world) == [("2026-11-23T11:00:00Z", 0), ("2026-11-27T11:00:00Z", 3)]
    assert await open_ids(world, made["recurring_id"]) == [done["next_occurrence"]["task_id"]]


async def test_completing_early_goes_to_the_date_after_the_nominal_one(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    done = await complete(world, made["task"]["id"])
    assert done["next_occurrence"]["due"] == "2026-12-04"


async def test_moving_an_instance_does_not_move_the_ones_after_it(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    moved = await send(world, "PATCH", f"/tasks/{made['task']['id']}", due="2026-12-02")
    assert (moved["task"]["due"], moved["task"]["occurrence"]) == ("2026-12-02", "2026-11-27")
    assert "only this occurrence" in moved["message"].lower()
    assert "update_recurring_task" in moved["message"]
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2026-12-04"


async def test_completing_twice_and_reopening_make_no_second_successor(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    first = made["task"]["id"]
    done = await complete(world, first)
    second = done["next_occurrence"]["task_id"]

    again = await complete(world, first)
    assert again["events"] == []
    reopened = await reopen(world, first)
    assert kinds(reopened) == ["task.updated"]
    assert await open_ids(world, made["recurring_id"]) == [first, second], "reopening keeps the successor"
    once_more = await complete(world, first)
    assert kinds(once_more) == ["task.completed"]
    assert once_more["next_occurrence"]["task_id"] == second
    assert await instances(world, made["recurring_id"]) == ["2026-11-23", "2026-11-24"]


async def test_a_date_only_series_goes_on_today_or_later(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    await world.tick(days=3)
    done = await complete(world, made["task"]["id"])
    assert done["next_occurrence"]["due"] == "2026-11-26", "today still counts"
    assert await triggers(world) == [("2026-11-23", 0), ("2026-11-26", 2)]


async def test_a_31st_skips_the_months_that_lack_it_and_says_so(world: World) -> None:
    made = await create(world, "FREQ=MONTHLY;BYMONTHDAY=31", first_due="2027-01-31")
    assert any("Months without a 31st are skipped" in warning for warning in made["warnings"])
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2027-03-31"
    last = await create(world, "FREQ=MONTHLY;BYMONTHDAY=-1", first_due="2027-01-31")
    assert "warnings" not in last
    assert (await complete(world, last["task"]["id"]))["next_occurrence"]["due"] == "2027-02-28"


async def test_after_completion_counts_from_doing_and_months_clamp(world: World) -> None:
    made = await create(world, "FREQ=MONTHLY", first_due="2026-12-01T08:30", mode="after_completion")
    world.clock.move(days=69)  # Sunday 31 January
    done = await complete(world, made["task"]["id"])
    assert done["next_occurrence"]["due_text"] == "Sun 28 Feb 2027, 08:30 Europe/Berlin"

    late = await create(world, "FREQ=DAILY;INTERVAL=3", first_due="2027-02-01T22:00", mode="after_completion")
    world.clock.move(days=7, hours=14)  # Monday 8 February, 00:00 in Berlin
    assert (await complete(world, late["task"]["id"]))["next_occurrence"]["due"] == "2027-02-11T21:00:00Z"


async def test_a_next_date_that_has_had_its_occurrence_is_passed_over_with_a_sentence(world: World) -> None:
    """T24: done twice on one day, the second time a month ahead."""
    made = await create(world, "FREQ=DAILY;INTERVAL=30", first_due="2026-11-23", mode="after_completion")
    first = await complete(world, made["task"]["id"])
    assert first["next_occurrence"]["due"] == "2026-12-23"
    assert "warnings" not in first
    second = await complete(world, first["next_occurrence"]["task_id"])
    assert second["next_occurrence"]["due"] == "2027-01-22"
    assert second["warnings"] == [
        "Wed 23 Dec 2026 has had its occurrence already, so the next one is an interval later."
    ]
    world.clock.move(days=1)
    third = await complete(world, second["next_occurrence"]["task_id"])
    assert third["next_occurrence"]["due"] == "2026-12-24"
    assert "warnings" not in third


async def test_after_completion_ends_after_its_count_of_instances(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=2", mode="after_completion")
    second = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    done = await complete(world, second)
    assert kinds(done) == ["task.completed", "task.completed"]
    assert (await read(world, made["recurring_id"]))["status"] == "completed"


async def test_an_instance_taken_back_by_a_pause_does_not_use_up_the_count(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=2", first_due="2026-11-25", mode="after_completion")
    await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], paused=False)
    [first] = await open_ids(world, made["recurring_id"])
    done = await complete(world, first)
    assert "next_occurrence" in done, "one of two is done"


async def test_a_series_that_runs_out_is_completed(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=2")
    second = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    done = await complete(world, second)
    assert kinds(done) == ["task.completed", "task.completed"]
    assert "next_occurrence" not in done
    assert "last occurrence" in done["message"]
    series = await read(world, made["recurring_id"])
    assert series["status"] == "completed"
    await reopen(world, second)
    assert kinds(await complete(world, second)) == ["task.completed"], "a completed series makes nothing"
    await world.tick(days=3)
    assert await instances(world, made["recurring_id"]) == ["2026-11-23", "2026-11-24"]


async def test_every_occurrence_keeps_one_ahead_whether_or_not_the_earlier_ones_are_done(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick()
    assert await instances(world, made["recurring_id"]) == ["2026-11-23T11:00:00Z"]
    await world.tick(hours=1, minutes=59, seconds=59)
    assert len(await instances(world, made["recurring_id"])) == 1
    await world.tick(seconds=1)
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-23T11:00:00Z", "2026-11-24T11:00:00Z"]
    done = await complete(world, made["task"]["id"])
    assert kinds(done) == ["task.completed"]
    assert done["next_occurrence"]["due"] == "2026-11-24T11:00:00Z"
    early = await complete(world, done["next_occurrence"]["task_id"])
    assert kinds(early) == ["task.completed"], "the clock makes the next one"
    await world.tick(days=1)
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-25T11:00:00Z"]
    assert [skipped for _, skipped in await triggers(world)] == [0, 0, 0]


DAYS = [f"2026-11-{day}T11:00:00Z" for day in range(23, 31)]


@pytest.mark.parametrize(
    ("catch_up", "made", "skipped"),
    [
        ("latest", [DAYS[0], DAYS[4], DAYS[5]], [0, 3, 0]),
        ("all", DAYS[:6], [0, 0, 0, 0, 0, 0]),
        ("none", [DAYS[0], DAYS[5]], [0, 4]),
    ],
)
async def test_after_downtime_catch_up_decides_and_what_was_skipped_is_counted(
    world: World, catch_up: str, made: list[str], skipped: list[int]
) -> None:
    series = (await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence", catch_up=catch_up))["recurring_id"]
    await world.tick(days=4, hours=3)  # Friday, 13:00 in Berlin
    assert await instances(world, series, "open") == made
    assert await triggers(world) == list(zip(made, skipped, strict=True))
    await world.tick()
    assert await instances(world, series, "open") == made


@pytest.mark.parametrize("catch_up", ["latest", "none"])
async def test_after_downtime_todays_date_is_not_missed_yet(world: World, catch_up: str) -> None:
    series = (await create(world, "FREQ=DAILY", mode="every_occurrence", catch_up=catch_up))["recurring_id"]
    await world.tick(days=4)
    assert await instances(world, series) == ["2026-11-23", "2026-11-27", "2026-11-28"]
    assert await triggers(world) == [("2026-11-23", 0), ("2026-11-27", 3), ("2026-11-28", 0)]


async def test_a_long_absence_is_caught_up_in_batches_without_losing_a_date(world: World) -> None:
    series = (await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence", catch_up="all"))["recurring_id"]
    await world.tick(days=100)
    assert len(await instances(world, series)) == 101, "each date of a hundred days; today's is the one ahead"
    latest = (await create(world, "FREQ=HOURLY", first_due="2027-03-03T11:00", mode="every_occurrence"))["recurring_id"]
    await world.tick(days=50)
    assert len(await instances(world, latest)) == 3, "the first, the latest missed, and the one ahead"
    assert sum(skipped for _, skipped in (await triggers(world))[101:]) == 50 * 24 - 2


async def test_every_occurrence_ends_when_its_last_date_is_reached(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12;COUNT=2", mode="every_occurrence")
    await world.tick(hours=2)
    assert (await read(world, made["recurring_id"]))["status"] == "open"
    await world.tick(days=1)
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    assert len(await open_ids(world, made["recurring_id"])) == 2
    await world.tick(days=5)
    assert len(await instances(world, made["recurring_id"])) == 2


async def test_deleting_an_instance_skips_it(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    gone = await delete(world, made["task"]["id"])
    assert kinds(gone) == ["task.deleted", "task.created", "recurring.trigger"]
    assert gone["next_occurrence"]["due"] == "2026-12-04"
    assert "skipped" in gone["message"]
    assert await instances(world, made["recurring_id"]) == ["2026-12-04"]


async def test_deleting_a_completed_instance_makes_nothing(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    await complete(world, made["task"]["id"])
    assert kinds(await delete(world, made["task"]["id"])) == ["task.deleted"]
    assert await instances(world, made["recurring_id"]) == ["2026-11-24"]


async def test_deleting_a_series_takes_its_open_instances_and_says_what_stays(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    done = await complete(world, made["task"]["id"])
    gone = await delete(world, made["recurring_id"])
    assert kinds(gone) == ["task.deleted", "task.deleted"]
    assert "completed occurrences stay" in gone["message"]
    assert (await read(world, made["task"]["id"]))["status"] == "completed"
    for task_id in (made["recurring_id"], done["next_occurrence"]["task_id"]):
        assert (await refuse(world, "GET", f"/tasks/{task_id}"))["code"] == "task_not_found"
    await world.tick(days=5)
    assert await instances(world, made["recurring_id"]) == ["2026-11-23"]
    await reopen(world, made["task"]["id"])
    assert kinds(await complete(world, made["task"]["id"])) == ["task.completed"]


@pytest.mark.parametrize("verb", ["complete", "reopen", "reminders"])
async def test_a_series_cannot_be_done_and_the_refusal_names_its_open_instance(world: World, verb: str) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR;BYHOUR=17")
    body = {"before": "1h"} if verb == "reminders" else {}
    refused = await refuse(world, "POST", f"/tasks/{made['recurring_id']}/{verb}", **body)
    assert refused["code"] == "is_series"
    assert made["task"]["id"] in refused["detail"]
    assert "27 Nov 2026" in refused["detail"]


async def test_a_task_that_exists_becomes_the_first_instance(world: World) -> None:
    body: dict[str, Any] = {"title": "Rent", "due": "2026-12-01", "tags": ["home"], "reminders": ["1d"]}
    task = (await send(world, "POST", "/tasks", **body))["task"]
    made = await create(world, "FREQ=MONTHLY", task_id=task["id"])

    assert kinds(made) == ["task.created", "task.updated", "recurring.trigger"]
    assert (made["task"]["id"], made["task"]["version"]) == (task["id"], 2)
    assert (made["task"]["occurrence"], made["task"]["recurring_id"]) == ("2026-12-01", made["recurring_id"])
    done = await complete(world, task["id"])
    following = await read(world, done["next_occurrence"]["task_id"])
    assert (following["due"], following["title"], following["tags"]) == ("2027-01-01", "Rent", ["home"])
    assert [each["before"] for each in following["reminders"]] == ["1d"]
    refused = await refuse(world, "POST", "/recurring-tasks", rule="FREQ=DAILY", task_id=following["id"])
    assert refused["code"] == "invalid_arguments"


async def test_reminders_come_with_every_instance_and_past_ones_are_stored_as_cancelled(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", reminders=["1d", "30m"])
    assert {each["before"]: each["status"] for each in made["task"]["reminders"]} == {
        "1d": "cancelled",
        "30m": "scheduled",
    }
    assert any("1d" in warning and "past" in warning for warning in made["warnings"])
    await world.tick(hours=1, minutes=30)
    [ring] = [event for event in await world.events() if event["type"] == "reminder.due"]
    assert ring["data"]["task_id"] == made["task"]["id"]
    following = await read(world, (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"])
    assert {each["before"]: each["remind_at"] for each in following["reminders"]} == {
        "1d": "2026-11-23T11:00:00Z",
        "30m": "2026-11-24T10:30:00Z",
    }
    moved = (await send(world, "PATCH", f"/tasks/{following['id']}", due="2026-11-25T12:00"))["task"]
    assert {each["before"]: each["remind_at"] for each in moved["reminders"]}["1d"] == "2026-11-24T11:00:00Z"


async def test_statistics_do_not_count_series(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=1")
    await complete(world, made["task"]["id"])
    await world.settle()
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    told = await send(world, "GET", "/statistics?from=2026-11-23&until=2026-11-23")
    assert told["days"] == [{"day": "2026-11-23", "created": 1, "completed": 1}]
    assert (told["open"], told["overdue"]) == (0, 0)


async def test_a_reminder_of_one_whole_interval_rings_as_soon_as_its_instance_is_there(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence", reminders=["1d", "2d"])
    await world.tick(hours=2, seconds=1)
    [ring] = [event for event in await world.events() if event["type"] == "reminder.due"]
    assert ring["data"]["data"]["task"]["occurrence"] == "2026-11-24T11:00:00Z"
    assert ring["data"]["data"]["reminder"]["remind_at"] == "2026-11-23T11:00:00Z"
    assert ring["data"]["data"]["late_by_seconds"] == 1
    following = await read(world, (await open_ids(world, made["recurring_id"]))[1])
    assert {each["before"]: each["status"] for each in following["reminders"]} == {"1d": "fired", "2d": "cancelled"}


async def test_after_completion_resumes_from_a_pause_on_its_date(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=7", mode="after_completion", first_due="2026-11-23")
    await complete(world, made["task"]["id"])
    for paused in (True, False):
        answer = await revise(world, made["recurring_id"], paused=paused)
    assert answer["next_occurrence"]["due"] == "2026-11-30"
    await revise(world, made["recurring_id"], paused=True)
    await world.tick(days=10)
    assert (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]["due"] == "2026-12-03"


async def test_an_end_can_be_taken_away_again(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=2", first_due="2026-11-23")
    assert "COUNT" not in (await revise(world, made["recurring_id"], ends="never"))["task"]["recurrence"]["rule"]
    await revise(world, made["recurring_id"], ends="1")
    endless = await revise(world, made["recurring_id"], ends=None)
    assert endless["task"]["recurrence"]["rule"] == "FREQ=DAILY"


async def test_dates_skipped_by_pause_until_are_counted(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23")
    await revise(world, made["recurring_id"], pause_until="2026-11-27")
    assert (await triggers(world))[-1] == ("2026-11-27", 3)
