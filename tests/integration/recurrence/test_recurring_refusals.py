"""Rules and calls on series that are refused: the same code from REST and MCP, nothing stored, in a clear sentence."""

import asyncio
from typing import Any

import pytest

from tests.contracts.surfaces import SURFACES, Surface, assert_says_little_and_clearly, call, count_stored
from tests.integration.recurrence.series_calls import create, instances, triggers
from tests.world import World

pytestmark = pytest.mark.anyio

TIMED = "2026-11-27T09:00"
INVALID = (
    *("", " ", "DAILY", "every day", "FREQ", "FREQ=", "=DAILY", "FREQ=DAILY;;", ";FREQ=DAILY", "FREQ=DAILY;;COUNT=2"),
    *("FREQ=SECONDLY", "FREQ=FORTNIGHTLY", "INTERVAL=2", "FREQ=DAILY;FREQ=WEEKLY", "FREQ=DAILY;COUNT=2;COUNT=3"),
    *("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;INTERVAL=1.5", "FREQ=DAILY;INTERVAL=٣"),
    *("FREQ=DAILY;INTERVAL=99999999999999999999", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-2", "FREQ=DAILY;COUNT=x"),
    *("FREQ=DAILY;COUNT=3;UNTIL=20270101", "FREQ=DAILY;UNTIL=20261301", "FREQ=DAILY;UNTIL=tomorrow"),
    *("FREQ=DAILY;UNTIL=20270101T250000Z", "FREQ=DAILY;RSCALE=GREGORIAN", "FREQ=DAILY;UNTIL=20200101"),
    *(
        "FREQ=DAILY;BYEASTER=1",
        "FREQ=DAILY;X-FOO=1",
        "FREQ=DAILY;SKIP=OMIT",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=-1",
    ),
    *("FREQ=DAILY;BYMINUTE=60", "FREQ=DAILY;BYSECOND=61", "FREQ=DAILY;BYHOUR=", "FREQ=DAILY;BYHOUR=1,,2"),
    *(
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=-32",
        "FREQ=YEARLY;BYMONTH=13",
    ),
    *("FREQ=YEARLY;BYYEARDAY=367", "FREQ=YEARLY;BYWEEKNO=54", "FREQ=MONTHLY;BYWEEKNO=3", "FREQ=WEEKLY;BYMONTHDAY=1"),
    *("FREQ=DAILY;BYYEARDAY=3", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=0MO"),
    *("FREQ=MONTHLY;BYDAY=99MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO", "FREQ=MONTHLY;BYSETPOS=1"),
    *("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "FREQ=WEEKLY;WKST=1"),
    *("FREQ=DAILY\nCOUNT=3", "DTSTART:20260101\nRRULE:FREQ=DAILY", "RRULE:RRULE:FREQ=DAILY", "EXRULE:FREQ=DAILY"),
    *("FREQ=ＤＡＩＬＹ", "FREQ=DAILY;COUNT=２", "FREQ=DAILY;BYDAY=M０", "FREQ=DAILY COUNT=2", "FREQ=DAILY,COUNT=2"),
    *(f"FREQ=DAILY;BYHOUR={'1,' * 1_000}1", f"FREQ=DAILY;INTERVAL={'1' * 2_000}", "FREQ=DAILY;" * 200),
)
NEVER = (
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYMONTH=4;BYMONTHDAY=31",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
)
FREQUENT = (
    *("FREQ=MINUTELY;INTERVAL=14", "FREQ=MINUTELY", "FREQ=HOURLY;BYMINUTE=0,14", "FREQ=HOURLY;BYMINUTE=0,50"),
    *("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,10", "FREQ=DAILY;BYSECOND=0,30", "FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0,59"),
)
BAD = (
    *((rule, "rule_invalid") for rule in INVALID),
    *((rule, "rule_never_occurs") for rule in NEVER),
    *((rule, "rule_too_frequent") for rule in FREQUENT),
)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("tool", ["create_recurring_task", "update_recurring_task", "preview_occurrences"])
async def test_a_bad_rule_is_refused_everywhere_with_nothing_stored(world: World, tool: str, surface: Surface) -> None:
    made = await create(world, "FREQ=DAILY", first_due=TIMED)
    stored = await count_stored(world)
    series = await world.query("SELECT * FROM recurrence")
    more: dict[str, Any] = {
        "create_recurring_task": {"title": "T"},
        "update_recurring_task": {"task_id": made["recurring_id"]},
        "preview_occurrences": {},
    }[tool]
    wrong = []
    for rule, code in BAD:
        reply = await call(world, surface, tool, {**more, "rule": rule, "first_due": TIMED})
        if not rule.strip():
            # An empty optional argument counts as not given (section 4), so the update has nothing to refuse.
            assert reply.code in ("", "invalid_arguments", "rule_invalid"), (rule, reply.text)
            continue
        if reply.code != code:
            wrong.append((rule[:80], code, reply.text[:200]))
            continue
        assert_says_little_and_clearly(reply)
        assert len(reply.text) < 2_000
    assert not wrong
    assert await count_stored(world) == {**stored, "request_entry": (await count_stored(world))["request_entry"]}
    assert await world.query("SELECT * FROM recurrence") == series


WRONG: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("create_recurring_task", {"rule": "FREQ=DAILY"}, "invalid_arguments"),
    ("create_recurring_task", {"title": "T"}, "invalid_arguments"),
    ("create_recurring_task", {"title": "T", "task_id": "{one}", "rule": "FREQ=DAILY"}, "invalid_arguments"),
    ("create_recurring_task", {"task_id": "{series}", "rule": "FREQ=DAILY"}, "invalid_arguments"),
    ("create_recurring_task", {"task_id": "{instance}", "rule": "FREQ=DAILY"}, "invalid_arguments"),
    ("create_recurring_task", {"task_id": "nothing", "rule": "FREQ=DAILY"}, "task_not_found"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=HOURLY"}, "rule_invalid"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=HOURLY", "first_due": "2026-11-27"}, "rule_invalid"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=DAILY", "first_due": "2026-02-30"}, "invalid_time"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=DAILY", "zone": "Mars/Base"}, "invalid_time"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=DAILY", "catch_up": "all"}, "invalid_arguments"),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=DAILY", "mode": "sometimes"}, "invalid_arguments"),
    (
        "create_recurring_task",
        {"title": "T", "rule": "FREQ=DAILY", "mode": "after_completion", "catch_up": "latest"},
        "invalid_arguments",
    ),
    (
        "create_recurring_task",
        {"title": "T", "rule": "FREQ=WEEKLY;BYDAY=MO", "mode": "after_completion"},
        "rule_invalid",
    ),
    (
        "create_recurring_task",
        {"title": "T", "rule": "FREQ=DAILY", "reminders": ["2026-11-27T09:00"]},
        "invalid_arguments",
    ),
    ("create_recurring_task", {"title": "T", "rule": "FREQ=DAILY", "reminders": ["soon"]}, "invalid_time"),
    (
        "create_recurring_task",
        {"title": "T", "rule": "FREQ=DAILY;COUNT=3", "first_due": "2026-01-01"},
        "rule_never_occurs",
    ),
    (
        "create_recurring_task",
        {"title": "T", "rule": "FREQ=DAILY;UNTIL=20260301", "first_due": "2026-01-01"},
        "rule_never_occurs",
    ),
    ("update_recurring_task", {"task_id": "{one}", "title": "T"}, "invalid_arguments"),
    ("update_recurring_task", {"task_id": "nothing", "title": "T"}, "task_not_found"),
    ("update_recurring_task", {"task_id": "{series}", "due": "2026-11-27"}, "invalid_arguments"),
    ("update_recurring_task", {"task_id": "{series}", "shift": "1d"}, "invalid_arguments"),
    ("update_recurring_task", {"task_id": "{series}", "zone": "Mars/Base"}, "invalid_time"),
    ("update_recurring_task", {"task_id": "{series}", "catch_up": "all"}, "invalid_arguments"),
    ("update_recurring_task", {"task_id": "{series}", "paused": "maybe"}, "invalid_arguments"),
    ("update_recurring_task", {"task_id": "{series}", "expected_version": 9, "title": "T"}, "version_conflict"),
    (
        "update_recurring_task",
        {"task_id": "{series}", "rule": "FREQ=DAILY;COUNT=3", "first_due": "2026-01-01"},
        "rule_never_occurs",
    ),
    ("update_task", {"task_id": "{series}", "due": "2026-11-27"}, "invalid_arguments"),
    ("update_task", {"task_id": "{series}", "shift": "1d"}, "invalid_arguments"),
    ("complete_task", {"task_id": "{series}"}, "is_series"),
    ("reopen_task", {"task_id": "{series}"}, "is_series"),
    ("set_reminder", {"task_id": "{series}", "before": "1h"}, "is_series"),
    ("preview_occurrences", {"task_id": "{one}"}, "invalid_arguments"),
    ("preview_occurrences", {"task_id": "{series}", "rule": "FREQ=DAILY"}, "invalid_arguments"),
    ("preview_occurrences", {"task_id": "{series}", "first_due": "2026-11-27"}, "invalid_arguments"),
    ("preview_occurrences", {"rule": "FREQ=DAILY", "count": 51}, "invalid_arguments"),
    ("preview_occurrences", {"rule": "FREQ=DAILY", "count": 0}, "invalid_arguments"),
    ("preview_occurrences", {"rule": "FREQ=DAILY", "after": "then"}, "invalid_time"),
)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_wrong_call_is_refused_everywhere_with_nothing_stored(world: World, surface: Surface) -> None:
    made = await create(world, "FREQ=WEEKLY;BYDAY=FR")
    one = await call(world, "rest", "create_task", {"title": "One"})
    names = {"{series}": made["recurring_id"], "{instance}": made["task"]["id"], "{one}": one.answer["task"]["id"]}
    stored = await count_stored(world)
    for tool, arguments, code in WRONG:
        filled = {name: names.get(str(value), value) for name, value in arguments.items()}
        reply = await call(world, surface, tool, filled)
        assert reply.code == code, (tool, arguments, reply.text)
        assert_says_little_and_clearly(reply)
        assert await count_stored(world) == stored
        if code == "is_series":
            assert made["task"]["id"] in reply.sentence
            assert "27 Nov 2026" in reply.sentence


