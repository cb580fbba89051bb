"""The use cases on tasks: create, get, update, complete, reopen, delete."""

from typing import Any

from pydantic_core import from_json, to_json

from events.catalog import EventType
from todo import reminders, when
from todo.answers import answer_nothing, answer_write
from todo.changes import Touched, check_version, record_change
from todo.errors import InvalidArguments
from todo.folding import fold_tag
from todo.queries import Row, load_task
from todo.saving import clean_tags, insert_task, show_task, update_task_row
from todo.schemas import CompleteTask, CreateTask, DeleteTask, GetTask, ReopenTask, UpdateTask
from todo.views import PRIORITIES, View, view_task
from todo.work import Work


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
    saved = f'"{task["title"]}" is saved'
    if "due_text" in task:
        saved += f", due {task['due_text']}"
    if scheduled := [each for each in task.get("reminders", []) if each["status"] == "scheduled"]:
        first = min(each["remind_at"] for each in scheduled)
        saved += f"; you will be reminded {when.say_due(first, work.zone)}"
    return answer_write(work, task, recorded, f"{saved}.", warnings)


def get_task(work: Work, request: GetTask) -> View:
    """Return `{task, now}`."""
    return {"task": show_task(work, load_task(work, request.task_id)), "now": when.say_now(work.now, work.zone)}


def update_task(work: Work, request: UpdateTask) -> View:
    """Change what is given, and nothing else; emits `task.updated` if anything differs."""
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    warnings: list[str] = []
    values = _read_changes(work, task, request, warnings)
    values = {name: value for name, value in values.items() if value != task[name]}
    if not values:
        return answer_nothing(work, task, f'"{task["title"]}" is like that already; nothing was changed.', warnings)
    before = show_task(work, task)
    row = update_task_row(work, task, values)
    if "due" in values:
        warnings += reminders.follow_due(work, row)
    after = show_task(work, row)
    recorded = record_change(work, "update_task", [Touched(EventType.TASK_UPDATED, before, after)], request.request_id)
    due = f", due {after['due_text']}" if "due" in values and "due_text" in after else ""
    return answer_write(work, after, recorded, f'"{after["title"]}" is changed{due}.', warnings)


def complete_task(work: Work, request: CompleteTask) -> View:
    """Complete a task and cancel what still waits to remind of it; emits `task.completed`."""
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "completed":
        return answer_nothing(work, task, f'"{task["title"]}" was completed already; nothing was changed.')
    before = show_task(work, task)
    row = update_task_row(work, task, {"status": "completed", "completed_at": work.at})
    if "reminders" in before:
        reminders.cancel_scheduled(work, task["id"], "completed")
    after = show_task(work, row) if "reminders" in before else view_task(row, (), work.zone)
    touched = [Touched(EventType.TASK_COMPLETED, before, after)]
    recorded = record_change(work, "complete_task", touched, request.request_id)
    return answer_write(work, after, recorded, f'"{after["title"]}" is completed.')


def reopen_task(work: Work, request: ReopenTask) -> View:
    """Open a completed task again and re-arm the reminders still ahead; emits `task.updated`."""
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "open":
        return answer_nothing(work, task, f'"{task["title"]}" is open already; nothing was changed.')
    before = show_task(work, task)
    row = update_task_row(work, task, {"status": "open", "completed_at": None})
    warnings = reminders.rearm_cancelled(work, row, "completed")
    after = show_task(work, row)
    recorded = record_change(work, "reopen_task", [Touched(EventType.TASK_UPDATED, before, after)], request.request_id)
    return answer_write(work, after, recorded, f'"{after["title"]}" is open again.', warnings)


def delete_task(work: Work, request: DeleteTask) -> View:
    """Delete a task softly and cancel its reminders; emits `task.deleted` with the last task."""
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    before = show_task(work, task)
    row = update_task_row(work, task, {"deleted_at": work.at})
    reminders.cancel_scheduled(work, task["id"], "deleted")
    after = show_task(work, row)
    recorded = record_change(work, "delete_task", [Touched(EventType.TASK_DELETED, before, after)], request.request_id)
    return answer_write(work, after, recorded, f'"{after["title"]}" is deleted.')


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
    _refuse_contradictions(request)
    values: dict[str, Any] = {}
    if request.title is not None:
        values["title"] = request.title
    if request.notes is not None:
        values["notes"] = request.notes
    if request.append_notes is not None:
        values["notes"] = f"{task['notes']}\n{request.append_notes}" if task["notes"] else request.append_notes
        if len(values["notes"]) > 20_000:
            raise InvalidArguments(
                f"The notes would have {len(values['notes'])} characters; 20000 are allowed.", "Shorten them first."
            )
    if request.priority is not None:
        values["priority"] = PRIORITIES.index(request.priority)
    if request.due is not None:
        values.update(_read_due(work, request.due, warnings))
    if request.shift is not None:
        values.update(_read_shift(work, task, request.shift, warnings))
    if request.tags is not None or request.add_tags or request.remove_tags:
        tags: list[str] = request.tags if request.tags is not None else from_json(task["tags"])
        gone = {fold_tag(tag) for tag in request.remove_tags or []}
        kept = [tag for tag in [*tags, *(request.add_tags or [])] if fold_tag(tag) not in gone]
        values["tags"] = to_json(clean_tags(kept)).decode()
    empty: dict[str, dict[str, Any]] = {
        "notes": {"notes": ""},
        "due": {"due": None, "zone": None},
        "priority": {"priority": 0},
        "tags": {"tags": "[]"},
    }
    for name in request.clear or []:
        values.update(empty[name])
    return values


def _read_shift(work: Work, task: Row, text: str, warnings: list[str]) -> dict[str, Any]:
    if task["due"] is None:
        raise InvalidArguments(f'"{task["title"]}" has no due that could be moved.', "Set one with due.")
    by = when.read_duration(text, signed=True)
    zone = work.zone if task["zone"] is None else when.read_zone(task["zone"])
    return _read_due(work, when.shift(task["due"], by, zone).due, warnings)


def _refuse_contradictions(request: UpdateTask) -> None:
    cleared = set(request.clear or [])
    both = [name for name in ("notes", "due", "priority", "tags") if name in cleared and getattr(request, name)]
    if both:
        raise InvalidArguments(f"{both[0]} is both given and cleared.", "Give one of the two.")
    for one, other in (("due", "shift"), ("notes", "append_notes")):
        if getattr(request, one) is not None and getattr(request, other) is not None:
            raise InvalidArguments(f"{one} and {other} exclude each other.", "Give one of the two.")
    if request.shift is not None and "due" in cleared:
        raise InvalidArguments("due is both moved and cleared.", "Give one of the two.")
