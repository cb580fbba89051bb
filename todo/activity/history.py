"""History: who changed what and when, a task as it was at a time, and permanent erasure."""

from datetime import timedelta
from typing import Any, NotRequired, cast

from pydantic_core import from_json
from sqlalchemy import bindparam, delete, select, update
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from events.embedded import Delivery
from events.inbox import InboxEntry
from events.instants import read_instant, write_instant
from events.outbox import OutboxEntry
from events.sql import WithoutIndex, table_of
from todo.errors import InvalidArguments, TaskNotFound, TooEarly
from todo.record.differences import list_fields, tell_differences, tell_list
from todo.record.lists import load_list_parts
from todo.record.models import (
    Activity,
    Change,
    ChangeItem,
    Confirmation,
    CountedTask,
    Notification,
    Plan,
    RequestEntry,
    TaskTag,
)
from todo.record.queries import RECURRENCE, REMINDER, TASK, load_any_tasks
from todo.record.shapes import TaskShape
from todo.record.work import Work
from todo.requests import paging
from todo.text import when
from todo.text.display import quote_title, say_actor

_C = table_of(Change)
_I = table_of(ChangeItem)
_O = table_of(OutboxEntry)
_UNPUBLISHED = (
    select(_O.c.parked_at)
    .where(_O.c.task_id == bindparam("task"), _O.c.user_id == bindparam("user"), _O.c.published_at.is_(None))
    .order_by(_O.c.seq)
    .limit(1)
)
_LIVING_BELOW = (
    select(TASK.c.id)
    .where(
        *(TASK.c.parent_id == bindparam("task"), WithoutIndex(TASK.c.user_id) == bindparam("user")),
        TASK.c.deleted_at.is_(None),
    )
    .limit(1)
)
_COLUMNS = select(
    _C.c.seq,
    _C.c.id,
    _C.c.kind,
    _C.c.actor,
    _C.c.at,
    _C.c.undone_by,
    _I.c.task_id,
    _I.c.version,
    _I.c.before,
    _I.c.after,
).join(_I, _I.c.change_id == _C.c.id)
_OF_TASK = _COLUMNS.where(_C.c.user_id == bindparam("user"), _I.c.task_id == bindparam("task_id"))
_NEWEST = (
    select(_C)
    .where(_C.c.user_id == bindparam("user"), _C.c.seq < bindparam("before"))
    .order_by(_C.c.seq.desc())
    .limit(bindparam("limit"))
)
_N = table_of(Notification)
_RINGS = (
    select(_N.c.remind_at, _N.c.late_by_seconds)
    .where(_N.c.user_id == bindparam("user"), _N.c.task_id == bindparam("task_id"))
    .order_by(_N.c.seq.desc())
)
_LATE = 60
"""Seconds from which on a reminder is called late."""
_ITEMS = select(_I).where(_I.c.change_id == bindparam("key")).order_by(_I.c.task_id)
_AT = _OF_TASK.where(_C.c.at <= bindparam("at")).order_by(_C.c.seq.desc()).limit(1)
_SHOWN = 10
_SAID = {
    "create_task": "created",
    "create_recurring_task": "created",
    "complete_task": "completed",
    "reopen_task": "reopened",
    "delete_task": "deleted",
    "make_instances": "came round",
    "undo": "undone",
    "apply_plan": "changed by a plan",
    "import_tasks": "imported",
}


_SAY_ALL = ("complete_task", "reopen_task")
"""Kinds of changes whose verb says all that a person wants to know."""


class HistoryEntry(TypedDict):
    """One change of a task: its fields as [old, new] if it was there before and after, and a sentence.

    A reminder that rang is an entry of the kind `reminder_rang`; it changes nothing, so it has no change and version.
    """

    change_id: NotRequired[str]
    version: NotRequired[int]
    kind: str
    at: str
    at_text: str
    actor: dict[str, str]
    changes: NotRequired[dict[str, list[Any]]]
    text: str
    undone_by: NotRequired[str]


class History(TypedDict):
    """The changes of one task, newest first."""

    task_id: str
    history: list[HistoryEntry]
    history_cut: NotRequired[bool]