@pytest.mark.parametrize("surface", SURFACES)
async def test_rules_and_calls_close_to_bad_ones_are_accepted(world: World, surface: Surface) -> None:
    for rule in (
        *("rrule:freq=daily", "RRULE:FREQ=DAILY", "FREQ=MINUTELY;INTERVAL=15", "FREQ=HOURLY;BYMINUTE=0,15,30,45"),
        *("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;UNTIL=20261127", "FREQ=MONTHLY;BYDAY=-1FR;WKST=SU"),
        *("FREQ=MONTHLY;BYMONTHDAY=-1", "INTERVAL=2;FREQ=WEEKLY"),
        *("FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;", "RRULE: FREQ=WEEKLY; BYDAY=MO"),  # T27
    ):
        reply = await call(world, surface, "create_recurring_task", {"title": "T", "rule": rule, "first_due": TIMED})
        assert not reply.code, (rule, reply.text)


async def test_an_empty_rule_in_a_change_counts_as_not_given_and_is_warned_of(world: World) -> None:
    made = await create(world, "FREQ=DAILY")
    reply = await call(world, "modern", "update_recurring_task", {"task_id": made["recurring_id"], "rule": ""})
    assert reply.answer["events"] == []
    assert any("rule" in warning for warning in reply.answer["warnings"])


