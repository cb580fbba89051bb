"""The dues of a rule in a time zone, with the checks and warnings of a new rule."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from events.instants import read_instant, shorten_instant, write_instant
from todo.errors import RuleInvalid, RuleNeverOccurs, RuleTooFrequent
from todo.recurrence.calendar import choose_positions, last_wall_time, resolve_day_parts, times_of_day, walk_wall_times
from todo.recurrence.rule import SUB_DAILY, Rule, parse
from todo.recurrence.sub_daily import nth_instant, walk_sub_daily
from todo.recurrence.words import describe
from todo.text.when import day_bounds, deadline_of, is_date, local_day, resolve_local, say_due

__all__ = [
    "SUB_DAILY",
    "Rule",
    "check",
    "default_first",
    "describe",
    "find_wall",
    "is_within",
    "last_moment",
    "next_after",
    "occurrences",
    "parse",
    "snap",
    "walk",
]

LEAST_SECONDS = 15 * 60
MOST_YEARS = 10
_SAMPLE = 400
_LONGEST_GAP = timedelta(days=1, hours=1)
"""Longer than any gap in local time: Apia skipped a whole day of 2011."""
_MIDNIGHT = time()
_CHECK_DAYS = "Check the day and the month: FREQ=MONTHLY;BYMONTHDAY=-1 is the last day of every month."


def occurrences(rule: Rule, first: str, zone: ZoneInfo, after: str | datetime | None, limit: int) -> list[str]:
    """Return up to `limit` dues strictly later than `after`, or from `first` on if `after` is None.

    The dues are dates if `first` is a date, else instants. They keep their wall time in `zone`: a wall time in a gap
    moves later by the gap's length, and one in an overlap is the first of the two. HOURLY and MINUTELY rules count
    elapsed time. COUNT counts wall times from `first` on, before they are resolved. A date as `after` means the end of
    that day.
    """
    return list(islice(walk(rule, first, zone, after), limit))


def walk(
    rule: Rule, first: str, zone: ZoneInfo, after: str | datetime | None, wall: str | None = None
) -> Iterator[str]:
    """Yield the dues of `occurrences` lazily; the iterator may be endless.

    `wall` is the intended local time of `first` if a clock change skipped it.
    """
    if is_date(first):
        yield from _walk_dates(rule, first, zone, after)
        return
    bound = None if after is None else _instant_after(after, zone)
    for at in _walk_instants(rule, local_start(first, zone, wall), read_instant(first), zone, bound):
        yield shorten_instant(write_instant(at))


def next_after(rule: Rule, first: str, zone: ZoneInfo, after: str | datetime | None) -> str | None:
    """Return the first due strictly later than `after`, or None if the rule has ended."""
    return next(walk(rule, first, zone, after), None)


def is_within(rule: Rule, due: str, zone: ZoneInfo) -> bool:
    """Return whether a due is not later than UNTIL."""
    if rule.until is None:
        return True
    if is_date(due):
        last = _last_day(rule, zone)
        return last is None or due <= last.isoformat()
    until = _last_instant(rule, zone)
    return until is None or read_instant(due) <= until


def last_moment(rule: Rule, first: str, zone: ZoneInfo) -> str | None:
    """Return UNTIL as a due of the same kind as `first`: a date, or an instant; None if the rule has no UNTIL."""
    if is_date(first):
        day = _last_day(rule, zone)
        return None if day is None else day.isoformat()
    until = _last_instant(rule, zone)
    return None if until is None else shorten_instant(write_instant(until))


def check(rule: Rule, first: str, zone: ZoneInfo, wall: str | None = None) -> tuple[str, ...]:
    """Check a rule that starts at `first` and return its warnings.

    Raises `RuleInvalid` (UNTIL before `first`, or HOURLY and MINUTELY without a time of day), `RuleTooFrequent` (two
    dates closer than 15 minutes) and `RuleNeverOccurs` (no date in ten years).
    """
    _require_time(rule, first)
    _refuse_early_end(rule, first, zone)
    due = next(walk(rule, first, zone, None, wall), None)
    if due is None or due[:10] > _add_years(first, MOST_YEARS):
        raise RuleNeverOccurs(
            f"This rule has no date in the {MOST_YEARS} years after {say_due(first, zone)}.",
            _CHECK_DAYS,
        )
    start = local_start(first, zone, wall)
    if _is_too_frequent(rule, start):
        raise RuleTooFrequent(
            "Two dates of this rule are closer than 15 minutes.",
            "Leave 15 minutes or more, for example FREQ=MINUTELY;INTERVAL=15 or FREQ=HOURLY;BYMINUTE=0,30.",
        )
    return _warn_of_skipped(rule, start.date())


def default_first(rule: Rule, zone: ZoneInfo, now: datetime) -> str:
    """Return the first due of a rule from now on: an instant if the rule names hours, else a date.

    Minutes and seconds that the rule does not name are 0. Raises `RuleInvalid` for HOURLY and MINUTELY, which need a
    time to start from, and `RuleNeverOccurs` if no date is left.
    """
    today = local_day(now, zone)
    _require_time(rule, str(today))
    # The first due sets the phase of INTERVAL, so the search covers every interval.
    any_interval = replace(rule, interval=1, count=None)
    if rule.byhour:
        wall = datetime.combine(today, _MIDNIGHT)
        just_before = now - timedelta(microseconds=1)
        found = _first_due(_walk_instants(any_interval, wall, day_bounds(today, zone)[0], zone, just_before))
    else:
        found = next_after(any_interval, str(today), zone, None)
    if found is None:
        advice = "Give a later UNTIL, or leave it out." if rule.until else _CHECK_DAYS
        raise RuleNeverOccurs("This rule has no date from now on.", advice)
    return found


def snap(rule: Rule, first: str, zone: ZoneInfo, wall: str | None = None) -> tuple[str, str | None]:
    """Return `(first, None)` if `first` is on the rule, else the next due on the rule and a warning sentence.

    A date becomes an instant if the rule names hours. Raises `RuleInvalid` and `RuleNeverOccurs`.
    """
    if is_date(first) and rule.byhour and rule.freq not in SUB_DAILY:
        day = date.fromisoformat(first)
        start = day_bounds(day, zone)[0]
        found = _first_due(_walk_instants(rule, datetime.combine(day, _MIDNIGHT), start, zone, None))
    else:
        _require_time(rule, first)
        found = next(walk(rule, first, zone, None, wall), None)
    if found is None:
        _refuse_early_end(rule, first, zone)
        raise RuleNeverOccurs(
            f"This rule has no date from {say_due(first, zone)} on.", "Give an earlier first_due, or a later UNTIL."
        )
    if found == first:
        return first, None
    if is_date(first) and not is_date(found) and local_day(read_instant(found), zone).isoformat() == first:
        return found, f"The rule names a time, so the first due is {say_due(found, zone)}."
    return found, f"{say_due(first, zone)} is not on the rule; the first due is {say_due(found, zone)}."


def find_wall(rule: Rule, start: datetime, zone: ZoneInfo, due: str) -> str | None:
    """Return the intended local time of a due if a gap moved it, else None; `start` gives the rule's time of day."""
    if is_date(due) or rule.freq in SUB_DAILY:
        return None
    at = read_instant(due)
    local = at.astimezone(zone).replace(tzinfo=None)
    if at.astimezone(zone).utcoffset() == (at - _LONGEST_GAP).astimezone(zone).utcoffset():
        return None
    any_interval = replace(rule, interval=1, count=None, until=None)
    for wall in walk_wall_times(
        any_interval, datetime.combine(min(start, local).date(), start.time()), local.date() - _LONGEST_GAP
    ):
        if wall >= local:
            return None
        if resolve_local(wall, zone) == at:
            return wall.isoformat()
    return None


