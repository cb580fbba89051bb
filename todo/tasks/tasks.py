"""The use cases on tasks: create, get, update, complete, reopen, delete."""

from typing import Any, NotRequired, cast
from zoneinfo import ZoneInfo

from todo import reminders
from todo.activity.history import HistoryEntry, list_history
from todo.channels.where import say_where
from todo.errors import InvalidArguments
from todo.record.changes import Change, answer_nothing, hint_series
from todo.record.conflicts import check_version
from todo.record.queries import load_open_instances, load_single_task, load_task, open_due
from todo.record.rows import note_edited, pick_changed, show_task
from todo.record.shapes import DateShape, NewTask, NowShape, TaskColumns, TaskRow, TaskShape, WriteAnswer
from todo.record.views import PRIORITIES, diff_views, view_briefly
from todo.record.work import Work
from todo.requests.confirmations import require_person
from todo.requests.fields import choose_first_list, choose_list, clean_tags, read_edits
from todo.requests.operation import READS, Effect, Operation
from todo.requests.parts import SubtaskSpec
from todo.requests.schemas import CompleteTask, CreateTask, DeleteTask, GetTask, ReopenTask, UpdateTask
from todo.requests.starts import check_start, read_start, shift_start
from todo.series.create import delete_series, edit_template
from todo.series.preview import list_ahead
from todo.series.series import go_on, load_series
from todo.subtasks.branches import add_subtasks, complete_branch, delete_branch, follow_list, read_move
from todo.subtasks.tree import load_parent
from todo.tasks.clashes import list_clashes
from todo.text import when
from todo.text.display import quote_title

MOST_HISTORY = 50
"""Changes that an answer shows, so that it stays below 25,000 tokens; GET /api/tasks/{id}/history has 200."""


class TaskAnswer(NowShape):
    """One task in full, with what `include` asked for."""

    task: TaskShape
    occurrences: NotRequired[list[DateShape]]
    history: NotRequired[list[HistoryEntry]]
    history_cut: NotRequired[bool]
    warnings: NotRequired[list[str]]


def create_task(work: Work, request: CreateTask) -> WriteAnswer:
    """Create a task with its reminders; emits `task.created`."""
    change, warnings = Change(work, "create_task", request.request_id), list[str]()
    row, made = add_task(change, request, warnings)
    task = change.view(row)
    where = f" in {quote_title(task['list']['name'])}" if "list" in task else ""
    saved = f"{quote_title(task['title'])} is saved{where}{_count_subtasks(len(made), ' with ')}"
    if "due" in task:
        # The zone is named where it is not the person's own.
        own = task.get("zone", work.zone.key) == work.zone.key
        saved += f", due {when.say_short(task['due'], work.zone) if own else task['due_text']}"
    if "start_text" in task:
        saved += f", not before {task['start_text']}"
    if scheduled := [each for each in task.get("reminders", []) if each["status"] == "scheduled"]:
        saved += f"; you will be reminded {scheduled[0]['remind_text']}"
    where = say_where(work) if scheduled else ""
    answer = change.answer(row, f"{saved}.", warnings, where=where)
    if made:
        answer["subtasks"] = [view_briefly(change.view(each), work.zone) for each in made]
    return answer


def add_task(change: Change, request: CreateTask, warnings: list[str]) -> tuple[TaskRow, list[TaskRow]]:
    """Write a new task into a change, with its reminders and subtasks; return its row and theirs."""
    work = change.work
    values = read_new(work, request, warnings)
    below = request.subtasks or []
    parent = None
    if request.parent_id is not None:
        parent = load_parent(work, request.parent_id, levels=2 if below else 1)
    values |= _place_new(change, request, parent, warnings)
    row = change.create(values)
    added = [reminders.add_reminder(work, row, spec) for spec in request.reminders or []]
    made = add_subtasks(change, row, [_read_subtask(work, each, values, warnings) for each in below])
    change.view(row, reminded=bool(added))
    return row, made


