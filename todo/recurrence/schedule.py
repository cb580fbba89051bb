"""The course of a series: which of its dates comes next, in each of the three modes."""

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
"""Dates that were passed over are counted up to here, so that a very late completion stays cheap."""
MOST_WALKED = 500
"""Missed dates that one step of catching up looks at; the rest is left to the next step."""
MOST_MADE = 20
"""Missed dates of which one step of catching up makes instances."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides the dates of a series; `skipped` are dates that the person has taken out.

    `wall` is the local time that `first` was to have, if the clocks jump over it: later dates are at that time.
    """

    rule: Rule
    first: str
    zone: ZoneInfo
    mode: Mode
    skipped: frozenset[str] = frozenset()
    wall: str | None = None

    @property
    def start(self) -> datetime:
        """The naive local time at which the course begins."""
        return rules.local_start(self.first, self.zone, self.wall)

    def walk(self, after: str | datetime | None) -> Iterator[str]:
        """Yield the dates of the rule that are later than `after`, skipped ones too."""
        return rules.walk(self.rule, self.first, self.zone, after, self.wall)


class NextDate(NamedTuple):
    """A date whose instance is to be made, and how many dates of the rule were passed over before it."""

    due: str
    passed: int


@dataclass(frozen=True, slots=True)
class CatchUpStep:
    """What a step of catching up makes, and where it leaves the series.

    `passed` counts the dates passed over since the last one made; `ended` says that the rule has no further date.
    """

    steps: tuple[NextDate, ...]
    newest: str
    passed: int
    ended: bool


def day_of(due: str, zone: ZoneInfo) -> date:
    """Return the local day of a due."""
    return date.fromisoformat(due) if is_date(due) else local_day(read_instant(due), zone)


def starts_at(due: str, zone: ZoneInfo) -> datetime:
    """Return when a due is reached: itself, or the first instant of its day."""
    return day_bounds(date.fromisoformat(due), zone)[0] if is_date(due) else read_instant(due)


def is_over(due: str, zone: ZoneInfo, now: datetime) -> bool:
    """Return whether a due has passed: a date only when its day has ended."""
    return read_instant(deadline_of(due, zone)) <= now


def just_before(due: str) -> str:
    """Return a date or instant after which a due is the first that can come."""
    if is_date(due):
        return str(date.fromisoformat(due) - timedelta(days=1))
    return shorten_instant(write_instant(read_instant(due) - timedelta(seconds=1)))


def just_after(floor: str) -> str:
    """Return the due that `just_before` was told of."""
    if is_date(floor):
        return str(date.fromisoformat(floor) + timedelta(days=1))
    return shorten_instant(write_instant(read_instant(floor) + timedelta(seconds=1)))


def dates_ahead(course: Schedule, after: str | None, now: datetime, taken: Container[str] = ()) -> Iterator[str]:
    """Yield the dates of the rule that are later than `after` and not over, but for those skipped or taken."""
    floor = _floor(course, after, now)
    for due in course.walk(floor):
        if due not in course.skipped and due not in taken:
            yield due


def next_on_rule(
    course: Schedule, after: str | None, now: datetime, taken: Container[str] = (), since: str | None = None
) -> NextDate | None:
    """Return the next date on the rule; what is passed over since `after` (or `since`) is counted to `MOST_COUNTED`."""
    due = next(dates_ahead(course, after, now, taken), None)
    if due is None:
        return None
    if after is None:
        return NextDate(due, 0)
    between = 0
    for each in islice(course.walk(since or after), MOST_COUNTED):
        if each >= due:
            break
        between += 1
    return NextDate(due, between)