def local_start(first: str, zone: ZoneInfo, wall: str | None = None) -> datetime:
    """Return the naive local time at which a rule starts: `wall` if given, else the local time of `first`."""
    if wall is not None:
        return datetime.fromisoformat(wall)
    if is_date(first):
        return datetime.combine(date.fromisoformat(first), _MIDNIGHT)
    return read_instant(first).astimezone(zone).replace(tzinfo=None)


def _walk_dates(rule: Rule, first: str, zone: ZoneInfo, after: str | datetime | None) -> Iterator[str]:
    _require_time(rule, first)
    dates = _without_times(rule)
    start = datetime.combine(date.fromisoformat(first), _MIDNIGHT)
    begin = start.date()
    if after is not None:
        passed = date.fromisoformat(after) if isinstance(after, str) and is_date(after) else None
        begin = max(begin, (passed or local_day(_instant_after(after, zone), zone)) + timedelta(days=1))
    last = last_wall_time(dates, start)
    until = _last_day(rule, zone)
    for wall in walk_wall_times(dates, start, begin):
        if (last and wall > last) or (until and wall.date() > until):
            return
        if wall.date() >= begin:
            yield wall.date().isoformat()


def _walk_instants(
    rule: Rule, wall: datetime, start: datetime, zone: ZoneInfo, after: datetime | None
) -> Iterator[datetime]:
    """Yield the instants from `start` on that are later than `after`; `wall` is the naive local time of `start`."""
    last = None
    if rule.freq in SUB_DAILY:
        counts = rule.count is not None and "BY" in rule.text
        found = walk_sub_daily(rule, start, zone, start if counts or after is None else after)
        if counts:
            # Only a walk tells which instants the BY parts leave out; `parse` keeps COUNT small.
            found = islice(found, rule.count)
        elif rule.count is not None:
            last = nth_instant(rule, start, rule.count)
    else:
        # A wall time in a gap resolves to a time after it, and a gap may last a whole day (Apia 2011).
        begin = wall.date() if after is None else max(wall.date(), local_day(after, zone) - timedelta(days=2))
        found = _resolve_walls(walk_wall_times(rule, wall, begin), last_wall_time(rule, wall), zone)
    until = _last_instant(rule, zone)
    for at in found:
        if (last and at > last) or (until and at > until):
            return
        if at >= start and (after is None or at > after):
            yield at


