"""A series and its instances: reading them, and making each instance at most once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice, takewhile
from typing import cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json
from sqlalchemy import bindparam, insert, update

from events.instants import write_instant
from todo import reminders
from todo.errors import ChangedMeanwhile, InvalidArguments
from todo.record.changes import Change
from todo.record.queries import (
    RECURRENCE,
    find_task,
    load_open_instances,
    load_recurrence,
    load_taken,
    load_task,
    open_due,
)
from todo.record.shapes import DateShape, NewTask, PassedDate, RecurrenceColumns, RecurrenceRow, TaskRow, TriggerShape
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.schedule import (
    CatchUp,
    Mode,
    NextDate,
    Schedule,
    dates_ahead,
    is_over,
    just_before,
    next_after_completion,
    next_on_rule,
    starts_at,
)
from todo.requests.starts import start_of
from todo.subtasks.branches import add_templates, read_templates
from todo.text import when
from todo.text.display import quote_title

MOST_NAMED, MOST_LISTED = 3, 20
"""Missed dates that a sentence names, and that an answer lists."""
_MOST_MISSED = 1_000

_INSERT = insert(RECURRENCE)
_GUARDED = update(RECURRENCE).where(
    RECURRENCE.c.task_id == bindparam("key"),
    RECURRENCE.c.user_id == bindparam("owner"),
    RECURRENCE.c.revision == bindparam("seen"),
)


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it is stored: the row of its task, the row of its recurrence, and the schedule that this row sets."""

    task: TaskRow
    row: RecurrenceRow
    schedule: Schedule

    @property
    def is_live(self) -> bool:
        """Whether it still makes instances."""
        return self.task["status"] == "open" and self.task["deleted_at"] is None and not self.row["paused"]

    @property
    def catch_up(self) -> CatchUp:
        """How missed dates are handled."""
        return cast("CatchUp", self.row["catch_up"])


