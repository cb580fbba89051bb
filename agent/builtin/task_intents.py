"""The intents about tasks and their reminders: each function completes the draft that the language file gives."""

import re
from dataclasses import replace
from typing import Any

from agent.builtin.intent import Intent
from agent.builtin.reader import Reader
from agent.builtin.time_phrases import Split


def create(reader: Reader, draft: Intent) -> Intent:
    """Create a task, or a series if a repetition stands with the title."""
    return _create(reader, draft, ())


def create_ahead(reader: Reader, draft: Intent) -> Intent:
    """Create a task with a reminder ahead of its due time."""
    lead = reader.read_duration(draft.slots["lead"])
    return _create(reader, draft, (lead,)) if lead else reader.refuse("bad_lead")


def remind(reader: Reader, draft: Intent) -> Intent:
    """Create a task with a reminder at its due time."""
    return _create(reader, draft, ("0m",))


def create_from(reader: Reader, draft: Intent, split: Split, marks: dict[str, Any]) -> Intent:
    """Create a task or a series from a title that is already separated from its time."""
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    if not split.title:
        return reader.ask(draft, "what", "no_title")
    args: dict[str, Any] = {"title": reader.restore(split.title), **marks}
    when = split.when
    if "reminders" in marks and when is None:
        return reader.ask(draft, "when", "no_time")
    if when is not None and when.rule:
        return replace(draft, tool="create_recurring_task", args={**args, **when.rule_args})
    if when is not None:
        args["due"] = when.due
    return replace(draft, tool="create_task", args=args)


