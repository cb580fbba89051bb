"""Properties of a schedule, judged by day arithmetic and the clock on the wall."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from events.instants import read_instant
from todo.recurrence.rule import WEEKDAYS, parse
from todo.recurrence.schedule import (
    CatchUp,
    Mode,
    NextDate,
    Schedule,
    at_series_time,
    catch_up,
    dates_ahead,
    day_of,
    is_over,
    next_after_completion,
    next_on_rule,
    starts_at,
)

ZONE_NAMES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
ZONES = st.sampled_from([ZoneInfo(name) for name in ZONE_NAMES])
DAY = timedelta(days=1)


@st.composite
def schedules(draw: st.DrawFn, mode: Mode) -> Schedule:
    zone, interval = draw(ZONES), draw(st.integers(1, 4))
    first = date(2026, 1, 1) + DAY * draw(st.integers(0, 364))
    text = f"FREQ=DAILY;INTERVAL={interval}"
    if draw(st.booleans()):
        chosen = draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))
        text = f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(sorted({*chosen, WEEKDAYS[first.weekday()]}))}"
    if draw(st.booleans()):
        text += f";COUNT={draw(st.integers(1, 40))}"
    due = str(first)
    if draw(st.booleans()):
        at = time(draw(st.integers(0, 23)), draw(st.sampled_from([0, 30])))
        due = at_series_time(Schedule(parse(text), f"{first}T{at}Z", ZoneInfo("UTC"), mode), first)
    skipped = draw(st.sets(st.integers(0, 60), max_size=4))
    schedule = Schedule(parse(text), due, zone, mode)
    left_out = [due for number, due in zip(range(61), schedule.walk(None), strict=False) if number in skipped]
    return Schedule(schedule.rule, due, zone, mode, frozenset(left_out))


def is_on_rule(schedule: Schedule, due: str) -> bool:
    """Judge a date by day arithmetic and the clock on the wall."""
    rule, first, day = schedule.rule, schedule.start.date(), day_of(due, schedule.zone)
    if day < first:
        return False
    if len(due) > 10:
        local = read_instant(due).astimezone(schedule.zone)
        named = datetime.combine(day, schedule.start.time(), schedule.zone)
        exists = named.astimezone(UTC).astimezone(schedule.zone).replace(tzinfo=None) == named.replace(tzinfo=None)
        if exists and (local.replace(tzinfo=None) != named.replace(tzinfo=None) or local.fold):
            return False
    if rule.freq == "DAILY":
        return (day - first).days % rule.interval == 0
    weeks = (day - DAY * day.weekday() - (first - DAY * first.weekday())).days // 7
    return (0, day.weekday()) in rule.byday and weeks % rule.interval == 0


def list_instances(schedule: Schedule, now: datetime, pauses: list[int]) -> Iterator[NextDate]:
    """Yield the instances of a series whose every one is completed so many hours after the one before."""
    newest = None
    for hours in pauses:
        found = next_on_rule(schedule, newest, now)
        if found is None:
            return
        yield found
        newest, now = found.due, now + timedelta(hours=hours)


@given(schedules("one_at_a_time"), st.integers(-100, 100), st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_the_next_date_is_on_the_rule_not_skipped_later_than_the_last_and_never_comes_twice(
    schedule: Schedule, ahead: int, pauses: list[int]
) -> None:
    now = starts_at(schedule.first, schedule.zone) + timedelta(hours=ahead)
    found = list(list_instances(schedule, now, pauses))
    dues = [each.due for each in found]
    assert dues == sorted(set(dues))
    assert all(is_on_rule(schedule, due) and due not in schedule.skipped for due in dues)
    for (before, (due, passed)), hours in zip(pairwise(found), pauses, strict=False):
        now += timedelta(hours=hours)
        assert not is_over(due, schedule.zone, now)
        between = days_between(schedule, before.due, due)
        assert passed == len(between)
        assert all(each in schedule.skipped or is_over(each, schedule.zone, now) for each in between)


def days_between(schedule: Schedule, after: str, until: str) -> list[str]:
    """Return the dates on the rule between two of its dates, found day by day."""
    day, end = day_of(after, schedule.zone) + DAY, day_of(until, schedule.zone)
    found = []
    while day < end:
        if is_on_rule(schedule, due := at_series_time(schedule, day)):
            found.append(due)
        day += DAY
    return found


@given(schedules("every_occurrence"), st.sampled_from(get_args(CatchUp)), st.integers(0, 3_000))
def test_catching_up_deals_with_every_date_once(schedule: Schedule, how: CatchUp, hours: int) -> None:
    now = starts_at(schedule.first, schedule.zone) + timedelta(hours=hours)
    newest, passed, ended, found = schedule.first, 0, False, list[NextDate]()
    while not ended and starts_at(newest, schedule.zone) <= now:
        step = catch_up(schedule, newest, how, now, passed=passed)
        assert step.ended or step.newest > newest
        newest, passed, ended = step.newest, step.passed, step.ended
        found += step.dates
    dues = [each.due for each in found]
    assert dues == sorted(set(dues))
    assert all(is_on_rule(schedule, due) and due not in schedule.skipped for due in dues)
    # each date after the first is made, or passed over before the next one that is made
    between = days_between(schedule, schedule.first, newest) + ([newest] if newest != schedule.first else [])
    assert len(dues) + sum(each.passed for each in found) + passed == len(between)
    free = [due for due in between if due not in schedule.skipped]
    reached = [due for due in free if starts_at(due, schedule.zone) <= now]
    current = [due for due in reached if not is_over(due, schedule.zone, now)]
    wanted = {"all": reached, "latest": reached[-1:], "none": current}
    assert [due for due in dues if starts_at(due, schedule.zone) <= now] == wanted[how]
    assert ended or dues[-1] == newest
    assert not ended or next(dates_ahead(schedule, newest, now), None) is None


@given(schedules("after_completion"), st.integers(-100, 2_000), st.integers(1, 50))
def test_after_completion_the_next_date_is_a_whole_interval_after_the_day_of_doing(
    schedule: Schedule, hours: int, count: int
) -> None:
    done_at = starts_at(schedule.first, schedule.zone) + timedelta(hours=hours)
    found = next_after_completion(schedule, done_at, count)
    if schedule.rule.count is not None and count >= schedule.rule.count:
        assert found is None
        return
    assert found is not None
    step = schedule.rule.interval * (7 if schedule.rule.freq == "WEEKLY" else 1)
    day = done_at.astimezone(schedule.zone).date() + step * DAY
    assert found == NextDate(at_series_time(schedule, day), 0)
    assert next_after_completion(schedule, done_at, count, {found.due}) == NextDate(
        at_series_time(schedule, day + step * DAY), 0
    )
