"""The intents about tasks and their reminders: each function completes the draft that the language file gives."""

import re
from dataclasses import replace
from typing import Any

from agent.builtin.intent import Intent, Target
from agent.builtin.reader import Reader
from agent.builtin.sentences import is_quotation
from agent.builtin.time_phrases import Split
from agent.builtin.time_values import When
from agent.builtin.typed_line import cut_line, find_trouble, find_words, is_ahead, write_args


def create(reader: Reader, draft: Intent) -> Intent:
    """Create a task, or a series if a repetition stands with the title."""
    if match := re.fullmatch(reader.language.reading["tag_to"], draft.slots.get("what", "")):
        return replace(draft, tool="update_task", target=reader.read_target(match[2]), args={"add_tags": [match[1]]})
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
    if not split.title and not split.doubt:
        return reader.ask(draft, "what", "no_title")
    if (trouble := find_trouble(reader, split)) is not None:
        return reader.refuse(trouble.answer, **trouble.values)
    args = write_args(reader, split.title, split.when, marks)
    if "rule" in args:
        draft = replace(draft, tool="create_recurring_task", args=args)
    elif "reminders" in marks and "due" not in args and is_ahead(marks["reminders"]):
        return reader.ask(draft, "when", "no_time")
    else:
        draft = replace(draft, tool="create_task", args=args)
    return replace(draft, note="range" if split.when and split.when.is_range else "")


