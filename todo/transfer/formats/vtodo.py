"""iCalendar (RFC 5545): the VTODOs of Nextcloud, Apple's Reminders, Tasks.org and others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from todo.errors import InvalidArguments
from todo.transfer.draft import Draft, Reading
from todo.transfer.formats.periods import write_minutes


def is_calendar(text: str) -> bool:
    """Return whether a text is iCalendar."""
    return text.lstrip().upper().startswith("BEGIN:VCALENDAR")


def read_calendar(text: str, reading: Reading) -> None:
    """Read every VTODO; other components are counted and left out. Raises `InvalidArguments`."""
    from icalendar import Calendar

    lines = _list_beginnings(text)
    try:
        calendars: Any = Calendar.from_ical(text, multiple=True)
        parts = [part for calendar in calendars for part in calendar.walk()]
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidArguments(f"The calendar cannot be read: {str(error)[:150]}.", "Export it again.") from None
    count = 0
    for part in parts:
        if part.name == "VEVENT":
            reading.refuse(0, f"An event is no task: {str(part.get('SUMMARY', ''))[:60]}.")
        if part.name != "VTODO":
            continue
        line = lines[count] if count < len(lines) else 0
        count += 1
        try:
            reading.add(_read_todo(line, part, reading))
        except (ValueError, TypeError, AttributeError, OverflowError):
            reading.refuse(line, "A value of it cannot be read.")


def _list_beginnings(text: str) -> list[int]:
    return [line for line, part in enumerate(text.splitlines(), 1) if part.strip().upper() == "BEGIN:VTODO"]


def _read_todo(line: int, part: Any, reading: Reading) -> Draft:
    due, zone = _read_due(part.decoded("DUE")) if "DUE" in part else ("", "")
    if not due and "DTSTART" in part:
        due, zone = _read_due(part.decoded("DTSTART"))
    done = str(part.get("STATUS", "")).upper() == "COMPLETED" or "COMPLETED" in part
    level = int(part.get("PRIORITY", 0))
    categories = part.get("CATEGORIES")
    groups = categories if isinstance(categories, list) else [] if categories is None else [categories]
    if str(part.get("STATUS", "")).upper() == "CANCELLED":
        reading.remark(line, "It is cancelled there, and taken over as done.")
        done = True
    return Draft(
        line,
        str(part.get("SUMMARY", "")),
        str(part.get("UID", "")),
        str(part.get("DESCRIPTION", "")),
        due,
        zone,
        "none" if level == 0 else "high" if level < 5 else "medium" if level == 5 else "low",
        tuple(str(tag) for group in groups for tag in getattr(group, "cats", [])),
        parent=_read_parent(part),
        is_done=done,
        completed_at=_write_instant(part.decoded("COMPLETED")) if "COMPLETED" in part else "",
        rule=part["RRULE"].to_ical().decode() if "RRULE" in part else "",
        reminders=tuple(_read_alarms(line, part, reading, has_due="DUE" in part)),
    )


def _read_parent(part: Any) -> str:
    related = part.get("RELATED-TO")
    first = related[0] if isinstance(related, list) and related else related
    if first is None or str(getattr(first, "params", {}).get("RELTYPE", "PARENT")).upper() != "PARENT":
        return ""
    return str(first)


def _read_due(value: date | datetime) -> tuple[str, str]:
    """Return a due as text, and its zone: that of its TZID, none for a floating time."""
    if not isinstance(value, datetime):
        return value.isoformat(), ""
    if value.tzinfo is None:
        return value.isoformat(timespec="minutes"), ""
    key = getattr(value.tzinfo, "key", "")
    return value.isoformat(), "" if key in ("", "UTC") else str(key)


def _read_alarms(line: int, part: Any, reading: Reading, *, has_due: bool) -> list[str]:
    found = []
    for alarm in part.walk("VALARM"):
        trigger = alarm.decoded("TRIGGER") if "TRIGGER" in alarm else None
        if isinstance(trigger, datetime):
            found.append(_write_instant(trigger))
        elif isinstance(trigger, timedelta) and trigger <= timedelta(0):
            minutes = int(-trigger.total_seconds() // 60)
            starts = str(alarm["TRIGGER"].params.get("RELATED", "START")).upper() == "START"
            if starts and has_due and "DTSTART" in part and part.decoded("DTSTART") != part.decoded("DUE"):
                reading.remark(line, "A reminder counts from its start there, and from its due here.")
            found.append(write_minutes(minutes))
        elif trigger is not None:
            reading.remark(line, "A reminder after its due is left out.")
    return found


def _write_instant(value: Any) -> str:
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
