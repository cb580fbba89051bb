"""The use cases that create a series, edit its shared fields, and delete it; `update` has the rest."""

from typing import TypedDict, cast

from pydantic_core import from_json, to_json

from todo.channels.where import say_where
from todo.errors import InvalidArguments, RuleNeverOccurs
from todo.record.changes import Change, answer_nothing
from todo.record.conflicts import check_version
from todo.record.queries import load_open_instances, load_reminders, load_task
from todo.record.rows import FIELD_OF, pick_changed
from todo.record.shapes import (
    RecurrenceColumns,
    ReminderRow,
    TaskColumns,
    TaskRow,
    TaskShape,
    WriteAnswer,
)
from todo.record.views import PRIORITIES, say_rule
from todo.record.work import Work
from todo.recurrence.schedule import (
    NextDate,
    Schedule,
    next_on_rule,
)
from todo.reminders import MOST_PER_TASK, follow_due, replace_reminders
from todo.requests.confirmations import require_person
from todo.requests.fields import choose_first_list, choose_list, clean_tags, read_edits
from todo.requests.operation import Operation
from todo.requests.parts import ReminderSpec
from todo.requests.schemas import CreateRecurringTask, UpdateTask
from todo.requests.starts import find_ahead, read_ahead, start_of
from todo.series.parsed_rule import check_mode, describe_schedule, read_schedule
from todo.series.preview import list_ahead
from todo.series.series import (
    Series,
    insert_series,
    load_series,
    make_instances,
    make_trigger,
    save_series,
)
from todo.subtasks.branches import add_templates, delete_branch, follow_list, read_templates, write_templates
from todo.subtasks.tree import count_children, load_children
from todo.text import when
from todo.text.display import quote_title
from todo.text.manner import Manner

_SHARED = ("title", "notes", "priority", "tags", "list_id")


class _Shared(TypedDict):
    """The columns that a series shares with its instances."""

    title: str
    notes: str
    priority: int
    tags: str
    list_id: str | None


