"""What a task looks like from outside: one shape for tools, REST, events and history."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from events.instants import shorten_instant
from todo.text import when

View = dict[str, Any]
PRIORITIES = ("none", "low", "medium", "high")

_DERIVED = frozenset({"version", "updated_at", "due_local", "due_text", "edited"})


def view_reminder(row: Mapping[str, Any]) -> View:
    """Return `{id, remind_at, before?, status, sequence}`; `remind_at` is an instant."""
    view = {"id": row["id"], "remind_at": shorten_instant(row["remind_at"])}
    if row["before"] is not None:
        view["before"] = row["before"]
    view["status"] = row["status"]
    view["sequence"] = row["sequence"]
    return view


def say_rule(recurrence: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Return a series' rule in words; its zone is named where its times are not those of the caller's zone."""
    text: str = recurrence["rule_text"]
    if when.is_date(recurrence["first"]) or recurrence["zone"] == zone.key:
        return text
    return f"{text} ({recurrence['zone']} time)"


def view_recurrence(row: Mapping[str, Any], zone: ZoneInfo) -> View:
    """Return `{rule, rule_text, zone, mode, catch_up, paused, first_due, reminders?, skipped?}` of a series."""
    view: View = {"rule": row["rule"], "rule_text": say_rule(row, zone)}
    view |= {name: row[name] for name in ("zone", "mode", "catch_up")}
    view |= {"paused": bool(row["paused"]), "first_due": row["first"]}
    for name in ("reminders", "skipped"):
        if row[name] != "[]":
            view[name] = from_json(row[name])
    return view


def view_task(
    row: Mapping[str, Any],
    reminders: Sequence[Mapping[str, Any]],
    zone: ZoneInfo,
    recurrence: Mapping[str, Any] | None = None,
) -> View:
    """Return a task as the contract shows it; empty fields are left out, tags and priority never.

    `due` is the exact value, `due_local` the form to send back, `due_text` the words, both in the caller's zone.
    `recurrence` is that of a series.
    """
    view: View = {"id": row["id"], "title": row["title"]}
    if row["kind"] != "task":
        view = {"id": row["id"], "kind": row["kind"], "title": row["title"]}
    if row["notes"]:
        view["notes"] = row["notes"]
    view["status"] = row["status"]
    due = row["due"]
    if due is not None:
        view["due"] = due
        view["due_local"] = when.local_form(due, zone)
        view["due_text"] = when.say_due(due, zone)
    if row["zone"] is not None:
        view["zone"] = row["zone"]
    view["priority"] = PRIORITIES[row["priority"]]
    view["tags"] = from_json(row["tags"]) if row["tags"] != "[]" else []
    if reminders:
        view["reminders"] = [view_reminder(reminder) for reminder in reminders]
    if row["recurring_id"] is not None:
        view["recurring_id"] = row["recurring_id"]
        view["occurrence"] = row["occurrence"]
        if row["edited"]:
            view["edited"] = row["edited"].split()
    if recurrence is not None:
        view["recurrence"] = view_recurrence(recurrence, zone)
    view["version"] = row["version"]
    view["created_at"] = row["created_at"]
    view["updated_at"] = row["updated_at"]
    if row["completed_at"] is not None:
        view["completed_at"] = row["completed_at"]
    return view


def diff_views(before: View, after: View) -> dict[str, list[Any]]:
    """Return `{field: [old, new]}` of what differs; `null` stands for absent. Derived fields do not count."""
    return {
        name: [before.get(name), after.get(name)]
        for name in dict.fromkeys([*before, *after])
        if name not in _DERIVED and before.get(name) != after.get(name)
    }
