"""Reads calendar feeds as calendar programs do: with the icalendar library, and expanded by recurring-ical-events."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]  # it ships no types

from tests.world import URL, World


async def subscribe(world: World, **wanted: Any) -> str:
    """Make a feed and return its path."""
    made = await world.rest.post("/calendars", json=wanted)
    assert made.status_code == 201, made.text
    return str(made.json()["url"]).removeprefix(URL)


async def fetch(world: World, path: str) -> Any:
    """Return a feed as the library reads it, an `icalendar.Calendar`, whose values are of many types."""
    answer = await world.http.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    found = icalendar.Calendar.from_ical(answer.content)
    assert isinstance(found, icalendar.Calendar)
    assert not [error for part in found.walk() for error in part.errors]
    return found


def expand(calendar: icalendar.Calendar, since: datetime, years: int) -> list[str]:
    """Return the starts of all events of a span as dues: dates, or instants in UTC."""
    until = since + timedelta(days=366 * years)
    return sorted(write_due(each["DTSTART"].dt) for each in recurring_ical_events.of(calendar).between(since, until))


def write_due(start: date | datetime) -> str:
    if isinstance(start, datetime):
        return f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    return start.isoformat()
