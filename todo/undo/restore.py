"""A task put back to what a view of it says: its row, its tags, its reminders; deleted and back included."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from events.catalog import EventType
from events.instants import read_instant, write_instant
from todo import reminders
from todo.record.changes import Touched
from todo.record.queries import Row, load_reminders
from todo.record.rows import show_task, update_task_row
from todo.record.views import PRIORITIES, View
from todo.record.work import Work
from todo.series.series import delete_row
from todo.text import when

FIELDS = (
    *("title", "notes", "status", "completed_at", "due", "zone", "priority", "tags"),
    *("recurring_id", "occurrence", "edited"),
)
"""What undo puts back of a task, beside its reminders."""

Fields = dict[str, Any]


def read_fields(view: View) -> Fields:
    """Return what undo compares and puts back: the fields, and each reminder under `reminder <id>`; None for absent."""
    fields: Fields = {name: view.get(name) for name in FIELDS}
    for each in view.get("reminders", []):
        fields[f"reminder {each['id']}"] = each
    return fields


def read_present(work: Work, row: Row) -> Fields | None:
    """Return the fields of a task as it is, or nothing for one that is gone.

    Reminders that are cancelled only because they missed their time are marked as `passed`.
    """
    if row["deleted_at"] is not None:
        return None
    fields = read_fields(show_task(work, row))
    for each in load_reminders(work, row["id"]):
        if each["cancelled_by"] == "past":
            fields[f"reminder {each['id']}"]["passed"] = True
    return fields


def is_same(name: str, then: Any, now: Any) -> bool:
    """Return whether a field has not been changed since a view; that a reminder rang, or missed its time, is none."""
    if name.startswith("reminder ") and then is not None and now is not None:
        both = {then["status"], now["status"]}
        over = both <= {"scheduled", "fired"} or ("passed" in now and both <= {"scheduled", "fired", "cancelled"})
        same = all(then.get(part) == now.get(part) for part in ("remind_at", "before"))
        return same and (over or len(both) == 1)
    return bool(then == now)


def restore_task(work: Work, row: Row, target: Fields | None) -> tuple[Touched | None, list[str]]:
    """Make a task, maybe a deleted one, what `target` says, None being gone; return its part in the change, warnings.

    Nothing is returned where nothing differs. Reminders are armed again where their time is ahead, else they stay
    cancelled and are named.
    """
    gone = row["deleted_at"] is not None
    if target is None:
        return (None if gone else delete_row(work, row)), []
    before = show_task(work, row)
    was_open = row["status"] == "open"
    values = _write_columns(target)
    if gone:
        # The search index may have dropped it meanwhile.
        values |= {"deleted_at": None, "unindexed": 1}
    values = {name: value for name, value in values.items() if gone or value != row[name]}
    waiting = _list_differing(work, row, target)
    if not values and not waiting:
        return None, []
    row = update_task_row(work, row, values)
    warnings = [warning for each in waiting if (warning := _restore_reminder(work, row, each, target)) is not None]
    after = show_task(work, row)
    if gone:
        return Touched(EventType.TASK_CREATED, None, after, restored=True), warnings
    completed = was_open and row["status"] == "completed"
    return Touched(EventType.TASK_COMPLETED if completed else EventType.TASK_UPDATED, before, after), warnings


def _write_columns(fields: Fields) -> dict[str, Any]:
    return {
        "title": fields["title"],
        "notes": fields["notes"] or "",
        "status": fields["status"],
        "completed_at": fields["completed_at"],
        "due": fields["due"],
        "zone": fields["zone"],
        "priority": PRIORITIES.index(fields["priority"]),
        "tags": to_json(fields["tags"]).decode() if fields["tags"] else "[]",
        "recurring_id": fields["recurring_id"],
        "occurrence": fields["occurrence"],
        "edited": " ".join(fields["edited"] or []),
    }


def _list_differing(work: Work, row: Row, target: Fields) -> list[str]:
    """Return the ids of the reminders that are not as they should be."""
    present = {each["id"]: each for each in load_reminders(work, row["id"])}
    wanted = {name.removeprefix("reminder ") for name in target if name.startswith("reminder ")}
    return [key for key in dict.fromkeys([*present, *wanted]) if not _is_as(present.get(key), _wanted(target, key))]


def _wanted(target: Fields, key: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = target.get(f"reminder {key}")
    return found


def _is_as(present: Row | None, wanted: Mapping[str, Any] | None) -> bool:
    if present is None or wanted is None:
        return present is None and wanted is None
    at = write_instant(read_instant(wanted["remind_at"]))
    return (present["status"], present["remind_at"]) == (wanted["status"], at)


def _restore_reminder(work: Work, row: Row, key: str, target: Fields) -> str | None:
    """Put one reminder back; return a warning if its time has passed."""
    wanted = _wanted(target, key)
    if wanted is None:
        reminders.remove_reminder(work, key)
        return None
    at = write_instant(read_instant(wanted["remind_at"]))
    arm = wanted["status"] == "scheduled" and at > work.at
    status = "scheduled" if arm else "passed" if wanted["status"] == "scheduled" else wanted["status"]
    reminders.put_back(work, row, key, at, wanted.get("before"), status, int(wanted["sequence"]))
    if wanted["status"] == "scheduled" and not arm:
        return f"The reminder of {when.say_due(f'{at[:19]}Z', work.zone)} has passed and stays cancelled."
    return None
