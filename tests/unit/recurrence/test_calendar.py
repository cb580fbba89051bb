"""The wall times of slower rules, and the instants of HOURLY and MINUTELY ones, without expansion in between."""

from datetime import UTC, date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from todo.recurrence.calendar import (
    choose_positions,
    days_of_year,
    last_wall_time,
    period_of,
    resolve_day_parts,
    times_of_day,
    walk_wall_times,
)
from todo.recurrence.rule import parse
from todo.recurrence.sub_daily import nth_instant, walk_sub_daily

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 11, 27, 17, 0)  # Friday


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("FREQ=YEARLY", [date(2028, 11, 27)]),
        ("FREQ=YEARLY;BYMONTHDAY=29;BYMONTH=2", [date(2028, 2, 29)]),
        ("FREQ=YEARLY;BYYEARDAY=-1,60", [date(2028, 2, 29), date(2028, 12, 31)]),
        ("FREQ=YEARLY;BYWEEKNO=52", [date(2028, 12, 29)]),
        ("FREQ=MONTHLY;BYMONTH=2;BYDAY=1MO,-1FR", [date(2028, 2, 7), date(2028, 2, 25)]),
        ("FREQ=MONTHLY;BYMONTH=2;BYDAY=5TU,6FR", [date(2028, 2, 29)]),
        ("FREQ=MONTHLY;BYDAY=6FR", []),
    ],
)
def test_the_days_of_a_year(text: str, days: list[date]) -> None:
    parts = resolve_day_parts(parse(text), FIRST.date())
    assert [date.fromordinal(date(2028, 1, 1).toordinal() + offset) for offset in days_of_year(parts, 2028)] == days


@pytest.mark.parametrize(
    ("text", "day", "number"),
    [
        ("FREQ=DAILY", date(2026, 12, 1), 4),
        ("FREQ=WEEKLY", date(2026, 11, 29), 0),
        ("FREQ=WEEKLY", date(2026, 11, 30), 1),
        ("FREQ=WEEKLY;WKST=SU", date(2026, 11, 29), 1),
        ("FREQ=MONTHLY", date(2027, 1, 1), 2),
        ("FREQ=YEARLY", date(2028, 1, 1), 2),
    ],
)
def test_periods_are_counted_from_the_first_date(text: str, day: date, number: int) -> None:
    assert period_of(parse(text), FIRST.date(), day.toordinal()) == number


def test_wall_times_begin_at_the_first_due_and_may_be_joined_later() -> None:
    rule = parse("FREQ=DAILY;INTERVAL=2;BYHOUR=9,17")
    found = walk_wall_times(rule, FIRST, FIRST.date())
    assert list(islice(found, 3)) == [FIRST, datetime(2026, 11, 29, 9), datetime(2026, 11, 29, 17)]
    assert next(walk_wall_times(rule, FIRST, date(2027, 1, 1))) == datetime(2027, 1, 2, 9)
    assert list(walk_wall_times(parse("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), FIRST, FIRST.date())) == []


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("FREQ=DAILY", None),
        ("FREQ=DAILY;COUNT=1", FIRST),
        ("FREQ=DAILY;COUNT=10000", datetime(2054, 4, 13, 17)),
        ("FREQ=DAILY;BYHOUR=9,17;COUNT=3", datetime(2026, 11, 28, 17)),  # 09:00 lies before the first due
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", datetime(2026, 12, 31, 17)),
        ("FREQ=YEARLY;INTERVAL=100;COUNT=4", None),
    ],
)
def test_count_gives_the_last_wall_time(text: str, last: datetime | None) -> None:
    assert last_wall_time(parse(text), FIRST) == last


def test_positions_and_times_of_day_are_ascending_and_distinct() -> None:
    assert choose_positions((-1, 1, 3, 9), 3) == (0, 2)
    assert times_of_day(parse("FREQ=DAILY;BYMINUTE=0,30"), FIRST) == (time(17), time(17, 30))
    assert times_of_day(parse("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=-1,2"), FIRST) == (
        time(9, 30),
        time(17, 30),
    )


def test_hours_and_minutes_step_by_elapsed_time() -> None:
    first = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
    assert nth_instant(parse("FREQ=HOURLY;INTERVAL=6"), first, 3) == datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
    assert nth_instant(parse("FREQ=MINUTELY;INTERVAL=20"), first, 4) == datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    late = datetime(2030, 6, 1, tzinfo=UTC)
    mornings = walk_sub_daily(parse("FREQ=MINUTELY;INTERVAL=30;BYHOUR=9;BYDAY=MO"), first, BERLIN, late)
    assert list(islice(mornings, 3)) == [
        datetime(2030, 6, 3, 7, 0, tzinfo=UTC),
        datetime(2030, 6, 3, 7, 30, tzinfo=UTC),
        datetime(2030, 6, 10, 7, 0, tzinfo=UTC),
    ]


def test_a_rule_whose_step_never_meets_its_hour_ends() -> None:
    first = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
    assert list(walk_sub_daily(parse("FREQ=HOURLY;INTERVAL=24;BYHOUR=3"), first, ZoneInfo("UTC"), first)) == []
