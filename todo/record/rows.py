"""Writing of task rows: with a version condition, and with tags and search words kept in step."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, delete, insert, update

from events.sql import HotInsert, WithoutIndex, table_of
from todo.errors import ChangedMeanwhile
from todo.record.models import NO_DEADLINE, TaskTag
from todo.record.places import load_place
from todo.record.queries import TASK, load_recurrence, load_reminders
from todo.record.shapes import NewTask, TaskColumns, TaskRow, TaskShape
from todo.record.views import view_task
from todo.record.work import Work
from todo.text import when
from todo.text.search_words import fold_tag, fold_task

_TAG = table_of(TaskTag)
_INSERT = HotInsert(insert(TASK))
_INSERT_TAG = insert(_TAG)
# By the task's key: SQLite would take the index that begins with the owner, and walk all tags of the person.
_DELETE_TAGS = delete(_TAG).where(
    _TAG.c.task_id == bindparam("key"), WithoutIndex(_TAG.c.user_id) == bindparam("owner")
)
_GUARDED = update(TASK).where(
    TASK.c.id == bindparam("key"), TASK.c.user_id == bindparam("owner"), TASK.c.version == bindparam("seen")
)
FIELD_OF = {"list_id": "list", "parent_id": "parent"}
"""The names of fields whose columns have another one."""
_TEXT = frozenset({"title", "notes", "tags"})
_TAGGED = frozenset({"tags", "status", "deadline", "deleted_at"})


def insert_task(work: Work, values: NewTask, kept: Mapping[str, Any] | None = None) -> TaskRow:
    """Insert a task of the caller's and return its row; `kept` are columns that it had elsewhere."""
    return insert_tasks(work, [values], kept)[0]


def insert_tasks(work: Work, many: Sequence[NewTask], kept: Mapping[str, Any] | None = None) -> list[TaskRow]:
    """Insert tasks of the caller's, in this order, and return their rows."""
    rows = [_fill_row(work, values, kept) for values in many]
    _INSERT.run_many(work.connection, rows)
    tasks = cast("list[TaskRow]", rows)
    for task, values in zip(tasks, many, strict=True):
        if values["tags"]:
            _write_tags(work, task, values["tags"])
    return tasks


def _fill_row(work: Work, values: NewTask, kept: Mapping[str, Any] | None) -> dict[str, Any]:
    tags, due = values["tags"], values.get("due")
    title_key, words = fold_task(values["title"], values.get("notes", ""), tags)
    return {
        "kind": "task",
        "notes": "",
        "status": "open",
        "due": None,
        "zone": None,
        "priority": 0,
        "completed_at": None,
        "deleted_at": None,
        "recurring_id": None,
        "occurrence": None,
        "edited": "",
        "list_id": None,
        "start": None,
        "parent_id": None,
        "has_subtasks": 0,
        **values,
        "tags": to_json(tags).decode() if tags else "[]",
        "id": work.ids.new(),
        "user_id": work.who.user_id,
        "version": 1,
        "created_at": work.at,
        "updated_at": work.at,
        "unindexed": 1,
        "title_key": title_key,
        "words": words,
        "deadline": deadline_of(work, due),
        "starts_at": _begin(work, values.get("start")),
        **(kept or {}),
    }


def update_task_row(work: Work, task: TaskRow, changes: TaskColumns) -> TaskRow:
    """Write changed columns and raise the version by one; return the new row.

    Raises `ChangedMeanwhile` if another transaction has changed the row since it was read.
    """
    values: TaskColumns = {**changes, "version": task["version"] + 1, "updated_at": work.at}
    row: TaskRow = {**task, **values}
    if "due" in values:
        row["deadline"] = values["deadline"] = deadline_of(work, row["due"])
    if "start" in values:
        row["starts_at"] = values["starts_at"] = _begin(work, row["start"])
    if _TEXT & values.keys():
        row["title_key"], row["words"] = fold_task(row["title"], row["notes"], from_json(row["tags"]))
        values |= {"title_key": row["title_key"], "words": row["words"], "unindexed": 1}
    result = work.connection.execute(
        _GUARDED.values({name: bindparam(name) for name in values}),
        {**values, "key": task["id"], "owner": work.who.user_id, "seen": task["version"]},
    )
    if result.rowcount != 1:
        raise ChangedMeanwhile("task")
    if _TAGGED & values.keys() and not task["tags"] == row["tags"] == "[]":
        work.connection.execute(_DELETE_TAGS, {"key": task["id"], "owner": work.who.user_id})
        if row["deleted_at"] is None:
            _write_tags(work, row, from_json(row["tags"]))
    return row


def deadline_of(work: Work, due: str | None) -> str:
    """Return the last instant at which a task with this due is not overdue for the caller."""
    return NO_DEADLINE if due is None else when.deadline_of(due, work.zone)


def _begin(work: Work, start: str | None) -> str | None:
    return None if start is None else when.begins_at(start, work.zone)


_MARK = update(TASK).where(TASK.c.id == bindparam("key"), TASK.c.user_id == bindparam("owner")).values(has_subtasks=1)


def mark_parent(work: Work, task_id: str) -> None:
    """Note that a task has a subtask; that does not change the task itself, so its version stays."""
    work.connection.execute(_MARK, {"key": task_id, "owner": work.who.user_id})


def show_task(work: Work, row: TaskRow, parent: TaskRow | None = None) -> TaskShape:
    """Return the caller's view of a row, its reminders or its recurrence included.

    `parent` is the row of its parent where that is known.
    """
    if row["kind"] == "recurring":
        view = view_task(row, (), work.zone, load_recurrence(work, row["id"]), load_place(work, row, parent))
    else:
        view = view_task(row, load_reminders(work, row["id"]), work.zone, place=load_place(work, row, parent))
    if row["deleted_at"] is not None:
        view["deleted"] = True
    return view


def pick_changed(task: TaskRow, values: TaskColumns) -> TaskColumns:
    """Return those of the columns that differ from the row."""
    return cast("TaskColumns", {name: value for name, value in values.items() if value != task[name]})  # type: ignore[literal-required]  # a column's name


def note_edited(task: TaskRow, *names: str) -> TaskColumns:
    """Return the column that marks fields as edited on this instance alone; empty for other tasks."""
    if task["recurring_id"] is None:
        return {}
    fields = (FIELD_OF.get(name, name) for name in names)
    return {"edited": " ".join(sorted({*task["edited"].split(), *fields}))}


def _write_tags(work: Work, row: TaskRow, tags: list[str]) -> None:
    if tags:
        work.connection.execute(
            _INSERT_TAG,
            [
                {
                    "task_id": row["id"],
                    "folded": fold_tag(tag),
                    "user_id": row["user_id"],
                    "kind": row["kind"],
                    "status": row["status"],
                    "deadline": row["deadline"],
                }
                for tag in tags
            ],
        )
