"""The intents about where a task stands and when it begins: below another, in a list, not before a day."""

from dataclasses import replace

from agent.builtin import task_intents
from agent.builtin.intent import Intent
from agent.builtin.reader import Reader


def add_subtask(reader: Reader, draft: Intent) -> Intent:
    """Create a task below another, with all that its line says; a repetition belongs to the task above."""
    made = task_intents.create(reader, replace(draft, target=None))
    if made.tool == "create_recurring_task":
        return reader.refuse("no_rule_below")
    return replace(made, target=draft.target, aims="parent_id") if made.tool == "create_task" else made


def list_subtasks(_reader: Reader, draft: Intent) -> Intent:
    """List what stands below a task, done and open."""
    return replace(draft, aims="parent_id")


def begin_at(reader: Reader, draft: Intent) -> Intent:
    """Say when a task begins: until then it is out of the way."""
    when = reader.read_time(draft.slots["when"]) or reader.read_time(f"at {draft.slots['when']}")
    if when is None or not when.due:
        return reader.refuse_time(draft.slots["when"])
    return replace(draft, args={"start": when.due})


def move_list(reader: Reader, draft: Intent) -> Intent:
    """Plan to move all that is open in a list to another."""
    names = [reader.restore(draft.slots[name]) for name in ("list", "other_list")]
    return replace(draft, args={"filter": {"list": names[0]}, "change": {"list": names[1]}})


def shift_list(reader: Reader, draft: Intent) -> Intent:
    """Plan to move all that is open in a list to a day."""
    day = reader.read_day(draft.slots["when"]) or reader.read_day(f"on {draft.slots['when']}")
    if not day:
        return reader.refuse_time(draft.slots["when"])
    return replace(draft, args={"filter": {"list": reader.restore(draft.slots["list"])}, "change": {"due": day}})


def complete_list(reader: Reader, draft: Intent) -> Intent:
    """Plan to complete all that is open in a list."""
    return replace(draft, args={"filter": {"list": reader.restore(draft.slots["list"])}, "change": {"complete": True}})
