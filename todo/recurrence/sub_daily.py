"""The instants of an HOURLY or MINUTELY rule: stepped by elapsed time, filtered by local wall time."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from todo.recurrence.calendar import DayParts, choose_positions, days_of_year, resolve_day_parts
from todo.recurrence.rule import Rule
from todo.text.when import LAST_YEAR, resolve_local

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = int((datetime(LAST_YEAR, 6, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_MOST_MISSES = 1_000
"""Candidates in a row without a date, after which a rule has ended."""
_LONGEST_JUMP = 14 * 86_400
"""Seconds skipped at once: shorter than the time between any two offset changes of a zone that cancel out."""


def walk_sub_daily(rule: Rule, first: datetime, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """Yield the instants of an HOURLY or MINUTELY rule, strictly increasing, from at most an hour before `begin` on.

    Every interval is one hour or minute of the local clock; `first` (an instant) gives the phase.
    """
    minutes = rule.interval * (60 if rule.freq == "HOURLY" else 1)
    step = minutes * 60
    origin = int((first - _EPOCH) // timedelta(seconds=1))
    ahead = _steps_ahead(minutes % 1_440, rule.byhour, rule.byminute if rule.freq == "MINUTELY" else ())
    parts = resolve_day_parts(rule, first.date())
    filters_days = bool(rule.bymonth or rule.byyearday or rule.bymonthday or rule.byday)
    chosen = _ChosenDays(parts)
    at = origin + max(0, -(-(int((begin - _EPOCH).total_seconds()) - 3_600 - origin) // step)) * step
    misses, same_offset_until = 0, 0
    while misses < _MOST_MISSES and at < _END:
        misses += 1
        local = (_EPOCH + timedelta(seconds=at)).astimezone(zone)
        steps = ahead[local.hour * 60 + local.minute] if ahead else 0
        goal = at
        if steps:
            goal = at + min(steps * step, max(_LONGEST_JUMP // step, 1) * step)
        elif filters_days and not chosen.has(local):
            goal = _next_day(parts, local, zone)
        if goal == at:
            for instant in _expand(rule, first, local):
                if instant >= first:
                    misses = 0
                    yield instant
            at += step
        else:
            target = min(goal, _END) if steps else min(goal, at + _LONGEST_JUMP)
            if target > same_offset_until:
                same_offset_until = max(target, at + _LONGEST_JUMP)
                change = _find_change(at, same_offset_until, zone)
                if change is not None:
                    same_offset_until = change - 1
                    goal = min(goal, change)
            at += max(-(-(goal - at) // step), 1) * step


def nth_instant(rule: Rule, first: datetime, number: int) -> datetime:
    """Return the instant of the `number`th date (from 1) of a rule without BY parts."""
    step = timedelta(hours=1) if rule.freq == "HOURLY" else timedelta(minutes=1)
    return first + step * rule.interval * (number - 1)


def _expand(rule: Rule, first: datetime, local: datetime) -> Iterator[datetime]:
    """Yield the instants that the rule names within one interval, which is a local hour or a local minute."""
    if not rule.byminute and not rule.bysecond and not rule.bysetpos:
        yield local.astimezone(UTC).replace(microsecond=first.microsecond)
        return
    minutes = (rule.byminute if rule.freq == "HOURLY" else ()) or (local.minute,)
    offset = local.utcoffset() or timedelta()
    wall = local.replace(tzinfo=None)
    found = []
    for minute, second in product(minutes, rule.bysecond or (local.second,)):
        named = wall.replace(minute=minute, second=second, microsecond=first.microsecond)
        instant = (named - offset).replace(tzinfo=UTC)
        # A clock change within the hour removes some of its minutes.
        if instant.astimezone(local.tzinfo).replace(tzinfo=None) == named:
            found.append(instant)
    if rule.bysetpos:
        found = [found[index] for index in choose_positions(rule.bysetpos, len(found))]
    yield from found


@lru_cache(256)
def _steps_ahead(step: int, hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    """Return for every minute of the day the number of steps to the next named minute; empty if all are named.

    The number is 1,000,000 if no number of steps leads there: then only a change of the offset can.
    """
    if not hours and not minutes:
        return ()
    named = [hour * 60 + minute for hour in hours or range(24) for minute in minutes or range(60)]
    ahead = [1_000_000] * 1_440
    for minute in named:
        ahead[minute] = 0
    for minute in named:
        back, steps = (minute - step) % 1_440, 1
        while ahead[back] > steps:
            ahead[back] = steps
            back, steps = (back - step) % 1_440, steps + 1
    return tuple(ahead)


class _ChosenDays(dict[int, frozenset[int]]):
    """The chosen days by year, cached for one walk, which misses the same year up many times."""

    def __init__(self, parts: DayParts) -> None:
        self._parts = parts

    def __missing__(self, year: int) -> frozenset[int]:
        return self.setdefault(year, frozenset(days_of_year(self._parts, year)))

    def has(self, local: datetime) -> bool:
        return local.timetuple().tm_yday - 1 in self[local.year]


def _next_day(parts: DayParts, local: datetime, zone: ZoneInfo) -> int:
    """Return the first second (since 1970) of the next chosen local day, or `_END`."""
    today = local.timetuple().tm_yday - 1
    for year in range(local.year, min(local.year + 41, LAST_YEAR)):
        offsets = days_of_year(parts, year)
        index = bisect_right(offsets, today) if year == local.year else 0
        if index < len(offsets):
            midnight = datetime.combine(date(year, 1, 1) + timedelta(days=offsets[index]), time())
            return int((resolve_local(midnight, zone) - _EPOCH).total_seconds())
    return _END


def _find_change(low: int, high: int, zone: ZoneInfo) -> int | None:
    """Return the second of the first offset change in (low, high], or None if the offset is the same at both."""
    offset = _offset_at(low, zone)
    if _offset_at(high, zone) == offset:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high


def _offset_at(second: int, zone: ZoneInfo) -> timedelta | None:
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
