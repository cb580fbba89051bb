"""What answers about series say: dates after a change, missed ones, reminders that cannot repeat, a last day."""

from typing import Any

import pytest

from tests.integration.recurrence.series_calls import complete, create, instances, read, revise, send
from tests.integration.safety.agent_calls import do
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def test_missed_dates_are_listed_when_a_late_one_is_done(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    world.clock.move(days=3)
    done = await complete(world, made["task"]["id"])
    assert done["message"].endswith(
        " Next: Thu 26 Nov 2026, 12:00 Europe/Berlin. Passed over: Tue 24 Nov 2026, 12:00; Wed 25 Nov 2026, 12:00."
    )
    assert [each["due"] for each in done["next_occurrence"]["passed_over"]] == [
        "2026-11-24T11:00:00Z",
        "2026-11-25T11:00:00Z",
    ]
    again = await complete(world, done["next_occurrence"]["task_id"])
    assert "passed_over" not in again["next_occurrence"]


async def test_many_missed_dates_are_counted_and_skipped_ones_are_not_missed(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    await revise(world, made["recurring_id"], skip="2026-11-25")
    world.clock.move(days=40)
    done = await complete(world, made["task"]["id"])
    assert done["message"].endswith("Passed over: Tue 24 Nov 2026; Thu 26 Nov 2026; Fri 27 Nov 2026 and 35 more.")
    assert len(done["next_occurrence"]["passed_over"]) == 20


async def test_dates_missed_while_paused_are_listed_when_it_goes_on(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    await revise(world, made["recurring_id"], paused=True)
    world.clock.move(days=2)
    resumed = await revise(world, made["recurring_id"], paused=False)
    assert resumed["message"].endswith("Passed over: Mon 23 Nov 2026; Tue 24 Nov 2026.")
    skipped = await revise(world, made["recurring_id"], pause_until="2026-12-01")
    assert "passed_over" not in skipped["next_occurrence"], "the person left these out on purpose"


async def test_after_another_rule_the_next_dates_are_told(world: World) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=TU,TH;BYHOUR=9")
    changed = await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=TU,FR;BYHOUR=9")
    assert changed["message"].endswith(
        " Next: Tue 24 Nov 2026, 09:00 Europe/Berlin (as before), then Fri 27 Nov 2026, 09:00 Europe/Berlin and "
        "Tue 1 Dec 2026, 09:00 Europe/Berlin."
    )
    other = await revise(world, made["recurring_id"], rule="FREQ=WEEKLY;BYDAY=WE")
    assert " Next: Wed 25 Nov 2026, 09:00 Europe/Berlin, then Wed 2 Dec 2026, 09:00" in other["message"]
    named = await revise(world, made["recurring_id"], title="Plants")
    assert named["message"].endswith(" Next: Wed 25 Nov 2026, 09:00 Europe/Berlin."), "its dates are the same"


async def test_an_occurrence_stands_for_its_series_and_a_date_is_skipped(world: World) -> None:
    made = await create(world, "FREQ=DAILY;BYHOUR=12")
    changed = await revise(world, made["task"]["id"], skip="2026-11-25")
    assert changed["recurring_id"] == changed["task"]["id"] == made["recurring_id"]
    tools = {tool.name: tool for tool in (await (await world.connect()).list_tools()).tools}
    assert "by the id of the series or of any occurrence" in str(tools["update_recurring_task"].description)
    skip = tools["update_recurring_task"].input_schema["properties"]["skip"]
    assert skip["description"] == "How many occurrences, or one's date"
    assert "appointments, medicine" in str(tools["create_recurring_task"].description)


async def test_t29_a_reminder_at_a_fixed_time_that_cannot_repeat_is_told(world: World) -> None:
    body: dict[str, Any] = {"title": "Gym", "due": "2026-12-03T15:30", "reminders": ["2026-12-03T08:00", "1h"]}
    task = (await send(world, "POST", "/tasks", **body))["task"]["id"]
    made = await create(world, "FREQ=WEEKLY", task_id=task)
    [warning] = made["warnings"]
    assert warning.startswith("The reminder of Thu 3 Dec 2026, 08:00 Europe/Berlin stays on the first occurrence alone")
    assert [each.get("before", "at") for each in made["task"]["reminders"]] == ["at", "1h"]
    done = await complete(world, task)
    after = await read(world, done["next_occurrence"]["task_id"])
    assert [each["before"] for each in after["reminders"]] == ["1h"]


async def test_t29_reminders_that_are_given_or_repeat_need_no_warning(world: World) -> None:
    for reminders in (["1h"], ["2026-12-03T08:00"]):
        body: dict[str, Any] = {"title": "Gym", "due": "2026-12-03T15:30", "reminders": reminders}
        task = (await send(world, "POST", "/tasks", **body))["task"]["id"]
        given = {} if reminders == ["1h"] else {"reminders": ["30m"]}
        assert "warnings" not in await create(world, "FREQ=WEEKLY", task_id=task, **given)


async def test_t31_the_advice_for_29_february_keeps_to_february(world: World) -> None:
    made = await create(world, "FREQ=YEARLY", first_due="2028-02-29")
    [warning] = made["warnings"]
    assert warning == "Years without a 29 February are skipped; BYMONTH=2;BYMONTHDAY=-1 is the last day."
    followed = await create(world, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", first_due="2027-02-28")
    assert "warnings" not in followed
    dates = (await do(world, "preview_occurrences", task_id=followed["recurring_id"]))["occurrences"]
    assert [each["due"] for each in dates][:3] == ["2027-02-28", "2028-02-29", "2029-02-28"]
    assert await instances(world, followed["recurring_id"]) == ["2027-02-28"]
