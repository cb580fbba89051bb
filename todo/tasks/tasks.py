"""The use cases on tasks: create, get, update, complete, reopen, delete."""

from typing import Any

from events.catalog import EventType
from todo import reminders
from todo.activity.history import list_history
from todo.errors import InvalidArguments
from todo.record.answers import answer_nothing, answer_write, only_this
from todo.record.changes import Touched, check_version, record_change
from todo.record.queries import Row, load_single_task, load_task
from todo.record.rows import insert_task, note_edited, show_task, update_task_row
from todo.record.views import PRIORITIES, View, view_task
from todo.record.work import Work
from todo.requests.confirmations import require_person
from todo.requests.fields import clean_tags, read_edits
from todo.requests.schemas import CompleteTask, CreateTask, DeleteTask, GetTask, ReopenTask, UpdateTask
from todo.series import create as recurring
from todo.series.series import delete_row, go_on, load_series
from todo.text import when
from todo.text.display import quote_title


def create_task(work: Work, request: CreateTask) -> View:
    """Create a task with its reminders; emits `task.created`."""
    values: Row = {"title": request.title, "notes": request.notes or "", "tags": clean_tags(request.tags or [])}
    warnings: list[str] = []
    if request.priority is not None:
        values["priority"] = PRIORITIES.index(request.priority)
    if request.due is not None:
        values.update(_read_due(work, request.due, warnings))
    row = insert_task(work, values)
    added = [reminders.add_reminder(work, row, spec.at, spec.before) for spec in request.reminders or []]
    task = show_task(work, row) if added else view_task(row, (), work.zone)
    recorded = record_change(work, "create_task", [Touched(EventType.TASK_CREATED, None, task)], request.request_id)
    saved = f"{quote_title(task['title'])} is saved"
    if "due_text" in task:
        saved += f", due {task['due_text']}"
    if scheduled := [each for each in task.get("reminders", []) if each["status"] == "scheduled"]:
        first = min(each["remind_at"] for each in scheduled)
        saved += f"; you will be reminded {when.say_due(first, work.zone)}"
    return answer_write(work, task, recorded, f"{saved}.", warnings)


def get_task(work: Work, request: GetTask) -> View:
    """Return `{task, occurrences?, history?, now}`; what is included beside the task is as in a preview, a history."""
    task = load_task(work, request.task_id)
    view: View = {"task": show_task(work, task)}
    include = request.include or []
    if "occurrences" in include and (task["kind"] == "recurring" or task["recurring_id"] is not None):
        view["occurrences"] = recurring.list_ahead(work, load_series(work, task["id"]), None, 5)
    if "history" in include:
        view["history"] = list_history(work, task["id"])["history"]
    view["now"] = when.say_now(work.now, work.zone)
    return view


def update_task(work: Work, request: UpdateTask) -> View:
    """Change what is given, and nothing else; emits `task.updated` if anything differs.

    On a series this edits what its instances have in common.
    """
    task = load_task(work, request.task_id)
    if task["kind"] == "recurring":
        return recurring.edit_template(work, task, request)
    check_version(work, task, request.expected_version)
    warnings: list[str] = []
    values = _read_changes(work, task, request, warnings)
    values = {name: value for name, value in values.items() if value != task[name]}
    if not values:
        return answer_nothing(
            work, task, f"{quote_title(task['title'])} is like that already; nothing was changed.", warnings
        )
    before = show_task(work, task)
    row = update_task_row(work, task, {**values, **note_edited(task, *values)})
    if "due" in values:
        warnings += reminders.follow_due(work, row)
    after = show_task(work, row)
    recorded = record_change(work, "update_task", [Touched(EventType.TASK_UPDATED, before, after)], request.request_id)
    due = f", due {after['due_text']}" if "due" in values and "due_text" in after else ""
    message = f"{quote_title(after['title'])} is changed{due}.{only_this(task)}"
    return answer_write(work, after, recorded, message, warnings)


