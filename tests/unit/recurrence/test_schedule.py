"""The schedule of a series: its next date in each mode, catching up, skips, ends, clock changes and month ends."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from events.instants import read_instant
from todo.recurrence.rule import parse
from todo.recurrence.schedule import (
    MOST_COUNTED,
    MOST_MADE,
    MOST_WALKED,
    CatchUp,
    CatchUpStep,
    Mode,
    NextDate,
    Schedule,
    at_series_time,
    catch_up,
    dates_ahead,
    day_of,
    is_over,
    just_before,
    next_after_completion,
    next_on_rule,
    noon_of,
    starts_at,
)
from todo.text.when import is_date

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # Wednesday, 10:00 in Berlin
DAY = timedelta(days=1)


def plan(
    text: str,
    first: str,
    *,
    zone: ZoneInfo = BERLIN,
    mode: Mode = "one_at_a_time",
    skipped: Collection[str] = (),
    wall: str | None = None,
) -> Schedule:
    return Schedule(parse(text), first, zone, mode, frozenset(skipped), wall)


def next_due(schedule: Schedule, after: str | None, now: datetime = NOW) -> str | None:
    found = next_on_rule(schedule, after, now)
    return None if found is None else found.due


def days(first: str, count: int) -> list[str]:
    start = date.fromisoformat(first)
    return [str(start + DAY * number) for number in range(count)]


# One at a time: the next date on the rule that is not over.


@pytest.mark.parametrize(
    ("text", "first", "after", "expected"),
    [
        # date-only: today is not over yet
        ("FREQ=DAILY", "2026-12-01", None, NextDate("2026-12-01", 0)),
        ("FREQ=DAILY", "2026-11-25", None, NextDate("2026-11-25", 0)),
        ("FREQ=DAILY", "2026-11-20", None, NextDate("2026-11-25", 0)),
        ("FREQ=DAILY", "2026-11-20", "2026-11-24", NextDate("2026-11-25", 0)),
        ("FREQ=DAILY", "2026-11-20", "2026-11-20", NextDate("2026-11-25", 4)),
        ("FREQ=DAILY", "2026-11-20", "2026-11-25", NextDate("2026-11-26", 0)),
        # completed ahead of time
        ("FREQ=DAILY", "2026-11-20", "2026-11-30", NextDate("2026-12-01", 0)),
        # timed, 09:00 and 10:00 in Berlin: a date at this very instant is over
        ("FREQ=DAILY", "2026-11-20T08:00:00Z", None, NextDate("2026-11-26T08:00:00Z", 0)),
        ("FREQ=DAILY", "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z", NextDate("2026-11-26T08:00:00Z", 5)),
        ("FREQ=DAILY", "2026-11-20T09:00:00Z", "2026-11-24T09:00:00Z", NextDate("2026-11-26T09:00:00Z", 1)),
        ("FREQ=DAILY", "2026-11-20T09:00:01Z", "2026-11-24T09:00:01Z", NextDate("2026-11-25T09:00:01Z", 0)),
        ("FREQ=HOURLY;INTERVAL=8", "2026-11-24T02:00:00Z", "2026-11-24T18:00:00Z", NextDate("2026-11-25T10:00:00Z", 1)),
        # the phase of INTERVAL comes from the first due
        ("FREQ=WEEKLY;INTERVAL=2", "2026-11-16", "2026-11-16", NextDate("2026-11-30", 0)),
        # a first due off the rule
        ("FREQ=WEEKLY;BYDAY=MO", "2026-11-25", None, NextDate("2026-11-30", 0)),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "2026-11-27", None, NextDate("2026-12-01", 0)),
    ],
)
def test_the_next_date_is_the_first_on_the_rule_that_is_not_over(
    text: str, first: str, after: str | None, expected: NextDate
) -> None:
    assert next_on_rule(plan(text, first), after, NOW) == expected


def test_a_date_is_over_when_its_day_has_ended_in_the_zone_of_the_series() -> None:
    late = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)  # the 26th in Berlin, still the 25th in New York
    assert next_due(plan("FREQ=DAILY", "2026-11-20"), "2026-11-20", late) == "2026-11-26"
    assert next_due(plan("FREQ=DAILY", "2026-11-20", zone=NEW_YORK), "2026-11-20", late) == "2026-11-25"


def test_skipped_and_taken_dates_are_passed_over_and_counted() -> None:
    schedule = plan("FREQ=DAILY", "2026-11-20", skipped=["2026-11-26", "2026-11-28"])
    assert next_on_rule(schedule, "2026-11-25", NOW) == NextDate("2026-11-27", 1)
    assert next_on_rule(schedule, "2026-11-25", NOW, {"2026-11-27"}) == NextDate("2026-11-29", 3)


def test_dates_passed_over_are_counted_from_an_earlier_date_if_one_is_given() -> None:
    schedule = plan("FREQ=DAILY", "2026-11-20")
    assert next_on_rule(schedule, "2026-11-26", NOW, since="2026-11-23") == NextDate("2026-11-27", 3)


def test_dates_passed_over_are_counted_up_to_a_limit() -> None:
    schedule = plan("FREQ=MINUTELY;INTERVAL=15", "2026-01-01T00:00:00Z")
    assert next_on_rule(schedule, "2026-01-01T00:00:00Z", NOW) == NextDate("2026-11-25T09:15:00Z", MOST_COUNTED)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("FREQ=DAILY;COUNT=8", "2026-11-20", "2026-11-27"),
        ("FREQ=DAILY;UNTIL=20261127", "2026-11-20", "2026-11-27"),
        ("FREQ=DAILY;COUNT=8", "2026-11-20T08:00:00Z", "2026-11-27T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261127", "2026-11-20T08:00:00Z", "2026-11-27T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261127T080000Z", "2026-11-20T08:00:00Z", "2026-11-27T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261127T085959", "2026-11-20T08:00:00Z", "2026-11-26T08:00:00Z"),
    ],
)
def test_after_the_end_of_the_rule_there_is_no_next_date(text: str, first: str, last: str) -> None:
    schedule = plan(text, first)
    assert next_due(schedule, just_before(last)) == last
    assert next_on_rule(schedule, last, NOW) is None
    assert next_on_rule(schedule, None, read_instant("2026-12-01T00:00:00Z")) is None


def test_a_skipped_date_counts_towards_count() -> None:
    schedule = plan("FREQ=DAILY;COUNT=2", "2026-11-26", skipped=["2026-11-26"])
    assert next_due(schedule, None) == "2026-11-27"
    assert next_due(schedule, "2026-11-27") is None


@pytest.mark.parametrize("due", ["2026-11-27", "2026-11-27T16:00:00Z", "2026-10-25T00:30:00Z"])
def test_a_pause_that_takes_a_date_back_lets_it_come_again(due: str) -> None:
    schedule, now = plan("FREQ=DAILY", due), starts_at(due, BERLIN) - DAY
    assert next_due(schedule, due, now) != due
    assert next_on_rule(schedule, just_before(due), now) == NextDate(due, 0)
    # resumed six and a half days later, the dates within the pause are passed over
    resumed = next_on_rule(schedule, just_before(due), now + 6.5 * DAY)
    assert resumed is not None
    assert day_of(resumed.due, BERLIN) - day_of(due, BERLIN) == resumed.passed * DAY
    assert resumed.passed == (5 if is_date(due) else 6)


def test_the_dates_ahead_leave_out_what_is_over_skipped_or_taken() -> None:
    schedule = plan("FREQ=DAILY;COUNT=10", "2026-11-20", skipped=["2026-11-26"])
    assert list(dates_ahead(schedule, "2026-11-21", NOW, {"2026-11-27"})) == ["2026-11-25", "2026-11-28", "2026-11-29"]
    assert list(schedule.walk("2026-11-24")) == days("2026-11-25", 5)


# Changes of the clocks and ends of months.


@pytest.mark.parametrize(
    ("zone", "first", "expected"),
    [
        # gap: 02:30 comes an hour later on that day alone
        (BERLIN, "2026-03-28T01:30:00Z", ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]),
        (NEW_YORK, "2026-03-07T07:30:00Z", ["2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"]),
        # overlap: the first of the two
        (BERLIN, "2026-10-24T00:30:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        (NEW_YORK, "2026-10-31T05:30:00Z", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
        # other times keep the wall time
        (BERLIN, "2026-10-24T16:00:00Z", ["2026-10-25T17:00:00Z", "2026-10-26T17:00:00Z"]),
    ],
)
def test_the_wall_time_is_kept_through_a_change_of_the_clocks(zone: ZoneInfo, first: str, expected: list[str]) -> None:
    now = read_instant(first)
    schedule = plan("FREQ=DAILY", first, zone=zone)
    assert next_due(schedule, first, now) == expected[0]
    assert next_due(schedule, expected[0], now) == expected[1]
    # between the two halves of an overlap the date has passed: it does not come a second time
    assert next_due(schedule, expected[0], read_instant(expected[0])) == expected[1]
    completed = plan("FREQ=DAILY", first, zone=zone, mode="after_completion")
    assert next_after_completion(completed, read_instant(first), 1) == NextDate(expected[0], 0)
    assert next_after_completion(completed, read_instant(expected[0]), 2) == NextDate(expected[1], 0)


def test_a_first_due_that_was_moved_by_a_gap_does_not_move_the_later_dates() -> None:
    first = "2026-03-29T01:30:00Z"  # 02:30 does not exist in Berlin: 03:30
    now = read_instant(first)
    assert next_due(plan("FREQ=DAILY", first, wall="2026-03-29T02:30:00"), first, now) == "2026-03-30T00:30:00Z"
    assert next_due(plan("FREQ=DAILY", first), first, now) == "2026-03-30T01:30:00Z"
    moved = plan("FREQ=DAILY", first, mode="after_completion", wall="2026-03-29T02:30:00")
    assert moved.start == datetime(2026, 3, 29, 2, 30)
    assert next_after_completion(moved, now, 1) == NextDate("2026-03-30T00:30:00Z", 0)


def test_hours_go_by_elapsed_time_through_a_change_of_the_clocks() -> None:
    schedule = plan("FREQ=HOURLY;INTERVAL=12", "2026-03-28T08:00:00Z")
    now = read_instant("2026-03-28T08:00:00Z")
    assert next_due(schedule, "2026-03-28T20:00:00Z", now) == "2026-03-29T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31", ["2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY", "2026-01-30", ["2026-03-30", "2026-04-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31", ["2026-02-28", "2026-03-31"]),
        ("FREQ=YEARLY", "2024-02-29", ["2028-02-29", "2032-02-29"]),
    ],
)
def test_on_the_rule_a_day_that_a_month_lacks_is_left_out(text: str, first: str, expected: list[str]) -> None:
    schedule, now = plan(text, first), starts_at(first, BERLIN)
    assert next_due(schedule, first, now) == expected[0]
    assert next_due(schedule, expected[0], now) == expected[1]


# After completion: an interval from the local day on which the last one was done.


@pytest.mark.parametrize(
    ("text", "first", "done_at", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=3", "2026-11-20", "2026-11-25T09:00:00Z", "2026-11-28"),
        ("FREQ=WEEKLY;INTERVAL=2", "2026-11-20", "2026-11-25T09:00:00Z", "2026-12-09"),
        ("FREQ=DAILY", "2026-11-20T16:00:00Z", "2026-11-25T09:00:00Z", "2026-11-26T16:00:00Z"),
        ("FREQ=DAILY", "2026-07-20T15:00:00Z", "2026-11-25T09:00:00Z", "2026-11-26T16:00:00Z"),  # 17:00 all year
        # done on the 26th in Berlin
        ("FREQ=DAILY", "2026-11-20", "2026-11-25T23:30:00Z", "2026-11-27"),
        ("FREQ=MONTHLY", "2026-01-05", "2026-01-31T12:00:00Z", "2026-02-28"),
        ("FREQ=MONTHLY", "2026-01-05", "2028-01-31T12:00:00Z", "2028-02-29"),
        ("FREQ=MONTHLY;INTERVAL=3", "2026-01-05", "2026-01-31T12:00:00Z", "2026-04-30"),
        ("FREQ=MONTHLY;INTERVAL=2", "2026-01-05", "2026-10-31T12:00:00Z", "2026-12-31"),
        ("FREQ=MONTHLY", "2026-01-05", "2026-12-31T12:00:00Z", "2027-01-31"),
        ("FREQ=YEARLY", "2026-01-05", "2028-02-29T12:00:00Z", "2029-02-28"),
        # shorter intervals count from the minute
        ("FREQ=HOURLY;INTERVAL=8", "2026-11-20T08:00:00Z", "2026-11-25T09:15:42.5Z", "2026-11-25T17:15:00Z"),
        ("FREQ=MINUTELY;INTERVAL=90", "2026-11-20T08:00:00Z", "2026-11-25T09:15:42Z", "2026-11-25T10:45:00Z"),
    ],
)
def test_after_completion_the_interval_counts_from_the_day_of_doing(
    text: str, first: str, done_at: str, expected: str
) -> None:
    schedule = plan(text, first, mode="after_completion")
    assert next_after_completion(schedule, datetime.fromisoformat(done_at), 1) == NextDate(expected, 0)


def test_after_completion_a_taken_date_moves_on_by_whole_intervals() -> None:
    weekly = plan("FREQ=WEEKLY", "2026-11-20", mode="after_completion")
    assert next_after_completion(weekly, NOW, 1, {"2026-12-02", "2026-12-09"}) == NextDate("2026-12-16", 0)
    # every month from the day of doing, not from a day that was clamped
    monthly = plan("FREQ=MONTHLY", "2026-01-05", mode="after_completion")
    done_at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert next_after_completion(monthly, done_at, 1, {"2026-02-28"}) == NextDate("2026-03-31", 0)


def test_after_completion_the_series_ends_by_count_until_or_the_calendar() -> None:
    counted = plan("FREQ=DAILY;COUNT=3", "2026-11-20", mode="after_completion")
    assert next_after_completion(counted, NOW, 2) == NextDate("2026-11-26", 0)
    assert next_after_completion(counted, NOW, 3) is None
    until = plan("FREQ=DAILY;UNTIL=20261126", "2026-11-20", mode="after_completion")
    assert next_after_completion(until, NOW, 9) == NextDate("2026-11-26", 0)
    assert next_after_completion(until, NOW + DAY, 9) is None
    assert next_after_completion(until, NOW, 9, {"2026-11-26"}) is None
    late = datetime(9990, 11, 25, tzinfo=UTC)
    for freq in ("YEARLY", "MONTHLY", "HOURLY"):
        slow = plan(f"FREQ={freq};INTERVAL=100000", "2026-11-20T08:00:00Z", mode="after_completion")
        assert next_after_completion(slow, late, 1) is None


# Every occurrence: catching up once the newest date is reached.

DAILY = plan("FREQ=DAILY", "2026-11-20", mode="every_occurrence")
TIMED = plan("FREQ=DAILY", "2026-11-20T08:00:00Z", mode="every_occurrence")  # 09:00 in Berlin


def made(step: CatchUpStep) -> list[tuple[str, int]]:
    return [(each.due[8:10], each.passed) for each in step.dates]


@pytest.mark.parametrize(
    ("schedule", "how", "expected"),
    [
        # of a date-only series today's date is reached, and not over
        (DAILY, "latest", [("25", 4), ("26", 0)]),
        (DAILY, "all", [("21", 0), ("22", 0), ("23", 0), ("24", 0), ("25", 0), ("26", 0)]),
        (DAILY, "none", [("25", 4), ("26", 0)]),
        (TIMED, "latest", [("25", 4), ("26", 0)]),
        (TIMED, "all", [("21", 0), ("22", 0), ("23", 0), ("24", 0), ("25", 0), ("26", 0)]),
        (TIMED, "none", [("26", 5)]),
    ],
)
def test_missed_dates_are_made_as_the_series_wants(
    schedule: Schedule, how: CatchUp, expected: list[tuple[str, int]]
) -> None:
    step = catch_up(schedule, schedule.first, how, NOW)
    assert made(step) == expected
    assert (step.newest, step.passed, step.ended) == (step.dates[-1].due, 0, False)


@pytest.mark.parametrize("how", get_args(CatchUp))
def test_in_time_only_the_next_date_is_made(how: CatchUp) -> None:
    at = read_instant("2026-11-25T08:00:00Z")
    assert catch_up(TIMED, "2026-11-25T08:00:00Z", how, at) == CatchUpStep(
        (NextDate("2026-11-26T08:00:00Z", 0),), "2026-11-26T08:00:00Z", 0, ended=False
    )


def test_catching_up_passes_over_skipped_and_taken_dates_and_counts_them() -> None:
    schedule = plan("FREQ=DAILY", "2026-11-20", mode="every_occurrence", skipped=["2026-11-22", "2026-11-26"])
    taken = {"2026-11-24", "2026-11-25"}
    expected: dict[CatchUp, list[tuple[str, int]]] = {
        "all": [("21", 2), ("23", 1), ("27", 3)],
        "latest": [("23", 4), ("27", 3)],
        "none": [("27", 8)],
    }
    for how, instances in expected.items():
        assert made(catch_up(schedule, "2026-11-20", how, NOW, passed=2, taken=taken)) == instances


@pytest.mark.parametrize("end", ["COUNT=6", "UNTIL=20261125"])
def test_catching_up_says_when_the_rule_has_no_further_date(end: str) -> None:
    schedule = plan(f"FREQ=DAILY;{end}", "2026-11-20T08:00:00Z", mode="every_occurrence")
    latest = catch_up(schedule, schedule.first, "latest", NOW)
    assert (made(latest), latest.newest, latest.passed, latest.ended) == ([("25", 4)], "2026-11-25T08:00:00Z", 0, True)
    none = catch_up(schedule, schedule.first, "none", NOW)
    assert (made(none), none.newest, none.passed, none.ended) == ([], "2026-11-25T08:00:00Z", 5, True)
    last = "2026-11-25T08:00:00Z"
    assert catch_up(schedule, last, "all", NOW, passed=7) == CatchUpStep((), last, 7, ended=True)


@pytest.mark.parametrize(("how", "most"), [("all", MOST_MADE), ("latest", MOST_WALKED), ("none", MOST_WALKED)])
def test_a_long_absence_is_caught_up_in_bounded_steps(how: CatchUp, most: int) -> None:
    first, absence = date(2026, 11, 25) - (most + 10) * DAY, most + 10
    schedule = plan("FREQ=DAILY", str(first), mode="every_occurrence")
    step = catch_up(schedule, str(first), how, NOW)
    assert (step.newest, step.ended) == (str(first + most * DAY), False)
    assert len(step.dates) == (most if how == "all" else 0)
    assert step.passed == (0 if how == "all" else most)
    rest = catch_up(schedule, step.newest, how, NOW, passed=step.passed)
    assert rest.newest == "2026-11-26"
    if how == "all":
        assert [each.due for each in (*step.dates, *rest.dates)] == days(str(first + DAY), absence + 1)
    else:
        assert made(rest) == [("25", absence - 1), ("26", 0)]


def test_catching_up_through_a_change_of_the_clocks_makes_each_day_once() -> None:
    schedule = plan("FREQ=DAILY", "2026-10-23T00:30:00Z", mode="every_occurrence")  # 02:30, twice on the 25th
    for now in ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"):
        step = catch_up(schedule, schedule.first, "all", read_instant(now))
        assert [each.due for each in step.dates] == [
            "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"
        ]  # fmt: skip


# The dates themselves.


def test_a_due_has_a_day_a_beginning_and_an_end_in_a_zone() -> None:
    assert day_of("2026-11-25", NEW_YORK) == date(2026, 11, 25)
    assert day_of("2026-11-25T23:30:00Z", BERLIN) == date(2026, 11, 26)
    assert starts_at("2026-11-25", BERLIN) == datetime(2026, 11, 24, 23, tzinfo=UTC)
    assert starts_at("2026-11-25T16:00:00Z", BERLIN) == datetime(2026, 11, 25, 16, tzinfo=UTC)
    assert not is_over("2026-11-25", BERLIN, datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC))
    assert is_over("2026-11-25", BERLIN, datetime(2026, 11, 25, 23, tzinfo=UTC))
    assert not is_over("2026-11-25T16:00:00Z", BERLIN, datetime(2026, 11, 25, 15, 59, 59, tzinfo=UTC))
    assert is_over("2026-11-25T16:00:00Z", BERLIN, datetime(2026, 11, 25, 16, tzinfo=UTC))
    assert noon_of("2026-11-25", BERLIN) == datetime(2026, 11, 25, 11, tzinfo=UTC)
    assert noon_of("2026-11-25T16:00:00Z", BERLIN) == datetime(2026, 11, 25, 16, tzinfo=UTC)


def test_a_series_has_its_time_on_any_day() -> None:
    timed = plan("FREQ=DAILY", "2026-11-20T16:00:00Z")
    assert timed.start == datetime(2026, 11, 20, 17, 0)
    assert at_series_time(timed, date(2026, 7, 1)) == "2026-07-01T15:00:00Z"
    assert at_series_time(plan("FREQ=DAILY", "2026-11-20"), date(2026, 7, 1)) == "2026-07-01"
    assert plan("FREQ=DAILY", "2026-11-20").start == datetime(2026, 11, 20)
