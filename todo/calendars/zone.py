"""A time zone as a VTIMEZONE part (RFC 5545, section 3.6.5), made from the zone's own clock changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

SPAN = (-1, 12)
"""The years around the present whose clock changes are listed; calendar programs know most zones by their name."""
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@lru_cache(64)
def write_zone(name: str, year: int) -> tuple[str, ...]:
    """Return the lines of a zone's part, with the clock changes around a year.

    The onset of a change is a local time by the offset that it ends: the icalendar library 7.3 writes that of summer
    time an hour late, which moves events of that hour in programs that believe it.
    """
    zone = ZoneInfo(name)
    begin = datetime(year + SPAN[0], 1, 1, tzinfo=UTC)
    onsets: dict[tuple[str, timedelta, timedelta, str], list[str]] = {}
    first = begin.astimezone(zone)
    still = _read_offset(first)
    onsets["STANDARD", still, still, first.tzname() or name] = [f"{first:%Y%m%dT%H%M%S}"]
    for change in _find_changes(zone, begin, datetime(year + SPAN[1], 1, 1, tzinfo=UTC)):
        after, was = change.astimezone(zone), _read_offset((change - _SECOND).astimezone(zone))
        part = "DAYLIGHT" if after.dst() else "STANDARD"
        group = (part, was, _read_offset(after), after.tzname() or name)
        onsets.setdefault(group, []).append(f"{change + was:%Y%m%dT%H%M%S}")
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    for (part, was, becomes, known_as), (start, *more) in onsets.items():
        lines += [f"BEGIN:{part}", f"DTSTART:{start}", *(f"RDATE:{each}" for each in more)]
        lines += [f"TZOFFSETFROM:{_write_offset(was)}", f"TZOFFSETTO:{_write_offset(becomes)}"]
        lines += [f"TZNAME:{known_as}", f"END:{part}"]
    return (*lines, "END:VTIMEZONE")


def _find_changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants at which the offset or the name of a zone changes; no zone changes twice within a day."""
    days = (begin + _DAY * number for number in range((end - begin) // _DAY + 1))
    for day, next_day in pairwise(days):
        if _read_rule(day, zone) != _read_rule(next_day, zone):
            early, late = day, next_day
            while late - early > _SECOND:
                middle = early + (late - early) // _SECOND // 2 * _SECOND
                if _read_rule(middle, zone) == _read_rule(day, zone):
                    early = middle
                else:
                    late = middle
            yield late


def _read_rule(at: datetime, zone: ZoneInfo) -> tuple[timedelta, str | None]:
    local = at.astimezone(zone)
    return _read_offset(local), local.tzname()


def _read_offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _write_offset(offset: timedelta) -> str:
    seconds = abs(int(offset.total_seconds()))
    rest = f"{seconds % 60:02}" if seconds % 60 else ""
    return f"{'-' if offset < timedelta() else '+'}{seconds // 3_600:02}{seconds // 60 % 60:02}{rest}"
