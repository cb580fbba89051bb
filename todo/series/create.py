"""The use cases on recurring tasks: create, preview, edit the shared fields, delete; `update` has the rest."""

from datetime import datetime, time
from itertools import islice
from typing import NamedTuple, NotRequired, TypedDict, cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments, RuleInvalid, RuleNeverOccurs
from todo.record.changes import Change, answer_nothing
from todo.record.conflicts import check_version
from todo.record.queries import load_open_instances, load_reminders, load_task, open_due
from todo.record.rows import pick_changed
from todo.record.shapes import (
    DateShape,
    NowShape,
    RecurrenceColumns,
    ReminderRow,
    TaskColumns,
    TaskRow,
    TaskShape,
    WriteAnswer,
)
from todo.record.views import PRIORITIES, say_rule
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
from todo.requests.operation import READS, Operation
from todo.requests.schemas import CreateRecurringTask, PreviewOccurrences, ReminderSpec, UpdateTask
from todo.series.series import (
    Series,
    delete_row,
    insert_series,
    list_free,
    load_series,
    make_instances,
    make_trigger,
    save_series,
)
from todo.text import when
from todo.text.display import quote_title


class PreviewAnswer(NowShape):
    """The next dates of a rule or a series, with the rule in words."""

    occurrences: list[DateShape]
    rule_text: str
    warnings: NotRequired[list[str]]


_SHARED = ("title", "notes", "priority", "tags")


class _Shared(TypedDict):
    """The columns that a series shares with its instances."""

    title: str
    notes: str
    priority: int
    tags: str


