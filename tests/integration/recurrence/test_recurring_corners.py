"""Series whose instances were reopened, completed early or moved before the next change (contract, section 6)."""

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


async def test_a_reopened_instance_has_no_second_successor_wherever_a_new_rule_moves_it(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-12-10")
    await complete(world, made["task"]["id"])
    await reopen(world, made["task"]["id"])
    for rule in ("FREQ=DAILY;INTERVAL=2", "FREQ=DAILY"):
        await revise(world, made["recurring_id"], rule=rule)
    assert await instances(world, made["recurring_id"]) == ["2026-11-23", "2026-12-10"]
    assert kinds(await complete(world, made["task"]["id"])) == ["task.completed"]
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-23"]


async def test_the_one_made_last_has_its_successor_after_a_change_of_zone_while_it_was_late(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-24T12:00")
    last = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    await send(world, "PATCH", f"/tasks/{last}", due="2026-11-20T12:00")
    await reopen(world, made["task"]["id"])
    await revise(world, made["recurring_id"], zone="America/New_York")
    done = await complete(world, last)
    assert kinds(done) == ["task.completed", "task.created", "recurring.trigger"]
    assert done["next_occurrence"]["due"] == "2026-11-26T17:00:00Z"


async def test_one_lies_ahead_after_the_one_ahead_is_skipped_even_if_the_zone_was_changed(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-24T12:00", mode="every_occurrence")
    await send(world, "PATCH", f"/tasks/{made['task']['id']}", due="2026-11-20T12:00")
    await revise(world, made["recurring_id"], zone="America/New_York")
    await delete(world, made["task"]["id"])
    assert await instances(world, made["recurring_id"]) == ["2026-11-25T17:00:00Z"]


async def test_an_instance_completed_early_is_neither_skipped_nor_upcoming(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], rule="FREQ=DAILY;INTERVAL=1")
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-23"]
    shown = await send(world, "POST", "/recurring-tasks/preview", task_id=made["recurring_id"], count=3)
    assert [each["due"] for each in shown["occurrences"]] == ["2026-11-23", "2026-11-24", "2026-11-26"]
    found = await send(world, "GET", "/tasks?due_until=2026-11-26")
    assert [each["due"] for each in found["upcoming"]] == ["2026-11-24", "2026-11-26"]
    refused = await refuse(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", skip="2026-11-25")
    assert refused["code"] == "invalid_arguments"
    skipped = await revise(world, made["recurring_id"], skip=3)
    assert skipped["next_occurrence"]["due"] == "2026-11-27"


async def test_an_instance_completed_early_does_not_count_among_the_occurrences_left(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], rule="FREQ=DAILY;INTERVAL=1")
    ended = await revise(world, made["recurring_id"], ends=3)
    assert "UNTIL=20261126" in ended["task"]["recurrence"]["rule"]


async def test_the_answer_to_the_last_one_names_a_reopened_one(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=2", first_due="2026-11-23")
    last = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    await reopen(world, made["task"]["id"])
    done = await complete(world, last)
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    assert done["next_occurrence"]["task_id"] == made["task"]["id"]


async def test_after_completion_still_counts_from_completion_after_a_change_of_zone(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=3", mode="after_completion", first_due="2026-11-24T12:00")
    await send(world, "PATCH", f"/tasks/{made['task']['id']}", due="2026-11-20T12:00")
    await revise(world, made["recurring_id"], paused=True)
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], zone="Asia/Kathmandu")
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["next_occurrence"]["due"] == "2026-11-26T06:15:00Z"


async def test_an_instance_removed_by_a_pause_returns_after_an_early_completion(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=2", mode="after_completion", first_due="2026-11-26")
    await complete(world, made["task"]["id"])
    await world.tick(days=2)
    second = await open_ids(world, made["recurring_id"])
    assert (await complete(world, second[0]))["next_occurrence"]["due"] == "2026-11-27"
    await revise(world, made["recurring_id"], paused=True)
    assert (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]["due"] == "2026-11-27"


async def test_after_completion_takes_a_free_date_after_a_pause(world: World) -> None:
    made = await create(world, "FREQ=DAILY", mode="after_completion", first_due="2026-12-01")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], paused=True)
    await world.tick(days=8)
    assert (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]["due"] == "2026-12-02"
    await revise(world, made["recurring_id"], paused=True)
    assert (await triggers(world))[-1] == ("2026-12-02", 0)


async def test_after_completion_takes_a_free_date_from_pause_until_on(world: World) -> None:
    made = await create(world, "FREQ=DAILY", mode="after_completion", first_due="2026-12-01")
    await complete(world, made["task"]["id"])
    answer = await revise(world, made["recurring_id"], pause_until="2026-12-01")
    assert answer["next_occurrence"]["due"] == "2026-12-02"


async def test_a_new_end_before_the_next_date_leaves_the_series_completed(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;COUNT=1", mode="after_completion", first_due="2026-11-23")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], ends="2026-11-28")
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    assert await open_ids(world, made["recurring_id"]) == []
    assert (await revise(world, made["recurring_id"], ends="never"))["next_occurrence"]["due"] == "2026-11-30"


async def test_pause_until_skips_the_rest_of_the_day_before(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12,18", mode="every_occurrence", first_due="2026-11-24T12:00")
    answer = await revise(world, made["recurring_id"], pause_until="2026-11-25")
    assert answer["next_occurrence"]["due"] == "2026-11-25T11:00:00Z"
    assert (await triggers(world))[-1] == ("2026-11-25T11:00:00Z", 1)


async def test_pause_until_skips_an_instance_that_a_pause_removed_the_day_before(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY", first_due="2026-11-24T12:00")
    await revise(world, made["recurring_id"], paused=True)
    answer = await revise(world, made["recurring_id"], pause_until="2026-11-25")
    assert answer["next_occurrence"]["due"] == "2026-12-01T11:00:00Z"


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Helsinki"])
async def test_a_change_of_zone_moves_an_instance_to_where_another_one_was(world: World, zone: str) -> None:
    made = await create(world, "FREQ=HOURLY", first_due="2026-11-23T15:00")
    await complete(world, made["task"]["id"])
    await reopen(world, made["task"]["id"])
    before = await instances(world, made["recurring_id"])
    await revise(world, made["recurring_id"], zone=zone)
    after = await instances(world, made["recurring_id"])
    assert len(set(before) & set(after)) == 1


@pytest.mark.parametrize("mode", ["one_at_a_time", "after_completion"])
async def test_skipping_the_one_made_last_makes_the_next_though_an_earlier_one_was_reopened(
    world: World, mode: str
) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23", mode=mode)
    await complete(world, made["task"]["id"])
    await reopen(world, made["task"]["id"])
    skipped = await revise(world, made["recurring_id"], skip="2026-11-24")
    assert kinds(skipped) == ["task.deleted", "task.created", "recurring.trigger"]
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-23", "2026-11-25"]
    ended = await revise(world, made["recurring_id"], ends="2026-11-25")
    assert ended["task"]["status"] == "open"
    await revise(world, made["recurring_id"], skip="2026-11-25")
    assert (await read(world, made["recurring_id"]))["status"] == "completed"
    assert await instances(world, made["recurring_id"], "open") == ["2026-11-23"]


async def test_after_completion_counts_in_the_current_zone_of_the_series(world: World) -> None:
    made = await create(world, "FREQ=DAILY", mode="after_completion", first_due="2026-11-23")
    await world.tick(hours=13)
    await revise(world, made["recurring_id"], ends=1)
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], zone="Asia/Kathmandu")
    again = await revise(world, made["recurring_id"], ends="never")
    assert again["next_occurrence"]["due"] == "2026-11-25", "It was done on the 24th in Kathmandu."


async def test_a_series_switched_to_after_completion_continues_from_the_last_completion(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=1", first_due="2026-11-25T12:00")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], zone="America/New_York")
    await revise(world, made["recurring_id"], mode="after_completion")
    again = await revise(world, made["recurring_id"], ends="never")
    assert again["next_occurrence"]["due"] == "2026-11-24T17:00:00Z"


async def test_taking_back_a_reopened_one_far_ahead_loses_no_date_before_it(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-12-01")
    last = (await complete(world, made["task"]["id"]))["next_occurrence"]["task_id"]
    await revise(world, made["recurring_id"], rule="FREQ=DAILY;INTERVAL=1")
    await reopen(world, made["task"]["id"])
    await send(world, "PATCH", f"/tasks/{last}", due="2026-11-20")
    await revise(world, made["recurring_id"], paused=True)
    assert await instances(world, made["recurring_id"]) == ["2026-11-23"]
    await complete(world, last)
    assert (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]["due"] == "2026-11-24"