def list_changes(work: Work, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """Return `{changes: [{change_id, kind, at, at_text, actor, undone_by?, tasks, text}], next_cursor?}`.

    The newest change comes first.
    """
    key = {"user": work.who.user_id, "before": paging.read_number(cursor), "limit": limit + 1}
    rows = [row._asdict() for row in work.connection.execute(_NEWEST, key)]
    page, next_cursor = paging.cut_page(rows, limit, lambda row: str(row["seq"]))
    parts: dict[str, list[Any]] = {}
    for part in load_list_parts(work, [row["id"] for row in page]):
        parts.setdefault(part.change_id, []).append(part)
    view: dict[str, Any] = {"changes": [_view_change(work, row, parts.get(row["id"], [])) for row in page]}
    return view if next_cursor is None else {**view, "next_cursor": next_cursor}


def _view_change(work: Work, row: dict[str, Any], lists: list[Any]) -> dict[str, Any]:
    items = [item._asdict() for item in work.connection.execute(_ITEMS, {"key": row["id"]})]
    tasks = [
        {"task_id": item["task_id"], "title": title, "version": item["version"], **_tell_difference(work, item)}
        for item in items[:_SHOWN]
        if (title := _title_of(item)) is not None
    ]
    view: dict[str, Any] = {
        "change_id": row["id"],
        "kind": row["kind"],
        "at": row["at"],
        "at_text": when.say_instant(row["at"], work.zone),
        "actor": from_json(row["actor"]),
    }
    if row["undone_by"] is not None:
        view["undone_by"] = row["undone_by"]
    titles = [quote_title(each["title"]) for each in tasks]
    more = f" and {len(items) - len(titles)} more" if len(items) > len(titles) and titles else ""
    said = _SAID.get(row["kind"], "changed")
    if lists:
        view["lists"] = [_view_list_part(part) for part in lists]
    if lists and not items:
        text = f"{'; '.join(each['text'] for each in view['lists'])}, by {_tell_who(row)}"
        return {**view, "tasks": [], "text": text[0].upper() + text[1:]}
    return {**view, "tasks": tasks, "text": f"{', '.join(titles) or 'An erased task'}{more} {said} by {_tell_who(row)}"}


def _view_list_part(part: Any) -> dict[str, Any]:
    """Return one list's part in a change: `{list_id, name, text}`."""
    before, after = None if part.before is None else from_json(part.before), from_json(part.after)
    return {"list_id": part.list_id, "name": after["name"], "text": tell_list(before, after)}


def list_history(work: Work, task_id: str, limit: int = 200) -> History:
    """Return `{task_id, history: [{change_id?, version?, kind, at, at_text, actor, changes?, text}]}`, newest first.

    A deleted task still has its history. Raises `TaskNotFound`.
    """
    if task_id not in load_any_tasks(work, [task_id]):
        raise TaskNotFound("There is no task with this id.", "Look the task up with find_tasks and use its id.")
    key = {"user": work.who.user_id, "task_id": task_id}
    rows = work.connection.execute(_OF_TASK.order_by(_C.c.seq.desc()).limit(limit + 1), key).all()
    changes = [_view_entry(work, row._asdict()) for row in rows]
    rings = [_view_ring(work, row) for row in work.connection.execute(_RINGS.limit(limit + 1), key)]
    entries = sorted([*changes, *rings], key=lambda entry: entry["at"], reverse=True)
    answer: History = {"task_id": task_id, "history": entries[:limit]}
    if len(entries) > limit:
        answer["history_cut"] = True
    return answer


def _view_entry(work: Work, row: dict[str, Any]) -> HistoryEntry:
    difference = _tell_difference(work, row)
    names = ", ".join(list_fields(difference.get("changes", {})))
    said = _SAID.get(row["kind"], "changed")
    if row["before"] is not None and row["after"] is not None and names and row["kind"] not in _SAY_ALL:
        said = f"{said} ({names})"
    view = {
        "change_id": row["id"],
        "version": row["version"],
        "kind": row["kind"],
        "at": row["at"],
        "at_text": when.say_instant(row["at"], work.zone),
        "actor": from_json(row["actor"]),
        **difference,
        "text": f"{said[0].upper()}{said[1:]} by {_tell_who(row)}",
    }
    if row["undone_by"] is not None:
        view["undone_by"] = row["undone_by"]
    return cast("HistoryEntry", view)


def _view_ring(work: Work, row: Any) -> HistoryEntry:
    """Return a notification as the entry that its reminder rang."""
    at = write_instant(read_instant(row.remind_at) + timedelta(seconds=row.late_by_seconds))
    late = ", late" if row.late_by_seconds >= _LATE else ""
    return {
        "kind": "reminder_rang",
        "at": at,
        "at_text": when.say_instant(at, work.zone),
        "actor": {"kind": "scheduler", "surface": "scheduler"},
        "text": f"The reminder of {when.say_short(row.remind_at, work.zone)} rang{late}",
    }


def _tell_difference(work: Work, item: dict[str, Any]) -> dict[str, Any]:
    if item["before"] is None or item["after"] is None:
        return {}
    before = work.see_view(from_json(item["before"]))
    return {} if before is None else {"changes": tell_differences(before, from_json(item["after"]), work.zone)}


def _title_of(item: dict[str, Any]) -> str | None:
    kept = item["after"] or item["before"]
    title: str | None = None if kept is None else from_json(kept).get("title")
    return title


def _tell_who(row: dict[str, Any]) -> str:
    return say_actor(from_json(row["actor"]))


def read_past(work: Work, task_id: str, at: str) -> TaskShape:
    """Return a task's view as it was at a time; raises `TaskNotFound` if it was not there then, `InvalidTime`."""
    reading = when.read_time(at, work.zone, work.now)
    moment = when.deadline_of(reading.due, work.zone)
    row = work.connection.execute(_AT, {"user": work.who.user_id, "task_id": task_id, "at": moment}).one_or_none()
    if row is None and (task := load_any_tasks(work, [task_id]).get(task_id)) and task["created_at"] <= moment:
        raise TaskNotFound(
            f"The history of this task does not reach back to {when.say_due(reading.due, work.zone)}.",
            "GET …/history shows what is kept; history_days of GET /api/me says how long it is.",
        )
    if row is None or row.after is None:
        raise TaskNotFound(
            f"There was no such task on {when.say_due(reading.due, work.zone)}.", "GET …/history shows its times."
        )
    view: TaskShape = from_json(row.after)
    return view


def erase_task(work: Work, task_id: str) -> dict[str, Any]:
    """Erase a task permanently, with everything stored about it; return `{erased, message}`.

    This covers its reminders, history, notifications, activity, and the plans and questions that name it. It is the
    only hard delete. Pending events must be published first; published ones stay with their consumers. A series is
    erased without its instances. Raises `TaskNotFound`, and `TooEarly` while an event of it is unpublished.
    """
    # Plans and answers that are not a token's own may name the task as well.
    work.who.require_all_lists("erase tasks for good")
    found = load_any_tasks(work, [task_id])
    if task_id not in found:
        raise TaskNotFound("There is no task with this id.", "Look the task up with find_tasks and use its id.")
    run, user_id = work.connection.execute, work.who.user_id
    if found[task_id]["has_subtasks"] and run(_LIVING_BELOW, {"task": task_id, "user": user_id}).first() is not None:
        raise InvalidArguments(
            f"{quote_title(found[task_id]['title'])} has subtasks.", "Delete or erase them first, or move them away."
        )
    mine = (_O.c.task_id == task_id) & (_O.c.user_id == user_id)
    if (waiting := run(_UNPUBLISHED, {"task": task_id, "user": user_id}).first()) is not None:
        raise _refuse_early(waiting.parked_at is not None)
    for table in (table_of(TaskTag), REMINDER, RECURRENCE, table_of(Notification), table_of(Activity)):
        run(delete(table).where(table.c.task_id == task_id, table.c.user_id == user_id))
    for table in (table_of(CountedTask), table_of(Delivery)):
        run(delete(table).where(table.c.task_id == task_id))
    run(update(_I).where(_I.c.task_id == task_id).values(before=None, after=None))
    requests, inbox = table_of(RequestEntry), table_of(InboxEntry)
    owned = requests.c.user_id == user_id
    run(delete(requests).where(owned, requests.c.answer.contains(task_id, autoescape=True)))
    plans, asked = table_of(Plan), table_of(Confirmation)
    mentions = plans.c.calls.contains(task_id, autoescape=True) | plans.c.answer.contains(task_id, autoescape=True)
    run(delete(plans).where(plans.c.user_id == user_id, mentions))
    named = asked.c.summary.contains(quote_title(found[task_id]["title"]), autoescape=True)
    run(delete(asked).where(asked.c.user_id == user_id, named))
    run(delete(inbox).where(inbox.c.event_id.in_(select(_O.c.event_id).where(mine))))
    run(delete(_O).where(mine))
    if work.connection.dialect.name == "sqlite":
        forget = run(select(TASK.c.number).where(TASK.c.id == task_id, TASK.c.user_id == user_id)).scalar()
        work.connection.exec_driver_sql("DELETE FROM task_search WHERE rowid = ?", (forget,))
    run(delete(TASK).where(TASK.c.id == task_id, TASK.c.user_id == user_id))
    return {"erased": task_id, "message": "The task is erased, with its history. Events that were published stay."}


def _refuse_early(parked: bool) -> TooEarly:
    if parked:
        return TooEarly(
            "The task cannot be erased yet: the broker has refused one of its events, which waits.",
            "Publish it first: evolution-todo events replay --parked. Then repeat this.",
        )
    return TooEarly(
        "The task cannot be erased yet: its last change is still being published, which takes about a second.",
        "Repeat this in a second; while the broker is away, when /readyz names it no more.",
    )
