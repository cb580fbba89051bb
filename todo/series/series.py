"""A series and its instances: how they are read, and how each instance comes into being, at most once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from pydantic_core import from_json
from sqlalchemy import bindparam, insert, update

from events.catalog import EventType
from events.instants import write_instant
from todo import reminders
from todo.errors import InvalidArguments, VersionConflict
from todo.record.changes import Touched
from todo.record.queries import (
    RECURRENCE,
    Row,
    find_task,
    load_open_instances,
    load_recurrence,
    load_taken,
    load_task,
)
from todo.record.rows import insert_task, show_task, update_task_row
from todo.record.views import View
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
from todo.text import when
from todo.text.display import quote_title

_INSERT = insert(RECURRENCE)
_GUARDED = update(RECURRENCE).where(
    RECURRENCE.c.task_id == bindparam("key"), RECURRENCE.c.revision == bindparam("seen")
)


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it is stored: the row of its task, the row of its recurrence, and the course that this one sets."""

    task: Row
    row: Row
    course: Schedule

    @property
    def is_live(self) -> bool:
        """Whether instances still come."""
        return self.task["status"] == "open" and self.task["deleted_at"] is None and not self.row["paused"]

    @property
    def catch_up(self) -> CatchUp:
        """What becomes of the dates that were missed."""
        return cast("CatchUp", self.row["catch_up"])


@dataclass(slots=True)
class Advance:
    """What a step of a series changed beside the task that was asked for, for the change's record and the answer."""

    touched: list[Touched] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    next: View | None = None
    ended: bool = False

    def tell(self) -> str:
        """Return what comes next as a sentence that follows another."""
        if self.ended:
            return " That was the last occurrence: the series is completed."
        return f" Next: {self.next['due_text']}." if self.next is not None else ""


def read_series(task: Row, row: Row) -> Series:
    """Put the two rows of a series together."""
    course = Schedule(
        rules.parse(row["rule"]),
        row["first"],
        when.read_zone(row["zone"]),
        cast("Mode", row["mode"]),
        frozenset(from_json(row["skipped"])) if row["skipped"] != "[]" else frozenset(),
        row["wall"],
    )
    return Series(task, row, course)


def load_series(work: Work, task_id: str) -> Series:
    """Return the series of an id, or the one to which the instance of that id belongs.

    Raises `TaskNotFound`, and `InvalidArguments` for a task that does not recur.
    """
    task = load_task(work, task_id)
    if task["kind"] == "recurring":
        return read_series(task, load_recurrence(work, task_id))
    series = find_series(work, task)
    if series is None:
        gone = task["recurring_id"] is not None
        raise InvalidArguments(
            f"The series of {quote_title(task['title'])} is deleted."
            if gone
            else f"{quote_title(task['title'])} is not a recurring task.",
            "create_recurring_task with its task_id lets it recur.",
        )
    return series


def find_series(work: Work, instance: Row) -> Series | None:
    """Return the living series of an instance, or nothing."""
    if instance["recurring_id"] is None or (task := find_task(work, instance["recurring_id"])) is None:
        return None
    return read_series(task, load_recurrence(work, task["id"]))


def insert_series(work: Work, task: Row, row: Row) -> Series:
    """Write how a new series recurs, and return the series; no instance is made yet."""
    row = {
        "paused": False,
        "skipped": "[]",
        "wall": None,
        "newest": None,
        "awaits": None,
        "made": 0,
        "passed": 0,
        "next_due": None,
        "next_at": None,
        "revision": 1,
        **row,
        "task_id": task["id"],
        "user_id": task["user_id"],
    }
    work.connection.execute(_INSERT, row)
    return read_series(task, row)


def save_series(work: Work, series: Series, values: dict[str, Any]) -> Series:
    """Write what changed in a recurrence, with the next date and instant that follow from it; return the series.

    Raises `VersionConflict` if somebody else moved the series on at the same moment.
    """
    work.kept.setdefault(series.row["task_id"], series.row)
    moved = read_series(series.task, {**series.row, **values})
    values = {**values, **_foresee(moved), "revision": series.row["revision"] + 1}
    result = work.connection.execute(
        _GUARDED.values({name: bindparam(name) for name in values}),
        {**values, "key": series.row["task_id"], "seen": series.row["revision"]},
    )
    if result.rowcount != 1:
        raise VersionConflict("The series was changed at the same moment.", "Read it again and repeat the change.")
    return replace(moved, row={**moved.row, **values})


def _foresee(series: Series) -> dict[str, Any]:
    newest = series.row["newest"]
    if not series.is_live or series.course.mode == "after_completion":
        return {"next_due": None, "next_at": None}
    course = series.course
    ahead = (due for due in course.walk(newest) if due not in course.skipped)
    waits = course.mode == "every_occurrence" and newest is not None
    return {
        "next_due": next(ahead, None),
        "next_at": write_instant(starts_at(newest, course.zone)) if waits else None,
    }


