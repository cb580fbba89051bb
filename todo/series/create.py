"""The use cases on recurring tasks: create, preview, edit what all instances share, delete; `revising` has the rest."""

from datetime import datetime, time
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from events.catalog import EventType
from todo.errors import InvalidArguments, RuleInvalid, RuleNeverOccurs
from todo.record.answers import answer_nothing, answer_write
from todo.record.changes import Touched, check_version, record_change
from todo.record.queries import Row, load_open_instances, load_reminders, load_task
from todo.record.rows import insert_task, show_task, update_task_row
from todo.record.views import PRIORITIES, View, say_rule
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.recurrence.schedule import (
    Mode,
    NextDate,
    Schedule,
    day_of,
    is_over,
    next_after_completion,
    next_on_rule,
    noon_of,
)
from todo.reminders import MOST_PER_TASK, follow_due, replace_reminders
from todo.requests.confirmations import require_person
from todo.requests.fields import clean_tags, read_edits
from todo.requests.schemas import CreateRecurringTask, PreviewOccurrences, ReminderSpec, UpdateTask
from todo.series.series import (
    Series,
    delete_row,
    insert_series,
    list_free,
    load_series,
    make_instances,
    save_series,
    tell_trigger,
)
from todo.text import when
from todo.text.display import quote_title

_SHARED = ("title", "notes", "priority", "tags")


class ParsedRule(NamedTuple):
    """A rule that was read, with the due that sets its phase and what is to be said about both.

    `wall` is the local time that `first` was to have, if the clocks jump over it.
    """

    rule: Rule
    first: str
    warnings: list[str]
    wall: str | None = None


def read_schedule(work: Work, rule_text: str, first_due: str | None, zone: ZoneInfo) -> ParsedRule:
    """Read a rule and its first due; raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`, `InvalidTime`."""
    rule = rules.parse(rule_text)
    warnings: list[str] = []
    if first_due is None:
        first = rules.default_first(rule, zone, work.now)
        start = datetime.combine(day_of(first, zone), time())
    else:
        reading = when.read_time(first_due, zone, work.now)
        warnings.extend(reading.warnings)
        first, moved = rules.snap(rule, reading.due, zone, reading.wall)
        start = rules.local_start(reading.due, zone, reading.wall)
        warnings += [moved] if moved else []
    wall = rules.find_wall(rule, start, zone, first)
    return ParsedRule(rule, first, [*warnings, *rules.check(rule, first, zone, wall)], wall)


def preview_occurrences(work: Work, request: PreviewOccurrences) -> View:
    """Return `{occurrences: [{due, due_local, due_text}], rule_text, warnings?, now}`; stores nothing.

    A rule that lies wholly in the past is shown as well; a series is shown from now on, without what is skipped.
    Raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`, `InvalidTime`, and `InvalidArguments` unless exactly
    one of `task_id` and `rule` is given.
    """
    if (request.task_id is None) == (request.rule is None):
        raise InvalidArguments("Exactly one of task_id and rule is wanted.", "Give a rule: FREQ=WEEKLY;BYDAY=MO.")
    if request.rule is None:
        return _preview_series(work, request)
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    schedule = read_schedule(work, request.rule, request.first_due, zone)
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    dues = islice(rules.walk(schedule.rule, schedule.first, zone, after, schedule.wall), request.count)
    view: View = {
        "occurrences": [_view_date(due, zone) for due in dues],
        "rule_text": rules.describe(schedule.rule, schedule.first, zone, schedule.wall),
    }
    if schedule.warnings:
        view["warnings"] = schedule.warnings
    view["now"] = when.say_now(work.now, work.zone)
    return view


