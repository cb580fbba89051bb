"""Phrases of time: their readings, their edges, and the ones that are refused as doubtful."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.builtin.language import load_language
from tests.unit.command_replies import NOW, ask

DAYS = st.dates(date(2026, 11, 23), date(2035, 12, 31))
FORMS = ["on {0.day} {0:%B} {0.year}", "on {0:%b} {0.day} {0.year}", "by {0}", "{0:%A} {0.day} {0:%B} {0.year}"]


@settings(max_examples=200, deadline=None)
@given(DAYS, st.times(), st.sampled_from(FORMS), st.booleans())
def test_a_printed_time_reads_back(day: date, clock: Any, form: str, first: bool) -> None:
    said = form.format(day)
    # A leading zero settles the half of the day, like am and pm.
    text = f"at {clock:%H:%M} {said}" if first else f"{said} at {clock:%I:%M}{'am' if clock.hour < 12 else 'pm'}"
    split = load_language().phrases.split(f"call mum {text}", NOW)
    assert split.doubt == ""
    assert split.title == "call mum"
    assert split.when is not None
    assert split.when.due == f"{day}T{clock:%H:%M}"
    without_time = load_language().phrases.split(f"call mum {said}", NOW).when
    assert without_time is not None
    assert without_time.due == str(day)


@given(st.integers(0, 1500), st.sampled_from(["day", "week"]), st.integers(1, 60))
def test_days_ahead_are_counted_on_the_calendar(offset: int, unit: str, count: int) -> None:
    now = NOW + timedelta(days=offset)
    when = load_language().phrases.read(f"in {count} {unit}s", now)
    assert when is not None
    assert when.due == str(now.date() + timedelta(days=count * (7 if unit == "week" else 1)))


@pytest.mark.parametrize(
    ("now", "said", "due"),
    [
        ("2026-11-27T10:00", "on friday", "2026-12-04"),
        ("2026-11-27T10:00", "this friday", "2026-11-27"),
        ("2026-11-27T10:00", "next friday", "2026-12-04"),
        ("2026-11-28T10:00", "next friday", "2026-12-04"),
        ("2026-11-29T10:00", "next monday", "2026-11-30"),
        ("2026-11-23T18:00", "at 5", "2026-11-24T17:00"),
        ("2026-11-23T16:59", "at 5", "2026-11-23T17:00"),
        ("2026-11-23T17:00", "at 5", "2026-11-24T17:00"),
        ("2027-01-31T10:00", "in a month", "2027-02-28"),
        ("2026-12-31T10:00", "next month", "2027-01-01"),
        ("2026-12-31T23:30", "in 1 hour", "2027-01-01T00:30"),
        ("2027-03-28T01:30", "in 1 hour", "2027-03-28T03:30"),
        ("2026-10-25T01:30", "in 1 hour", "2026-10-25T02:30+02:00"),
        ("2026-11-23T09:00", "on 23 november", "2026-11-23"),
        ("2026-11-23T09:00", "on 22 november", "2027-11-22"),
        ("2026-11-23T09:00", "tomorrow at noon", "2026-11-24T12:00"),
        ("2026-11-23T09:00", "at 12", "2026-11-23T12:00"),
        ("2026-11-23T09:00", "at 12am", "2026-11-24T00:00"),
        ("2026-11-23T09:00", "tonight at 8:30", "2026-11-23T20:30"),
        ("2026-11-23T09:00", "in december", "2026-12-01"),
        ("2026-11-23T09:00", "in october", "2027-10-01"),
        ("2026-11-23T09:00", "next march", "2027-03-01"),
        ("2026-11-23T09:00", "next quarter", "2027-01-01"),
        ("2026-11-23T09:00", "end of the quarter", "2026-12-31"),
        ("2026-11-01T09:00", "last workday of the month", "2026-11-30"),
        ("2026-10-31T09:00", "first workday of next month", "2026-11-02"),
        ("2026-11-27T10:00", "this time tomorrow", "2026-11-28T10:00"),
    ],
)
def test_times_around_edges(now: str, said: str, due: str) -> None:
    when = load_language().phrases.read(said, datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin")))
    assert when is not None
    assert when.due == due


@pytest.mark.parametrize(
    "title",
    [
        "call mum at 5ish",
        "call mum 5ish tomorrow",
        "lunch 12-13",
        "meeting monday-friday",
        "vacation friday to sunday",
        "run at sunrise",
        "pay rent later today",
        "pay rent in a few days",
        "pay rent first thing tomorrow",
        "pay rent 1.12. by card",
        "pay rent on 1.12.2026",
        "pay rent on the first friday",
        "pay rent next december",
        "pay rent in november",
        "pay rent on the 22nd of this month",
        "pay rent next 15th",
        "pay rent last friday",
        "pay rent on friday at 5 or 6",
        "pay rent at 5pm utc",
        "pay rent every day except sunday",
        "pay rent every day at 9 and 17",
        "pay rent three times a week",
        "call 5:99 mum",
        "stretch every monday until at 5",
        "stretch every monday until 3 march for 10 times",
        "stretch every day starting",
    ],
)
def test_what_looks_like_a_time_is_asked_about(title: str) -> None:
    said, calls = ask(f"add {title}")
    assert not calls
    assert "I am not sure what “" in said
    assert ask(f'add "{title}"')[1] == [("create_task", {"title": title})], "in quotes it is a title"
