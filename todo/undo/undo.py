"""The use case that undoes and redoes changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json
from sqlalchemy import bindparam, select, update

from events.sql import table_of, take_lock
from todo.errors import InvalidArguments, TaskNotFound, UndoConflict
from todo.record import models
from todo.record.changes import Change, finish_answer
from todo.record.conflicts import describe_change, list_since
from todo.record.differences import tell_list
from todo.record.lists import find_list_row
from todo.record.queries import load_any_tasks, load_recurrence
from todo.record.rows import show_task
from todo.record.scopes import DELETE
from todo.record.shapes import (
    ChangeItemRow,
    ChangeRow,
    RecurrenceColumns,
    RecurrenceRow,
    TaskRow,
    WriteAnswer,
)
from todo.record.touched import Touched
from todo.record.views import diff_views
from todo.record.work import Work
from todo.requests.confirmations import require_person
from todo.requests.operation import Effect, Operation
from todo.requests.plan_schemas import Undo
from todo.series.series import read_series, save_series
from todo.subtasks.tree import hold_tree
from todo.text.display import quote_title
from todo.text.when import say_short
from todo.undo.effects import list_counted
from todo.undo.lists import ListsBack
from todo.undo.restore import Fields, is_same, read_fields, read_present, restore_task
from todo.undo.trees import check_trees

_C = table_of(models.Change)
_I = table_of(models.ChangeItem)
_S = table_of(models.ChangeSeries)
_OWNED = _C.c.user_id == bindparam("user")
_NEWEST = (
    select(_C)
    .where(_OWNED, _C.c.origin == bindparam("origin"), _C.c.undone_by.is_(None), _C.c.kind != "undo")
    .order_by(_C.c.seq.desc())
    .limit(1)
)
_BY_ID = select(_C).where(_OWNED, _C.c.id == bindparam("key"))
_ITEMS = select(_I).where(_I.c.change_id == bindparam("key"))
_SERIES = select(_S).where(_S.c.change_id == bindparam("key"))
_MARK = (
    update(_C).where(_C.c.id == bindparam("key"), _C.c.user_id == bindparam("user")).values(undone_by=bindparam("by"))
)

_STATE = (
    "rule",
    "rule_text",
    "first",
    "wall",
    "zone",
    "mode",
    "catch_up",
    "paused",
    "reminders",
    "skipped",
    "newest",
    "awaits",
    "made",
    "passed",
    "start",
    "subtasks",
)
"""The columns of a recurrence that are restored; the rest follows from them."""
_SHOWN = 3


@dataclass(slots=True)
class _Rewind:
    """The way back: the fields that tasks and series return to, and conflicts as (task id, field, version)."""

    rows: dict[str, TaskRow] = field(default_factory=dict)
    targets: dict[str, Fields | None] = field(default_factory=dict)
    series: dict[str, RecurrenceRow] = field(default_factory=dict)
    conflicts: list[tuple[str, str, int]] = field(default_factory=list)
    lists: ListsBack = field(default_factory=ListsBack)


def undo(work: Work, request: Undo) -> WriteAnswer:
    """Undo changes, all of them or none; the answer has `task` for one task, `tasks` for several.

    Without ids it takes back the newest change from the caller's origin that is neither an undo nor undone. An undo is
    itself a change: undoing it redoes. Raises `UndoConflict`, naming what has changed since and by whom, and
    `InvalidArguments` if there is nothing to undo.
    """
    # Of several undos at the same moment each must see what those before it took back.
    take_lock(work.connection, "undo", work.who.user_id)
    hold_tree(work)
    changes = _pick_changes(work, request.change_ids)
    way = _rewind(work, changes)
    change = Change(work, "undo", request.request_id, [each["id"] for each in changes])
    if not way.conflicts:
        way.lists.restore_living(change)
        _check_lists(work, way)
    if way.conflicts or way.lists.conflicts:
        raise _refuse(work, way)
    warnings: list[str] = []
    # Delete before restoring: one living instance per date (unique key).
    for task_id in sorted(way.targets, key=lambda each: (way.targets[each] is not None, each)):
        warnings += restore_task(change, way.rows[task_id], way.targets[task_id])
    for series_id, state in way.series.items():
        _restore_series(change, series_id, state)
    warnings += way.lists.remove_others(change)
    if against := check_trees(change, way.targets):
        raise _refuse(work, way, against)
    touched = change.list_touched()
    taken_back = _list_taken_back(work, changes)
    if any(each.is_gone and each.row["id"] not in taken_back for each in touched):
        work.who.require(DELETE)
    require_person(change, " ".join(sorted(each["id"] for each in changes)), taken_back)
    recorded = change.record()
    for each in changes:
        _mark(work, each, recorded.change_id)
    tasks = [each.view for each in touched]
    answer: WriteAnswer = {"task": tasks[0]} if len(tasks) == 1 else {"tasks": tasks}
    answer |= {"change_id": recorded.change_id, "events": recorded.events}
    if warnings:
        answer["warnings"] = warnings
    told = [_tell(each, work.zone) for each in list_counted(touched)]
    told += [tell_list(before, after) for before, after in change.list_lists()]
    said = "; ".join(told[:_SHOWN])
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    done = "Done again" if all(each["kind"] == "undo" for each in changes) else "Undone"
    sentence = f"{done}: {said}{more}." if told else f"{done}; nothing looks different."
    return finish_answer(work, answer, sentence, f'To take that back, undo with change_ids=["{recorded.change_id}"].')


OPERATIONS = (Operation("undo", Undo, undo, Effect(destructive=True)),)


def _list_taken_back(work: Work, changes: Sequence[ChangeRow]) -> set[str]:
    """Return the tasks whose creation by this very client is undone."""
    actor = work.who.write_actor()
    return {
        item["task_id"]
        for change in changes
        if change["kind"] != "undo" and change["actor"] == actor
        for item in _items_of(work, change["id"])
        if item["before"] is None
    }


def _pick_changes(work: Work, change_ids: list[str] | None) -> list[ChangeRow]:
    """Return the changes to take back, newest first."""
    user = work.who.user_id
    if change_ids is None:
        newest = work.connection.execute(_NEWEST, {"user": user, "origin": work.who.origin}).one_or_none()
        if newest is None or work.hides_part_of(newest.id):
            raise InvalidArguments(
                "There is nothing to undo from here.", "Name a change with change_ids; answers show their change_id."
            )
        return [cast("ChangeRow", newest._asdict())]
    found: list[ChangeRow] = []
    for change_id in dict.fromkeys(change_ids):
        row = _find_change(work, change_id)
        if row is None or work.hides_part_of(change_id):
            raise TaskNotFound("There is no change with this id.", "Use the change_id of an answer or of the history.")
        if row["undone_by"] is not None:
            raise UndoConflict(f"The change {change_id} is undone already.", f"To redo it, undo {row['undone_by']}.")
        if from_json(row["actor"])["kind"] == "scheduler":
            raise InvalidArguments(
                "What the scheduler made is not undone.", "delete_task skips the occurrence; pausing stops the series."
            )
        found.append(row)
    return sorted(found, key=lambda change: int(change["seq"]), reverse=True)


def _find_change(work: Work, change_id: str) -> ChangeRow | None:
    row = work.connection.execute(_BY_ID, {"user": work.who.user_id, "key": change_id}).one_or_none()
    return None if row is None else cast("ChangeRow", row._asdict())


def _rewind(work: Work, changes: Sequence[ChangeRow]) -> _Rewind:
    """Go back change by change from the present, and collect conflicts with later changes."""
    items = [(change, _items_of(work, change["id"])) for change in changes]
    way = _Rewind(load_any_tasks(work, [item["task_id"] for _, many in items for item in many]))
    for task_id, row in way.rows.items():
        way.targets[task_id] = read_present(work, row)
    for change, many in items:
        for item in many:
            _step_back(way, item)
        for moved in work.connection.execute(_SERIES, {"key": change["id"]}).all():
            _step_series_back(work, way, moved._asdict())
        way.lists.step_back(work, change["id"])
    return way


def _check_lists(work: Work, way: _Rewind) -> None:
    """Note a conflict for each task that would return to a list that is deleted."""
    for task_id, target in way.targets.items():
        list_id = None if target is None else target["list"]
        if list_id is None or (list_id == way.rows[task_id]["list_id"] and way.rows[task_id]["deleted_at"] is None):
            continue
        row = find_list_row(work, list_id)
        if row is None or row["deleted_at"] is not None:
            way.conflicts.append((task_id, "list", way.rows[task_id]["version"]))


def _items_of(work: Work, change_id: str) -> list[ChangeItemRow]:
    return [cast("ChangeItemRow", row._asdict()) for row in work.connection.execute(_ITEMS, {"key": change_id})]


def _step_back(way: _Rewind, item: ChangeItemRow) -> None:
    task_id, version = item["task_id"], int(item["version"])
    if task_id not in way.rows:
        way.conflicts.append((task_id, "the whole task, which is erased", version))
        return
    now = way.targets[task_id]
    before = None if item["before"] is None else read_fields(from_json(item["before"]))
    after = None if item["after"] is None else read_fields(from_json(item["after"]))
    if (now is None) != (after is None):
        way.conflicts.append((task_id, "the whole task, which is back" if after is None else "the whole task", version))
        return
    if after is None or now is None:
        way.targets[task_id] = before
        return
    names = [*dict.fromkeys([*after, *now])] if before is None else [*dict.fromkeys([*before, *after])]
    for name in names:
        was = None if before is None else before.get(name)
        if before is not None and was == after.get(name):
            continue
        if not is_same(name, after.get(name), now.get(name)):
            way.conflicts.append((task_id, "reminders" if name.startswith("reminder ") else name, version))
        elif before is not None and was is None and name.startswith("reminder "):
            now.pop(name, None)
        elif before is not None:
            now[name] = was
    if before is None:
        way.targets[task_id] = None


def _step_series_back(work: Work, way: _Rewind, row: Mapping[str, Any]) -> None:
    series_id = row["series_id"]
    before, after = from_json(row["before"]), from_json(row["after"])
    now = way.series.get(series_id) or load_recurrence(work, series_id)
    # States kept by an older version lack the newer columns, which were empty then.
    if any(now.get(name) != after.get(name) for name in _STATE):
        way.conflicts.append((series_id, "recurrence", 0))
        return
    way.series[series_id] = cast("RecurrenceRow", {**now, **{name: before.get(name) for name in _STATE}})


def _restore_series(change: Change, series_id: str, state: RecurrenceRow) -> None:
    """Restore how far a series had come; its version rises if it looks different now."""
    work = change.work
    task = load_any_tasks(work, [series_id])[series_id]
    before = show_task(work, task)
    values = cast("RecurrenceColumns", {name: state[name] for name in _STATE})  # type: ignore[literal-required]  # a column's name
    save_series(change, read_series(task, load_recurrence(work, series_id)), values)
    if not change.has(series_id) and task["deleted_at"] is None and show_task(work, task) != before:
        change.update(task, {}, before)


def _refuse(work: Work, way: _Rewind, against: Sequence[str] = ()) -> UndoConflict:
    parts, fields = [], {}
    for task_id, name, version in dict.fromkeys(way.conflicts):
        row = way.rows.get(task_id)
        title = quote_title(row["title"]) if row is not None else "a task"
        since = [each for each in list_since(work, task_id, version) if name in each.fields or name.startswith("the ")]
        who = f" ({describe_change(work, since[-1])})" if since else ""
        parts.append(f"{name} of {title}{who}")
        fields[name] = since[-1].who if since else ""
    parts += [*way.lists.conflicts, *against]
    fields |= {**({"list": ""} if way.lists.conflicts else {}), **({"parent": ""} if against else {})}
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return UndoConflict(
        f"Nothing was undone: changed since: {'; '.join(parts[:_SHOWN])}{more}.",
        "Ask the person what they want to keep; update_task sets single fields.",
        fields=fields,
    )


def _mark(work: Work, change: ChangeRow, by: str | None) -> None:
    """Set or clear `undone_by`; if the change was an undo, flip the changes that it undid."""
    work.connection.execute(_MARK, {"key": change["id"], "user": work.who.user_id, "by": by})
    for change_id in from_json(change["undoes"]) if change["undoes"] else []:
        if (inner := _find_change(work, change_id)) is not None:
            _mark(work, inner, None if by is not None else change["id"])


def _tell(touched: Touched, zone: ZoneInfo) -> str:
    """Return what undo did to a task; one that it removed is named with its due."""
    title = quote_title(touched.view["title"])
    match touched.event_type.value:
        case "task.deleted":
            due = touched.view.get("due")
            return f"{title}{f', due {say_short(due, zone)},' if due else ''} is gone"
        case "task.created":
            return f"{title} is back"
        case "task.completed":
            return f"{title} is completed"
    names = [name for name in diff_views(touched.before or {}, touched.view) if name != "completed_at"]
    return f"{title} is as it was ({', '.join(names)})" if names else f"{title} is as it was"
