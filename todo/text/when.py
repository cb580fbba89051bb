"""Dates, local times, instants and durations: strict parsing, resolution in a zone, and wording."""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from events.instants import read_instant, shorten_instant, write_instant
from todo.errors import InvalidTime

FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Years within which all later arithmetic stays in the range of `datetime`."""
MOST_DAYS = 3_660
LONGEST_TEXT = 64

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r" ?([Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_SHORT = re.compile(
    r"(?:(\d{1,7}) ?(?:w|weeks?))? ?(?:(\d{1,7}) ?(?:d|days?))? ?(?:(\d{1,7}) ?(?:h|hrs?|hours?))?"
    r" ?(?:(\d{1,7}) ?(?:m|mins?|minutes?))? ?(?:(\d{1,7}) ?(?:s|secs?|seconds?))?",
    re.ASCII | re.IGNORECASE,
)
_ISO = re.compile(
    r"P(?:(\d{1,7})W)?(?:(\d{1,7})D)?(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,7})M)?(?:(\d{1,7})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_LONE_M = re.compile(r"\d ?M(?![A-Za-z])")
_HOST_DEPENDENT = re.compile(r"(localtime|posixrules|Factory|(right|posix)/.*)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A due in its stored form (a date, or an instant in UTC), with warnings about an ambiguous or skipped local time.

    `wall` is the given local time if a clock change skipped it.
    """

    due: str
    warnings: tuple[str, ...] = ()
    wall: str | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration of calendar days, which keep the wall time, and elapsed seconds; both have the same sign."""

    days: int
    seconds: int

    def __neg__(self) -> "Duration":
        return Duration(-self.days, -self.seconds)


def prefer_shipped_zones() -> None:
    """Load time zones from the `tzdata` package instead of the host, whose rules may be a year old."""
    zoneinfo.reset_tzpath(())
    ZoneInfo.clear_cache()
    _known_zones.cache_clear()
    _load_zone.cache_clear()


def read_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name in any case; raises `InvalidTime`, which suggests a similar name."""
    zone = _load_zone(name[: LONGEST_TEXT + 1])
    if zone is not None:
        return zone
    similar = get_close_matches(name[:LONGEST_TEXT].lower().replace(" ", "_"), _known_zones(), n=1)
    advice = f"Did you mean {_known_zones()[similar[0]]}?" if similar else "Give an IANA name such as Europe/Berlin."
    raise InvalidTime("There is no such time zone.", advice)


def is_date(due: str) -> bool:
    """Return whether a due is a date, not an instant."""
    return len(due) == 10


def read_time(text: str, zone: ZoneInfo, now: datetime) -> Reading:
    """Parse a date, a local time in `zone`, or an instant with offset or `Z` (RFC 3339).

    A local time in a gap moves later by the gap's length (RFC 5545, section 3.3.5, errata 4271), and one in an overlap
    is the first of the two; `warnings` names both cases. Raises `InvalidTime` for anything else.
    """
    try:
        if len(text) <= LONGEST_TEXT:
            if _DATE.fullmatch(text):
                return Reading(str(_check_year(date.fromisoformat(text))))
            if (match := _TIME.fullmatch(text)) is not None:
                return _read_moment(match, zone)
    except (ValueError, OverflowError):
        pass
    today = now.astimezone(zone)
    soon = f"{today + timedelta(days=2):%Y-%m-%d}"
    shown = f'"{text}"' if len(text) <= LONGEST_TEXT and text.isprintable() else "That"
    raise InvalidTime(
        f"{shown} is not a date, local time or instant that exists.",
        f"Give a date ({soon}), a local time ({soon}T17:00) or an instant with offset. "
        f"Today is {_say_day(today.date())}.",
    )


def instant_of(due: str, zone: ZoneInfo, day_start: str = "09:00") -> datetime:
    """Return the instant of a due; a date means `day_start` (local `HH:MM`) on that day."""
    if is_date(due):
        return _resolve(datetime.combine(date.fromisoformat(due), time.fromisoformat(day_start)), zone)[0]
    return read_instant(due)


