"""The scheduler's step: fires due reminders and makes due instances, for all users."""

import logging
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, update

from events.consumer import savepoint
from events.instants import write_instant
from todo.errors import ChangedMeanwhile, TodoError
from todo.record.changes import Change
from todo.record.queries import (
    RECURRENCE,
    find_task,
    load_due_series,
    load_taken,
    next_reminder_at,
    next_series_at,
)
from todo.record.shapes import RecurrenceColumns, RecurrenceRow
from todo.record.work import Work
from todo.recurrence.schedule import catch_up, starts_at
from todo.rings import fire_due, next_ring_at, ring_again
from todo.series.series import end_series, make_instances, read_series
from todo.text.when import Duration, add

log = logging.getLogger(__name__)

MOST_SERIES = 10
"""Series per step; bounds how long a step holds the writer to a few milliseconds."""

_PUT_OFF = update(RECURRENCE).where(RECURRENCE.c.task_id == bindparam("key")).values(next_at=bindparam("at"))


def step(work: Work) -> int:
    """Do one bounded batch of due work; return how many rows were examined, 0 when nothing is left.

    Instances come first, so that a reminder of theirs that is due at once fires in the same step.
    """
    return make_due(work) + fire_due(work) + ring_again(work)


def next_step_at(work: Work) -> str | None:
    """Return the instant of the scheduler's next work; None if there is none."""
    times = (next_reminder_at(work), next_series_at(work), next_ring_at(work))
    return min((at for at in times if at is not None), default=None)


def make_due(work: Work, limit: int = MOST_SERIES) -> int:
    """Make the instances of up to `limit` series of all users whose newest nominal time is reached.

    Returns how many series were looked at. One that cannot be read is put off by five minutes, alone.
    """
    due = load_due_series(work, limit)
    for row in due:
        owner = work.for_user(row["user_id"])
        try:
            with savepoint(work.connection):
                _make_next(owner, row)
        except ChangedMeanwhile:
            raise  # the series is as it should be: the whole step is run again
        except (TodoError, ValueError, LookupError, ArithmeticError):
            log.exception("series %s cannot go on; it is tried again in five minutes", row["task_id"])
            later = write_instant(add(work.now, Duration(0, 300), ZoneInfo("UTC")))
            work.connection.execute(_PUT_OFF, {"key": row["task_id"], "at": later})
    return len(due)


def _make_next(work: Work, row: RecurrenceRow) -> None:
    task = find_task(work, row["task_id"])
    if task is None:
        work.connection.execute(_PUT_OFF, {"key": row["task_id"], "at": None})
        return
    newest = row["newest"]
    if newest is None:
        raise ValueError("a series that waits for its time has a newest date")
    series = read_series(task, row)
    taken = load_taken(work, task["id"], newest)
    caught = catch_up(series.schedule, newest, series.catch_up, work.now, passed=row["passed"], taken=taken)
    values: RecurrenceColumns = {"newest": caught.newest, "passed": caught.passed}
    since = write_instant(starts_at(newest, series.schedule.zone))
    change = Change(work, "make_instances")
    series, _ = make_instances(change, series, caught.dates, values, since)
    if caught.ended:
        end_series(change, series)
    if change.list_touched():
        change.record()
