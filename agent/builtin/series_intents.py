"""The intents about tasks that repeat: each function completes the draft that the language file gives."""

import re
from dataclasses import replace

from agent.builtin.intent import Intent
from agent.builtin.reader import Reader

_SCOPE = {"kind": "recurring"}
_TOOLS = ("update_task", "delete_task", "get_task", "update_recurring_task", "preview_occurrences")
"""Tools that work on a whole series."""
_MOST_DATES = 50
_DATES = 3


def repeat(reader: Reader, draft: Intent) -> Intent:
    """Make a task repeat."""
    text = f"{draft.slots.get('target') or draft.slots['target_when']} {draft.slots.get('when', '')}".strip()
    split = reader.split(text)
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    if split.when is None or not split.when.rule:
        return reader.ask(draft, "when", "bad_rule")
    return replace(draft, target=reader.read_target(split.title), args=split.when.rule_args)


def change_rule(reader: Reader, draft: Intent) -> Intent:
    """Change how often a series repeats."""
    when = reader.read_time(draft.slots["when"])
    if when is None or not when.rule:
        return reader.ask(draft, "when", "bad_rule")
    return replace(draft, args=when.rule_args)


def pause(reader: Reader, draft: Intent) -> Intent:
    """Pause a series, until a day if one is named."""
    if "lead" in draft.slots:
        end = reader.read_day(f"in {draft.slots['lead']}")
        return replace(draft, args={"pause_until": end}) if end else reader.refuse("bad_lead")
    if "when" not in draft.slots:
        return replace(draft, args={"paused": True})
    text = draft.slots["when"]
    day = reader.read_day(text) or reader.read_day(f"on {text}") or reader.read_day(f"start of {text}")
    return replace(draft, args={"pause_until": day}) if day else reader.refuse_time(draft.slots["when"])


def skip(reader: Reader, draft: Intent) -> Intent:
    """Skip the occurrence of a day, a number of occurrences, or the next one."""
    slots = draft.slots
    if "target_when" in slots:
        return reader.refuse_time(slots["target_when"])
    if "when" in slots:
        day = reader.read_day(slots["when"])
        return replace(draft, args={"skip": day}) if day else reader.refuse_time(slots["when"])
    if "count" in slots:
        count = reader.read_count(slots["count"])
        return replace(draft, args={"skip": str(count)}) if count else reader.refuse_time(slots["count"])
    split = reader.split(slots["target"])
    if split.when is not None or split.doubt:
        return reader.refuse_doubt(split.doubt or slots["target"])
    return replace(draft, args={"skip": "1"})


def list_next(reader: Reader, draft: Intent) -> Intent:
    """List the next dates of a series."""
    count = reader.read_count(draft.slots["count"]) if "count" in draft.slots else _DATES
    if not 0 < count <= _MOST_DATES:
        return reader.refuse("miss_count")
    return replace(draft, args={"count": count})


def preview(reader: Reader, draft: Intent) -> Intent:
    """List the dates of a rule that belongs to no series."""
    when = reader.read_time(draft.slots["when"])
    if when is None or not when.rule:
        return reader.refuse("bad_rule")
    return replace(draft, args=when.rule_args)


def find_series_name(reader: Reader, text: str) -> str:
    """Return the name in a text that calls it a series, such as "the backup series"; else an empty string."""
    reading = reader.language.reading
    for pattern in (rf"{reading['series_start']} (.+)", rf"(.+) {reading['series_end']}"):
        match = re.fullmatch(pattern, text, flags=re.IGNORECASE)
        # "watch the series" is a task's title, and "the series" has no name.
        if match and not re.fullmatch(reading["target_start"], match[1].split()[-1].lower()):
            return match[1]
    return ""


def aim_at_series(reader: Reader, intent: Intent, name: str) -> Intent:
    """Apply an intent to the whole series of this name; leave it as it is if its tool takes one occurrence only."""
    if intent.tool not in _TOOLS:
        return intent
    aimed = replace(intent, target=reader.read_target(name), scope=_SCOPE)
    if intent.tool != "update_task":
        return aimed
    if intent.args.keys() & {"due", "shift"} or "due" in intent.args.get("clear", []):
        return reader.refuse("series_due")
    return replace(aimed, tool="update_recurring_task")
