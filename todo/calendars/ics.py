"""Entries written as iCalendar text (RFC 5545)."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from events.instants import read_instant
from todo.calendars.entry import Alarm, Entry
from todo.calendars.zone import write_zone
from todo.text.when import is_date

# The icalendar library took 1.3 s of processor time for 2,000 tasks, these lines a tenth of it. The tests read every
# feed with it.
PRODUCT = "-//Evolution Todo//tasks//EN"
MINUTES = 30
"""How long an event with a time lasts; tasks have no length of their own."""
_LINE = 75
"""The octets of a line without its break (RFC 5545, section 3.1)."""
_PRIORITIES = (0, 9, 5, 1)
"""none, low, medium and high in iCalendar's numbers (RFC 5545, section 3.8.1.9)."""
_ESCAPED = re.compile(r"[\\;,]|\r\n|[\r\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TIMES = re.compile(r";BY(?:HOUR|MINUTE|SECOND)=[^;]*")
_ENDS = re.compile(r";(?:COUNT|UNTIL)=[^;]*")


def write_feed(name: str, entries: Iterable[Entry], now: datetime, *, as_todos: bool) -> bytes:
    """Return the whole calendar, in UTF-8 with CRLF; `now` decides which clock changes are listed."""
    kept = list(entries)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    lines += [f"X-WR-CALNAME:{_escape(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT15M", "X-PUBLISHED-TTL:PT15M"]
    for zone in sorted({each.zone.key for each in kept if each.zone is not None}):
        lines += write_zone(zone, now.year)
    for each in kept:
        lines += _write_todo(each) if as_todos else _write_event(each)
    lines.append("END:VCALENDAR")
    return b"".join(map(_fold, lines))


def _write_event(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield from _write_head(entry)
    due = entry.due or ""
    yield f"DTSTART{_write_start(entry)}"
    if is_date(due):
        yield f"DTEND;VALUE=DATE:{_compact(str(date.fromisoformat(due) + timedelta(days=1)))}"
        yield "TRANSP:TRANSPARENT"
    else:
        yield f"DURATION:PT{MINUTES}M"
    if entry.instead_of is not None:
        yield f"RECURRENCE-ID{_write_due(entry.instead_of, entry.zone)}"
    yield from _write_recurring(entry)
    done = entry.status == "completed"
    yield f"SUMMARY:{'✓ ' if done else ''}{_escape(entry.title)}"
    yield from _write_rest(entry)
    yield "END:VEVENT"


def _write_todo(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VTODO"
    yield from _write_head(entry)
    if entry.start is not None:
        yield f"DTSTART{_write_due(entry.start, None)}"
    if entry.due is not None:
        yield f"DUE{_write_due(entry.due, None)}"
    if entry.parent is not None:
        yield f"RELATED-TO;RELTYPE=PARENT:{entry.parent}"
    if entry.status == "completed":
        yield "STATUS:COMPLETED"
        yield "PERCENT-COMPLETE:100"
        if entry.completed_at is not None:
            yield f"COMPLETED:{_compact_instant(entry.completed_at)}"
    else:
        yield "STATUS:NEEDS-ACTION"
    yield f"SUMMARY:{_escape(entry.title)}"
    yield from _write_rest(entry)
    yield "END:VTODO"


def _write_head(entry: Entry) -> Iterator[str]:
    yield f"UID:{entry.uid}"
    changed = _compact_instant(entry.changed_at)
    yield f"DTSTAMP:{changed}"
    yield f"LAST-MODIFIED:{changed}"
    yield f"CREATED:{_compact_instant(entry.created_at)}"
    yield f"SEQUENCE:{entry.sequence}"


def _write_rest(entry: Entry) -> Iterator[str]:
    if entry.notes:
        yield f"DESCRIPTION:{_escape(entry.notes)}"
    if entry.tags:
        yield f"CATEGORIES:{','.join(map(_escape, entry.tags))}"
    if entry.priority:
        yield f"PRIORITY:{_PRIORITIES[entry.priority]}"
    for alarm in entry.alarms:
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"DESCRIPTION:{_escape(entry.title)}"
        yield f"TRIGGER{_write_trigger(alarm)}"
        yield "END:VALARM"


def _write_trigger(alarm: Alarm) -> str:
    if alarm.at is not None:
        return f";VALUE=DATE-TIME:{_compact_instant(alarm.at)}"
    days, seconds = divmod(abs(alarm.seconds), 86_400)
    sign = "-" if alarm.seconds < 0 else ""
    time = f"T{seconds // 60}M" if seconds or not days else ""
    return f":{sign}P{f'{days}D' if days else ''}{time}"


def _write_recurring(entry: Entry) -> Iterator[str]:
    recurring, due = entry.recurring, entry.due or ""
    if recurring is None:
        return
    if recurring.rule is not None:
        text = _ENDS.sub("", recurring.rule.text)
        if is_date(due):
            text = _TIMES.sub("", text)
        if recurring.until is not None:
            text += f";UNTIL={_write_due(recurring.until, None).rpartition(':')[2]}"
        yield f"RRULE:{text}"
    for each in recurring.further:
        yield f"RDATE{_write_due(each, entry.zone)}"
    for each in recurring.left_out:
        yield f"EXDATE{_write_due(each, entry.zone)}"


def _write_start(entry: Entry) -> str:
    if entry.wall is not None and entry.zone is not None:
        return f";TZID={entry.zone.key}:{datetime.fromisoformat(entry.wall):%Y%m%dT%H%M%S}"
    return _write_due(entry.due or "", entry.zone)


def _write_due(due: str, zone: ZoneInfo | None) -> str:
    """Return parameters and value of a date, of a local time in a zone, or of a time in UTC."""
    if is_date(due):
        return f";VALUE=DATE:{_compact(due)}"
    if zone is None:
        return f":{_compact_instant(due)}"
    return f";TZID={zone.key}:{read_instant(due).astimezone(zone):%Y%m%dT%H%M%S}"


def _compact(text: str) -> str:
    return text.replace("-", "").replace(":", "")


@lru_cache(4096)
def _compact_instant(text: str) -> str:
    return f"{_compact(text[:19])}Z"


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _escape_one(match[0]), _CONTROL.sub("", text))


def _escape_one(found: str) -> str:
    return "\\n" if found[0] in "\r\n" else f"\\{found}"


def _fold(line: str) -> bytes:
    """Return a line with its break, cut into lines of at most 75 octets without cutting a character."""
    octets = line.encode()
    if len(octets) <= _LINE:
        return octets + b"\r\n"
    parts, start, room = [], 0, _LINE
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        parts.append(octets[start:end])
        start, room = end, _LINE - 1  # a continued line begins with a blank
    parts.append(octets[start:])
    return b"\r\n ".join(parts) + b"\r\n"