def _resolve_walls(walls: Iterator[datetime], end: datetime | None, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield wall times up to `end` as strictly increasing instants, although a time in a gap may overtake the next."""
    moved: list[datetime] = []
    for wall in walls:
        if end is not None and wall > end:
            break
        at = resolve_local(wall, zone)
        if at.astimezone(zone).replace(tzinfo=None) != wall:
            moved.append(at)
            continue
        if moved:
            yield from sorted({late for late in moved if late < at})
            moved = [late for late in moved if late > at]
        yield at
    yield from sorted(set(moved))


@lru_cache(4096)
def _without_times(rule: Rule) -> Rule:
    """Return the rule without BYHOUR, BYMINUTE and BYSECOND, which RFC 5545 (section 3.3.10) ignores for dates."""
    return replace(rule, byhour=(), byminute=(), bysecond=())


@lru_cache(4096)
def _last_instant(rule: Rule, zone: ZoneInfo) -> datetime | None:
    """Return UNTIL as an instant, or None; a date means the end of that day in the zone."""
    until = rule.until
    if until is None:
        return None
    if not isinstance(until, datetime):
        return read_instant(deadline_of(until.isoformat(), zone))
    return until if until.tzinfo else resolve_local(until, zone)


def _last_day(rule: Rule, zone: ZoneInfo) -> date | None:
    if isinstance(rule.until, datetime):
        return local_day(rule.until, zone) if rule.until.tzinfo else rule.until.date()
    return rule.until


def _instant_after(after: str | datetime, zone: ZoneInfo) -> datetime:
    if isinstance(after, datetime):
        return after.astimezone(UTC)
    return read_instant(deadline_of(after, zone) if is_date(after) else after)


def _first_due(found: Iterator[datetime]) -> str | None:
    at = next(found, None)
    return None if at is None else shorten_instant(write_instant(at))


def _require_time(rule: Rule, first: str) -> None:
    if rule.freq in SUB_DAILY and is_date(first):
        raise RuleInvalid(
            f"A rule with FREQ={rule.freq} needs a first_due with a time.",
            f"Give one, for example first_due={first}T09:00.",
        )


def _refuse_early_end(rule: Rule, first: str, zone: ZoneInfo) -> None:
    if not is_within(rule, first, zone):
        raise RuleInvalid(
            "UNTIL lies before the first due.", f"It starts on {say_due(first, zone)}; give a later UNTIL."
        )


def _add_years(first: str, years: int) -> str:
    return f"{int(first[:4]) + years:04}{first[4:10]}"


def _is_too_frequent(rule: Rule, wall: datetime) -> bool:
    """Return whether two dates can be closer than 15 minutes in wall time; shifts by gaps do not count."""
    if rule.freq == "MINUTELY":
        seconds = rule.bysecond or (wall.second,)
        if rule.bysetpos:
            seconds = tuple(seconds[index] for index in choose_positions(rule.bysetpos, len(seconds)))
        minutes = {hour * 60 + minute for hour in rule.byhour or range(24) for minute in rule.byminute or range(60)}
        return len(seconds) > 1 or any(
            not minutes.isdisjoint((minute + gap) % 1_440 for minute in minutes)
            for gap in range(rule.interval, 15, rule.interval)
        )
    if rule.freq == "HOURLY":
        times = [
            minute * 60 + second
            for minute in rule.byminute or (wall.minute,)
            for second in rule.bysecond or (wall.second,)
        ]
        if rule.bysetpos:
            times = [times[index] for index in choose_positions(rule.bysetpos, len(times))]
        hours = rule.byhour or range(24)
        adjacent = rule.interval == 1 and any((hour + 1) % 24 in hours for hour in hours)
        return _are_close(times, 3_600 if adjacent else None)
    if len(rule.byhour or (0,)) * len(rule.byminute or (0,)) * len(rule.bysecond or (0,)) == 1:
        return False
    if not rule.bysetpos:
        if len(rule.bysecond) > 1:
            return True
        times = [at.hour * 3_600 + at.minute * 60 + at.second for at in times_of_day(rule, wall)]
        if _are_close(times, None) or not _are_close(times, 86_400):
            return _are_close(times, None)
    # Only the dates themselves show whether chosen days are adjacent and which times BYSETPOS keeps.
    sample = islice(walk_wall_times(rule, wall, wall.date()), _SAMPLE)
    return any((later - sooner).total_seconds() < LEAST_SECONDS for sooner, later in pairwise(sample))


def _are_close(times: list[int], cycle: int | None) -> bool:
    """Return whether two sorted times (in seconds) are too close; with a cycle, also the last and the next first."""
    around = [*times, times[0] + cycle] if times and cycle else times
    return any(later - sooner < LEAST_SECONDS for sooner, later in pairwise(around))


def _warn_of_skipped(rule: Rule, first: date) -> tuple[str, ...]:
    """Return warnings of the days that the rule names and some of its months lack."""
    if rule.freq not in ("MONTHLY", "YEARLY", "DAILY") or rule.bysetpos:
        return ()
    parts = resolve_day_parts(rule, first)
    months = set(parts.bymonth or range(1, 13))
    named = sorted(months) if len(months) < 12 else []
    if rule.freq == "MONTHLY":
        months &= {(first.month - 1 + number * rule.interval) % 12 + 1 for number in range(12)}
    # Without its month, a yearly rule would come on the last day of every month.
    within = f"BYMONTH={','.join(str(month) for month in named)};" if named else ""
    warnings = []
    for day in sorted({abs(day) for day in parts.bymonthday if abs(day) > 28}):
        short_months = {2} if day < 31 else {2, 4, 6, 9, 11}
        if months & short_months:
            if months == {2} and day == 29:
                skipped = "Years without a 29 February are skipped"
            else:
                skipped = f"Months without a {day}{'st' if day == 31 else 'th'} are skipped"
            warnings.append(f"{skipped}; {within}BYMONTHDAY=-1 is the last day.")
    return tuple(warnings)
