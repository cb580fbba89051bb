"""Changes to a series by the contract (section 6): skips, pauses, ends, rule and zone, template and instances."""

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


async def preview(world: World, task_id: str, count: int = 3) -> list[str]:
    answer = await send(world, "POST", "/recurring-tasks/preview", task_id=task_id, count=count)
    return [each["due"] for each in answer["occurrences"]]


async def test_a_number_skips_from_the_oldest_open_instance_on(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25")
    skipped = await revise(world, made["recurring_id"], skip="3")
    assert sorted(kinds(skipped)) == ["recurring.trigger", "task.created", "task.deleted", "task.updated"]
    assert kinds(skipped)[-2:] == ["task.created", "recurring.trigger"]
    assert skipped["next_occurrence"]["due"] == "2026-11-28"
    assert "Wed 25 Nov 2026" in skipped["message"]
    assert await instances(world, made["recurring_id"]) == ["2026-11-28"]
    assert await preview(world, made["task"]["recurring_id"]) == ["2026-11-28", "2026-11-29", "2026-11-30"]


async def test_skipping_the_open_instance_alone_emits_what_deleting_it_does(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    assert kinds(await revise(world, made["recurring_id"], skip=1)) == [
        "task.deleted",
        "task.created",
        "recurring.trigger",
    ]


async def test_a_later_date_is_skipped_by_the_series_alone_and_left_out_of_previews(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    skipped = await revise(world, made["task"]["id"], skip="2026-11-24")
    assert kinds(skipped) == ["task.updated"]
    assert await preview(world, made["recurring_id"]) == ["2026-11-23", "2026-11-25", "2026-11-26"]
    again = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", skip="2026-11-24")
    assert again["code"] == "invalid_arguments"
    done = await complete(world, made["task"]["id"])
    assert done["next_occurrence"]["due"] == "2026-11-25"


async def test_a_date_skips_all_occurrences_of_that_local_day(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=0,12,23", first_due="2026-11-24T00:00")
    skipped = await revise(world, made["recurring_id"], skip="2026-11-24")
    assert skipped["next_occurrence"]["due"] == "2026-11-24T23:00:00Z", "Wednesday 25th, 00:00 in Berlin"
    assert len(await instances(world, made["recurring_id"])) == 1


@pytest.mark.parametrize(("date", "near"), [("2026-11-25", ["2026-11-23", "2026-11-30"]), ("2020-01-01", ["2026-11"])])
async def test_a_date_without_an_occurrence_is_refused_with_the_nearest(
    world: World, date: str, near: list[str]
) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=MO")
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", skip=date)
    assert refused["code"] == "invalid_arguments"
    assert all(each in refused["detail"] for each in near)


@pytest.mark.parametrize("skip", ["0", "-1", "1001", "tomorrow", "1.5", "99999999999999999999", "2026-02-30"])
async def test_a_skip_that_is_none_is_refused(world: World, skip: str) -> None:
    made = await create(world, "FREQ=DAILY")
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", skip=skip)
    assert refused["code"] in ("invalid_arguments", "invalid_time")


async def test_skipping_the_instance_ahead_of_every_occurrence_lets_the_next_take_its_place(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick(hours=2)
    _, ahead = await open_ids(world, made["recurring_id"])
    assert kinds(await delete(world, ahead)) == ["task.deleted", "task.created", "recurring.trigger"]
    assert kinds(await delete(world, made["task"]["id"])) == ["task.deleted"], "an earlier one has its successor"
    await world.tick(days=1)
    assert await instances(world, made["recurring_id"]) == ["2026-11-25T11:00:00Z"]


async def test_pausing_takes_back_what_lies_ahead_and_leaves_what_is_overdue(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick(hours=3)
    paused = await revise(world, made["recurring_id"], paused=True)
    assert kinds(paused) == ["task.updated", "task.deleted"]
    assert (await read(world, made["recurring_id"]))["recurrence"]["paused"] is True
    assert await instances(world, made["recurring_id"]) == ["2026-11-23T11:00:00Z"]
    assert (await revise(world, made["recurring_id"], paused=True))["events"] == []
    await world.tick(days=3)
    assert kinds(await complete(world, made["task"]["id"])) == ["task.completed"]
    assert await instances(world, made["recurring_id"], "open") == []

    resumed = await revise(world, made["recurring_id"], paused=False)
    assert kinds(resumed) == ["task.updated", "task.created", "recurring.trigger"]
    await world.tick()
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-27T11:00:00Z"], "nothing is made up"


async def test_pausing_and_resuming_at_once_gives_the_same_date_again(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    await revise(world, made["recurring_id"], paused=True)
    assert await instances(world, made["recurring_id"]) == []
    refused = await refuse(world, "POST", f"/tasks/{made['recurring_id']}/complete")
    assert refused["code"] == "is_series"
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["next_occurrence"]["due"] == "2026-11-27"
    assert await instances(world, made["recurring_id"]) == ["2026-11-27"]


async def test_pause_until_skips_everything_before_a_date(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick(hours=3)
    until = await revise(world, made["recurring_id"], pause_until="2026-12-10")
    assert until["next_occurrence"]["due"] == "2026-12-10T11:00:00Z"
    assert await instances(world, made["recurring_id"]) == ["2026-12-10T11:00:00Z"], "the open ones are skipped too"
    await world.tick(days=10)
    assert len(await instances(world, made["recurring_id"])) == 1
    await world.tick(days=7)
    assert await instances(world, made["recurring_id"]) == ["2026-12-10T11:00:00Z", "2026-12-11T11:00:00Z"]


@pytest.mark.parametrize("until", ["2026-11-23", "2026-11-01", "2026-12-01T10:00", "soon"])
async def test_pause_until_wants_a_date_that_comes(world: World, until: str) -> None:
    made = await create(world, "FREQ=DAILY")
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", pause_until=until)
    assert refused["code"] in ("invalid_arguments", "invalid_time")


@pytest.mark.parametrize("ends", ["2", "2026-11-24"])
async def test_a_series_ends_after_a_number_or_on_a_date(world: World, ends: str) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    ended = await revise(world, made["recurring_id"], ends=ends)
    assert kinds(ended) == ["task.updated"]
    second = (await complete(world, made["task"]["id"]))["next_occurrence"]
    assert second["due"] == "2026-11-24T11:00:00Z"
    assert kinds(await complete(world, second["task_id"])) == ["task.completed", "task.completed"]
    assert await preview(world, made["recurring_id"]) == []


async def test_ending_before_the_open_instance_completes_the_series(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    ended = await revise(world, made["recurring_id"], ends="2026-11-25")
    assert kinds(ended) == ["task.completed", "task.deleted"]
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    resumed = await revise(world, made["recurring_id"], ends="2026-12-31")
    assert resumed["next_occurrence"]["due"] == "2026-11-27"
    assert (await read(world, made["recurring_id"]))["status"] == "open"


@pytest.mark.parametrize("ends", ["0", "-3", "2026-11-22", "someday", "2026-13-01", "10001"])
async def test_an_end_that_is_none_is_refused(world: World, ends: str) -> None:
    made = await create(world, "FREQ=DAILY")
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", ends=ends)
    assert refused["code"] in ("invalid_arguments", "invalid_time")


async def test_a_new_rule_counts_from_now_moves_the_open_instance_and_keeps_the_time(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR", first_due="2026-11-27T17:30")
    changed = await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=TH")
    assert kinds(changed) == ["task.updated", "task.updated"]
    assert changed["next_occurrence"]["due_text"] == "Thu 26 Nov 2026, 17:30 Europe/Berlin"
    assert await instances(world, made["recurring_id"]) == ["2026-11-26T16:30:00Z"]
    assert (await open_ids(world, made["recurring_id"])) == [made["task"]["id"]]
    done = await complete(world, made["task"]["id"])
    assert done["next_occurrence"]["due_text"] == "Thu 3 Dec 2026, 17:30 Europe/Berlin"


async def test_an_overdue_instance_stays_when_the_rule_changes(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    await world.tick(days=2)
    await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=SA;BYHOUR=9")
    assert await instances(world, made["recurring_id"]) == ["2026-11-23T11:00:00Z"]
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2026-11-28T08:00:00Z"


async def test_a_new_rule_with_a_first_due_is_new_from_there_and_leaves_what_lies_before(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25")
    await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=MO", first_due="2026-12-07")
    assert await instances(world, made["recurring_id"]) == ["2026-11-25"]
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2026-12-07"
    moved = await revise(world, made["recurring_id"], first_due="2026-12-01")
    assert any("not on the rule" in warning for warning in moved["warnings"])
    assert moved["events"] == [], "it is the first date already"
    assert await instances(world, made["recurring_id"], "open") == ["2026-12-07"]


async def test_a_new_zone_keeps_the_time_on_the_wall(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25T08:00")
    changed = await revise(world, made["recurring_id"], zone="America/New_York")
    assert kinds(changed) == ["task.updated", "task.updated"]
    assert await instances(world, made["recurring_id"]) == ["2026-11-25T13:00:00Z"]
    task = await read(world, made["task"]["id"])
    assert (task["due"], task["zone"]) == ("2026-11-25T13:00:00Z", "America/New_York")
    assert (await complete(world, task["id"]))["next_occurrence"]["due"] == "2026-11-26T13:00:00Z"


async def test_an_instance_already_past_stays_where_it_is_when_the_zone_changes(world: World) -> None:
    """Section 6: an open instance *not yet past* moves."""
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23T11:00")
    await world.tick(hours=2)  # noon in Berlin, 06:00 in New York
    await revise(world, made["recurring_id"], zone="America/New_York")
    assert (await read(world, made["task"]["id"]))["due"] == "2026-11-23T10:00:00Z"


async def test_an_instance_still_ahead_moves_to_a_date_ahead_when_the_zone_changes(world: World) -> None:
    """Section 6: it moves to the first date of the new series, counted from now; 12:00 in Kathmandu is over today."""
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23T12:00")
    await revise(world, made["recurring_id"], zone="Asia/Kathmandu")
    assert (await read(world, made["task"]["id"]))["due"] == "2026-11-24T06:15:00Z"


async def test_changing_the_mode_and_catch_up(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", catch_up="all")
    assert refused["code"] == "invalid_arguments"
    await revise(world, made["recurring_id"], mode="every_occurrence", catch_up="all")
    await world.tick(days=2, hours=3)
    assert len(await instances(world, made["recurring_id"], "open")) == 4
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", mode="after_completion")
    assert refused["code"] == "rule_invalid"


@pytest.mark.parametrize("by", ["update_task", "update_recurring_task"])
async def test_the_template_reaches_open_instances_except_their_edited_fields(world: World, by: str) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence", notes="Old")
    await world.tick(hours=3)
    first, second = await open_ids(world, made["recurring_id"])
    edited = await send(world, "PATCH", f"/tasks/{first}", title="Mine")
    assert "only this occurrence" in edited["message"].lower()
    assert (await read(world, second))["title"] == "Water the plants"
    assert (await read(world, made["recurring_id"]))["title"] == "Water the plants"

    path = f"/tasks/{made['recurring_id']}" if by == "update_task" else f"/recurring-tasks/{second}"
    changed = await send(world, "PATCH", path, title="Theirs", notes="New", add_tags=["garden"])
    assert kinds(changed) == ["task.updated"] * 3
    looks = [
        {name: task.get(name) for name in ("title", "notes", "tags")} for task in await read_all(world, first, second)
    ]
    assert looks == [
        {"title": "Mine", "notes": "New", "tags": ["garden"]},
        {"title": "Theirs", "notes": "New", "tags": ["garden"]},
    ]
    await world.tick(days=1)
    third = await read(world, (await open_ids(world, made["recurring_id"]))[-1])
    assert (third["title"], third["notes"]) == ("Theirs", "New")


async def read_all(world: World, *task_ids: str) -> list[Any]:
    return [await read(world, task_id) for task_id in task_ids]


async def test_completed_instances_keep_what_they_were(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], title="New")
    assert (await read(world, made["task"]["id"]))["title"] == "Water the plants"


async def test_null_clears_a_field_of_the_template_and_nothing_else_is_touched(world: World) -> None:
    made = await create(world, "FREQ=DAILY", notes="Old", tags=["a"], priority="high")
    changed = await revise(world, made["recurring_id"], notes=None, tags=None)
    assert "notes" not in changed["task"]
    assert (changed["task"]["tags"], changed["task"]["priority"]) == ([], "high")
    instance = await read(world, made["task"]["id"])
    assert ("notes" in instance, instance["tags"], instance["priority"]) == (False, [], "high")
    for name in ("title", "rule", "zone"):
        refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", **{name: None})
        assert refused["code"] == "invalid_arguments", name
    assert (await revise(world, made["recurring_id"]))["events"] == []


async def test_null_takes_all_reminders_from_a_series(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", reminders=["30m"])
    changed = await revise(world, made["recurring_id"], reminders=None)
    assert "reminders" not in changed["task"]["recurrence"]
    assert {each["status"] for each in (await read(world, made["task"]["id"]))["reminders"]} == {"cancelled"}


async def test_if_match_guards_a_series_and_its_version_comes_as_etag(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    path = f"/recurring-tasks/{made['recurring_id']}"
    changed = await world.rest.patch(path, json={"title": "New"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await world.rest.patch(path, json={"title": "Newer"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    assert (await world.rest.patch(path, json={"title": "N"}, headers={"If-Match": 'W/"2"'})).status_code == 400
    assert (await world.rest.patch(path, json={"title": "N"}, headers={"If-Match": "*"})).status_code == 200
    created = await world.rest.post("/recurring-tasks", json={"title": "T", "rule": "FREQ=DAILY"})
    assert created.status_code == 201
    assert created.headers["location"].endswith(created.json()["task"]["id"])


async def test_a_change_that_changes_nothing_says_so(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR", first_due="2026-11-27")
    same = await revise(world, made["recurring_id"], title="Water the plants", mode="one_at_a_time", paused=False)
    assert same["events"] == []
    assert "nothing was changed" in same["message"]
    again = await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=FR", first_due="2026-11-27")
    assert again["events"] == []
    assert "change_id" not in again


async def test_reminders_of_a_series_are_replaced_on_open_instances(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR;BYHOUR=12", reminders=["1d"])
    await revise(world, made["recurring_id"], reminders=["2h"])
    waiting = [
        each["before"] for each in (await read(world, made["task"]["id"]))["reminders"] if each["status"] == "scheduled"
    ]
    assert waiting == ["2h"]
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", reminders=["2026-11-26T10:00"])
    assert refused["code"] == "invalid_arguments"


async def test_searching_shows_instances_or_series_and_what_is_upcoming(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    await revise(world, made["recurring_id"], skip="2026-11-25")
    found = await send(world, "GET", "/tasks?due_until=2026-11-26")
    assert [task["id"] for task in found["tasks"]] == [made["task"]["id"]]
    assert found["tasks"][0]["rule_text"] == "every day at 12:00"
    assert [each["due"] for each in found["upcoming"]] == ["2026-11-24T11:00:00Z", "2026-11-26T11:00:00Z"]
    assert found["total"] == 1
    series = await send(world, "GET", "/tasks?kind=recurring")
    assert [(task["id"], task["kind"]) for task in series["tasks"]] == [(made["recurring_id"], "recurring")]
    assert "upcoming" not in await send(world, "GET", "/tasks")
    await revise(world, made["recurring_id"], paused=True)
    assert not (await send(world, "GET", "/tasks?due_until=2026-11-26")).get("upcoming")


async def test_reopening_a_former_instance_and_skipping_by_number_take_the_oldest_first(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    second = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    await reopen(world, made["task"]["id"])
    await revise(world, made["recurring_id"], skip=1)
    assert await open_ids(world, made["recurring_id"]) == [second]
    assert await triggers(world) == [("2026-11-23", 0), ("2026-11-24", 0)]


@pytest.mark.parametrize("mode", ["one_at_a_time", "every_occurrence"])
async def test_dates_skipped_by_pause_until_do_not_return_after_a_pause(world: World, mode: str) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode=mode)
    await revise(world, made["recurring_id"], pause_until="2026-12-10")
    await revise(world, made["recurring_id"], paused=True)
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["next_occurrence"]["due"] == "2026-12-10T11:00:00Z"
    assert await instances(world, made["recurring_id"]) == ["2026-12-10T11:00:00Z"]


async def test_an_instance_without_a_due_is_paused_by_its_nominal_date(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    await send(world, "PATCH", f"/tasks/{made['task']['id']}", due=None)
    assert kinds(await revise(world, made["recurring_id"], paused=True)) == ["task.updated", "task.deleted"]


async def test_pause_until_holds_although_the_occurrence_ahead_is_done_already(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick(hours=3)
    _, ahead = await open_ids(world, made["recurring_id"])
    await complete(world, ahead)
    await revise(world, made["recurring_id"], pause_until="2026-12-10")
    await world.tick(days=3)
    assert await instances(world, made["recurring_id"], "open") == ["2026-12-10T11:00:00Z"]


async def test_a_new_zone_never_gives_two_instances_one_date(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25T18:00")
    done = await complete(world, made["task"]["id"])
    await delete(world, done["next_occurrence"]["task_id"])
    moved = await revise(world, made["recurring_id"], rule="FREQ=DAILY", first_due="2026-11-25T12:00")
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-25T11:00:00Z"], moved
    await revise(world, made["recurring_id"], zone="America/New_York")
    assert await instances(world, made["recurring_id"]) == ["2026-11-25T17:00:00Z", "2026-11-26T17:00:00Z"]


async def test_a_date_that_an_instance_has_left_may_come_again(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-24", mode="every_occurrence")
    await revise(world, made["recurring_id"], rule="FREQ=DAILY;UNTIL=20270116")
    assert await instances(world, made["recurring_id"]) == ["2026-11-23", "2026-11-24"]
