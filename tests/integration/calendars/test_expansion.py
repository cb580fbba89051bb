"""A series in a calendar feed has the same dates in calendar programs as here, over five years and in five zones."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from tests.integration.calendars.feeds import expand, expand_in_node, fetch, subscribe
from tests.integration.recurrence.series_calls import complete, create, delete, send
from tests.long import also_long
from tests.world import World
from todo.recurrence import expansion

PROMISES = ("calendar-dates",)

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 11, 23, 9, tzinfo=UTC)
YEARS = 5
UNTIL = f"{SINCE.year + YEARS}-11-01"
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
RULES = [
    ("FREQ=DAILY", "2026-11-24T02:30"),
    ("FREQ=DAILY;INTERVAL=3", "2026-11-24"),
    ("FREQ=DAILY;BYHOUR=2,14;BYMINUTE=15", "2026-11-24"),
    ("FREQ=DAILY;COUNT=40", "2026-11-24T07:00"),
    ("FREQ=DAILY;UNTIL=20270401", "2026-11-24T23:30"),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2026-11-25T18:00"),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU", "2026-11-26"),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-11-24T09:00"),
    ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-12-31"),
    ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-30T10:00"),
    ("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-27T17:00"),
    ("FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "2026-12-01"),
    ("FREQ=YEARLY", "2028-02-29"),
    ("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", "2027-03-28T02:30"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=TU", "2027-05-18T12:00"),
    ("FREQ=YEARLY;BYYEARDAY=100,-1", "2026-12-31"),
]


UNKNOWN_TO_NODE = {"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=TU", "FREQ=YEARLY"}
"""ical.js leaves BYWEEKNO and BYSETPOS of weeks out, and moves 29 February to 1 March, where RFC 5545 has no date."""


def is_plain(due: str, zone: str) -> bool:
    """Return whether no clock changes on a due's day: ical.js reads times that the clocks skip by the later offset."""
    if "T" not in due:
        return True
    local = datetime.fromisoformat(due).astimezone(ZoneInfo(zone))
    day = local.replace(hour=0, minute=0, tzinfo=None)
    return len({(day + timedelta(hours=hour)).replace(tzinfo=local.tzinfo).utcoffset() for hour in (0, 24)}) == 1


@pytest.mark.parametrize("zone", also_long((ZONES[0], ZONES[2]), (ZONES[1], *ZONES[3:]), "three more zones"))
async def test_the_dates_of_a_rule_are_those_of_two_other_expanders(world: World, zone: str) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    for rule, first in RULES:
        made = await create(world, rule, first_due=first, zone=zone, mode="every_occurrence")
        series = (await send(world, "GET", f"/tasks/{made['recurring_id']}"))["recurrence"]
        wall = first if "T" in first else None
        walk = expansion.walk(expansion.parse(series["rule"]), series["first_due"], ZoneInfo(zone), None, wall)
        ours = list(islice(walk, 366 * YEARS * 2))
        found = await fetch(world, path)
        expected = [each for each in ours if each < UNTIL]
        assert [each for each in expand(found, SINCE, YEARS) if each < UNTIL] == expected, rule
        if rule not in UNKNOWN_TO_NODE:
            in_node = [each for each in expand_in_node(found, UNTIL) if is_plain(each, zone)]
            assert in_node == [each for each in expected if is_plain(each, zone)], rule
        await delete(world, made["recurring_id"])


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=HOURLY;INTERVAL=7", "2027-03-27T20:30"),
        ("FREQ=MINUTELY;INTERVAL=90;BYHOUR=8,9,10,11,12,13", "2026-11-24T08:00"),
    ],
)
async def test_a_rule_by_elapsed_time_is_a_list_of_its_next_dates(world: World, rule: str, first: str) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    made = await create(world, rule, first_due=first)
    zone = ZoneInfo("Europe/Berlin")
    ours = expansion.occurrences(expansion.parse(rule), made["task"]["due"], zone, None, 400)
    theirs = expand(await fetch(world, path), SINCE, YEARS)
    assert len(theirs) > 100
    assert theirs == ours[: len(theirs)]


async def test_what_became_of_single_dates_is_seen(world: World) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    made = await create(world, "FREQ=DAILY", first_due="2026-11-24T08:00", mode="every_occurrence")
    await send(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", skip="2026-11-27T08:00")
    await complete(world, made["task"]["id"])
    await world.tick(days=1)
    [second] = (await send(world, "GET", "/tasks"))["tasks"]
    await send(world, "PATCH", f"/tasks/{second['id']}", due="2026-11-25T11:00", title="Water the roses")
    found = await fetch(world, path)

    assert expand(found, SINCE, 1)[:4] == [
        "2026-11-25T10:00:00Z",
        "2026-11-26T07:00:00Z",
        "2026-11-28T07:00:00Z",
        "2026-11-29T07:00:00Z",
    ]
    moved = next(part for part in found.walk("VEVENT") if "RECURRENCE-ID" in part)
    assert (moved["UID"], moved["SUMMARY"]) == (made["recurring_id"], "Water the roses")


async def test_a_paused_series_shows_its_open_instances_alone(world: World) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    made = await create(world, "FREQ=DAILY", first_due="2026-11-24T08:00")
    world.clock.at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    await send(world, "PATCH", f"/recurring-tasks/{made['recurring_id']}", paused=True)
    kept = [task["due"] for task in (await send(world, "GET", "/tasks"))["tasks"]]
    assert expand(await fetch(world, path), SINCE, 1) == kept == ["2026-11-24T07:00:00Z"]


async def test_a_series_by_completion_shows_its_open_instance_alone(world: World) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    await create(world, "FREQ=DAILY", first_due="2026-11-24", mode="after_completion")
    assert expand(await fetch(world, path), SINCE, 1) == ["2026-11-24"]


async def test_an_instance_long_overdue_stands_beside_its_series(world: World) -> None:
    world.clock.at = SINCE
    path = await subscribe(world)
    await create(world, "FREQ=DAILY", first_due="2026-11-24")
    world.clock.at = datetime(2028, 6, 1, 9, tzinfo=UTC)
    found = await fetch(world, path)
    assert expand(found, SINCE, 2)[:3] == ["2026-11-24", "2028-06-01", "2028-06-02"]
    assert len(found.to_ical()) < 2_000