def resolve_local(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a naive local time: later by the gap's length in a gap, the first in an overlap."""
    return _resolve(wall, zone)[0]


@lru_cache(4096)
def deadline_of(due: str, zone: ZoneInfo) -> str:
    """Return the last instant at which a due is not overdue: an instant itself, a date its last local microsecond."""
    if is_date(due):
        return write_instant(day_bounds(date.fromisoformat(due), zone)[1] - timedelta(microseconds=1))
    return write_instant(read_instant(due))


@lru_cache(4096)
def begins_at(start: str, zone: ZoneInfo) -> str:
    """Return the first instant of a start: an instant itself, a date its first local moment."""
    if is_date(start):
        return write_instant(day_bounds(date.fromisoformat(start), zone)[0])
    return write_instant(read_instant(start))


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instants of a local day and of the next day; they are equal for a day that the zone skips."""
    return _first_instant(day, zone), _first_instant(day + timedelta(days=1), zone)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day of an instant in a zone."""
    return at.astimezone(zone).date()


def read_duration(text: str, *, signed: bool = False) -> Duration:
    """Parse `30m`, `1h30m`, `2d`, `1w`, `2 hours`, or ISO 8601 (`PT30M`, `P1D`); `signed` allows a leading sign.

    Raises `InvalidTime` for anything else, and above 3,660 days.
    """
    body = text.strip()
    sign = 1
    if signed and body[:1] in ("-", "+"):
        sign = -1 if body[0] == "-" else 1
        body = body[1:].lstrip()
    match = None
    if len(text) <= LONGEST_TEXT:
        # Many people read a lone capital M as months; only ISO 8601, where T decides, may use it.
        match = _ISO.fullmatch(body) or (None if _LONE_M.search(body) else _SHORT.fullmatch(body))
    if match is None or not any(match.groups()):
        raise InvalidTime(
            "That is not a duration.",
            f"Give 30m, 1h30m, 2d or 1w{', with - to go back' if signed else ''}; months and years as days.",
        )
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = Duration(sign * (weeks * 7 + days), sign * (hours * 3_600 + minutes * 60 + seconds))
    if abs(duration.days) + abs(duration.seconds) / 86_400 > MOST_DAYS:
        raise InvalidTime(f"A duration has at most {MOST_DAYS} days.", "Give a date instead.")
    return duration


def write_duration(duration: Duration) -> str:
    """Return the short form that `read_duration` parses: `30m`, `1h30m`, `2d`, `1w`."""
    days, seconds = abs(duration.days), abs(duration.seconds)
    sign = "-" if duration.days < 0 or duration.seconds < 0 else ""
    if days and not seconds and days % 7 == 0:
        return f"{sign}{days // 7}w"
    parts = [(days, "d"), (seconds // 3_600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return sign + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0m")


def add(at: datetime, by: Duration, zone: ZoneInfo) -> datetime:
    """Return an instant moved by a duration: days keep the wall time in `zone`, seconds are elapsed time.

    Raises `InvalidTime` outside of `FIRST_YEAR` to `LAST_YEAR`.
    """
    try:
        if by.days:
            local = at.astimezone(zone).replace(tzinfo=None) + timedelta(days=by.days)
            at = _resolve(local, zone)[0]
        moved = at + timedelta(seconds=by.seconds)
    except (OverflowError, ValueError):
        moved = datetime.max.replace(tzinfo=UTC)
    if not FIRST_YEAR <= moved.year <= LAST_YEAR:
        raise InvalidTime("That moves the time out of the calendar.", "Give a shorter duration.")
    return moved


def shift(due: str, by: Duration, zone: ZoneInfo) -> Reading:
    """Return a due moved by a duration. Raises `InvalidTime` if a date would move by less than whole days."""
    if not is_date(due):
        moved = add(read_instant(due), by, zone)
        warnings: tuple[str, ...] = ()
        if by.days:
            wall = read_instant(due).astimezone(zone).replace(tzinfo=None) + timedelta(days=by.days)
            warnings = _resolve(wall, zone)[1]
        return Reading(shorten_instant(write_instant(moved)), warnings)
    if by.seconds:
        raise InvalidTime("A date without a time moves by whole days.", "Give whole days, or set a time with due.")
    try:
        return Reading(str(_check_year(date.fromisoformat(due) + timedelta(days=by.days))))
    except (OverflowError, ValueError):
        raise InvalidTime("That moves the date out of the calendar.", "Give fewer days.") from None


def rezone(due: str, was: ZoneInfo, zone: ZoneInfo) -> Reading:
    """Return a due with a time at the same local time in another zone, with warnings like `read_time`."""
    at, warnings = _resolve(read_instant(due).astimezone(was).replace(tzinfo=None), zone)
    return Reading(shorten_instant(write_instant(at)), warnings)


def before(due: str, ahead: Duration, zone: ZoneInfo, day_start: str = "09:00") -> datetime:
    """Return the instant `ahead` earlier than a due; a date counts from `day_start` on that day."""
    return add(instant_of(due, zone, day_start), -ahead, zone)


@lru_cache(4096)
def say_due(due: str, zone: ZoneInfo) -> str:
    """Return a due in words: `Fri 27 Nov 2026, 17:00 Europe/Berlin`, or `Fri 27 Nov 2026` for a date."""
    return say_short(due, zone) if is_date(due) else f"{say_short(due, zone)} {zone.key}"


@lru_cache(4096)
def say_short(due: str, zone: ZoneInfo) -> str:
    """Return a due or an instant in words without its zone: `Fri 27 Nov 2026, 17:00`. Seconds are never said."""
    if is_date(due):
        return _say_day(date.fromisoformat(due))
    local = read_instant(due).astimezone(zone)
    offset = f" (UTC{_say_offset(local)})" if _is_ambiguous(local) else ""
    return f"{_say_day(local.date())}, {local:%H:%M}{offset}"


def say_with_own(due: str, zone: ZoneInfo, own: str | None) -> str:
    """Return a due in words, and in brackets as it is in its own zone, if the clocks there show another time.

    `Fri 27 Nov 2026, 01:00 Europe/Berlin (09:00 Asia/Tokyo)`.
    """
    said = say_due(due, zone)
    if own is None or own == zone.key or is_date(due):
        return said
    here, there = say_short(due, zone), say_short(due, read_zone(own))
    if here == there:
        return said
    day, _, clock = there.rpartition(", ")
    return f"{said} ({clock if here.startswith(f'{day},') else there} {own})"


def say_instant(instant: str, zone: ZoneInfo) -> str:
    """Return an instant, which may have a fraction of a second, in words with its zone."""
    return say_due(f"{instant[:19]}Z", zone)


@lru_cache(4096)
def local_form(due: str, zone: ZoneInfo) -> str:
    """Return the local form of a due, `2026-11-27T17:00`, with an offset if that local time occurs twice.

    `read_time` parses it as the same due. Where no local form does that, the instant itself is returned.
    """
    if is_date(due):
        return due
    local = read_instant(due).astimezone(zone)
    wall = local.replace(tzinfo=None).isoformat()
    if not local.second and not local.microsecond:
        wall = wall[:16]
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        return due
    return f"{wall}{local.isoformat()[-6:]}" if _is_ambiguous(local) else wall


def say_now(now: datetime, zone: ZoneInfo) -> str:
    """Return the current time in words: `Wed 25 Nov 2026, 07:12 Europe/Berlin`."""
    return _say_minute(now.replace(second=0, microsecond=0), zone)


@lru_cache(64)
def _say_minute(now: datetime, zone: ZoneInfo) -> str:
    local = now.astimezone(zone)
    return f"{_say_day(local.date())}, {local:%H:%M} {zone.key}"


@cache
def _known_zones() -> dict[str, str]:
    """Return the canonical name by lower-case name of every zone that does not depend on the host."""
    names = zoneinfo.available_timezones()
    return {name.lower(): name for name in sorted(names) if not _HOST_DEPENDENT.fullmatch(name)}


@lru_cache(1024)
def _load_zone(name: str) -> ZoneInfo | None:
    known = _known_zones().get(name.lower())
    return None if known is None else ZoneInfo(known)


def _read_moment(match: re.Match[str], zone: ZoneInfo) -> Reading:
    day, clock, offset = match.groups()
    _check_year(date.fromisoformat(day))
    wall = datetime.fromisoformat(f"{day}T{clock}")
    jumped = None
    if offset is None:
        at, warnings = _resolve(wall, zone)
        jumped = wall.isoformat() if at.astimezone(zone).replace(tzinfo=None) != wall else None
    else:
        at = datetime.fromisoformat(f"{day}T{clock}{'Z' if offset in 'Zz' else offset}").astimezone(UTC)
        warnings = ()
    _check_year(at.date())
    return Reading(shorten_instant(write_instant(at)), warnings, jumped)


def _check_year(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError("out of the calendar")
    return day


def _resolve(wall: datetime, zone: ZoneInfo) -> tuple[datetime, tuple[str, ...]]:
    """Return the instant of a naive local time, and a warning if a clock change skipped or repeated it."""
    local = wall.replace(tzinfo=zone)
    first = local.astimezone(UTC)
    if local.utcoffset() == local.replace(fold=1).utcoffset():
        return first, ()
    # With fold=0, a time in a gap takes the offset before the gap and so moves later by the gap's length.
    found = first.astimezone(zone)
    named = f"{wall:%H:%M} on {_say_day(wall.date())}"
    if found.replace(tzinfo=None) != wall:
        day = "" if found.date() == wall.date() else f" on {_say_day(found.date())}"
        return first, (f"{named} does not exist in {zone.key}: the clocks jump; {found:%H:%M}{day} is meant.",)
    return first, (f"{named} comes twice in {zone.key}; the first one is meant (UTC{_say_offset(found)}).",)


@lru_cache(4096)
def _first_instant(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant whose local date is `day` or later."""
    at = _resolve(datetime.combine(day, time()), zone)[0]
    # If midnight lies in a gap, the day begins at the end of the gap, at or before the resolved instant.
    if at.astimezone(zone).date() < day or (at - timedelta(microseconds=1)).astimezone(zone).date() >= day:
        return _search_boundary(day, zone)
    return at


def _search_boundary(day: date, zone: ZoneInfo) -> datetime:
    """Find the first instant of a local day by bisection, to the second."""
    around = datetime.combine(day, time(), UTC)
    low, high = around - timedelta(hours=30), around + timedelta(hours=30)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle
    return high


def _is_ambiguous(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _say_day(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def _say_offset(local: datetime) -> str:
    offset = local.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
