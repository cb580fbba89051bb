"""Differences between two views of a task, short and with local words, for conflicts, history and plans."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from todo.record.views import diff_views
from todo.text.display import quote_title
from todo.text.when import say_short

MOST_SHOWN = 200
"""Characters of a text that a shortened difference shows."""
_IN_WORDS = {"due": "due_text", "start": "start_text", "completed_at": "completed_text"}
"""Fields that are instants, with the name under which their local words stand beside them."""
_RANG = {"fired": "rang", "cancelled": "cancelled"}


def tell_differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: ZoneInfo
) -> dict[str, list[Any]]:
    """Return `{field: [old, new]}` of what differs, with long texts cut and with the local words of instants.

    Of reminders only those that differ are shown.
    """
    was, now = before or {}, after or {}
    changes = shorten_differences(diff_views(was, now))
    for name, words in _IN_WORDS.items():
        if name in changes:
            changes[words] = [None if value is None else say_short(value, zone) for value in changes[name]]
    if "reminders" in changes:
        old, new = was.get("reminders", []), now.get("reminders", [])
        changes["reminders"] = [
            [_say_reminder(each, zone) for each in one if each not in other] or None
            for one, other in ((old, new), (new, old))
        ]
    return changes


def list_fields(changes: Mapping[str, list[Any]]) -> list[str]:
    """Return the names of the fields that differ, without the words that stand beside some of them."""
    return [name for name in changes if name not in _IN_WORDS.values()]


def describe_differences(changes: Mapping[str, list[Any]]) -> str:
    """Return differences in words: `title from "Milk" to "Oat milk", due from "Fri 27 Nov 2026" to nothing`."""
    said = []
    for name in list_fields(changes):
        if name == "completed_at" and "status" in changes:
            continue
        old, new = changes[_IN_WORDS.get(name, name)]
        said.append(f"{name.removesuffix('_at')} from {_describe_value(old)} to {_describe_value(new)}")
    return ", ".join(said)


def tell_list(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """Return what a change made of a list, in words: `the list "Food" was renamed from "Groceries"`."""
    was: Mapping[str, Any] = {"deleted_at": after["created_at"]} if before is None else before
    parts = []
    if bool(was["deleted_at"]) != bool(after["deleted_at"]):
        parts.append("deleted" if after["deleted_at"] else "made" if before is None else "brought back")
    if was.get("name", after["name"]) != after["name"]:
        parts.append(f"renamed from {quote_title(was['name'])}")
    if was.get("archived", after["archived"]) != after["archived"]:
        parts.append("archived" if after["archived"] else "taken out of the archive")
    if not parts:
        parts.append(f"moved to place {after['position']}")
    return f"the list {quote_title(after['name'])} was {' and '.join(parts)}"


def shorten_differences(changes: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return differences in which long texts are cut: added text is shown alone, other text by its beginning."""
    shown: dict[str, list[Any]] = {}
    for name, (old, new) in changes.items():
        if isinstance(old, str) and isinstance(new, str) and len(new) > MOST_SHOWN and old and new.startswith(old):
            shown[name] = [f"({len(old)} characters)", f"(the same, and then) {_cut(new[len(old) :].strip())}"]
        else:
            shown[name] = [_cut(old), _cut(new)]
    return shown


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MOST_SHOWN:
        return f"{value[:MOST_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, list) and len(value) > MOST_SHOWN // 10:
        return [*value[: MOST_SHOWN // 10], f"… ({len(value)} in all)"]
    return value


def _say_reminder(reminder: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return a reminder with its local words, which views of older versions lack."""
    return {"remind_text": say_short(reminder["remind_at"], zone), **reminder}


def _describe_value(value: Any) -> str:
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, dict) and ("name" in value or "title" in value):
        value = value.get("name", value.get("title"))
    elif isinstance(value, dict):
        value = f"{value.get('rule_text', '')}{', paused' if value.get('paused') else ''}"
    if isinstance(value, list):
        value = ", ".join(_describe_item(each) for each in value)
    text = str(value)
    return quote_title(text[:60] + ("…" if len(text) > 60 else ""))


def _describe_item(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    status = _RANG.get(item.get("status", ""), "")
    return f"{item.get('remind_text', '')}{f' ({status})' if status else ''}"
