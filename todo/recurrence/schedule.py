"""The schedule of a series: which date comes next, in each of the three modes."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from events.instants import read_instant, shorten_instant, write_instant
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.text.when import LAST_YEAR, day_bounds, deadline_of, is_date, local_day, resolve_local

Mode = Literal["one_at_a_time", "every_occurrence", "after_completion"]
CatchUp = Literal["latest", "all", "none"]

MOST_COUNTED = 1_000
"""The count of passed-over dates stops here, which keeps a very late completion cheap."""
MOST_WALKED = 500
"""Missed dates that one call of `catch_up` examines; later calls examine the rest."""
MOST_MADE = 20
"""Missed dates that one call of `catch_up` examines when each becomes an instance (`all`)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rule, first due, zone and mode of a series; `skipped` holds the dates that the person took out.

    `wall` is the intended local time of `first` if a clock change skipped it; later dates use that time.
    """

    rule: Rule
    first: str
    zone: ZoneInfo
    mode: Mode
    skipped: frozenset[str] = frozenset()
    wall: str | None = None

    @property
    def start(self) -> datetime:
        """The naive local time of the first due; midnight for a date."""
        return rules.local_start(self.first, self.zone, self.wall)

    def walk(self, after: str | datetime | None) -> Iterator[str]:
        """Yield the dates on the rule later than `after`, including skipped ones."""
        return rules.walk(self.rule, self.first, self.zone, after, self.wall)


class NextDate(NamedTuple):
    """The date of an instance to create, and the number of dates on the rule passed over before it."""

    due: str
    passed: int


@dataclass(frozen=True, slots=True)
class CatchUpStep:
    """The result of `catch_up`: the dates of the instances to create, and the new state of the series.

    `newest` is the date up to which the series is dealt with, `passed` the number of dates passed over since the last
    instance. `ended` is true if the rule has no further date.
    """

    dates: tuple[NextDate, ...]
    newest: str
    passed: int
    ended: bool


def day_of(due: str, zone: ZoneInfo) -> date:
    """Return the local day of a due."""
    return date.fromisoformat(due) if is_date(due) else local_day(read_instant(due), zone)


def starts_at(due: str, zone: ZoneInfo) -> datetime:
    """Return the instant at which a due is reached; a date is reached when its day begins."""
    return day_bounds(date.fromisoformat(due), zone)[0] if is_date(due) else read_instant(due)


def is_over(due: str, zone: ZoneInfo, now: datetime) -> bool:
    """Return whether a due has passed; a date passes when its day ends."""
    return read_instant(deadline_of(due, zone)) <= now


def just_before(due: str) -> str:
    """Return the date or instant one day or second earlier, so that a walk after it can yield `due` again."""
    if is_date(due):
        return str(date.fromisoformat(due) - timedelta(days=1))
    return shorten_instant(write_instant(read_instant(due) - timedelta(seconds=1)))


def dates_ahead(schedule: Schedule, after: str | None, now: datetime, taken: Container[str] = ()) -> Iterator[str]:
    """Yield the dates on the rule that are later than `after`, not over, not skipped and not in `taken`."""
    floor = _floor(schedule, after, now)
    for due in schedule.walk(floor):
        if due not in schedule.skipped and due not in taken:
            yield due


def next_on_rule(
    schedule: Schedule, after: str | None, now: datetime, taken: Container[str] = (), since: str | None = None
) -> NextDate | None:
    """Return the next date on the rule that is not over, skipped or taken; None if the rule has ended.

    `passed` counts the dates on the rule between `since` (or `after`) and the next date, up to `MOST_COUNTED`.
    """
    due = next(dates_ahead(schedule, after, now, taken), None)
    if due is None:
        return None
    if after is None:
        return NextDate(due, 0)
    passed = 0
    for earlier in islice(schedule.walk(since or after), MOST_COUNTED):
        if earlier >= due:
            break
        passed += 1
    return NextDate(due, passed)


def next_after_completion(
    schedule: Schedule, done_at: datetime, made: int, taken: Container[str] = ()
) -> NextDate | None:
    """Return the date one interval after a completion, or None if COUNT, UNTIL or the calendar ends the series.

    The interval counts from the local day of `done_at`, at the series' time; a day that a month lacks becomes its last
    day. HOURLY and MINUTELY count from the minute of `done_at`. `made` is the number of instances so far, for COUNT.
    While the date is in `taken`, another interval is added.
    """
    rule = schedule.rule
    if rule.count is not None and made >= rule.count:
        return None
    for intervals in count(1):
        due = _add_intervals(schedule, done_at, intervals)
        if due is None or not rules.is_within(rule, due, schedule.zone):
            return None
        if due not in taken:
            return NextDate(due, 0)
    return None


def catch_up(
    schedule: Schedule, newest: str, policy: CatchUp, now: datetime, *, passed: int = 0, taken: Container[str] = ()
) -> CatchUpStep:
    """Return the instances to create once `newest` is reached, so that again one of them lies ahead of `now`.

    A reached date is missed once it is over; today's date of a date-only series is not over yet. A long absence takes
    several calls: until the last one, the result holds no date ahead and its `newest` lies in the past. `passed` is
    the number of dates passed over by earlier calls.
    """
    limit = MOST_MADE if policy == "all" else MOST_WALKED

    def is_free(due: str) -> bool:
        return due not in schedule.skipped and due not in taken

    reached: list[str] = []
    ahead = None
    ended = True
    for due in schedule.walk(newest):
        if is_free(due) and starts_at(due, schedule.zone) > now:
            ahead, ended = due, False
            break
        if len(reached) == limit:
            ended = False
            break
        reached.append(due)
    free = [due for due in reached if is_free(due)]
    if policy == "latest":
        # Before the last call, a later date may still be the latest one.
        is_complete = ended or ahead is not None
        wanted = free[-1:] if is_complete else []
    else:
        wanted = [due for due in free if policy == "all" or not is_over(due, schedule.zone, now)]
    dates = []
    for due in reached:
        if due in wanted:
            dates.append(NextDate(due, passed))
            passed = 0
        else:
            passed += 1
    if ahead is not None:
        dates.append(NextDate(ahead, passed))
        passed = 0
    return CatchUpStep(tuple(dates), ahead or (reached[-1] if reached else newest), passed, ended)


def _floor(schedule: Schedule, after: str | None, now: datetime) -> str | datetime:
    """Return the exclusive lower bound of the next date: the later of `after` and now (for dates: yesterday)."""
    if is_date(schedule.first):
        yesterday = local_day(now, schedule.zone) - timedelta(days=1)
        return str(yesterday if after is None else max(yesterday, day_of(after, schedule.zone)))
    if after is None:
        return now
    return max(now, read_instant(deadline_of(after, schedule.zone)))


def _add_intervals(schedule: Schedule, done_at: datetime, intervals: int) -> str | None:
    """Return the due so many intervals after `done_at`, or None beyond the calendar."""
    amount = schedule.rule.interval * intervals
    try:
        if schedule.rule.freq in rules.SUB_DAILY:
            elapsed = timedelta(hours=amount) if schedule.rule.freq == "HOURLY" else timedelta(minutes=amount)
            moved = done_at.astimezone(UTC).replace(second=0, microsecond=0) + elapsed
            return shorten_instant(write_instant(moved)) if moved.year <= LAST_YEAR else None
        day = _add_period(local_day(done_at, schedule.zone), schedule.rule.freq, amount)
    except (OverflowError, ValueError):
        return None
    if day.year > LAST_YEAR:
        return None
    return at_series_time(schedule, day)


def at_series_time(schedule: Schedule, day: date) -> str:
    """Return the due of a series on a local day: the day itself if date-only, else the series' time on it."""
    if is_date(schedule.first):
        return day.isoformat()
    return shorten_instant(write_instant(resolve_local(datetime.combine(day, schedule.start.time()), schedule.zone)))


def _add_period(day: date, freq: str, amount: int) -> date:
    if freq in ("DAILY", "WEEKLY"):
        return day + timedelta(days=amount * (7 if freq == "WEEKLY" else 1))
    months = day.year * 12 + day.month - 1 + amount * (12 if freq == "YEARLY" else 1)
    start = date(months // 12, months % 12 + 1, 1)
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return start.replace(day=min(day.day, (following - timedelta(days=1)).day))


def noon_of(due: str, zone: ZoneInfo) -> datetime:
    """Return the instant at which a preview assumes a due is done: noon of a date, else the due itself."""
    return read_instant(due) if not is_date(due) else resolve_local(datetime.combine(day_of(due, zone), time(12)), zone)