def remind_before(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder ahead of a task's due time."""
    lead = reader.read_duration(draft.slots["lead"])
    return replace(draft, args={"before": lead}) if lead else reader.refuse("bad_lead")


def remind_about(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder at a time that stands after the task."""
    text = f"{draft.slots.get('target') or draft.slots['target_when']} {draft.slots.get('when', '')}".strip()
    return _split_target(reader, draft, text, "at")


def snooze(reader: Reader, draft: Intent) -> Intent:
    """Put a reminder off for a duration or until a time."""
    if "when" in draft.slots:
        when = reader.read_time(draft.slots["when"])
        if when is None or not when.due:
            return reader.refuse_time(draft.slots["when"])
        return replace(draft, args={"until": when.due})
    lead = reader.read_duration(draft.slots.get("lead", ""))
    return reader.ask(draft, "lead", "bad_lead") if lead is None else replace(draft, args={"duration": lead})


def report_done(reader: Reader, draft: Intent) -> Intent:
    """Complete a task that the person says is done; "it is done?" only looks it up."""
    return replace(draft, tool="get_task", scope={"status": "all"}) if reader.is_question else draft


def rename(reader: Reader, draft: Intent) -> Intent:
    """Change a task's title."""
    return replace(draft, args={"title": reader.restore(draft.slots["title"])})


def change(reader: Reader, draft: Intent) -> Intent:
    """Change a task's title, its due time, or both."""
    split = reader.split(draft.slots["value"])
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    args = {"title": reader.restore(split.title)} if split.title else {}
    if split.when is not None:
        if split.when.rule:
            return reader.refuse("no_rule_here")
        args["due"] = split.when.due
    return replace(draft, args=args, keeps_day=split.when is not None and split.when.is_clock)


def move(reader: Reader, draft: Intent) -> Intent:
    """Change a task's due time."""
    if "when" not in draft.slots:
        return _split_target(reader, draft, draft.slots["target_when"], "due")
    # "to friday" and "to on friday" mean the same; a clock time alone needs its preposition.
    when = reader.read_time(draft.slots["when"]) or reader.read_time(f"at {draft.slots['when']}")
    if when is None:
        return reader.refuse_time(draft.slots["when"])
    if not when.due:
        return reader.refuse("no_rule_here")
    return replace(draft, args={"due": when.due}, keeps_day=when.is_clock)


def postpone(reader: Reader, draft: Intent) -> Intent:
    """Shift a task's due time by a duration."""
    lead = reader.read_duration(draft.slots.get("lead", ""))
    return replace(draft, args={"shift": lead}) if lead else reader.refuse("bad_lead")


def tag(reader: Reader, draft: Intent) -> Intent:
    """Add a tag to a task."""
    return _change_tags(reader, draft, "add_tags")


def untag(reader: Reader, draft: Intent) -> Intent:
    """Remove a tag from a task."""
    return _change_tags(reader, draft, "remove_tags")


def set_priority(reader: Reader, draft: Intent) -> Intent:
    """Set a task's priority, `high` if no level is named."""
    if level := reader.read_level(draft.slots.get("level", "high")):
        return replace(draft, args={"priority": level})
    # "make me a sandwich" has the form of "make it high", but names no priority.
    names_priority = reader.language.reading["about_levels"] in reader.sentence.lower()
    return reader.refuse("bad_level") if names_priority else Intent(name="miss")


def add_note(reader: Reader, draft: Intent) -> Intent:
    """Append to a task's notes."""
    return _write_notes(reader, draft, "append_notes")


def replace_notes(reader: Reader, draft: Intent) -> Intent:
    """Replace a task's notes."""
    return _write_notes(reader, draft, "notes")


def delete_notes(reader: Reader, draft: Intent) -> Intent:
    """Ask back: a task may well be called "notes of the meeting"."""
    return reader.refuse("notes_or_task", text=reader.restore(draft.slots["target"]))


def _create(reader: Reader, draft: Intent, reminders: tuple[str, ...]) -> Intent:
    what, marks = _take_marks(reader, draft.slots.get("what", ""))
    if "when" in draft.slots:
        if reader.read_time(draft.slots["when"]) is None:
            return reader.refuse_time(draft.slots["when"])
        what = f"{what} {draft.slots['when']}"
    split = reader.split(what)
    title, inner_marks = _take_marks(reader, split.title)
    marks = {**inner_marks, **marks}
    if inner_marks.get("tags") and marks.get("tags") is not inner_marks["tags"]:
        marks["tags"] = [*inner_marks["tags"], *marks["tags"]]
    if reminders:
        marks["reminders"] = list(reminders)
    return create_from(reader, draft, Split(title, split.when, split.doubt), marks)


def _take_marks(reader: Reader, text: str) -> tuple[str, dict[str, Any]]:
    """Take `#tags` and a priority off the end of a text; return the rest, and `{tags?, priority?}`."""
    marks: dict[str, Any] = {}
    while True:
        if match := re.search(r"(?:^| )#(\w[\w-]{0,63})$", text):
            marks["tags"] = list(dict.fromkeys([match[1], *marks.get("tags", [])]))
        elif match := re.search(f"{reader.language.reading['level_tail']}$", text, flags=re.IGNORECASE):
            level = next(group for group in match.groups() if group)
            marks["priority"] = reader.language.reading["levels"][level.lower()]
        else:
            return text, marks
        text = text[: match.start()].rstrip(" ,")


def _split_target(reader: Reader, draft: Intent, text: str, argument: str) -> Intent:
    """Read a task and a time that stand in one text; the time becomes the tool's `argument`."""
    split = reader.split(text)
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    if split.when is None or not split.title:
        return reader.ask(draft, "when", "no_time")
    if not split.when.due:
        return reader.refuse("no_rule_here")
    return replace(
        draft,
        target=reader.read_target(split.title),
        args={argument: split.when.due},
        keeps_day=argument == "due" and split.when.is_clock,
    )


def _change_tags(reader: Reader, draft: Intent, argument: str) -> Intent:
    if " " in draft.slots.get("tag", " "):
        return reader.refuse("two_ways")
    return replace(draft, args={argument: [reader.restore(draft.slots["tag"]).lstrip("#")]})


def _write_notes(reader: Reader, draft: Intent, argument: str) -> Intent:
    # The first colon ends the task's name.
    if ":" in draft.slots["target"]:
        return reader.refuse("two_ways")
    return replace(draft, args={argument: reader.restore(draft.slots["text"])})