def read_new(work: Work, request: CreateTask, warnings: list[str]) -> NewTask:
    """Return the columns with which a new task begins, without those that say where it stands."""
    values: NewTask = {"title": request.title, "notes": request.notes or "", "tags": clean_tags(request.tags or [])}
    if request.priority is not None:
        values["priority"] = PRIORITIES.index(request.priority)
    if request.due is not None:
        due = _read_due(work, request.due, request.zone, warnings)
        values["due"], values["zone"] = due["due"], due["zone"]
    if request.start is not None:
        zone = work.zone if request.zone is None else when.read_zone(request.zone)
        values["start"] = read_start(work, request.start, values.get("due"), zone, warnings)
        check_start(work, values["start"], values.get("due"))
    return values


def _place_new(change: Change, request: CreateTask, parent: TaskRow | None, warnings: list[str]) -> NewTask:
    """Return the columns that say where a new task stands."""
    # A subtask lives in its parent's list, so without a name nothing is to be chosen.
    choose = choose_first_list if parent is None else choose_list
    chosen = choose(change, request.list, warnings)
    place: dict[str, Any] = {"list_id": chosen.get("list_id"), "has_subtasks": int(bool(request.subtasks))}
    if parent is not None:
        if chosen and chosen["list_id"] != parent["list_id"]:
            raise _refuse_list(request.title, parent["title"])
        place |= {"parent_id": parent["id"], "list_id": parent["list_id"]}
    return cast("NewTask", place)


def _read_subtask(work: Work, spec: SubtaskSpec, above: NewTask, warnings: list[str]) -> NewTask:
    """Return what a subtask of a new task begins with; its due may be a duration before that of the task."""
    values: NewTask = {"title": spec.title, "tags": []}
    if spec.due is not None:
        zone = work.zone if above.get("zone") is None else when.read_zone(above["zone"] or "")
        due = read_start(work, spec.due, above.get("due"), zone, warnings)
        values["due"], values["zone"] = due, None if when.is_date(due) else zone.key
    return values


def _refuse_list(title: str, parent: str) -> InvalidArguments:
    return InvalidArguments(
        f"{quote_title(title)} is a subtask of {quote_title(parent)} and lives in its list.",
        "Move that task, or clear parent_id first.",
    )


def _count_subtasks(count: int, before: str) -> str:
    """Return how many subtasks there are, as a part of a sentence; empty for none."""
    return f"{before}{count} subtask{'' if count == 1 else 's'}" if count else ""


def get_task(work: Work, request: GetTask) -> TaskAnswer:
    """Return a task; `occurrences` are those of its series that come next, `history` is newest first."""
    task = load_task(work, request.task_id)
    include = request.include or []
    answer: TaskAnswer = {"task": show_task(work, task)}
    if "occurrences" in include and (task["kind"] == "recurring" or task["recurring_id"] is not None):
        answer["occurrences"] = list_ahead(work, load_series(work, task["id"]), None, 5)
    if "history" in include:
        history = list_history(work, task["id"], MOST_HISTORY)
        answer["history"] = history["history"]
        if "history_cut" in history:
            answer["history_cut"] = True
    return work.stamp(answer)


def update_task(work: Work, request: UpdateTask) -> WriteAnswer:
    """Change what is given, and nothing else; emits `task.updated` if anything differs.

    On a series this edits what its instances have in common.
    """
    task = load_task(work, request.task_id)
    if task["kind"] == "recurring":
        return edit_template(work, task, request)
    check_version(work, task, request.expected_version)
    warnings: list[str] = []
    change = Change(work, "update_task", request.request_id)
    values = pick_changed(
        task, _read_edits(work, task, request, warnings) | _read_place(change, task, request, warnings)
    )
    if not values:
        return answer_nothing(
            work, task, f"{quote_title(task['title'])} is like that already; nothing was changed.", warnings
        )
    row = change.update(task, {**values, **note_edited(task, *values)})
    if "list_id" in values:
        follow_list(change, row)
    if "due" in values:
        warnings += reminders.follow_due(work, row)
    require_person(change, task["id"])
    after = change.view(row)
    moved = {"due", "zone"} & values.keys() and "due_text" in after
    due = f", due {after['due_text']}" if moved else ""
    if moved and work.collected is None:
        # A plan looks for clashes when all of its steps are done.
        warnings += list_clashes(work, change.list_touched())
    said = {"zone", "due"} if due else {"zone"}
    names = ", ".join(name for name in diff_views(change.was(row), after) if name not in said)
    sentence = f"{quote_title(after['title'])} is changed{f' ({names})' if names else ''}{due}."
    return change.answer(row, sentence, warnings, hint=hint_series(task))