def _preview_series(work: Work, request: PreviewOccurrences) -> View:
    if request.first_due is not None or request.zone is not None:
        raise InvalidArguments("first_due and zone go with rule.", "A series has its own; leave them out.")
    series = load_series(work, request.task_id or "")
    zone = series.course.zone
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    view: View = {
        "occurrences": list_ahead(work, series, after, request.count),
        "rule_text": say_rule(series.row, work.zone),
    }
    warnings = []
    if series.row["paused"]:
        warnings.append("The series is paused: none of these comes before it is resumed with paused=false.")
    elif not series.is_live:
        warnings.append("The series is completed; update_recurring_task with ends or rule lets it go on.")
    elif series.course.mode == "after_completion":
        warnings.append("These are the dates if each occurrence is done on its day; the interval counts from doing.")
    if warnings:
        view["warnings"] = warnings
    view["now"] = when.say_now(work.now, work.zone)
    return view


def list_ahead(work: Work, series: Series, after: str | None, limit: int) -> list[View]:
    """Return up to `limit` dates of a series that are not over, later than `after`, without skipped ones.

    Those of open instances stand for what they were moved to and carry their `task_id`.
    """
    zone, course = series.course.zone, series.course
    found: list[View] = []
    open_ones = load_open_instances(work, series.task["id"])
    for row in open_ones:
        due = row["due"] or row["occurrence"]
        if not is_over(due, zone, work.now) and (after is None or _is_later(due, after, zone)):
            found.append({"task_id": row["id"], **_view_date(due, zone)})
    if series.task["status"] == "open" and course.mode == "after_completion":
        found += _guess_ahead(work, series, open_ones, after, limit)
    elif series.task["status"] == "open":
        newest = series.row["newest"]
        floor = newest if after is None else after if newest is None or _is_later(after, newest, zone) else newest
        found += [_view_date(due, zone) for due in islice(list_free(work, series, floor), limit)]
    return found[:limit]


def _guess_ahead(work: Work, series: Series, open_ones: list[Row], after: str | None, limit: int) -> list[View]:
    """Return the dates after the open one if each is done on its day, or after today if none is open."""
    zone = series.course.zone
    done_at, made = work.now, series.row["made"]
    if open_ones:
        done_at = max(done_at, noon_of(open_ones[-1]["due"] or open_ones[-1]["occurrence"], zone))
    found: list[View] = []
    for _ in range(1_000):
        step = next_after_completion(series.course, done_at, made)
        if step is None or len(found) == limit:
            break
        if after is None or _is_later(step.due, after, zone):
            found.append(_view_date(step.due, zone))
        done_at, made = noon_of(step.due, zone), made + 1
    return found


def create_recurring_task(work: Work, request: CreateRecurringTask) -> View:
    """Create a series and its first instance, which is the answer's `task`.

    Emits `task.created` for the series, then `task.created` (`task.updated` for a task that existed) and
    `recurring.trigger` for the instance. Raises the rule's refusals, and `RuleNeverOccurs` for one wholly past.
    """
    if (request.title is None) == (request.task_id is None):
        raise InvalidArguments("Exactly one of title and task_id is wanted.", "Give the title of a new task.")
    task = None if request.task_id is None else _load_convertible(work, request)
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    first_due = request.first_due
    if first_due is None and task is not None:
        first_due = task["due"]
    schedule = read_schedule(work, request.rule, first_due, zone)
    mode = request.mode or "one_at_a_time"
    check_mode(schedule.rule, mode, request.catch_up)
    befores = read_befores(request.reminders or [])
    values = _template_of(request, task)
    course = Schedule(schedule.rule, schedule.first, zone, mode, wall=schedule.wall)
    step = next_on_rule(course, None, work.now)
    if step is None:
        raise RuleNeverOccurs("This rule has no date after now.", "Give a later UNTIL or first_due, or more COUNT.")
    warnings = schedule.warnings
    row = insert_task(work, {**values, "tags": from_json(values["tags"]), "kind": "recurring"})
    if task is not None and not befores and request.reminders is None:
        befores = [each["before"] for each in load_reminders(work, task["id"]) if _is_carried(each)]
    series = insert_series(
        work,
        row,
        {
            "rule": schedule.rule.text,
            "rule_text": describe_course(course),
            "first": schedule.first,
            "wall": schedule.wall,
            "zone": zone.key,
            "mode": mode,
            "catch_up": request.catch_up or "latest",
            "reminders": to_json(befores).decode(),
        },
    )
    if task is None:
        if step.due != schedule.first:
            warnings.append(
                f"{when.say_due(schedule.first, zone)} is past; the first occurrence is {when.say_due(step.due, zone)}."
            )
        series, outcome = make_instances(work, series, [step], {})
        instance, touched = outcome.touched[0].after, outcome.touched
        warnings += outcome.warnings
    else:
        series, joined, more = _join(work, series, task, values, schedule.first, replace=request.reminders is not None)
        instance, touched = joined.after, [joined]
        warnings += more
    created = Touched(EventType.TASK_CREATED, None, show_task(work, row))
    recorded = record_change(work, "create_recurring_task", [created, *touched], request.request_id)
    return answer_write(work, instance, recorded, _say_created(work, series, instance), warnings)