def create_recurring_task(work: Work, request: CreateRecurringTask) -> WriteAnswer:
    """Create a series and its first instance, which is the answer's `task`.

    Emits `task.created` for the series, then `task.created` (`task.updated` for a task that existed) and
    `recurring.trigger` for the instance. Raises the rule's refusals, and `RuleNeverOccurs` for
    a rule entirely in the past.
    """
    task = None if request.task_id is None else _load_convertible(work, request)
    own = request.zone or (task["zone"] if task is not None and request.first_due is None else None)
    zone = work.zone if own is None else when.read_zone(own)
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
    warnings = parsed.warnings
    shared = _template_of(request, task)
    choose = choose_first_list if task is None else choose_list
    if chosen := choose(change, request.list, warnings):
        shared["list_id"] = chosen["list_id"]
    template = change.create(
        {
            "kind": "recurring",
            "title": shared["title"],
            "notes": shared["notes"],
            "priority": shared["priority"],
            "tags": from_json(shared["tags"]),
            "list_id": shared["list_id"],
        }
    )
    ahead = find_ahead(task["start"], task["due"]) if task is not None else None
    if request.start is not None:
        ahead = read_ahead(request.start, parsed.first)
    recurrence: RecurrenceColumns = {
        "start": ahead,
        "subtasks": write_templates(_list_subtasks(work, request, task)),
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
    if task is None:
        if first.due != parsed.first:
            warnings.append(
                f"{when.say_due(parsed.first, zone)} is past; the first occurrence is {when.say_due(first.due, zone)}."
            )
        series, advance = make_instances(change, series, [first], {})
        warnings += advance.warnings
        row = advance.made[0]
    else:
        if request.reminders is None:
            warnings += _warn_of_fixed(work, task)
        series, row, more = _join(change, series, task, shared, replace=request.reminders is not None)
        warnings += more
    where = say_where(work) if befores else ""
    return change.answer(row, _say_created(work, series, change.view(row)), warnings, where=where)


def _load_convertible(work: Work, request: CreateRecurringTask) -> TaskRow:
    task = load_task(work, request.task_id or "")
    check_version(work, task, request.expected_version)
    if task["kind"] == "recurring" or task["recurring_id"] is not None:
        raise InvalidArguments(f"{quote_title(task['title'])} recurs already.", "Change it with update_recurring_task.")
    if task["status"] == "completed":
        raise InvalidArguments(f"{quote_title(task['title'])} is completed.", "Reopen it with reopen_task first.")
    if task["parent_id"] is not None:
        raise InvalidArguments(
            f"{quote_title(task['title'])} is a subtask, and a subtask does not recur by itself.",
            "Let the task above it recur, with subtasks, or clear its parent_id first.",
        )
    return task


def _list_subtasks(work: Work, request: CreateRecurringTask, task: TaskRow | None) -> list[str]:
    """Return the titles of a new series' subtasks: those given, else those of the task that it begins with."""
    if request.subtasks is not None or task is None:
        return request.subtasks or []
    return [each["title"] for each in load_children(work, [task["id"]])]


def _template_of(request: CreateRecurringTask, task: TaskRow | None) -> _Shared:
    """Return the shared columns of a new series: those given, else those of the task that it begins with."""
    shared: _Shared = {"title": "", "notes": "", "priority": 0, "tags": "[]", "list_id": None}
    if task is not None:
        shared = {
            "title": task["title"],
            "notes": task["notes"],
            "priority": task["priority"],
            "tags": task["tags"],
            "list_id": task["list_id"],
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
    if series.row["start"] is not None or (task["start"] is not None and task["due"] != first):
        columns["start"] = start_of(first, series.row["start"], series.schedule.zone)
    row = change.update(task, {**shared, **columns})
    if shared["list_id"] != task["list_id"]:
        follow_list(change, row)
    if not count_children(work, row["id"]):
        add_templates(change, row, read_templates(series.row["subtasks"]))
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
    if request.due or request.shift or request.zone or request.start or {"due", "start"} & set(request.clear or ()):
        raise InvalidArguments(
            "A series has no due and no start of its own.",
            "Move one occurrence by its own id, or all with update_recurring_task and first_due, zone or start.",
        )
    check_version(work, task, request.expected_version)
    change = Change(work, "update_task", request.request_id)
    warnings: list[str] = []
    values = pick_changed(task, read_edits(task, request) | choose_list(change, request.list, warnings))
    if not values:
        return answer_nothing(work, task, f"{quote_title(task['title'])} is like that already; nothing was changed.")
    row = change.update(task, values)
    for each in load_open_instances(work, task["id"]):
        if inherited := inherit_edits(each, task, values):
            instance = change.update(each, inherited)
            if "list_id" in inherited:
                follow_list(change, instance)
    require_person(change, task["id"])
    sentence = f"The recurring task {quote_title(row['title'])} is changed, with its open occurrences."
    return change.answer(row, sentence, warnings)


def inherit_edits(instance: TaskRow, task: TaskRow, values: TaskColumns) -> TaskColumns:
    """Return the edits of a series that an instance takes over: not of fields that were edited on it alone."""
    own = instance["edited"].split()
    changed = pick_changed(instance, pick_changed(task, values))
    kept = {name: value for name, value in changed.items() if name in _SHARED and FIELD_OF.get(name, name) not in own}
    return cast("TaskColumns", kept)


def delete_series(change: Change, task: TaskRow) -> WriteAnswer:
    """Delete a series with its open instances; completed ones stay, and the answer says so."""
    row, count = remove_series(change, task)
    require_person(change, task["id"])
    with_open = f" with {count} open occurrence{'s' if count > 1 else ''}" if count else ""
    sentence = f"The recurring task {quote_title(task['title'])} is deleted{with_open}; completed occurrences stay."
    return change.answer(row, sentence)


def remove_series(change: Change, task: TaskRow) -> tuple[TaskRow, int]:
    """Delete a series and its open instances; return its last row, and how many instances went with it."""
    work = change.work
    series = load_series(work, task["id"])
    open_ones = load_open_instances(work, task["id"])
    row = change.update(task, {"deleted_at": work.at})
    save_series(change, Series(row, series.row, series.schedule), {})
    for each in open_ones:
        delete_branch(change, each)
    return row, len(open_ones)


OPERATIONS = (Operation("create_recurring_task", CreateRecurringTask, create_recurring_task),)


def read_befores(specs: list[ReminderSpec]) -> list[str]:
    """Return a series' reminders as distinct durations before the due, with their manner; raises for a fixed time."""
    befores = []
    for spec in specs:
        if spec.before is None or spec.at is not None:
            raise InvalidArguments(
                "Every occurrence has its own reminders, so these are durations before the due.",
                "Give for example 30m or 1d; a fixed time goes on one occurrence with set_reminder.",
            )
        manner = Manner.read(spec.urgent, spec.nag)
        befores.append(manner.write(when.write_duration(when.read_duration(spec.before))))
    if len(befores) > MOST_PER_TASK:
        raise InvalidArguments(f"A task has at most {MOST_PER_TASK} reminders.", "Give fewer.")
    return list(dict.fromkeys(befores))


def _warn_of_fixed(work: Work, task: TaskRow) -> list[str]:
    """Return warnings about a task's reminders at a fixed time, which its series cannot have."""
    return [
        f"The reminder of {when.say_instant(each['remind_at'], work.zone)} stays on the first occurrence alone: those "
        "of a series count from each due. To have one each time, give reminders such as 1h."
        for each in load_reminders(work, task["id"])
        if each["before"] is None and each["status"] == "scheduled"
    ]


def _carried_before(reminder: ReminderRow) -> str | None:
    """Return how long before the due a task's reminder rings if its series is to have it too."""
    before = reminder["before"]
    if before is None or reminder["cancelled_by"] in ("person", "series"):
        return None
    return Manner(bool(reminder["urgent"]), reminder["nag"]).write(before)
