"""Reads calendar feeds as calendar programs do: icalendar, recurring-ical-events, and ical.js in Node."""

import json
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import icalendar
import pytest
import recurring_ical_events  # type: ignore[import-untyped]  # it ships no types

from tests.clients.environments import NoClient, find_node
from tests.world import URL, World

HERE = Path(__file__).parent


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


def expand_in_node(calendar: Any, until: str) -> list[str]:
    """Return the starts of all events before an instant, as ical.js finds them. Skips where Node is missing."""
    command = ["node", str(HERE / "expand.mjs"), str(find_home()), until]
    done = subprocess.run(command, input=calendar.to_ical(sorted=False), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: list[str] = json.loads(done.stdout)
    return found


def read_todos_in_node(calendar: Any) -> dict[str, list[str | None]]:
    """Return `[start, due, title above]` of each to-do by its title, as ical.js finds them. Skips without Node."""
    command = ["node", str(HERE / "todos.mjs"), str(find_home())]
    done = subprocess.run(command, input=calendar.to_ical(sorted=False), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, list[str | None]] = json.loads(done.stdout)
    return found


def read_todos(calendar: Any) -> dict[str, list[str | None]]:
    """Return `[start, due, title above]` of each to-do by its title, as the icalendar library finds them."""
    todos = calendar.walk("VTODO")
    titles = {str(each["UID"]): str(each["SUMMARY"]) for each in todos}

    def read(todo: Any) -> list[str | None]:
        times = [write_due(todo[name].dt) if name in todo else None for name in ("DTSTART", "DUE")]
        above = todo.get("RELATED-TO")
        assert above is None or above.params["RELTYPE"] == "PARENT"
        return [*times, titles[str(above)] if above is not None else None]

    return {str(each["SUMMARY"]): read(each) for each in todos}


@cache
def find_home() -> Path:
    """Return the folder with ical.js."""
    try:
        return find_node(HERE)
    except NoClient as why:
        if os.environ.get("CI") == "true":
            pytest.fail(str(why))
        pytest.skip(str(why))


def write_due(start: date | datetime) -> str:
    if isinstance(start, datetime):
        return f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    return start.isoformat()
