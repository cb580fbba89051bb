"""Upcoming occurrences: dates of live series in a window that have no instance yet."""

from collections.abc import Container, Iterator
from heapq import merge
from itertools import islice
from typing import cast

from sqlalchemy import ColumnElement, select
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from todo.record.queries import RECURRENCE, TASK, load_taken_ahead
from todo.record.shapes import RecurrenceRow, TaskRow
from todo.record.views import say_rule
from todo.record.work import Work
from todo.recurrence.schedule import dates_ahead
from todo.series.series import Series, read_series
from todo.text import when


class UpcomingDate(TypedDict):
    """A date of a series that has no instance yet."""

    recurring_id: str
    title: str
    due: str
    due_local: str
    due_text: str
    rule_text: str


MOST_SHOWN = 50
MOST_SERIES = 200
"""Series examined, by next date, so that a search stays cheap."""


def find_upcoming(
    work: Work, filters: list[ColumnElement[bool]], since: str | None, until: str, *, reminded: bool | None
) -> list[UpcomingDate]:
    """Return up to 50 dates between two instants, by due.

    `filters` are conditions on the series' tasks. The mode after_completion has no dates ahead.
    """
    statement = (
        select(TASK, RECURRENCE)
        .join(RECURRENCE, RECURRENCE.c.task_id == TASK.c.id)
        .where(*filters, RECURRENCE.c.user_id == work.who.user_id, RECURRENCE.c.next_due <= f"{until[:19]}Z")
        .order_by(RECURRENCE.c.next_due)
        .limit(MOST_SERIES)
    )
    if reminded is not None:
        has_none = RECURRENCE.c.reminders == "[]"
        statement = statement.where(~has_none if reminded else has_none)
    split = len(TASK.c)
    found_series = []
    for row in work.connection.execute(statement):
        task = dict(zip(TASK.c.keys(), row[:split], strict=True))
        recurrence = dict(zip(RECURRENCE.c.keys(), row[split:], strict=True))
        found_series.append(read_series(cast("TaskRow", task), cast("RecurrenceRow", recurrence)))
    taken = load_taken_ahead(work, [series.task["id"] for series in found_series])
    coming = [_walk_window(work, series, taken.get(series.task["id"], ()), since, until) for series in found_series]
    found = islice(merge(*coming, key=lambda each: each[0]), MOST_SHOWN)
    return [view for _, view in found]


def _walk_window(
    work: Work, series: Series, taken: Container[str], since: str | None, until: str
) -> Iterator[tuple[str, UpcomingDate]]:
    for due in dates_ahead(series.schedule, series.row["newest"], work.now, taken):
        deadline = when.deadline_of(due, work.zone)
        if deadline > until:
            return
        if since is None or deadline >= since:
            yield (
                deadline,
                {
                    "recurring_id": series.task["id"],
                    "title": series.task["title"],
                    "due": due,
                    "due_local": when.local_form(due, work.zone),
                    "due_text": when.say_with_own(due, work.zone, series.row["zone"]),
                    "rule_text": say_rule(series.row, work.zone),
                },
            )