@dataclass(slots=True)
class Advance:
    """How a series has moved on: the instances made, the next date, whether it has ended, and warnings."""

    made: list[TaskRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    next: DateShape | None = None
    ended: bool = False
    missed: list[str] = field(default_factory=list)

    def tell(self, zone: ZoneInfo) -> str:
        """Return the next date and what was passed over as sentences that follow another; empty if there is neither."""
        if self.ended:
            return " That was the last occurrence: the series is completed."
        ahead = f" Next: {self.next['due_text']}." if self.next is not None else ""
        return f"{ahead}{self.tell_missed(zone)}"

    def tell_missed(self, zone: ZoneInfo) -> str:
        """Return the missed dates that were passed over as a sentence that follows another; empty if there are none."""
        if not self.missed:
            return ""
        more = f" and {len(self.missed) - MOST_NAMED} more" if len(self.missed) > MOST_NAMED else ""
        return f" Passed over: {'; '.join(when.say_short(due, zone) for due in self.missed[:MOST_NAMED])}{more}."

    def note_missed(self, missed: list[str], zone: ZoneInfo) -> None:
        """Note the dates that were missed before the next one, and list the first of them beside it."""
        self.missed = missed
        if missed and self.next is not None:
            listed: list[PassedDate] = [{"due": due, "due_text": when.say_due(due, zone)} for due in missed]
            self.next = {**self.next, "passed_over": listed[:MOST_LISTED]}


def read_series(task: TaskRow, row: RecurrenceRow) -> Series:
    """Put the two rows of a series together."""
    schedule = Schedule(
        rules.parse(row["rule"]),
        row["first"],
        when.read_zone(row["zone"]),
        cast("Mode", row["mode"]),
        frozenset(from_json(row["skipped"])) if row["skipped"] != "[]" else frozenset(),
        row["wall"],
    )
    return Series(task, row, schedule)


def load_series(work: Work, task_id: str) -> Series:
    """Return the series of an id, or the one to which the instance of that id belongs.

    Raises `TaskNotFound`, and `InvalidArguments` for a task that does not recur.
    """
    task = load_task(work, task_id)
    if task["kind"] == "recurring":
        return read_series(task, load_recurrence(work, task_id))
    series = find_series(work, task)
    if series is None:
        title = quote_title(task["title"])
        raise InvalidArguments(
            f"{title} is not a recurring task."
            if task["recurring_id"] is None
            else f"The series of {title} is deleted.",
            "create_recurring_task with its task_id lets it recur.",
        )
    return series


def find_series(work: Work, instance: TaskRow) -> Series | None:
    """Return the living series of an instance; None if it has none or the series is deleted.

    Raises `Forbidden` for one outside the lists that the caller is bound to.
    """
    if instance["recurring_id"] is None:
        return None
    task = find_task(work, instance["recurring_id"])
    if task is None:
        work.refuse_split_series(instance["recurring_id"])
        return None
    return read_series(task, load_recurrence(work, task["id"]))


def insert_series(work: Work, task: TaskRow, values: RecurrenceColumns) -> Series:
    """Insert the recurrence of a new series; no instance is made yet."""
    row = {
        "paused": False,
        "skipped": "[]",
        "wall": None,
        "start": None,
        "subtasks": None,
        "newest": None,
        "awaits": None,
        "made": 0,
        "passed": 0,
        "next_due": None,
        "next_at": None,
        "revision": 1,
        **values,
        "task_id": task["id"],
        "user_id": task["user_id"],
    }
    work.connection.execute(_INSERT, row)
    return read_series(task, cast("RecurrenceRow", row))


def save_series(change: Change, series: Series, values: RecurrenceColumns) -> Series:
    """Write changed columns of a recurrence and the search keys derived from them; return the series.

    Raises `ChangedMeanwhile` if another transaction has advanced the series in the same moment.
    """
    change.keep_series(series.row)
    moved = read_series(series.task, {**series.row, **values})
    values = {**values, **_foresee(moved), "revision": series.row["revision"] + 1}
    result = change.work.connection.execute(
        _GUARDED.values({name: bindparam(name) for name in values}),
        {**values, "key": series.row["task_id"], "owner": series.row["user_id"], "seen": series.row["revision"]},
    )
    if result.rowcount != 1:
        raise ChangedMeanwhile("series")
    return replace(moved, row={**moved.row, **values})


def _foresee(series: Series) -> RecurrenceColumns:
    newest = series.row["newest"]
    if not series.is_live or series.schedule.mode == "after_completion":
        return {"next_due": None, "next_at": None}
    schedule = series.schedule
    ahead = (due for due in schedule.walk(newest) if due not in schedule.skipped)
    waits = schedule.mode == "every_occurrence"
    return {
        "next_due": next(ahead, None),
        "next_at": write_instant(starts_at(newest, schedule.zone)) if waits and newest is not None else None,
    }


def make_instances(
    change: Change, series: Series, dates: Iterable[NextDate], values: RecurrenceColumns, since: str | None = None
) -> tuple[Series, Advance]:
    """Make the instances of these dates and advance the series to the last one.

    The row of the series is written first: of two concurrent transactions one is refused before it makes anything.
    Reminders between `since` and now still ring, late, for an instance that lies ahead.
    """
    work, dates = change.work, list(dates)
    moved: RecurrenceColumns = {"made": series.row["made"] + len(dates), "passed": 0, **values}
    if dates:
        moved.setdefault("newest", dates[-1].due)
        moved["awaits"] = None
    series = save_series(change, series, moved)
    advance, templates = Advance(), read_templates(series.row["subtasks"])
    for date in dates:
        instance: NewTask = {
            "title": series.task["title"],
            "notes": series.task["notes"],
            "priority": series.task["priority"],
            "tags": from_json(series.task["tags"]),
            "due": date.due,
            "zone": None if when.is_date(date.due) else series.schedule.zone.key,
            "recurring_id": series.task["id"],
            "occurrence": date.due,
            "list_id": series.task["list_id"],
            "start": start_of(date.due, series.row["start"], series.schedule.zone),
            "has_subtasks": int(bool(templates)),
        }
        row = change.create(instance)
        advance.made.append(row)
        change.trigger(row, make_trigger(series, date))
        ahead = since if starts_at(date.due, series.schedule.zone) > work.now else None
        advance.warnings += reminders.carry_reminders(work, row, from_json(series.row["reminders"]), ahead)
        add_templates(change, row, templates)
        advance.next = view_next(work, row)
    return series, advance


def make_trigger(series: Series, date: NextDate) -> TriggerShape:
    """Return the part of `recurring.trigger` that describes the instance."""
    return {"recurring_id": series.task["id"], "occurrence": date.due, "skipped": date.passed}


def end_series(change: Change, series: Series) -> None:
    """Complete a series that has no date left."""
    row = change.update(series.task, {"status": "completed", "completed_at": change.work.at})
    save_series(change, replace(series, task=row), {})


def go_on(change: Change, instance: TaskRow, *, done: bool) -> Advance:
    """Move a series on after an instance was completed (`done`) or deleted, which skips it.

    Makes the successor if the mode wants one and there is none yet, or completes the series when no date is left.
    Does nothing for a task that does not recur.
    """
    work = change.work
    series = find_series(work, instance)
    if series is None:
        return Advance()
    open_ones = [each for each in load_open_instances(work, series.task["id"]) if each["id"] != instance["id"]]
    if not series.is_live or not _wants_next(work, series, instance, open_ones, done=done):
        return Advance(next=tell_next(work, series, open_ones))
    date = find_next(work, series, instance["occurrence"], done=done)
    if date is None:
        end_series(change, series)
        return Advance(next=view_next(work, open_ones[0]) if open_ones else None, ended=True)
    missed = list_missed(work, series, date.due)
    advance = make_instances(change, series, [date], {})[1]
    advance.note_missed(missed, work.zone)
    advance.warnings += _explain_taken(work, series, date.due) if done else []
    return advance


def list_missed(work: Work, series: Series, due: str) -> list[str]:
    """Return the dates after the newest one and before `due` that had no instance and were not skipped on purpose."""
    newest, schedule = series.row["newest"], series.schedule
    if newest is None or schedule.mode == "after_completion":
        return []
    taken = load_taken(work, series.task["id"], newest)
    before = takewhile(lambda each: each < due, islice(schedule.walk(newest), _MOST_MISSED))
    return [each for each in before if each not in schedule.skipped and each not in taken]


def _explain_taken(work: Work, series: Series, due: str) -> list[str]:
    """Return the sentence on a next date after completion that lies further away than one interval."""
    schedule = series.schedule
    nearest = next_after_completion(schedule, work.now, 0) if schedule.mode == "after_completion" else None
    if nearest is None or nearest.due >= due:
        return []
    if nearest.due not in load_taken(work, series.task["id"], just_before(nearest.due)):
        return []
    said = when.say_due(nearest.due, schedule.zone)
    return [f"{said} has had its occurrence already, so the next one is an interval later."]


def _wants_next(work: Work, series: Series, instance: TaskRow, open_ones: list[TaskRow], *, done: bool) -> bool:
    """Return whether the next instance has to be made now that this one is completed or deleted.

    If a later instance is open, this one was reopened and already has its successor. In `every_occurrence` the
    scheduler decides; only if the instance ahead is skipped does the next one take its place here.
    """
    is_last = all(each["number"] < instance["number"] for each in open_ones)
    if series.schedule.mode != "every_occurrence":
        return is_last
    newest, nominal = series.row["newest"], instance["occurrence"]
    if done or newest is None or nominal is None:
        return False
    if min(starts_at(due, series.schedule.zone) for due in (newest, nominal)) <= work.now:
        return False
    has_one = newest in load_taken(work, series.task["id"], just_before(newest))
    return (is_last or nominal == newest) and not has_one


def find_next(work: Work, series: Series, occurrence: str | None, *, done: bool) -> NextDate | None:
    """Return the date that comes after the newest one, or after doing or skipping `occurrence` now."""
    newest = series.row["newest"]
    if series.schedule.mode != "after_completion":
        return next_on_rule(series.schedule, newest, work.now, load_taken(work, series.task["id"], newest))
    awaits = series.row["awaits"]
    if awaits is not None and _may_come(work, series, awaits):
        return NextDate(awaits, 0)
    from_ = work.now
    if not done and occurrence is not None:
        # After an early skip the interval counts from the skipped date.
        from_ = max(from_, starts_at(occurrence, series.schedule.zone))
    # Nominal dates are kept in UTC, so a day earlier is early enough in every zone.
    taken = load_taken(work, series.task["id"], str((from_ - timedelta(days=2)).date()))
    return next_after_completion(series.schedule, from_, series.row["made"], taken)


def _may_come(work: Work, series: Series, awaits: str) -> bool:
    """Return whether the awaited date can be the next one in the mode after_completion."""
    schedule, most = series.schedule, series.schedule.rule.count
    if (most is not None and series.row["made"] >= most) or is_over(awaits, schedule.zone, work.now):
        return False
    taken = load_taken(work, series.task["id"], just_before(awaits))
    return awaits not in taken and rules.is_within(schedule.rule, awaits, schedule.zone)


def list_free(work: Work, series: Series, after: str | None = None) -> Iterator[str]:
    """Yield the dates later than the newest one (or `after`) that are not over and have no instance."""
    after = series.row["newest"] if after is None else after
    return dates_ahead(series.schedule, after, work.now, load_taken(work, series.task["id"], after))


def tell_next(work: Work, series: Series, open_ones: list[TaskRow]) -> DateShape | None:
    """Return the oldest open instance, else the next date; None if there is neither."""
    if open_ones:
        return view_next(work, open_ones[0])
    if not series.is_live or series.schedule.mode == "after_completion":
        return None
    due = next(list_free(work, series), None)
    return None if due is None else {"due": due, "due_text": when.say_due(due, work.zone)}


def view_next(work: Work, instance: TaskRow) -> DateShape:
    """Return `{task_id, due, due_text}` of an instance, as answers show the next one."""
    due = open_due(instance)
    return {"task_id": instance["id"], "due": due, "due_text": when.say_due(due, work.zone)}