async def test_the_binding_does_what_is_due_and_says_how_much(world: World) -> None:
    nothing = await world.http.post("/bindings/recurring-scheduler", json={"data": "@hourly"})
    assert (nothing.status_code, nothing.json()) == (200, {"processed": 0})
    made = [
        (await create(world, "FREQ=DAILY;BYHOUR=12", title=f"T{number}", mode="every_occurrence"))["recurring_id"]
        for number in range(45)
    ]
    world.clock.move(hours=2)
    answer = await world.http.post("/bindings/recurring-scheduler")
    assert answer.json() == {"processed": 45}
    for series in made:
        assert await instances(world, series) == ["2026-11-23T11:00:00Z", "2026-11-24T11:00:00Z"]
    assert (await world.http.post("/bindings/recurring-scheduler")).json() == {"processed": 0}


async def test_overlapping_ticks_and_bindings_make_each_occurrence_once(world: World) -> None:
    series = [
        (
            await create(
                world,
                "FREQ=DAILY;BYHOUR=12",
                title=f"T{each}",
                mode="every_occurrence",
                catch_up="all",
                reminders=["1h"],
            )
        )["recurring_id"]
        for each in range(12)
    ]
    for others in (0, 5, 5):
        world.clock.move(days=30)
        ticks = (world.tick() for _ in range(others))
        answers = [world.http.post("/bindings/recurring-scheduler") for _ in range(5)]
        done = await asyncio.gather(*answers, *ticks)
        assert others or sum(each.json()["processed"] for each in done if each is not None) >= 24
    for each in series:
        found = await instances(world, each)
        assert len(found) == len(set(found)) == 91, "23 November to 21 February, the last one ahead"
    came = await triggers(world)
    assert len(came) == 12 * 91
    assert all(skipped == 0 for _, skipped in came)
    rung = [
        event["data"]["data"]["reminder"]["id"] for event in await world.events() if event["type"] == "reminder.due"
    ]
    assert len(rung) == len(set(rung))