def _load_convertible(work: Work, request: CreateRecurringTask) -> Row:
    task = load_task(work, request.task_id or "")
    check_version(work, task, request.expected_version)
    if task["kind"] == "recurring" or task["recurring_id"] is not None:
        raise InvalidArguments(f"{quote_title(task['title'])} recurs already.", "Change it with update_recurring_task.")
    if task["status"] == "completed":
        raise InvalidArguments(f"{quote_title(task['title'])} is completed.", "Reopen it with reopen_task first.")
    return task


def _template_of(request: CreateRecurringTask, task: Row | None) -> dict[str, Any]:
    """Return the shared columns of a new series: what is given, else what the task has that it begins with."""
    values: dict[str, Any] = {name: task[name] for name in _SHARED} if task else {"notes": "", "priority": 0}
    values.setdefault("tags", "[]")
    if request.title is not None:
        values["title"] = request.title
    if request.notes is not None:
        values["notes"] = request.notes
    if request.priority is not None:
        values["priority"] = PRIORITIES.index(request.priority)
    if request.tags is not None:
        values["tags"] = to_json(clean_tags(request.tags)).decode()
    return values


def _join(
    work: Work, series: Series, task: Row, values: dict[str, Any], first: str, *, replace: bool
) -> tuple[Series, Touched, list[str]]:
    """Make a task that exists the first instance of a series."""
    before = show_task(work, task)
    row = update_task_row(
        work,
        task,
        {
            **values,
            "due": first,
            "zone": None if when.is_date(first) else series.course.zone.key,
            "recurring_id": series.task["id"],
            "occurrence": first,
        },
    )
    series = save_series(work, series, {"newest": first, "made": 1})
    if replace:
        warnings = replace_reminders(work, row, from_json(series.row["reminders"]))
    else:
        warnings = follow_due(work, row) if task["due"] != first else []
    trigger = tell_trigger(series, NextDate(first, 0))
    return series, Touched(EventType.TASK_UPDATED, before, show_task(work, row), trigger), warnings


def _say_created(work: Work, series: Series, instance: View) -> str:
    said = (
        f"{quote_title(instance['title'])} is saved, {say_rule(series.row, work.zone)}. First: {instance['due_text']}"
    )
    ahead = [each for each in list_ahead(work, series, None, 4) if each.get("task_id") != instance["id"]][:2]
    if series.course.mode == "after_completion" or not ahead:
        return f"{said}."
    return f"{said}; then {' and '.join(each['due_text'] for each in ahead)}."


def edit_template(work: Work, task: Row, request: UpdateTask) -> View:
    """Change what the instances of a series have in common, as `update_task` on its id."""
    if request.due is not None or request.shift is not None or "due" in (request.clear or []):
        raise InvalidArguments(
            "A series has no due of its own.",
            "Move one occurrence by its own id, or all with update_recurring_task and first_due.",
        )
    check_version(work, task, request.expected_version)
    values = {name: value for name, value in read_edits(task, request).items() if value != task[name]}
    if not values:
        return answer_nothing(work, task, f"{quote_title(task['title'])} is like that already; nothing was changed.")
    before = show_task(work, task)
    row = update_task_row(work, task, values)
    touched = [Touched(EventType.TASK_UPDATED, before, show_task(work, row))]
    for each in load_open_instances(work, task["id"]):
        reached = reach_instance(each, task, values)
        if reached:
            was = show_task(work, each)
            now = show_task(work, update_task_row(work, each, reached))
            touched.append(Touched(EventType.TASK_UPDATED, was, now))
    recorded = record_change(work, "update_task", touched, request.request_id)
    message = f"The recurring task {quote_title(row['title'])} is changed, with its open occurrences."
    return answer_write(work, touched[0].after, recorded, message)