def complete_task(work: Work, request: CompleteTask) -> WriteAnswer:
    """Complete a task with its open subtasks and cancel their scheduled reminders; emits `task.completed` for each.

    The next instance of a one-at-a-time series comes in the same change.
    """
    task = load_single_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "completed":
        return answer_nothing(work, task, f"{quote_title(task['title'])} was completed already; nothing was changed.")
    change = Change(work, "complete_task", request.request_id)
    row = change.update(task, {"status": "completed", "completed_at": work.at})
    below = complete_branch(change, row)
    cancelled = 0
    if reminded := change.was_reminded(row):
        cancelled = reminders.cancel_scheduled(work, row["id"], "completed")
    change.view(row, reminded=reminded)
    advance = go_on(change, row, done=True)
    return change.answer(
        row,
        f"{quote_title(row['title'])} is completed{_count_subtasks(below, ' with ')}{_say_cancelled(cancelled)}."
        f"{advance.tell(work.zone)}",
        advance.warnings,
        advance.next,
    )


def reopen_task(work: Work, request: ReopenTask) -> WriteAnswer:
    """Open a completed task again and re-arm the reminders still ahead; emits `task.updated`.

    The successor of an instance stays.
    """
    task = load_single_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "open":
        return answer_nothing(work, task, f"{quote_title(task['title'])} is open already; nothing was changed.")
    change = Change(work, "reopen_task", request.request_id)
    row = change.update(task, {"status": "open", "completed_at": None})
    warnings = reminders.rearm_cancelled(work, row, "completed")
    others = _list_others(work, row)
    stays = f" Its other open occurrence stays, due {when.say_due(open_due(others[0]), work.zone)}." if others else ""
    return change.answer(row, f"{quote_title(row['title'])} is open again.{stays}", warnings)


def delete_task(work: Work, request: DeleteTask) -> WriteAnswer:
    """Delete a task with its subtasks softly and cancel their reminders; emits `task.deleted` for each.

    Deleting an open instance skips it; deleting a series deletes its open instances as well.
    """
    task = load_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    change = Change(work, "delete_task", request.request_id)
    if task["kind"] == "recurring":
        return delete_series(change, task)
    row, below = delete_branch(change, task)
    require_person(change, task["id"])
    if task["recurring_id"] is None or task["status"] == "completed":
        return change.answer(row, f"{quote_title(task['title'])} is deleted{_count_subtasks(below, ' with ')}.")
    advance = go_on(change, task, done=False)
    return change.answer(
        row,
        f"This occurrence of {quote_title(task['title'])} is skipped{_count_subtasks(below, ' with ')}."
        f"{advance.tell(work.zone)}",
        advance.warnings,
        advance.next,
        hint=f"To end the series, delete {task['recurring_id']}.",
    )


OPERATIONS = (
    Operation("create_task", CreateTask, create_task),
    Operation("get_task", GetTask, get_task, READS),
    Operation("update_task", UpdateTask, update_task),
    Operation("complete_task", CompleteTask, complete_task, Effect(idempotent=True)),
    Operation("reopen_task", ReopenTask, reopen_task, Effect(idempotent=True)),
    Operation("delete_task", DeleteTask, delete_task, Effect(destructive=True, idempotent=True), deletes=True),
)


def _say_cancelled(count: int) -> str:
    """Return how many reminders were cancelled, as a part of a sentence; empty for none."""
    return f"; {count} reminder{'s' if count > 1 else ''} cancelled" if count else ""


def _list_others(work: Work, row: TaskRow) -> list[TaskRow]:
    """Return the other open instances of the series of a task; none if it does not recur."""
    if row["recurring_id"] is None:
        return []
    return [each for each in load_open_instances(work, row["recurring_id"]) if each["id"] != row["id"]]


