"""Restoring a task to an earlier view: its row, tags and reminders, also across deletion."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from events.instants import read_instant, write_instant
from todo import reminders
from todo.record.changes import Change
from todo.record.queries import load_reminders
from todo.record.rows import pick_changed, show_task
from todo.record.shapes import ReminderRow, TaskColumns, TaskRow, TaskShape
from todo.record.views import PRIORITIES, identify
from todo.record.work import Work
from todo.subtasks.branches import delete_row
from todo.text import when

FIELDS = (
    "title",
    "notes",
    "status",
    "completed_at",
    "due",
    "zone",
    "priority",
    "tags",
    "list",
    "start",
    "parent",
    "recurring_id",
    "occurrence",
    "edited",
)
"""The fields of a task that undo restores, beside its reminders; a list by its id."""

Fields = dict[str, Any]


def read_fields(view: TaskShape) -> Fields:
    """Return what undo compares and restores: the fields, and each reminder under `reminder <id>`; None for absent."""
    fields: Fields = {name: identify(name, view.get(name)) for name in FIELDS}
    for each in view.get("reminders", []):
        fields[f"reminder {each['id']}"] = each
    return fields


def read_present(work: Work, row: TaskRow) -> Fields | None:
    """Return the fields of a task as it is; None if it is deleted.

    Reminders that are cancelled only because their time passed are marked as `passed`.
    """
    if row["deleted_at"] is not None:
        return None
    fields = read_fields(show_task(work, row))
    for each in load_reminders(work, row["id"]):
        if each["cancelled_by"] == "past":
            fields[f"reminder {each['id']}"]["passed"] = True
    return fields


def is_same(name: str, then: Any, now: Any) -> bool:
    """Return whether a field is unchanged since a view; that a reminder rang or missed its time does not count."""
    if name.startswith("reminder ") and then is not None and now is not None:
        both = {then["status"], now["status"]}
        over = both <= {"scheduled", "fired"} or ("passed" in now and both <= {"scheduled", "fired", "cancelled"})
        same = all(then.get(part) == now.get(part) for part in ("remind_at", "before", "urgent", "nag"))
        return same and (over or len(both) == 1)
    return bool(then == now)


def restore_task(change: Change, row: TaskRow, target: Fields | None) -> list[str]:
    """Make a task, perhaps a deleted one, what `target` says; None means deleted. Return warnings.

    Nothing is touched if nothing differs. Reminders whose time is ahead are armed again; the others stay cancelled and
    are named.
    """
    work, gone = change.work, row["deleted_at"] is not None
    if target is None:
        if not gone:
            delete_row(change, row)
        return []
    values = _write_columns(target)
    if not gone:
        values = pick_changed(row, values)
    waiting = _list_differing(work, row, target)
    if not values and not waiting:
        return []
    row = change.restore(row, values) if gone else change.update(row, values)
    return [warning for each in waiting if (warning := _restore_reminder(work, row, each, target)) is not None]


def _write_columns(fields: Fields) -> TaskColumns:
    return {
        "title": fields["title"],
        "notes": fields["notes"] or "",
        "status": fields["status"],
        "completed_at": fields["completed_at"],
        "due": fields["due"],
        "zone": fields["zone"],
        "priority": PRIORITIES.index(fields["priority"]),
        "tags": to_json(fields["tags"]).decode() if fields["tags"] else "[]",
        "list_id": fields.get("list"),
        "start": fields.get("start"),
        "parent_id": fields.get("parent"),
        "recurring_id": fields["recurring_id"],
        "occurrence": fields["occurrence"],
        "edited": " ".join(fields["edited"] or []),
    }


def _list_differing(work: Work, row: TaskRow, target: Fields) -> list[str]:
    """Return the ids of the reminders that are not as they should be."""
    present = {each["id"]: each for each in load_reminders(work, row["id"])}
    wanted = {name.removeprefix("reminder ") for name in target if name.startswith("reminder ")}
    return [key for key in dict.fromkeys([*present, *wanted]) if not _is_as(present.get(key), _wanted(target, key))]


def _wanted(target: Fields, key: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = target.get(f"reminder {key}")
    return found


def _is_as(present: ReminderRow | None, wanted: Mapping[str, Any] | None) -> bool:
    if present is None or wanted is None:
        return present is None and wanted is None
    at = write_instant(read_instant(wanted["remind_at"]))
    manner = (bool(present["urgent"]), present["nag"])
    was = (wanted["status"], at, (wanted.get("urgent", False), wanted.get("nag")))
    return (present["status"], present["remind_at"], manner) == was


def _restore_reminder(work: Work, row: TaskRow, key: str, target: Fields) -> str | None:
    """Put one reminder back; return a warning if its time has passed."""
    wanted = _wanted(target, key)
    if wanted is None:
        reminders.remove_reminder(work, key)
        return None
    at = write_instant(read_instant(wanted["remind_at"]))
    arm = wanted["status"] == "scheduled" and at > work.at
    status = "scheduled" if arm else "passed" if wanted["status"] == "scheduled" else wanted["status"]
    reminders.put_back(work, row, key, at, status, wanted)
    if wanted["status"] == "scheduled" and not arm:
        return f"The reminder of {when.say_instant(at, work.zone)} has passed and stays cancelled."
    return None