def reach_instance(instance: Row, task: Row, values: dict[str, Any]) -> dict[str, Any]:
    """Return those edits of a series that reach an instance: not the fields that were edited on it alone."""
    own = instance["edited"].split()
    return {
        name: value
        for name, value in values.items()
        if name in _SHARED and name not in own and instance[name] != value and task[name] != value
    }


def delete_series(work: Work, task: Row, request_id: str | None) -> View:
    """Delete a series with its open instances; completed ones stay, and the answer says so."""
    series = load_series(work, task["id"])
    open_ones = load_open_instances(work, task["id"])
    before = show_task(work, task)
    row = update_task_row(work, task, {"deleted_at": work.at})
    save_series(work, Series(row, series.row, series.course), {})
    touched = [Touched(EventType.TASK_DELETED, before, show_task(work, row))]
    touched += [delete_row(work, each) for each in open_ones]
    if work.gathered is None:
        require_person(work, "delete_task", task["id"], [each.after for each in touched])
    recorded = record_change(work, "delete_task", touched, request_id)
    count = len(open_ones)
    with_open = f" with {count} open occurrence{'s' if count > 1 else ''}" if count else ""
    message = f"The recurring task {quote_title(task['title'])} is deleted{with_open}; completed occurrences stay."
    return answer_write(work, touched[0].after, recorded, message)


def check_mode(rule: Rule, mode: Mode, catch_up: str | None) -> None:
    """Refuse what does not go with a mode: `catch_up` outside of `every_occurrence`, BY parts after completion."""
    if catch_up is not None and mode != "every_occurrence":
        raise InvalidArguments(
            f"catch_up does not go with the mode {mode}.", 'Leave it out, or give mode="every_occurrence".'
        )
    if mode == "after_completion" and ("BY" in rule.text or "WKST" in rule.text):
        raise RuleInvalid(
            "after_completion takes FREQ, INTERVAL, COUNT and UNTIL only.",
            "Right is for example FREQ=DAILY;INTERVAL=3; the time of day comes from first_due.",
        )


def read_befores(specs: list[ReminderSpec]) -> list[str]:
    """Return a series' reminders as durations before the due, each once; raises for those at a fixed time."""
    befores = []
    for spec in specs:
        if spec.before is None or spec.at is not None:
            raise InvalidArguments(
                "Every occurrence has its own reminders, so these are durations before the due.",
                "Give for example 30m or 1d; a fixed time goes on one occurrence with set_reminder.",
            )
        befores.append(when.write_duration(when.read_duration(spec.before)))
    if len(befores) > MOST_PER_TASK:
        raise InvalidArguments(f"A task has at most {MOST_PER_TASK} reminders.", "Give fewer.")
    return list(dict.fromkeys(befores))


def describe_course(course: Schedule) -> str:
    """Return a series' rule in words."""
    said = rules.describe(course.rule, course.first, course.zone, course.wall)
    return f"{said}, counted from when it is done" if course.mode == "after_completion" else said


def _is_carried(reminder: Row) -> bool:
    return reminder["before"] is not None and reminder["cancelled_by"] not in ("person", "series")


def _is_later(due: str, than: str, zone: ZoneInfo) -> bool:
    if when.is_date(due) or when.is_date(than):
        return day_of(due, zone) > day_of(than, zone)
    return due > than


def _view_date(due: str, zone: ZoneInfo) -> View:
    return {"due": due, "due_local": when.local_form(due, zone), "due_text": when.say_due(due, zone)}