def remind_before(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder ahead of a task's due time."""
    lead = reader.read_duration(draft.slots.get("lead", ""))
    return replace(draft, args={"before": lead}) if lead else reader.refuse("bad_lead")


def remind_when(reader: Reader, draft: Intent) -> Intent:
    """Ask what a reminder is about if only its time is named."""
    if "what" in draft.slots:
        return remind(reader, draft)
    when = reader.read_time(draft.slots["when"])
    return reader.refuse("no_time") if when is None else reader.ask(draft, "what", "no_what")


def wake(reader: Reader, draft: Intent) -> Intent:
    """Create a task to wake up, with a reminder."""
    return remind(reader, replace(draft, slots={**draft.slots, "what": reader.language.say("wake_title")}))


def remind_it_before(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder ahead of the task that was spoken of last."""
    lead = reader.read_duration(draft.slots["lead"])
    if lead is None:
        return reader.refuse("bad_lead")
    return replace(draft, target=Target(is_it=True), args={"before": lead})


def remind_about(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder at a time that stands after the task."""
    text = f"{draft.slots.get('target') or draft.slots['target_when']} {draft.slots.get('when', '')}".strip()
    return _split_target(reader, draft, text, "at")


def nag(reader: Reader, draft: Intent) -> Intent:
    """Set a reminder that rings again and again until the task is done; the one spoken of last if none is named."""
    manner = _read_nag(reader, draft)
    return (
        manner if isinstance(manner, Intent) else replace(draft, target=draft.target or Target(is_it=True), args=manner)
    )


def nag_to(reader: Reader, draft: Intent) -> Intent:
    """Create a task with a reminder that rings again and again until the task is done."""
    manner = _read_nag(reader, draft)
    if isinstance(manner, Intent):
        return manner
    return replace(draft, args={"title": reader.restore(draft.slots["what"]), "reminders": [manner]})


def _read_nag(reader: Reader, draft: Intent) -> dict[str, Any] | Intent:
    """Return the reminder that first rings after the named duration and then every such; else a refusal."""
    # "every hour" has no number.
    for text in (draft.slots["lead"], f"1 {draft.slots['lead']}"):
        lead = reader.read_duration(text)
        first = reader.read_time(reader.language.reading["ahead"].format(lead=text))
        if lead is not None and first is not None and first.due:
            return {"at": first.due, "nag": lead}
    return reader.refuse("bad_lead")


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
    return replace(draft, tool="get_task", scope={"status": "all"}) if reader.is_question else _beware(draft, "list")


def check(reader: Reader, draft: Intent) -> Intent:
    """Complete a task by a weak verb: "check the oven" may as well be a new errand."""
    return report_done(reader, draft) if reader.is_question else _beware(draft, "whole")


def report_past(reader: Reader, draft: Intent) -> Intent:
    """Complete the task of which a person says what they did: "I paid the rent"."""
    past: dict[str, str] = reader.language.reading["past"]
    said = reader.sentence[: len(reader.sentence) - len(draft.slots["target"])].lower()
    verb = next((past[each] for each in sorted(past, key=len, reverse=True) if said.rstrip().endswith(each)), "")
    words = re.sub(f"{reader.language.reading['past_end']}$", "", draft.slots["target"], flags=re.IGNORECASE)
    aimed = replace(draft, target=reader.read_target(words))
    return report_done(reader, aimed) if reader.is_question else _beware(aimed, f"verb {verb}")


def report_undone(reader: Reader, draft: Intent) -> Intent:
    """Reopen the task of which a person says that it was not done after all."""
    past: dict[str, str] = reader.language.reading["past"]
    said = reader.sentence[: len(reader.sentence) - len(draft.slots["target"])].lower().rstrip()
    verbs = sorted({*past.items(), *((verb, verb) for verb in past.values())}, key=lambda pair: -len(pair[0]))
    verb = next((base for form, base in verbs if said.endswith(f" {form}")), "")
    words = re.sub(f"{reader.language.reading['past_end']}$", "", draft.slots["target"], flags=re.IGNORECASE)
    aimed = replace(draft, target=reader.read_target(words))
    return Intent(name="miss") if reader.is_question else _beware(aimed, f"verb {verb}")


def call_off(reader: Reader, draft: Intent) -> Intent:
    """Offer to delete a task of which a person says that it was cancelled."""
    return report_done(reader, draft) if reader.is_question else _beware(draft, "delete_it")


def _beware(draft: Intent, caution: str) -> Intent:
    return replace(draft, caution=caution)


def rename(reader: Reader, draft: Intent) -> Intent:
    """Change a task's title."""
    return replace(draft, args={"title": reader.restore(draft.slots["title"])})


def change(reader: Reader, draft: Intent) -> Intent:
    """Change a task's title, its due time, or both."""
    value = draft.slots["value"]
    if value[0].isdigit() and (when := reader.read_time(f"at {value}")):
        # "change gym to 8": a title has a letter.
        return _move_to(draft, when)
    split = reader.split(value)
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    args = {"title": reader.restore(split.title)} if split.title else {}
    if split.when is None:
        return replace(draft, args=args)
    if split.when.rule:
        return _change_rule(draft, split.when) if not split.title else reader.refuse("no_rule_here")
    return _move_to(replace(draft, args=args), split.when)


def _change_rule(draft: Intent, when: When) -> Intent:
    """Return the change of a series' rule: "change gym to tuesdays" needs no other words."""
    return replace(draft, tool="update_recurring_task", scope={"kind": "recurring"}, args=when.rule_args)


def _move_to(draft: Intent, when: When) -> Intent:
    """Return the change of a due; a day alone keeps the task's time of day, and a clock time alone its day."""
    return replace(
        draft,
        args={**draft.args, "due": when.due},
        keeps_day=when.is_clock,
        keeps_clock=len(when.due) == 10,
        other_due=when.other.due if when.other else "",
    )


def make_it(reader: Reader, draft: Intent) -> Intent:
    """Change the time, or else the priority or the title, of the task that was spoken of last."""
    text, it = draft.slots["when"], replace(draft, target=Target(is_it=True))
    when = reader.read_time(text) or reader.read_time(f"at {text}") or reader.read_time(f"on {text}")
    if when is not None and when.due:
        return _move_to(it, when)
    if when is not None:
        return _change_rule(it, when)
    level = text.lower().removesuffix(f" {reader.language.reading['about_levels']}")
    if reader.read_level(level):
        return replace(it, args={"priority": reader.read_level(level)})
    return change(reader, replace(it, slots={"value": text})) if " to " in reader.sentence else reader.refuse_time(text)


def move(reader: Reader, draft: Intent) -> Intent:
    """Change a task's due time."""
    if "when" not in draft.slots:
        return _split_target(reader, draft, draft.slots["target_when"], "due")
    # "to friday" and "to on friday" mean the same; a clock time alone needs its preposition.
    when = reader.read_time(draft.slots["when"]) or reader.read_time(f"at {draft.slots['when']}")
    if when is None:
        return reader.refuse_time(draft.slots["when"])
    return _move_to(draft, when) if when.due else _change_rule(draft, when)


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
    if quoted := draft.slots.get("quoted"):
        # Without quotation marks, "add a note to self to call" would be torn apart.
        args = {"append_notes": reader.restore(quoted)}
        return replace(draft, args=args) if is_quotation(quoted) else Intent(name="miss")
    return _write_notes(reader, draft, "append_notes")


def replace_notes(reader: Reader, draft: Intent) -> Intent:
    """Replace a task's notes."""
    return _write_notes(reader, draft, "notes")


def put_in_list(reader: Reader, draft: Intent) -> Intent:
    """Move a task to a list."""
    return replace(draft, args={"list": reader.restore(draft.slots["list"])})


def delete_notes(reader: Reader, draft: Intent) -> Intent:
    """Ask back: a task may well be called "notes of the meeting"."""
    return reader.refuse("notes_or_task", text=reader.restore(draft.slots["target"]))


def _create(reader: Reader, draft: Intent, reminders: tuple[str, ...]) -> Intent:
    what, after = draft.slots.get("what", ""), []
    if "when" in draft.slots:
        if reader.read_time(draft.slots["when"]) is None:
            return reader.refuse_time(draft.slots["when"])
        joint = reader.language.reading["joint"]
        head, found, _ = what.partition(joint)
        if found and (reader.read_time(head) or reader.read_time(f"on {head}")):
            # "Remind me friday to sunday to rest": the time may go on.
            return reader.refuse_doubt(f"{draft.slots['when']}{joint}{head}")
        after = find_words(draft.slots["when"])
    line = cut_line(reader, find_words(what), after)
    marks = line.marks
    if "list" in draft.slots:
        marks["list"] = reader.restore(draft.slots["list"])
    if reminders:
        marks["reminders"] = list(reminders)
    return create_from(reader, draft, line.split, marks)


def _split_target(reader: Reader, draft: Intent, text: str, argument: str) -> Intent:
    """Read a task and a time that stand in one text; the time becomes the tool's `argument`."""
    split = reader.split(text)
    if split.doubt:
        return reader.refuse_doubt(split.doubt)
    if split.when is None or not split.title:
        return reader.ask(draft, "when", "no_time")
    if not split.when.due:
        return reader.refuse("no_rule_here")
    aimed = replace(draft, target=reader.read_target(split.title))
    return _move_to(aimed, split.when) if argument == "due" else replace(aimed, args={argument: split.when.due})


def _change_tags(reader: Reader, draft: Intent, argument: str) -> Intent:
    if " " in draft.slots.get("tag", " "):
        return reader.refuse("two_ways")
    return replace(draft, args={argument: [reader.restore(draft.slots["tag"]).lstrip("#")]})


def _write_notes(reader: Reader, draft: Intent, argument: str) -> Intent:
    # The first colon ends the task's name.
    if ":" in draft.slots["target"]:
        return reader.refuse("two_ways")
    return replace(draft, args={argument: reader.restore(draft.slots["text"])})