def make_instances(
    work: Work, series: Series, steps: Iterable[NextDate], values: dict[str, Any], since: str | None = None
) -> tuple[Series, Advance]:
    """Make the instances of some dates and move the series on, `newest` to the last one; return both.

    The series' own row is written first: of two who do this at once, one is refused before anything is made. `since`
    is the instant from which on the reminders of one that lies ahead still ring.
    """
    steps = list(steps)
    moved = {"made": series.row["made"] + len(steps), "passed": 0, **values}
    if steps:
        moved.setdefault("newest", steps[-1].due)
        moved["awaits"] = None
    series = save_series(work, series, moved)
    outcome = Advance()
    for step in steps:
        row = insert_task(
            work,
            {
                **{name: series.task[name] for name in ("title", "notes", "priority")},
                "tags": from_json(series.task["tags"]),
                "due": step.due,
                "zone": None if when.is_date(step.due) else series.course.zone.key,
                "recurring_id": series.task["id"],
                "occurrence": step.due,
            },
        )
        ahead = since if starts_at(step.due, series.course.zone) > work.now else None
        outcome.warnings += reminders.carry_reminders(work, row, from_json(series.row["reminders"]), ahead)
        view = show_task(work, row)
        outcome.touched.append(Touched(EventType.TASK_CREATED, None, view, tell_trigger(series, step)))
        outcome.next = view_next(work, row)
    return series, outcome


def tell_trigger(series: Series, step: NextDate) -> View:
    """Return what `recurring.trigger` says of an instance beside the task itself."""
    return {"recurring_id": series.task["id"], "occurrence": step.due, "skipped": step.passed}


def end_series(work: Work, series: Series) -> Touched:
    """Complete a series that has no date left."""
    before = show_task(work, series.task)
    row = update_task_row(work, series.task, {"status": "completed", "completed_at": work.at})
    save_series(work, replace(series, task=row), {})
    return Touched(EventType.TASK_COMPLETED, before, show_task(work, row))


def go_on(work: Work, instance: Row, *, done: bool) -> Advance:
    """Let a series go on after an instance was completed (`done`) or deleted, which is to skip it.

    Makes the successor if the mode wants one and there is none yet, or completes the series when no date is left.
    """
    series = find_series(work, instance)
    if series is None:
        return Advance()
    open_ones = [each for each in load_open_instances(work, series.task["id"]) if each["id"] != instance["id"]]
    if not series.is_live or not _wants_next(work, series, instance, open_ones, done=done):
        return Advance(next=tell_next(work, series, open_ones))
    step = find_step(work, series, instance["occurrence"], done=done)
    if step is None:
        touched = [end_series(work, series)]
        return Advance(touched, next=view_next(work, open_ones[0]) if open_ones else None, ended=True)
    return make_instances(work, series, [step], {})[1]


def _wants_next(work: Work, series: Series, instance: Row, open_ones: list[Row], *, done: bool) -> bool:
    """Return whether the next one has to come now that an instance is completed or deleted.

    One after which another was made that is open has had its successor: it was reopened. Of every_occurrence the clock
    decides; only when the one that lies ahead is skipped does the next take its place.
    """
    is_last = all(each["number"] < instance["number"] for each in open_ones)
    if series.course.mode != "every_occurrence":
        return is_last
    newest = series.row["newest"]
    if done or min(starts_at(due, series.course.zone) for due in (newest, instance["occurrence"])) <= work.now:
        return False
    has_one = newest in load_taken(work, series.task["id"], just_before(newest))
    return (is_last or instance["occurrence"] == newest) and not has_one


def delete_row(work: Work, task: Row) -> Touched:
    """Delete one task softly and cancel its reminders."""
    before = show_task(work, task)
    row = update_task_row(work, task, {"deleted_at": work.at})
    reminders.cancel_scheduled(work, task["id"], "deleted")
    return Touched(EventType.TASK_DELETED, before, show_task(work, row))


def find_step(work: Work, series: Series, occurrence: str | None, *, done: bool) -> NextDate | None:
    """Return the date that comes after the newest one, or after doing or skipping `occurrence` now."""
    newest = series.row["newest"]
    if series.course.mode != "after_completion":
        return next_on_rule(series.course, newest, work.now, load_taken(work, series.task["id"], newest))
    awaits = series.row["awaits"]
    if awaits is not None and _may_come(work, series, awaits):
        return NextDate(awaits, 0)
    from_ = work.now
    if not done and occurrence is not None:
        # Skipped ahead of time, the interval counts from the date that is skipped.
        from_ = max(from_, starts_at(occurrence, series.course.zone))
    # Nominal dates are kept in UTC, so a day earlier is early enough in every zone.
    taken = load_taken(work, series.task["id"], str((from_ - timedelta(days=2)).date()))
    return next_after_completion(series.course, from_, series.row["made"], taken)


def _may_come(work: Work, series: Series, awaits: str) -> bool:
    """Return whether the date that waits can be the next one of a series that counts from doing."""
    course, most = series.course, series.course.rule.count
    if (most is not None and series.row["made"] >= most) or is_over(awaits, course.zone, work.now):
        return False
    taken = load_taken(work, series.task["id"], just_before(awaits))
    return awaits not in taken and rules.is_within(course.rule, awaits, course.zone)


def list_free(work: Work, series: Series, after: str | None = None) -> Iterator[str]:
    """Yield the dates later than the newest one (or `after`) that are not over and have no instance."""
    after = series.row["newest"] if after is None else after
    return dates_ahead(series.course, after, work.now, load_taken(work, series.task["id"], after))


def tell_next(work: Work, series: Series, open_ones: list[Row]) -> View | None:
    """Return `{task_id?, due, due_text}` of the oldest open instance, else of the next date, or nothing."""
    if open_ones:
        return view_next(work, open_ones[0])
    if not series.is_live or series.course.mode == "after_completion":
        return None
    due = next(list_free(work, series), None)
    return None if due is None else {"due": due, "due_text": when.say_due(due, work.zone)}


def view_next(work: Work, instance: Row) -> View:
    """Return `{task_id, due, due_text}` of an instance, as answers show the next one."""
    due = instance["due"] or instance["occurrence"]
    return {"task_id": instance["id"], "due": due, "due_text": when.say_due(due, work.zone)}
