"""Starts: a task is not to be done before; shown, found, moved along, and held against its due."""

import pytest

from tests.integration.surfaces.listed import add, find, refuse, rest
from tests.world import World

PROMISES = ("starts",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def test_a_start_is_a_date_a_time_or_a_duration_before_the_due(world: World) -> None:
    day = await add(world, "Day", start="2026-11-25")
    assert (day["start"], day["start_text"]) == ("2026-11-25", "Wed 25 Nov 2026")
    assert "start_local" not in day
    hour = await add(world, "Hour", start="2026-11-25T09:00", due="2026-11-27")
    assert (hour["start"], hour["start_local"]) == ("2026-11-25T08:00:00Z", "2026-11-25T09:00")
    ahead = await add(world, "Ahead", start="3d", due="2026-11-27")
    assert ahead["start"] == "2026-11-24"
    timed = await add(world, "Timed", start="2h", due="2026-11-27T17:00")
    assert timed["start"] == "2026-11-27T14:00:00Z"
    await add(world, "Begun", start="2026-11-23")
    await add(world, "Always")
    assert await find(world, available=True) == ["Begun", "Always"]
    assert sorted(await find(world, available=False)) == ["Ahead", "Day", "Hour", "Timed"]
    world.clock.move(days=1)
    assert sorted(await find(world, available=True)) == ["Ahead", "Always", "Begun"]
    assert await find(world, status="overdue") == [], "overdue goes by the due alone"
    world.clock.move(days=4)
    assert sorted(await find(world, status="overdue")) == ["Ahead", "Hour", "Timed"]


async def test_a_shift_moves_both_and_undo_brings_both_back(world: World) -> None:
    task = await add(world, "Taxes", start="2026-11-25", due="2026-11-27T17:00")
    answer = await rest(world, "PATCH", f"/tasks/{task['id']}", {"shift": "1d"})
    assert (answer["task"]["start"], answer["task"]["due"]) == ("2026-11-26", "2026-11-28T16:00:00Z")
    changes = (await world.events())[-1]["data"]["data"]["changes"]
    assert changes["start"] == ["2026-11-25", "2026-11-26"]
    assert set(changes) == {"start", "due"}
    hours = await rest(world, "PATCH", f"/tasks/{task['id']}", {"shift": "-2h"})
    assert (hours["task"]["start"], hours["task"]["due"]) == ("2026-11-26", "2026-11-28T14:00:00Z")
    await rest(world, "POST", "/undo", {})
    undone = await rest(world, "POST", "/undo", {})
    assert (undone["task"]["start"], undone["task"]["due"]) == ("2026-11-25", "2026-11-27T16:00:00Z")
    cleared = await rest(world, "PATCH", f"/tasks/{task['id']}", {"start": None})
    assert "start" not in cleared["task"]
    history = (await rest(world, "GET", f"/tasks/{task['id']}/history"))["history"]
    assert history[0]["changes"]["start_text"] == ["Wed 25 Nov 2026", None]
    alone = await add(world, "Alone", start="2026-11-25")
    moved = await rest(world, "PATCH", f"/tasks/{alone['id']}", {"shift": "1w"})
    assert moved["task"]["start"] == "2026-12-02"


async def test_a_series_gives_each_occurrence_its_start(world: World) -> None:
    series = {"title": "Rent", "rule": "FREQ=MONTHLY;BYMONTHDAY=1", "start": "3 days"}
    made = await rest(world, "POST", "/recurring-tasks", series)
    assert (made["task"]["due"], made["task"]["start"]) == ("2026-12-01", "2026-11-28")
    path = f"/recurring-tasks/{made['recurring_id']}"
    assert (await rest(world, "GET", f"/tasks/{made['recurring_id']}"))["recurrence"]["start"] == "3d"
    await rest(world, "PATCH", path, {"start": "5d"})
    assert (await rest(world, "GET", f"/tasks/{made['task']['id']}"))["start"] == "2026-11-26"
    done = await rest(world, "POST", f"/tasks/{made['task']['id']}/complete")
    following = await rest(world, "GET", f"/tasks/{done['next_occurrence']['task_id']}")
    assert (following["due"], following["start"]) == ("2027-01-01", "2026-12-27")
    await rest(world, "PATCH", f"/tasks/{following['id']}", {"start": "2026-12-30"})
    await rest(world, "PATCH", path, {"start": None})
    kept = await rest(world, "GET", f"/tasks/{following['id']}")
    assert kept["start"] == "2026-12-30", "what was changed on an occurrence alone stays there"
    await rest(world, "POST", "/undo", {})
    assert (await rest(world, "GET", f"/tasks/{made['recurring_id']}"))["recurrence"]["start"] == "5d"
    task = await add(world, "Car", start="2026-11-29", due="2026-12-01")
    turned = await rest(world, "POST", "/recurring-tasks", {"task_id": task["id"], "rule": "FREQ=YEARLY"})
    assert (await rest(world, "GET", f"/tasks/{turned['recurring_id']}"))["recurrence"]["start"] == "2d"


async def test_dates_begin_with_the_day_of_the_persons_zone(world: World) -> None:
    await add(world, "Day", start="2026-11-24")
    world.clock.move(hours=14, minutes=30)
    assert await find(world, available=True) == ["Day"]
    await rest(world, "PATCH", "/me", {"zone": "America/New_York"})
    assert await find(world, available=True) == []
    world.clock.move(hours=6)
    assert await find(world, available=True) == ["Day"]


async def test_a_start_that_cannot_be_is_refused(world: World) -> None:
    after = {"title": "Late", "start": "2026-11-28", "due": "2026-11-27"}
    assert "is after the due, Fri 27 Nov 2026" in await refuse(world, "POST", "/tasks", after)
    assert "no due from which" in await refuse(world, "POST", "/tasks", {"title": "A", "start": "3d"})
    assert "invalid_time" in await refuse(world, "POST", "/tasks", {"title": "A", "start": "soon"})
    task = await add(world, "Taxes", start="2026-11-25", due="2026-11-27")
    assert "is after the due" in await refuse(world, "PATCH", f"/tasks/{task['id']}", {"due": "2026-11-24"})
    both = {"start": "2026-11-25", "shift": "1d"}
    assert "exclude each other" in await refuse(world, "PATCH", f"/tasks/{task['id']}", both)
    series = {"title": "Rent", "rule": "FREQ=DAILY"}
    fixed = await refuse(world, "POST", "/recurring-tasks", {**series, "start": "2026-11-25"})
    assert "is a duration before the due" in fixed
    assert "in whole days" in await refuse(world, "POST", "/recurring-tasks", {**series, "start": "2h"})
    made = await rest(world, "POST", "/recurring-tasks", series)
    template = await refuse(world, "PATCH", f"/tasks/{made['recurring_id']}", {"start": "1d"})
    assert "no due and no start of its own" in template
