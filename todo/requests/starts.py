"""Starts: when a task begins, read and held against its due."""

from zoneinfo import ZoneInfo

from events.instants import read_instant
from todo.errors import InvalidArguments
from todo.record.work import Work
from todo.text import when
from todo.text.when import Duration


def read_start(work: Work, text: str, due: str | None, zone: ZoneInfo, warnings: list[str]) -> str:
    """Return a start as a date or an instant: from a date, a time, or a duration before the due.

    Raises `InvalidTime`, and `InvalidArguments` for a duration without a due.
    """
    if text[:4].isdigit() and text[4:5] == "-":
        reading = when.read_time(text, zone, work.now)
        warnings.extend(reading.warnings)
        return reading.due
    ahead = when.read_duration(text)
    if due is None:
        raise InvalidArguments("There is no due from which the start could count.", "Give start as a date or a time.")
    return when.shift(due, -ahead, zone).due


def check_start(work: Work, start: str | None, due: str | None) -> None:
    """Refuse a start after the due."""
    if start is None or due is None or when.begins_at(start, work.zone) <= when.deadline_of(due, work.zone):
        return
    raise InvalidArguments(
        f"The start, {when.say_due(start, work.zone)}, is after the due, {when.say_due(due, work.zone)}.",
        "Give an earlier start or a later due, or clear the start.",
    )


def shift_start(start: str, by: Duration, zone: ZoneInfo) -> str:
    """Return a start moved along with its due; a date moves by whole days alone."""
    return when.shift(start, Duration(by.days, 0) if when.is_date(start) else by, zone).due


def read_ahead(text: str, first: str) -> str:
    """Return a series' start as a duration before each due, in its short form; `first` is its first due.

    Raises `InvalidTime` and `InvalidArguments` for anything else.
    """
    if text[:4].isdigit() and text[4:5] == "-":
        raise InvalidArguments(
            "Every occurrence begins on its own day, so the start of a series is a duration before the due.",
            "Give for example 3d.",
        )
    ahead = when.read_duration(text)
    if when.is_date(first) and ahead.seconds:
        raise InvalidArguments("The dates of this series have no time, so its start is in whole days.", "Give 1d.")
    return when.write_duration(ahead)


def start_of(due: str, ahead: str | None, zone: ZoneInfo) -> str | None:
    """Return the start of an occurrence with this due; None if its series has none."""
    return None if ahead is None else shift_start(due, -when.read_duration(ahead), zone)


def find_ahead(start: str | None, due: str | None) -> str | None:
    """Return how long before its due a task begins, if both are dates or both have a time."""
    if start is None or due is None or when.is_date(start) != when.is_date(due):
        return None
    gap = read_instant(_as_instant(due)) - read_instant(_as_instant(start))
    return when.write_duration(Duration(gap.days, gap.seconds))


def _as_instant(due: str) -> str:
    return f"{due}T00:00:00Z" if when.is_date(due) else due
