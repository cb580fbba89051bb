"""Series at a time of day that the clocks skip, and series that are paused and resume (contract, section 6)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.recurrence.series_calls import (
    complete,
    create,
    delete,
    instances,
    open_ids,
    reopen,
    revise,
    send,
)
from tests.world import World

pytestmark = pytest.mark.anyio

GAP = datetime(2027, 3, 26, 9, 0, tzinfo=UTC)
"""Two days before Berlin goes from 02:00 to 03:00; New York changed on 14 March."""
JUMPED = ["2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z", "2027-03-30T00:30:00Z"]


async def coming(world: World, series_id: str, count: int = 3) -> list[str]:
    """Return the next dates of a series."""
    shown = await send(world, "POST", "/recurring-tasks/preview", task_id=series_id, count=count)
    return [each["due"] for each in shown["occurrences"]]


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY", "2027-03-28T02:30"),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2027-03-28"),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2027-03-28T02:30"),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYDAY=SU,MO,TU", None),
    ],
)
async def test_a_first_date_that_the_clocks_jump_over_moves_that_day_alone(
    world: World, rule: str, first: str | None
) -> None:
    world.clock.at = GAP
    asked: dict[str, Any] = {"rule": rule} if first is None else {"rule": rule, "first_due": first}
    shown = await send(world, "POST", "/recurring-tasks/preview", **asked, count=3)
    assert [each["due"] for each in shown["occurrences"]] == JUMPED
    assert "02:30" in shown["rule_text"]
    made = await create(world, mode="every_occurrence", **asked)
    assert await coming(world, made["recurring_id"]) == JUMPED
    assert "02:30" in made["message"]


async def test_a_count_includes_a_first_date_that_the_clocks_jump_over(world: World) -> None:
    world.clock.at = GAP
    made = await create(world, "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;COUNT=2", first_due="2027-03-28")
    assert await coming(world, made["recurring_id"]) == JUMPED[:2]


async def test_after_completion_keeps_its_time_though_the_clocks_skipped_its_first_date(world: World) -> None:
    world.clock.at = GAP
    made = await create(world, "FREQ=DAILY", mode="after_completion", first_due="2027-03-28T02:30")
    world.clock.at = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2027-03-30T00:30:00Z"


async def test_a_new_rule_whose_first_date_jumps_keeps_the_time_of_the_series(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=MO", first_due="2026-11-23T02:30")
    world.clock.at = GAP
    await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=SU")
    assert (await coming(world, made["recurring_id"], 3))[1:] == ["2027-04-04T00:30:00Z", "2027-04-11T00:30:00Z"]
    changed = await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=SU;BYHOUR=2;BYMINUTE=30")
    assert "warnings" not in changed or not any("not on the rule" in each for each in changed["warnings"])
    assert (await coming(world, made["recurring_id"], 3))[1:] == ["2027-04-04T00:30:00Z", "2027-04-11T00:30:00Z"]


async def test_a_new_first_due_that_jumps_gives_the_time_that_was_meant(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23T12:00")
    world.clock.at = GAP
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], first_due="2027-03-28T02:30")
    assert JUMPED[1] in await coming(world, made["recurring_id"], 4)


async def test_a_new_zone_in_which_the_first_date_jumps_keeps_the_time_of_the_series(world: World) -> None:
    world.clock.at = datetime(2027, 3, 10, 9, 0, tzinfo=UTC)
    made = await create(world, "FREQ=DAILY", first_due="2027-03-14T02:30", mode="every_occurrence")
    await revise(world, made["recurring_id"], zone="America/New_York")
    assert await coming(world, made["recurring_id"], 2) == ["2027-03-14T07:30:00Z", "2027-03-15T06:30:00Z"]
    await revise(world, made["recurring_id"], zone="Europe/Berlin")
    assert await coming(world, made["recurring_id"], 2) == ["2027-03-14T01:30:00Z", "2027-03-15T01:30:00Z"]


@pytest.mark.parametrize("paused", [False, True])
async def test_a_date_that_jumped_comes_at_its_time_in_another_zone(world: World, paused: bool) -> None:
    world.clock.at = GAP
    made = await create(world, "FREQ=DAILY", first_due="2027-03-28T02:30")
    if paused:
        await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], zone="Asia/Kathmandu")
    if paused:
        await revise(world, made["recurring_id"], paused=False)
    assert await instances(world, made["recurring_id"]) == ["2027-03-27T20:45:00Z"]


@pytest.mark.parametrize("first_due", ["2026-12-10", "2026-12-10T08:00"])
async def test_a_first_due_given_to_a_paused_series_that_counts_from_doing_is_where_it_goes_on(
    world: World, first_due: str
) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=3", first_due="2026-11-25", mode="after_completion")
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], first_due=first_due)
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["next_occurrence"]["due"][:10] == "2026-12-10"
    assert len(resumed["next_occurrence"]["due"]) == (10 if len(first_due) == 10 else 20)


async def test_a_first_due_lets_a_completed_series_that_counts_from_doing_go_on_there(world: World) -> None:
    made = await create(world, "FREQ=DAILY;COUNT=1", first_due="2026-11-25", mode="after_completion")
    await complete(world, made["task"]["id"])
    went_on = await revise(world, made["recurring_id"], rule="FREQ=DAILY", first_due="2026-12-10")
    assert went_on["next_occurrence"]["due"] == "2026-12-10"


async def test_a_first_due_comes_after_the_overdue_one_of_a_series_that_counts_from_doing(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-23", mode="after_completion")
    world.clock.move(days=2)
    await revise(world, made["recurring_id"], first_due="2026-12-10")
    assert (await complete(world, made["task"]["id"]))["next_occurrence"]["due"] == "2026-12-10"


async def test_an_instance_removed_by_a_pause_returns_in_another_mode_and_zone(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=5", first_due="2026-11-30T12:00")
    await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], zone="America/New_York")
    await revise(world, made["recurring_id"], mode="after_completion")
    await revise(world, made["recurring_id"], paused=False)
    assert await instances(world, made["recurring_id"]) == ["2026-11-30T17:00:00Z"]


async def test_a_date_skipped_before_a_pause_does_not_return_in_another_zone(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=5", first_due="2026-11-24T12:00", mode="after_completion")
    await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], paused=False)
    [again] = await open_ids(world, made["recurring_id"])
    world.clock.move(days=3)
    await revise(world, made["recurring_id"], paused=True)
    await delete(world, again)
    await revise(world, made["recurring_id"], zone="America/New_York")
    await revise(world, made["recurring_id"], paused=False)
    assert await instances(world, made["recurring_id"]) == ["2026-12-01T17:00:00Z"]


async def test_an_instance_that_returned_after_a_pause_and_was_skipped_does_not_return_again(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=5", first_due="2026-12-10", mode="after_completion")
    await revise(world, made["recurring_id"], paused=True)
    again = (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]
    assert again["due"] == "2026-12-10"
    assert (await delete(world, again["task_id"]))["next_occurrence"]["due"] == "2026-12-15"


async def test_a_date_that_is_skipped_while_it_waits_does_not_come_in_another_mode(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=5", first_due="2026-12-10")
    await revise(world, made["recurring_id"], paused=True)
    await revise(world, made["recurring_id"], skip="2026-12-10")
    await revise(world, made["recurring_id"], mode="after_completion")
    assert (await revise(world, made["recurring_id"], paused=False))["next_occurrence"]["due"] == "2026-12-15"


async def test_pause_until_lets_a_date_that_was_taken_back_and_lies_later_come(world: World) -> None:
    made = await create(world, "FREQ=DAILY;INTERVAL=5", first_due="2026-12-10", mode="after_completion")
    await revise(world, made["recurring_id"], paused=True)
    resumed = await revise(world, made["recurring_id"], pause_until="2026-12-05")
    assert resumed["next_occurrence"]["due"] == "2026-12-10"


async def test_undo_restores_the_date_that_a_series_awaits(world: World) -> None:
    made = await create(world, "FREQ=DAILY", first_due="2026-11-25", mode="after_completion")
    await complete(world, made["task"]["id"])
    await reopen(world, made["task"]["id"])
    await complete(world, made["task"]["id"])
    await revise(world, made["recurring_id"], paused=True)
    dated = await revise(world, made["recurring_id"], first_due="2026-12-10")
    await send(world, "POST", "/undo", change_ids=[dated["change_id"]])
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["next_occurrence"]["due"] == "2026-11-24"