def next_after_doing(course: Schedule, done_at: datetime, made: int, taken: Container[str] = ()) -> NextDate | None:
    """Return the date an interval after doing: from its local day, at the series' time, months clamped to their end.

    HOURLY and MINUTELY go on from the minute. `made` counts the instances so far, for COUNT. A date that is taken
    moves on by whole intervals.
    """
    rule = course.rule
    if rule.count is not None and made >= rule.count:
        return None
    for times in count(1):
        due = _move_on(course, done_at, times)
        if due is None or not rules.is_within(rule, due, course.zone):
            return None
        if due not in taken:
            return NextDate(due, 0)
    return None


def catch_up(
    course: Schedule, newest: str, how: CatchUp, now: datetime, *, passed: int = 0, taken: Container[str] = ()
) -> CatchUpStep:
    """Return what is to be made once the nominal time of `newest` is reached, so that one date lies ahead again.

    A date that is reached counts as missed when it is over; of a date-only series, today's is not. Long absences are
    caught up in several steps: the answer then has no date ahead yet, and its `newest` is reached as well.
    """
    most = MOST_MADE if how == "all" else MOST_WALKED
    reached: list[str] = []
    ahead = None
    ended = True
    for due in course.walk(newest):
        free = due not in course.skipped and due not in taken
        if free and starts_at(due, course.zone) > now:
            ahead, ended = due, False
            break
        if len(reached) == most:
            ended = False
            break
        reached.append(due)
    whole = ended or ahead is not None
    free_ones = [due for due in reached if due not in course.skipped and due not in taken]
    last = free_ones[-1] if free_ones and whole else None
    steps = []
    for due in reached:
        if due in free_ones and (
            how == "all" or (how == "latest" and due == last) or (how == "none" and not is_over(due, course.zone, now))
        ):
            steps.append(NextDate(due, passed))
            passed = 0
        else:
            passed += 1
    if ahead is not None:
        steps.append(NextDate(ahead, passed))
        passed = 0
    return CatchUpStep(tuple(steps), ahead or (reached[-1] if reached else newest), passed, ended)


def _floor(course: Schedule, after: str | None, now: datetime) -> str | datetime:
    """Return what the next date must be later than: `after` and now, or yesterday for dates."""
    if is_date(course.first):
        yesterday = local_day(now, course.zone) - timedelta(days=1)
        return str(yesterday if after is None else max(yesterday, day_of(after, course.zone)))
    if after is None:
        return now
    return max(now, read_instant(deadline_of(after, course.zone)))


def _move_on(course: Schedule, done_at: datetime, times: int) -> str | None:
    amount = course.rule.interval * times
    try:
        if course.rule.freq in rules.SUB_DAILY:
            step = timedelta(hours=amount) if course.rule.freq == "HOURLY" else timedelta(minutes=amount)
            moved = done_at.astimezone(UTC).replace(second=0, microsecond=0) + step
            return shorten_instant(write_instant(moved)) if moved.year <= LAST_YEAR else None
        day = _add_period(local_day(done_at, course.zone), course.rule.freq, amount)
    except (OverflowError, ValueError):
        return None
    if day.year > LAST_YEAR:
        return None
    return at_series_time(course, day)


def at_series_time(course: Schedule, day: date) -> str:
    """Return the due on a local day: the day itself, or the series' time on it."""
    if is_date(course.first):
        return day.isoformat()
    return shorten_instant(write_instant(resolve_local(datetime.combine(day, course.start.time()), course.zone)))


def _add_period(day: date, freq: str, amount: int) -> date:
    if freq in ("DAILY", "WEEKLY"):
        return day + timedelta(days=amount * (7 if freq == "WEEKLY" else 1))
    months = day.year * 12 + day.month - 1 + amount * (12 if freq == "YEARLY" else 1)
    start = date(months // 12, months % 12 + 1, 1)
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return start.replace(day=min(day.day, (following - timedelta(days=1)).day))


def noon_of(due: str, zone: ZoneInfo) -> datetime:
    """Return an instant well within a due's day: what "done on its day" means in a preview."""
    return read_instant(due) if not is_date(due) else resolve_local(datetime.combine(day_of(due, zone), time(12)), zone)