class ParsedRule(NamedTuple):
    """A parsed rule, the due that sets its phase, and warnings about both.

    `wall` is the intended local time of `first` if a clock change skips it.
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


def preview_occurrences(work: Work, request: PreviewOccurrences) -> PreviewAnswer:
    """Return `{occurrences: [{due, due_local, due_text}], rule_text, warnings?, now}`; stores nothing.

    A rule entirely in the past is shown as well; a series is shown from now on, without skipped dates.
    Raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`, `InvalidTime`, and `InvalidArguments` unless exactly
    one of `task_id` and `rule` is given.
    """
    if request.rule is None:
        return _preview_series(work, request)
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    parsed = read_schedule(work, request.rule, request.first_due, zone)
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    dues = islice(rules.walk(parsed.rule, parsed.first, zone, after, parsed.wall), request.count)
    return _answer_preview(
        work,
        [_view_date(due, zone) for due in dues],
        rules.describe(parsed.rule, parsed.first, zone, parsed.wall),
        parsed.warnings,
    )


def _answer_preview(work: Work, dates: list[DateShape], rule_text: str, warnings: list[str]) -> PreviewAnswer:
    answer: PreviewAnswer = {"occurrences": dates, "rule_text": rule_text}
    if warnings:
        answer["warnings"] = warnings
    return work.stamp(answer)


def _preview_series(work: Work, request: PreviewOccurrences) -> PreviewAnswer:
    series = load_series(work, request.task_id or "")
    zone = series.schedule.zone
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    warnings = []
    if series.row["paused"]:
        warnings.append("The series is paused: none of these comes before it is resumed with paused=false.")
    elif not series.is_live:
        warnings.append("The series is completed; update_recurring_task with ends or rule lets it go on.")
    elif series.schedule.mode == "after_completion":
        warnings.append("These are the dates if each occurrence is done on its day; the interval counts from doing.")
    dates = list_ahead(work, series, after, request.count)
    return _answer_preview(work, dates, say_rule(series.row, work.zone), warnings)


def list_ahead(work: Work, series: Series, after: str | None, limit: int) -> list[DateShape]:
    """Return up to `limit` dates of a series that are not over, later than `after`, without skipped ones.

    Open instances come with the date to which they were moved, and with their `task_id`.
    """
    zone, schedule = series.schedule.zone, series.schedule
    found: list[DateShape] = []
    open_ones = load_open_instances(work, series.task["id"])
    for row in open_ones:
        due = open_due(row)
        if not is_over(due, zone, work.now) and (after is None or _is_later(due, after, zone)):
            found.append({"task_id": row["id"], **_view_date(due, zone)})
    if series.task["status"] == "open" and schedule.mode == "after_completion":
        found += _guess_ahead(work, series, open_ones, after, limit)
    elif series.task["status"] == "open":
        newest = series.row["newest"]
        floor = newest if after is None else after if newest is None or _is_later(after, newest, zone) else newest
        found += [_view_date(due, zone) for due in islice(list_free(work, series, floor), limit)]
    return found[:limit]


def _guess_ahead(
    work: Work, series: Series, open_ones: list[TaskRow], after: str | None, limit: int
) -> list[DateShape]:
    """Return the dates after the open instance if each is done on its day, or after today if none is open."""
    zone = series.schedule.zone
    done_at, made = work.now, series.row["made"]
    if open_ones:
        done_at = max(done_at, noon_of(open_due(open_ones[-1]), zone))
    found: list[DateShape] = []
    for _ in range(1_000):
        date = next_after_completion(series.schedule, done_at, made)
        if date is None or len(found) == limit:
            break
        if after is None or _is_later(date.due, after, zone):
            found.append(_view_date(date.due, zone))
        done_at, made = noon_of(date.due, zone), made + 1
    return found


def create_recurring_task(work: Work, request: CreateRecurringTask) -> WriteAnswer:
    """Create a series and its first instance, which is the answer's `task`.

    Emits `task.created` for the series, then `task.created` (`task.updated` for a task that existed) and
    `recurring.trigger` for the instance. Raises the rule's refusals, and `RuleNeverOccurs` for
    a rule entirely in the past.
    """
    task = None if request.task_id is None else _load_convertible(work, request)
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    first_due = request.first_due
    if first_due is None and task is not None:
        first_due = task["due"]
    parsed = read_schedule(work, request.rule, first_due, zone)
    mode = request.mode or "one_at_a_time"
    check_mode(parsed.rule, mode, request.catch_up)
    befores = read_befores(request.reminders or [])
    schedule = Schedule(parsed.rule, parsed.first, zone, mode, wall=parsed.wall)
    first = next_on_rule(schedule, None, work.now)
    if first is None:
        raise RuleNeverOccurs("This rule has no date after now.", "Give a later UNTIL or first_due, or more COUNT.")
    if task is not None and not befores and request.reminders is None:
        befores = [before for each in load_reminders(work, task["id"]) if (before := _carried_before(each)) is not None]
    change = Change(work, "create_recurring_task", request.request_id)
    shared = _template_of(request, task)
    template = change.create(
        {
            "kind": "recurring",
            "title": shared["title"],
            "notes": shared["notes"],
            "priority": shared["priority"],
            "tags": from_json(shared["tags"]),
        }
    )
    recurrence: RecurrenceColumns = {
        "rule": parsed.rule.text,
        "rule_text": describe_schedule(schedule),
        "first": parsed.first,
        "wall": parsed.wall,
        "zone": zone.key,
        "mode": mode,
        "catch_up": request.catch_up or "latest",
        "reminders": to_json(befores).decode(),
    }
    series = insert_series(work, template, recurrence)
    warnings = parsed.warnings
    if task is None:
        if first.due != parsed.first:
            warnings.append(
                f"{when.say_due(parsed.first, zone)} is past; the first occurrence is {when.say_due(first.due, zone)}."
            )
        series, advance = make_instances(change, series, [first], {})
        warnings += advance.warnings
        row = advance.made[0]
    else:
        series, row, more = _join(change, series, task, shared, replace=request.reminders is not None)
        warnings += more
    return change.answer(row, _say_created(work, series, change.view(row)), warnings)


def _load_convertible(work: Work, request: CreateRecurringTask) -> TaskRow:
    task = load_task(work, request.task_id or "")
    check_version(work, task, request.expected_version)
    if task["kind"] == "recurring" or task["recurring_id"] is not None:
        raise InvalidArguments(f"{quote_title(task['title'])} recurs already.", "Change it with update_recurring_task.")
    if task["status"] == "completed":
        raise InvalidArguments(f"{quote_title(task['title'])} is completed.", "Reopen it with reopen_task first.")
    return task


def _template_of(request: CreateRecurringTask, task: TaskRow | None) -> _Shared:
    """Return the shared columns of a new series: those given, else those of the task that it begins with."""
    shared: _Shared = {"title": "", "notes": "", "priority": 0, "tags": "[]"}
    if task is not None:
        shared = {
            "title": task["title"],
            "notes": task["notes"],
            "priority": task["priority"],
            "tags": task["tags"],
        }
    if request.title is not None:
        shared["title"] = request.title
    if request.notes is not None:
        shared["notes"] = request.notes
    if request.priority is not None:
        shared["priority"] = PRIORITIES.index(request.priority)
    if request.tags is not None:
        shared["tags"] = to_json(clean_tags(request.tags)).decode()
    return shared


def _join(
    change: Change, series: Series, task: TaskRow, shared: _Shared, *, replace: bool
) -> tuple[Series, TaskRow, list[str]]:
    """Make a task that exists the first instance of a series; return the series, the instance and warnings."""
    work, first = change.work, series.row["first"]
    zone = None if when.is_date(first) else series.schedule.zone.key
    columns: TaskColumns = {"due": first, "zone": zone, "recurring_id": series.task["id"], "occurrence": first}
    row = change.update(task, {**shared, **columns})
    change.trigger(row, make_trigger(series, NextDate(first, 0)))
    series = save_series(change, series, {"newest": first, "made": 1})
    if replace:
        warnings = replace_reminders(work, row, from_json(series.row["reminders"]))
    else:
        warnings = follow_due(work, row) if task["due"] != first else []
    return series, row, warnings


def _say_created(work: Work, series: Series, instance: TaskShape) -> str:
    said = (
        f"{quote_title(instance['title'])} is saved, {say_rule(series.row, work.zone)}. First: {instance['due_text']}"
    )
    ahead = [each for each in list_ahead(work, series, None, 4) if each.get("task_id") != instance["id"]][:2]
    if series.schedule.mode == "after_completion" or not ahead:
        return f"{said}."
    return f"{said}; then {' and '.join(each['due_text'] for each in ahead)}."


def edit_template(work: Work, task: TaskRow, request: UpdateTask) -> WriteAnswer:
    """Change the fields that the instances of a series share, as `update_task` on the series' id."""
    if request.due is not None or request.shift is not None or "due" in (request.clear or []):
        raise InvalidArguments(
            "A series has no due of its own.",
            "Move one occurrence by its own id, or all with update_recurring_task and first_due.",
        )
    check_version(work, task, request.expected_version)
    values = pick_changed(task, read_edits(task, request))
    if not values:
        return answer_nothing(work, task, f"{quote_title(task['title'])} is like that already; nothing was changed.")
    change = Change(work, "update_task", request.request_id)
    row = change.update(task, values)
    for each in load_open_instances(work, task["id"]):
        if inherited := inherit_edits(each, task, values):
            change.update(each, inherited)
    return change.answer(row, f"The recurring task {quote_title(row['title'])} is changed, with its open occurrences.")


def inherit_edits(instance: TaskRow, task: TaskRow, values: TaskColumns) -> TaskColumns:
    """Return the edits of a series that an instance takes over: not of fields that were edited on it alone."""
    own = instance["edited"].split()
    changed = pick_changed(instance, pick_changed(task, values))
    return cast("TaskColumns", {name: value for name, value in changed.items() if name in _SHARED and name not in own})


def delete_series(change: Change, task: TaskRow) -> WriteAnswer:
    """Delete a series with its open instances; completed ones stay, and the answer says so."""
    work = change.work
    series = load_series(work, task["id"])
    open_ones = load_open_instances(work, task["id"])
    row = change.update(task, {"deleted_at": work.at})
    save_series(change, Series(row, series.row, series.schedule), {})
    for each in open_ones:
        delete_row(change, each)
    require_person(work, "delete_task", task["id"], change.list_gone())
    count = len(open_ones)
    with_open = f" with {count} open occurrence{'s' if count > 1 else ''}" if count else ""
    sentence = f"The recurring task {quote_title(task['title'])} is deleted{with_open}; completed occurrences stay."
    return change.answer(row, sentence)


OPERATIONS = (
    Operation("create_recurring_task", CreateRecurringTask, create_recurring_task),
    Operation("preview_occurrences", PreviewOccurrences, preview_occurrences, READS),
)


def check_mode(rule: Rule, mode: Mode, catch_up: str | None) -> None:
    """Refuse `catch_up` outside of `every_occurrence`, and BY parts in `after_completion`."""
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
    """Return a series' reminders as distinct durations before the due; raises for a fixed time."""
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


def describe_schedule(schedule: Schedule) -> str:
    """Return a series' rule in words."""
    words = rules.describe(schedule.rule, schedule.first, schedule.zone, schedule.wall)
    return f"{words}, counted from when it is done" if schedule.mode == "after_completion" else words


def _carried_before(reminder: ReminderRow) -> str | None:
    """Return how long before the due a task's reminder rings if its series is to have it too."""
    return None if reminder["cancelled_by"] in ("person", "series") else reminder["before"]


def _is_later(due: str, than: str, zone: ZoneInfo) -> bool:
    if when.is_date(due) or when.is_date(than):
        return day_of(due, zone) > day_of(than, zone)
    return due > than


def _view_date(due: str, zone: ZoneInfo) -> DateShape:
    return {"due": due, "due_local": when.local_form(due, zone), "due_text": when.say_due(due, zone)}
