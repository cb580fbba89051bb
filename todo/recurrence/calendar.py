"""The dates of a DAILY or slower rule as wall times: days from python-dateutil, intervals by arithmetic."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import groupby, product

from todo.recurrence.rule import Rule
from todo.text.when import LAST_YEAR

_ALL_DAYS = tuple((0, day) for day in range(7))
_CYCLE = 400
"""Years after which the Gregorian calendar repeats; a rule without a date for so long has ended."""

_MOST_SILENT_SETS = 600
"""The same limit for sets from which BYSETPOS chooses nothing; 600 months are 50 years."""

_MOST_YEARS_COUNTED = 200


@dataclass(frozen=True, slots=True)
class DayParts:
    """The parts of a rule that choose days; parts that the rule takes from its first date are filled in."""

    bymonth: tuple[int, ...]
    byweekno: tuple[int, ...]
    byyearday: tuple[int, ...]
    bymonthday: tuple[int, ...]
    byday: tuple[tuple[int, int], ...]
    wkst: int


@lru_cache(1024)
def resolve_day_parts(rule: Rule, first: date) -> DayParts:
    """Return the day parts of a rule whose first date is `first` (RFC 5545, section 3.3.10)."""
    months, month_days, days = rule.bymonth, rule.bymonthday, rule.byday
    if not (month_days or days or rule.byyearday):
        if rule.freq == "WEEKLY" or rule.byweekno:
            days = ((0, first.weekday()),)
        elif rule.freq in ("YEARLY", "MONTHLY"):
            month_days = (first.day,)
            if rule.freq == "YEARLY":
                months = months or (first.month,)
    if rule.freq == "MONTHLY" or (rule.freq == "YEARLY" and months):
        # Ordinals count within months here; without a month, python-dateutil counts them within the year.
        months = months or tuple(range(1, 13))
        span = 5
    else:
        span = 53
    if any(ordinal for ordinal, _ in days):
        # python-dateutil reads MO,1FR as "Mondays that are first Fridays", so a plain day is expanded to all ordinals.
        days = tuple(
            (number, day) for ordinal, day in days for number in ([ordinal] if ordinal else range(1, span + 1))
        )
    return DayParts(months, rule.byweekno, rule.byyearday, month_days, days, rule.wkst)


def days_of_year(parts: DayParts, year: int) -> tuple[int, ...]:
    """Return the days of a year that the parts choose, as ascending offsets from 1 January."""
    # Years of one kind have the same days, so a long-running rule asks python-dateutil for few years.
    return _days_like(parts, _kinds()[_year_kind(year, bool(parts.byweekno))])


@lru_cache(1024)
def _days_like(parts: DayParts, year: int) -> tuple[int, ...]:
    from dateutil.rrule import YEARLY, rrule, weekday

    january = date(year, 1, 1)
    days = parts.byday
    if not days and not parts.bymonthday and not parts.byyearday:
        days = _ALL_DAYS
    elif days and parts.bymonth:
        # No month has a sixth Friday; python-dateutil would look for it beyond the end of its tables.
        days = tuple((ordinal, day) for ordinal, day in days if abs(ordinal) <= 5)
        if not days:
            return ()
    found = rrule(
        YEARLY,
        dtstart=datetime.combine(january, time()),
        interval=10_000,  # limits the search to one year; without a match python-dateutil does not stop
        wkst=parts.wkst,
        bymonth=parts.bymonth or None,
        byyearday=parts.byyearday or None,
        bymonthday=parts.bymonthday or None,
        byweekday=[weekday(day, ordinal or None) for ordinal, day in days] or None,
    )
    offsets = ((at.date() - january).days for at in found)
    if parts.byweekno:
        # python-dateutil overlooks that week -52 or -53 may end in the next year.
        return tuple(offset for offset in offsets if _is_in_weeks(january + timedelta(days=offset), parts))
    return tuple(offsets)


def _is_in_weeks(day: date, parts: DayParts) -> bool:
    ordinal = day.toordinal()
    starts = [_week_one(year, parts.wkst) for year in range(day.year - 1, day.year + 3)]
    index = max(i for i in range(3) if starts[i] <= ordinal)
    number, weeks = (ordinal - starts[index]) // 7 + 1, (starts[index + 1] - starts[index]) // 7
    return number in parts.byweekno or number - weeks - 1 in parts.byweekno


@lru_cache(64)
def _week_one(year: int, wkst: int) -> int:
    """Return the first day (an ordinal) of week 1, the first week with at least four days in the year."""
    fourth = date(year, 1, 4)
    return fourth.toordinal() - (fourth.weekday() - wkst) % 7


def _year_kind(year: int, weeks: bool) -> tuple[int, ...]:
    """Return the key under which two years have the same days; with `weeks`, it includes the adjacent years."""
    around = (_is_leap(year - 1), _is_leap(year + 1)) if weeks else ()
    return (date(year, 1, 1).weekday(), _is_leap(year), *around)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@cache
def _kinds() -> dict[tuple[int, ...], int]:
    return {_year_kind(year, weeks): year for weeks in (False, True) for year in range(2001, 2001 + _CYCLE)}


def period_of(rule: Rule, first: date, day: int) -> int:
    """Return the number of the period (year, month, week or day by FREQ) of `day`, an ordinal; that of `first` is 0."""
    if rule.freq == "DAILY":
        return day - first.toordinal()
    if rule.freq == "WEEKLY":
        start = first.toordinal()
        return (day - start + (first.weekday() - rule.wkst) % 7) // 7
    at = date.fromordinal(day)
    if rule.freq == "MONTHLY":
        return (at.year - first.year) * 12 + at.month - first.month
    return at.year - first.year


def _period_start(rule: Rule, first: date, number: int) -> int | None:
    """Return the first day (an ordinal) of a period, or None beyond the calendar."""
    if rule.freq == "DAILY":
        day = first.toordinal() + number
    elif rule.freq == "WEEKLY":
        day = first.toordinal() - (first.weekday() - rule.wkst) % 7 + number * 7
    else:
        months = number if rule.freq == "MONTHLY" else number * 12
        month = first.month - 1 if rule.freq == "MONTHLY" else 0
        year, month = divmod(first.year * 12 + month + months, 12)
        return date(year, month + 1, 1).toordinal() if year <= LAST_YEAR else None
    return day if day <= date(LAST_YEAR, 12, 31).toordinal() else None


def _walk_years(rule: Rule, first: date, begin: int) -> Iterator[list[int]]:
    """Yield the days (ordinals) of a DAILY or slower rule, one list a year, from the interval of `begin` on."""
    parts = resolve_day_parts(rule, first)
    silent = 0
    number = max(period_of(rule, first, begin), 0)
    start = _period_start(rule, first, -(-number // rule.interval) * rule.interval)
    if start is None:
        return
    year = date.fromordinal(start).year
    while year <= LAST_YEAR and silent < _CYCLE:
        base = date(year, 1, 1).toordinal()
        offsets = days_of_year(parts, year)
        if base < start:
            offsets = offsets[bisect_left(offsets, start - base) :]
        found = [base + offset for offset in offsets]
        if rule.interval > 1:
            found = _keep_intervals(rule, first, found)
        if found:
            yield found
        silent = 0 if found else silent + 1
        # Continue with the year of the next interval, usually the next year.
        following = period_of(rule, first, base + 365 + _is_leap(year))
        next_start = _period_start(rule, first, -(-following // rule.interval) * rule.interval)
        if next_start is None:
            return
        year = max(year + 1, date.fromordinal(next_start).year)


def _keep_intervals(rule: Rule, first: date, days: list[int]) -> list[int]:
    interval = rule.interval
    if rule.freq == "DAILY":
        start = first.toordinal()
        return [day for day in days if (day - start) % interval == 0]
    if rule.freq == "WEEKLY":
        start = first.toordinal() - (first.weekday() - rule.wkst) % 7
        return [day for day in days if (day - start) // 7 % interval == 0]
    if rule.freq == "MONTHLY":
        groups = ((period_of(rule, first, month[0]), month) for month in _split_months(days))
        return [day for number, month in groups if number % interval == 0 for day in month]
    return days  # `_walk_years` visits only years of the interval


def _split_months(days: list[int]) -> Iterator[list[int]]:
    """Yield the days of one year as one list a month; months without days are left out."""
    year, low = date.fromordinal(days[0]).year if days else 0, 0
    for month in range(2, 13):
        high = bisect_left(days, date(year, month, 1).toordinal(), low) if days else 0
        if high > low:
            yield days[low:high]
        low = high
    if days[low:]:
        yield days[low:]


def walk_wall_times(rule: Rule, first: datetime, begin: date) -> Iterator[datetime]:
    """Yield the wall times of a DAILY or slower rule in ascending order, from the day `begin` on.

    `first` is the naive local time of the first due; earlier times are left out.
    """
    times = times_of_day(rule, first)
    for members, chosen in _walk_chosen(rule, first.date(), begin.toordinal(), len(times)):
        passed = bisect_left(members, begin.toordinal()) * len(times)
        for index in chosen[bisect_left(chosen, passed) :]:
            day, at = divmod(index, len(times))
            wall = datetime.combine(date.fromordinal(members[day]), times[at])
            if wall >= first:
                yield wall


@lru_cache(4096)
def last_wall_time(rule: Rule, first: datetime) -> datetime | None:
    """Return the wall time of the last date by COUNT, or None without COUNT or if it lies over 200 years ahead."""
    if rule.count is None:
        return None
    times, count = times_of_day(rule, first), rule.count
    horizon = first.toordinal() + _MOST_YEARS_COUNTED * 366
    for members, chosen in _walk_chosen(rule, first.date(), first.toordinal(), len(times)):
        if members[0] > horizon:
            return None
        early = 0
        if members[0] <= first.toordinal():
            # In the first interval, the times before the first due do not count.
            begin = (first.toordinal(), first.time())
            early = sum((members[index // len(times)], times[index % len(times)]) < begin for index in chosen)
        if count <= len(chosen) - early:
            day, at = divmod(chosen[early + count - 1], len(times))
            return datetime.combine(date.fromordinal(members[day]), times[at])
        count -= len(chosen) - early
    return None


def _walk_chosen(rule: Rule, first: date, begin: int, times: int) -> Iterator[tuple[list[int], Sequence[int]]]:
    """Yield (days, chosen) for each set: `chosen` indexes the product of the days and the times of day."""
    silent = 0
    for members in _walk_sets(rule, first, begin) if times else ():
        size = len(members) * times
        takes_all = not rule.bysetpos or rule.freq == "DAILY"
        chosen = range(size) if takes_all else choose_positions(rule.bysetpos, size)
        if chosen:
            yield members, chosen
        silent = 0 if chosen else silent + 1
        if silent >= _MOST_SILENT_SETS:
            return


def _walk_sets(rule: Rule, first: date, begin: int) -> Iterator[list[int]]:
    """Yield the sets of days from which BYSETPOS chooses; for DAILY or without BYSETPOS, one set a year."""
    years = _walk_years(rule, first, begin)
    if rule.bysetpos and rule.freq == "MONTHLY":
        yield from (month for days in years for month in _split_months(days))
    elif rule.bysetpos and rule.freq == "WEEKLY":
        start = first.toordinal() - (first.weekday() - rule.wkst) % 7
        weeks = groupby((day for days in years for day in days), lambda day: (day - start) // 7)
        yield from (list(week) for _, week in weeks)
    else:
        yield from years


@lru_cache(1024)
def choose_positions(positions: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the ascending, distinct indices that BYSETPOS chooses from a set of `size` items."""
    indices = {position - 1 if position > 0 else size + position for position in positions}
    return tuple(sorted(index for index in indices if 0 <= index < size))


@lru_cache(128)
def times_of_day(rule: Rule, first: datetime) -> tuple[time, ...]:
    """Return the times of day of a DAILY or slower rule; parts that it does not name come from `first`."""
    times = tuple(
        time(hour, minute, second, first.microsecond)
        for hour, minute, second in product(
            rule.byhour or (first.hour,), rule.byminute or (first.minute,), rule.bysecond or (first.second,)
        )
    )
    if rule.bysetpos and rule.freq == "DAILY":
        # The set of a DAILY rule is one day, so BYSETPOS chooses the same times every day.
        return tuple(times[index] for index in choose_positions(rule.bysetpos, len(times)))
    return times