def complete_task(work: Work, request: CompleteTask) -> View:
    """Complete a task and cancel what still waits to remind of it; emits `task.completed`.

    The next instance of a series that makes one at a time comes in the same change.
    """
    task = load_single_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "completed":
        return answer_nothing(work, task, f"{quote_title(task['title'])} was completed already; nothing was changed.")
    before = show_task(work, task)
    row = update_task_row(work, task, {"status": "completed", "completed_at": work.at})
    if "reminders" in before:
        reminders.cancel_scheduled(work, task["id"], "completed")
    after = show_task(work, row) if "reminders" in before else view_task(row, (), work.zone)
    touched = [Touched(EventType.TASK_COMPLETED, before, after)]
    if task["recurring_id"] is None:
        recorded = record_change(work, "complete_task", touched, request.request_id)
        return answer_write(work, after, recorded, f"{quote_title(after['title'])} is completed.")
    outcome = go_on(work, row, done=True)
    recorded = record_change(work, "complete_task", [*touched, *outcome.touched], request.request_id)
    message = f"{quote_title(after['title'])} is completed.{outcome.tell()}"
    return answer_write(work, after, recorded, message, outcome.warnings, outcome.next)


def reopen_task(work: Work, request: ReopenTask) -> View:
    """Open a completed task again and re-arm the reminders still ahead; emits `task.updated`.

    The successor of an instance stays.
    """
    task = load_single_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "open":
        return answer_nothing(work, task, f"{quote_title(task['title'])} is open already; nothing was changed.")
    before = show_task(work, task)
    row = update_task_row(work, task, {"status": "open", "completed_at": None})
    warnings = reminders.rearm_cancelled(work, row, "completed")
    after = show_task(work, row)
    recorded = record_change(work, "reopen_task", [Touched(EventType.TASK_UPDATED, before, after)], request.request_id)
    return answer_write(work, after, recorded, f"{quote_title(after['title'])} is open again.", warnings)


def delete_task(work: Work, request: DeleteTask) -> View:
    """Delete a task softly and cancel its reminders; emits `task.deleted` with the last task.

    Deleting an open instance skips it; deleting a series deletes its open instances as well.
    """
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["kind"] == "recurring":
        return recurring.delete_series(work, task, request.request_id)
    gone = delete_row(work, task)
    if work.gathered is None:
        require_person(work, "delete_task", task["id"], [gone.after])
    if task["recurring_id"] is None or task["status"] == "completed":
        recorded = record_change(work, "delete_task", [gone], request.request_id)
        return answer_write(work, gone.after, recorded, f"{quote_title(task['title'])} is deleted.")
    outcome = go_on(work, task, done=False)
    recorded = record_change(work, "delete_task", [gone, *outcome.touched], request.request_id)
    message = (
        f"This occurrence of {quote_title(task['title'])} is skipped.{outcome.tell()} To end the series, delete its id."
    )
    return answer_write(work, gone.after, recorded, message, outcome.warnings, outcome.next)


def _read_due(work: Work, text: str, warnings: list[str]) -> dict[str, Any]:
    reading = when.read_time(text, work.zone, work.now)
    warnings.extend(reading.warnings)
    if when.deadline_of(reading.due, work.zone) < work.at:
        warnings.append(
            f"That due is in the past: {when.say_due(reading.due, work.zone)}; now is "
            f"{when.say_now(work.now, work.zone)}."
        )
    return {"due": reading.due, "zone": None if when.is_date(reading.due) else work.zone.key}


def _read_changes(work: Work, task: Row, request: UpdateTask, warnings: list[str]) -> dict[str, Any]:
    for one, other in (("due", "shift"), ("notes", "append_notes")):
        if getattr(request, one) is not None and getattr(request, other) is not None:
            raise InvalidArguments(f"{one} and {other} exclude each other.", "Give one of the two.")
    cleared = request.clear or []
    if request.shift is not None and "due" in cleared:
        raise InvalidArguments("due is both moved and cleared.", "Give one of the two.")
    if request.due and "due" in cleared:
        raise InvalidArguments("due is both given and cleared.", "Give one of the two.")
    values = read_edits(task, request)
    if request.due is not None:
        values.update(_read_due(work, request.due, warnings))
    if request.shift is not None:
        values.update(_read_shift(work, task, request.shift, warnings))
    if "due" in cleared:
        values.update(due=None, zone=None)
    return values


def _read_shift(work: Work, task: Row, text: str, warnings: list[str]) -> dict[str, Any]:
    if task["due"] is None:
        raise InvalidArguments(f"{quote_title(task['title'])} has no due that could be moved.", "Set one with due.")
    by = when.read_duration(text, signed=True)
    zone = work.zone if task["zone"] is None else when.read_zone(task["zone"])
    return _read_due(work, when.shift(task["due"], by, zone).due, warnings)
