"""Views: the one outward form of a task for tools, REST, events and history."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from events.instants import shorten_instant
from todo.record.places import NOWHERE, Place
from todo.record.shapes import (
    BriefTask,
    CatchUpName,
    ModeName,
    RecurrenceRow,
    RecurrenceShape,
    ReminderRow,
    ReminderShape,
    TaskRow,
    TaskShape,
)
from todo.text import when

PRIORITIES = ("none", "low", "medium", "high")

_DERIVED = frozenset(
    {
        *("version", "updated_at", "due_local", "due_text", "start_local", "start_text"),
        *("occurrence_text", "completed_text", "edited", "deleted", "subtasks"),
    }
)
_REFERENCES = frozenset({"list", "parent"})
"""Fields that name something else by its id."""


def view_reminder(row: ReminderRow, zone: ZoneInfo, *, names_zone: bool = False) -> ReminderShape:
    """Return `{id, remind_at, remind_text, before?, status, sequence, urgent?, nag?}`; `remind_at` is an instant."""
    at = shorten_instant(row["remind_at"])
    said = when.say_due(at, zone) if names_zone else when.say_short(at, zone)
    view = {"id": row["id"], "remind_at": at, "remind_text": said}
    if row["before"] is not None:
        view["before"] = row["before"]
    manner: dict[str, Any] = {"urgent": True} if row["urgent"] else {}
    if row["nag"] is not None:
        manner["nag"] = row["nag"]
    return cast("ReminderShape", {**view, "status": row["status"], "sequence": row["sequence"], **manner})


def say_rule(recurrence: RecurrenceRow, zone: ZoneInfo) -> str:
    """Return a series' rule in words; its zone is named where its times are not those of the caller's zone."""
    text = recurrence["rule_text"]
    if when.is_date(recurrence["first"]) or recurrence["zone"] == zone.key:
        return text
    return f"{text} ({recurrence['zone']} time)"


def view_recurrence(row: RecurrenceRow, zone: ZoneInfo) -> RecurrenceShape:
    """Return how a series recurs, as the contract shows it; `reminders` and `skipped` are left out where empty."""
    view: RecurrenceShape = {
        "rule": row["rule"],
        "rule_text": say_rule(row, zone),
        "zone": row["zone"],
        "mode": cast("ModeName", row["mode"]),
        "catch_up": cast("CatchUpName", row["catch_up"]),
        "paused": bool(row["paused"]),
        "first_due": row["first"],
    }
    if not when.is_date(row["first"]):
        view["first_due_text"] = when.say_due(row["first"], zone)
    if row["reminders"] != "[]":
        view["reminders"] = from_json(row["reminders"])
    if row["start"] is not None:
        view["start"] = row["start"]
    if row["subtasks"]:
        view["subtasks"] = from_json(row["subtasks"])
    if row["skipped"] != "[]":
        view["skipped"] = from_json(row["skipped"])
        view["skipped_text"] = [when.say_short(due, zone) for due in view["skipped"]]
    return view


def view_task(
    row: TaskRow,
    reminders: Sequence[ReminderRow],
    zone: ZoneInfo,
    recurrence: RecurrenceRow | None = None,
    place: Place = NOWHERE,
) -> TaskShape:
    """Return a task as the contract shows it; empty fields are left out, tags and priority never.

    `due` is the exact value, `due_local` the form to send back, `due_text` the words, both in the caller's zone; the
    words add the time in the due's own zone. The times of reminders name a zone only where the due has one of its own.
    `recurrence` is that of a series, `place` says where the task stands.
    """
    view: dict[str, Any] = {"id": row["id"], "title": row["title"]}
    if row["kind"] != "task":
        view = {"id": row["id"], "kind": row["kind"], "title": row["title"]}
    if row["notes"]:
        view["notes"] = row["notes"]
    view["status"] = row["status"]
    view |= _view_times(row, zone)
    view["priority"] = PRIORITIES[row["priority"]]
    view["tags"] = from_json(row["tags"]) if row["tags"] != "[]" else []
    if place is not NOWHERE:
        view |= _view_place(row, place)
    if reminders:
        foreign = row["zone"] not in (None, zone.key)
        view["reminders"] = [view_reminder(reminder, zone, names_zone=foreign) for reminder in reminders]
    if row["recurring_id"] is not None:
        view |= _view_instance(row, zone)
    if recurrence is not None:
        view["recurrence"] = view_recurrence(recurrence, zone)
    view["version"] = row["version"]
    view["created_at"] = f"{row['created_at'][:19]}Z"
    view["updated_at"] = f"{row['updated_at'][:19]}Z"
    if row["completed_at"] is not None:
        view["completed_at"] = row["completed_at"]
        view["completed_text"] = when.say_short(row["completed_at"], zone)
    # Written in the order of the contract, which a typed literal with optional fields cannot keep.
    return cast("TaskShape", view)


def _view_place(row: TaskRow, place: Place) -> dict[str, Any]:
    view: dict[str, Any] = {}
    if row["list_id"] is not None:
        view["list"] = {"id": row["list_id"], "name": place.list_name}
    if row["parent_id"] is not None:
        view["parent"] = {"id": row["parent_id"], "title": place.parent_title}
    if place.total:
        view["subtasks"] = {"open": place.open, "total": place.total}
    return view


def _view_times(row: TaskRow, zone: ZoneInfo) -> dict[str, Any]:
    """Return due and start: each exact, in the form to send back, and in words."""
    view: dict[str, Any] = {}
    due, start = row["due"], row["start"]
    if due is not None:
        local, said = when.local_form(due, zone), when.say_with_own(due, zone, row["zone"])
        view |= {"due": due, "due_local": local, "due_text": said}
    if row["zone"] is not None:
        view["zone"] = row["zone"]
    if start is not None:
        view |= {"start": start, "start_text": when.say_due(start, zone)}
        if not when.is_date(start):
            view["start_local"] = when.local_form(start, zone)
    return view


def _view_instance(row: TaskRow, zone: ZoneInfo) -> dict[str, Any]:
    """Return the fields that only an instance of a series has; `occurrence` has words where the due has others."""
    view: dict[str, Any] = {"recurring_id": row["recurring_id"], "occurrence": row["occurrence"]}
    if row["occurrence"] is not None and row["occurrence"] != row["due"]:
        view["occurrence_text"] = when.say_due(row["occurrence"], zone)
    if row["edited"]:
        view["edited"] = row["edited"].split()
    return view


def diff_views(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return `{field: [old, new]}` of what differs; `null` stands for absent. Derived fields do not count."""
    return {
        name: [before.get(name), after.get(name)]
        for name in dict.fromkeys([*before, *after])
        if name not in _DERIVED and identify(name, before.get(name)) != identify(name, after.get(name))
    }


def identify(name: str, value: Any) -> Any:
    """Return what a field's value is compared by: a list is the same one under another name."""
    return value["id"] if name in _REFERENCES and value is not None else value


def view_briefly(view: TaskShape, zone: ZoneInfo) -> BriefTask:
    """Return the few fields of a view that name a task among many; the due's words are in `zone`."""
    brief: BriefTask = {"id": view["id"], "title": view["title"]}
    if view["status"] != "open":
        brief["status"] = view["status"]
    if "due" in view:
        brief["due"] = view["due"]
        brief["due_text"] = when.say_short(view["due"], zone)
    if "deleted" in view:
        brief["deleted"] = True
    return brief