def _read_due(work: Work, text: str, zone_name: str | None, warnings: list[str]) -> TaskColumns:
    """Return the columns of a due that is given with a zone of its own, or in the person's."""
    zone = work.zone if zone_name is None else when.read_zone(zone_name)
    reading = when.read_time(text, zone, work.now)
    if zone_name is not None and when.is_date(reading.due):
        raise _refuse_zone()
    return _take_due(work, reading, zone.key, warnings)


def _take_due(work: Work, reading: when.Reading, zone_key: str, warnings: list[str]) -> TaskColumns:
    """Return the columns of a due, and add what should be known about it to the warnings."""
    warnings.extend(reading.warnings)
    if when.deadline_of(reading.due, work.zone) < work.at:
        warnings.append(
            f"That due is in the past: {when.say_due(reading.due, work.zone)}; now is "
            f"{when.say_now(work.now, work.zone)}."
        )
    return {"due": reading.due, "zone": None if when.is_date(reading.due) else zone_key}


def _refuse_zone() -> InvalidArguments:
    return InvalidArguments("zone goes with a due that has a time.", "Give due as 2026-11-27T09:00, or leave zone out.")


def _read_edits(work: Work, task: TaskRow, request: UpdateTask, warnings: list[str]) -> TaskColumns:
    values = read_edits(task, request)
    if request.zone is not None and "due" in (request.clear or ()):
        raise _refuse_zone()
    if request.due is not None:
        values |= _read_due(work, request.due, request.zone, warnings)
    elif request.zone is not None:
        values |= _read_zone_change(work, task, request.zone, warnings)
    if request.shift is not None:
        values |= _read_shift(work, task, request.shift, warnings)
    if "due" in (request.clear or ()):
        values |= {"due": None, "zone": None}
    due = values.get("due", task["due"])
    if request.start is not None:
        zone = _zone_of(work, task) if request.zone is None else when.read_zone(request.zone)
        values["start"] = read_start(work, request.start, due, zone, warnings)
    if {"due", "start"} & values.keys():
        check_start(work, values.get("start", task["start"]), due)
    return values


def _read_place(change: Change, task: TaskRow, request: UpdateTask, warnings: list[str]) -> TaskColumns:
    """Return the columns that say where a task is to stand; a subtask lives in the list of its parent."""
    chosen = choose_list(change, request.list, warnings)
    if request.parent_id is not None:
        moved = read_move(change.work, task, request.parent_id)
        if chosen and chosen["list_id"] != moved["list_id"]:
            raise InvalidArguments("A subtask lives in the list of its parent.", "Leave list out.")
        return moved
    stays = task["parent_id"] is not None and "parent_id" not in (request.clear or ())
    if stays and (chosen or "list" in (request.clear or ())):
        parent = load_task(change.work, task["parent_id"] or "")
        if chosen.get("list_id") != parent["list_id"]:
            raise _refuse_list(task["title"], parent["title"])
    return chosen


def _read_shift(work: Work, task: TaskRow, text: str, warnings: list[str]) -> TaskColumns:
    if task["due"] is None and task["start"] is None:
        raise InvalidArguments(f"{quote_title(task['title'])} has no due that could be moved.", "Set one with due.")
    by = when.read_duration(text, signed=True)
    zone = _zone_of(work, task)
    moved: TaskColumns = {} if task["start"] is None else {"start": shift_start(task["start"], by, zone)}
    if task["due"] is not None:
        moved |= _take_due(work, when.shift(task["due"], by, zone), zone.key, warnings)
    return moved


def _read_zone_change(work: Work, task: TaskRow, zone_name: str, warnings: list[str]) -> TaskColumns:
    """Return the columns of a due that keeps its local time in another zone."""
    if task["due"] is None or when.is_date(task["due"]):
        raise _refuse_zone()
    zone = when.read_zone(zone_name)
    return _take_due(work, when.rezone(task["due"], _zone_of(work, task), zone), zone.key, warnings)


def _zone_of(work: Work, task: TaskRow) -> ZoneInfo:
    return work.zone if task["zone"] is None else when.read_zone(task["zone"])
