"""The dates of an HOURLY or MINUTELY rule: instants by elapsed time, judged on the local wall time."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from todo.recurrence.calendar import DayParts, choose_positions, days_of_year, read_days
from todo.recurrence.rule import Rule
from todo.text.when import LAST_YEAR, resolve_local

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = int((datetime(LAST_YEAR, 6, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_MOST_LOOKS = 1_000
"""Looks at the clock without a date: a rule that is silent for so long is taken to be over."""
_LEAP = 14 * 86_400
"""Seconds to go ahead at once: shorter than any two changes of a zone's offset that cancel out."""


def walk_beats(rule: Rule, first: datetime, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """Yield the instants of an HOURLY or MINUTELY rule from about `begin` on, strictly increasing.

    Every interval is an hour or a minute on the local clock; `first` (an instant) gives the phase.
    """
    minutes = rule.interval * (60 if rule.freq == "HOURLY" else 1)
    step = minutes * 60
    origin = int((first - _EPOCH) // timedelta(seconds=1))
    ahead = _steps_ahead(minutes % 1_440, rule.byhour, rule.byminute if rule.freq == "MINUTELY" else ())
    parts = read_days(rule, first.date())
    limits_days = bool(rule.bymonth or rule.byyearday or rule.bymonthday or rule.byday)
    chosen = _ChosenDays(parts)
    at = origin + max(0, -(-(int((begin - _EPOCH).total_seconds()) - 3_600 - origin) // step)) * step
    looks, same_until = 0, 0
    while looks < _MOST_LOOKS and at < _END:
        looks += 1
        local = (_EPOCH + timedelta(seconds=at)).astimezone(zone)
        wait = ahead[local.hour * 60 + local.minute] if ahead else 0
        goal = at
        if wait:
            goal = at + min(wait * step, max(_LEAP // step, 1) * step)
        elif limits_days and not chosen.has(local):
            goal = _next_day(parts, local, zone)
        if goal == at:
            for instant in _expand(rule, first, local):
                if instant >= first:
                    looks = 0
                    yield instant
            at += step
        else:
            target = min(goal, _END) if wait else min(goal, at + _LEAP)
            if target > same_until:
                same_until = max(target, at + _LEAP)
                change = _find_change(at, same_until, zone)
                if change is not None:
                    same_until = change - 1
                    goal = min(goal, change)
            at += max(-(-(goal - at) // step), 1) * step


def nth_beat(rule: Rule, first: datetime, number: int) -> datetime:
    """Return the instant of the `number`th date of a rule without BY parts, counted from 1."""
    step = timedelta(hours=1) if rule.freq == "HOURLY" else timedelta(minutes=1)
    return first + step * rule.interval * (number - 1)


def _expand(rule: Rule, first: datetime, local: datetime) -> Iterator[datetime]:
    """Yield the instants of one interval: those of the local hour, or of the local minute, that the rule names."""
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
        # An hour that is cut by a change of the clocks has only some of its minutes.
        if instant.astimezone(local.tzinfo).replace(tzinfo=None) == named:
            found.append(instant)
    if rule.bysetpos:
        found = [found[index] for index in choose_positions(rule.bysetpos, len(found))]
    yield from found


@lru_cache(256)
def _steps_ahead(step: int, hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    """Return for every minute of the day how many steps lead to a named one; empty if all are named.

    Where no number of steps does, it is a large one: only a change of the offset can help.
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
    """The days that the parts choose, by year: kept for one walk, in which the same year is asked for often."""

    def __init__(self, parts: DayParts) -> None:
        self._parts = parts

    def __missing__(self, year: int) -> frozenset[int]:
        return self.setdefault(year, frozenset(days_of_year(self._parts, year)))

    def has(self, local: datetime) -> bool:
        return local.timetuple().tm_yday - 1 in self[local.year]


def _next_day(parts: DayParts, local: datetime, zone: ZoneInfo) -> int:
    """Return the first second of the next chosen local day."""
    today = local.timetuple().tm_yday - 1
    for year in range(local.year, min(local.year + 41, LAST_YEAR)):
        offsets = days_of_year(parts, year)
        index = bisect_right(offsets, today) if year == local.year else 0
        if index < len(offsets):
            midnight = datetime.combine(date(year, 1, 1) + timedelta(days=offsets[index]), time())
            return int((resolve_local(midnight, zone) - _EPOCH).total_seconds())
    return _END


def _find_change(low: int, high: int, zone: ZoneInfo) -> int | None:
    """Return the second of the first change of the offset in (low, high], or None."""
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
