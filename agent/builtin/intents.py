"""The intents of a language: a person's message is read into the one that it expresses."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from agent.builtin import list_intents, place_intents, series_intents, task_intents
from agent.builtin.intent import Intent, Slots, Target
from agent.builtin.language import Language
from agent.builtin.reader import Reader
from agent.builtin.sentences import Match, Utterance, hide_quotations, is_quotation

LONGEST_TEXT = 600
"""Characters of a message that are read; no title is longer than a third of that."""

MOST_TITLE_WORDS = 8
"""Words of an unknown sentence that may be a title, so that the answer says how to add it."""

COMPLETE: dict[str, Callable[[Reader, Intent], Intent]] = {
    "create": task_intents.create,
    "create_ahead": task_intents.create_ahead,
    "remind": task_intents.remind,
    "remind_before": task_intents.remind_before,
    "wake": task_intents.wake,
    "remind_when": task_intents.remind_when,
    "remind_it_before": task_intents.remind_it_before,
    "check": task_intents.check,
    "report_past": task_intents.report_past,
    "report_undone": task_intents.report_undone,
    "called_off": task_intents.call_off,
    "make_it": task_intents.make_it,
    "complete_many": list_intents.complete_many,
    "move_many": list_intents.move_many,
    "list_sorted": list_intents.list_sorted,
    "nag": task_intents.nag,
    "nag_to": task_intents.nag_to,
    "remind_about": task_intents.remind_about,
    "snooze": task_intents.snooze,
    "report_done": task_intents.report_done,
    "rename": task_intents.rename,
    "change": task_intents.change,
    "move": task_intents.move,
    "postpone": task_intents.postpone,
    "tag": task_intents.tag,
    "untag": task_intents.untag,
    "priority": task_intents.set_priority,
    "note": task_intents.add_note,
    "replace_notes": task_intents.replace_notes,
    "delete_notes": task_intents.delete_notes,
    "repeat": series_intents.repeat,
    "change_rule": series_intents.change_rule,
    "pause": series_intents.pause,
    "skip": series_intents.skip,
    "next_of": series_intents.list_next,
    "preview": series_intents.preview,
    "search": list_intents.search,
    "list_tagged": list_intents.list_tagged,
    "list_named": list_intents.list_named,
    "put_in_list": task_intents.put_in_list,
    "add_subtask": place_intents.add_subtask,
    "list_subtasks": place_intents.list_subtasks,
    "begin_at": place_intents.begin_at,
    "move_list": place_intents.move_list,
    "shift_list": place_intents.shift_list,
    "complete_list": place_intents.complete_list,
    "list_priority": list_intents.list_priority,
    "list_completed": list_intents.list_completed,
    "list_due": list_intents.list_due,
    "list_due_by": list_intents.list_due_by,
    "show": list_intents.show,
}
"""The functions that turn slots into arguments, for intents that need more than their entry in the language file.

Each takes the draft that the entry gives (name, slots, target, tool, args, scope, heading) and returns the intent, a
question for what is missing, or a refusal. How to add a command stands above `intents:` in `languages/en.yaml`.
"""


_REMINDERS = ("remind_before", "remind_about")
"""Intents that set a reminder on a task; their words may as well be part of a new one."""
_AFTER_GERUND = ("pause", "resume", "stop_series", "skip", "report_done")
"""Intents whose verb wants another one: "pause watering the plants"."""


class Intents:
    """Reads messages in one language at one moment; `now` is in the person's zone."""

    def __init__(self, language: Language, now: datetime) -> None:
        self._language = language
        self._now = now

    def read(self, text: str) -> Intent:
        """Return what a message asks for; if that is in doubt, a refusal or a question to say."""
        if len(text) > LONGEST_TEXT:
            return Intent(say=self._language.say("too_long"))
        if len([line for line in text.splitlines() if line.strip()]) > 1:
            return Intent(say=self._language.say("one_line"))
        message = hide_quotations(text)
        if message is None or not message.text:
            return Intent(name="miss")
        reader = self._open(message)
        matches = self._language.sentences.match(reader.sentence)
        best: list[Intent] = []
        for tried in (_beat_reminder(reader, matches), matches):
            # A sentence that matches fewer words of its own does not override one that matches more.
            best = [_build(reader, match.intent, match.slots) for match in tried if match.weight == tried[0].weight]
            understood = [intent for intent in best if intent.tool or not intent.say]
            if understood:
                return _choose(reader, understood)
            if best:
                break
        return best[0] if best else _read_lead(reader)

    def is_time(self, text: str) -> bool:
        """Return whether the whole message is a time."""
        return (
            len(text) <= LONGEST_TEXT
            and self._language.phrases.read(_strip(self._language, text), self._now) is not None
        )

    def is_both(self, text: str) -> bool:
        """Return whether the whole message means all of a list: "both", "all of them"."""
        said = _strip(self._language, text[:LONGEST_TEXT]).lower()
        return re.fullmatch(self._language.reading["both"], said) is not None

    def read_choice(self, text: str) -> Target:
        """Return the task that a message names in answer to the question which one is meant."""
        message = hide_quotations(text)
        if message is None or len(text) > LONGEST_TEXT:
            return Target()
        reader = self._open(message)
        return reader.read_target(reader.sentence)

    def fill(self, question: Intent, text: str) -> Intent:
        """Return the intent of a question with its missing slot filled from the person's next message."""
        message = hide_quotations(text)
        if message is None or len(text) > LONGEST_TEXT:
            return question
        reader = self._open(message)
        # All of the text was read as a time before; that time still holds for the title that follows.
        before = f" {question.slots.get('what', '')}" if question.missing == "what" else ""
        # "remind me", and then "to water the cactus"
        said = reader.sentence.removeprefix(reader.language.reading["joint"].lstrip()) if before else reader.sentence
        slots = {**question.slots, question.missing: (said + before).strip()}
        filled = _build(reader, question.name, slots)
        # If the message is still not understood, the question stays open.
        return filled if filled.tool or filled.missing else replace(question, say=filled.say)

    def _open(self, message: Utterance) -> Reader:
        return Reader(self._language, self._now, message, _strip(self._language, message.text))


def _beat_reminder(reader: Reader, matches: tuple[Match, ...]) -> tuple[Match, ...]:
    """Return the matches to try before those that set a reminder on a task; empty if these are the best.

    A time comes first, "2 days before christmas to wrap"; so does any other where their words cannot be read as lead or
    time: "to check it before leaving" and "to call in about an hour".
    """
    best = [match for match in matches if match.weight == matches[0].weight and match.intent in _REMINDERS]
    if not best:
        return ()
    others = tuple(match for match in matches if match.intent not in _REMINDERS and "what" in match.slots)
    timed = tuple(match for match in others if reader.read_time(match.slots.get("when", "")))
    return timed or (() if any(_is_sound(reader, match.slots) for match in best) else others)


def _is_sound(reader: Reader, slots: Slots) -> bool:
    """Return whether the lead and the time of a sentence can be read."""
    lead, when = slots.get("lead"), slots.get("when")
    return (lead is None or bool(reader.read_duration(lead))) and (when is None or bool(reader.read_time(when)))


def _strip(language: Language, text: str) -> str:
    """Return a sentence without polite words and closing punctuation."""
    text = text.rstrip(" .!?…")
    for _ in range(3):
        text = re.sub(rf"^{language.reading['polite_start']}(?=\S)", "", text, flags=re.IGNORECASE)
        text = re.sub(rf"{language.reading['polite_end']}$", "", text, flags=re.IGNORECASE) or text
        text = text.rstrip(" .!?…,") or text
    return text


def _build(reader: Reader, name: str, free: Slots) -> Intent:
    """Return the intent of a sentence from its entry in the language file and its slots."""
    slots = _cut_slots(reader, dict(free))
    for slot in ("target", "target_when"):
        if slot in slots and (refusal := _refuse_many(reader, slots[slot])):
            return refusal
    entry = reader.language.table["intents"][name]
    draft = Intent(
        name=name,
        slots=slots,
        tool=entry.get("tool", ""),
        args=entry.get("args", {}),
        scope=entry.get("scope", {}),
        heading=entry.get("heading", ""),
    )
    text = slots.get("target")
    if text is not None:
        target = reader.read_target(text)
        if name in _AFTER_GERUND and not is_quotation(text):
            target = reader.read_gerund(target)
        draft = replace(draft, target=target, is_sure=target.is_sure or is_quotation(text))
    intent = COMPLETE[name](reader, draft) if name in COMPLETE else draft
    series = series_intents.find_series_name(reader, text) if text else ""
    return series_intents.aim_at_series(reader, intent, series) if series else intent


def _cut_slots(reader: Reader, slots: Slots) -> Slots:
    """Cut slots that hold two parts: a task, and a time, a duration or a word after it."""
    if "target_when" in slots and "when" not in slots:
        split = reader.split(slots["target_when"])
        if split.when is not None and split.title and not split.doubt:
            title = split.title
            slots |= {"target": title, "when": slots.pop("target_when")[len(title) :].strip(" ,")}
    for slot, second in (("target_lead", "lead"), ("target_tag", "tag"), ("target_level", "level")):
        words = slots.get(slot, "").split()
        for start in range(1, len(words)):
            rest = " ".join(words[start:])
            if len(words) - start == 1 if second != "lead" else reader.read_duration(rest):
                slots |= {"target": " ".join(words[:start]), second: rest}
                break
    if "count_target" in slots:
        first, _, rest = slots.pop("count_target").partition(" ")
        is_count = bool(rest) and reader.read_count(first) > 1
        slots |= {"count": first, "target": rest} if is_count else {"target": f"{first} {rest}".strip()}
    return slots


def _refuse_many(reader: Reader, text: str) -> Intent | None:
    """Refuse a part that names several tasks; return None for any other."""
    low = text.lower()
    if re.fullmatch(reader.language.reading["several"], low):
        return reader.refuse("several")
    return reader.refuse("all") if re.fullmatch(reader.language.reading["all"], low) else None


def _choose(reader: Reader, intents: list[Intent]) -> Intent:
    """Return the intent that all readings of the sentence agree on, or the only one whose target is sure."""
    same = [intent for intent in intents if intent.name == intents[0].name]
    if all((each.tool, each.args, each.target) == (same[0].tool, same[0].args, same[0].target) for each in same):
        return same[0]
    if all("when" in intent.slots and "what" in intent.slots for intent in same):
        # "Remind me at ten to five to call": the time reaches as far as it can be read.
        return max(same, key=lambda intent: len(intent.slots["when"]))
    sure = [intent for intent in same if intent.is_sure]
    return sure[0] if len(sure) == 1 else reader.refuse("two_ways")


def _read_lead(reader: Reader) -> Intent:
    """Read a sentence that begins with its repetition: `every last friday: send the invoice`."""
    text = reader.sentence
    repeats = text.split(" ", 1)[0].lower() in reader.language.table["repeaters"]
    if (repeats or ":" in text) and (split := reader.language.phrases.split_lead(text.split(), reader.now)):
        return task_intents.create_from(reader, Intent(name="create"), split, {})
    return _offer(reader)


def _offer(reader: Reader) -> Intent:
    """Add an unknown sentence as a task if it reads like an errand; if it only holds a time, offer that."""
    intent, whole = _build(reader, "create", {"what": reader.sentence}), reader.restore(reader.sentence)
    if reader.is_question:
        return Intent(name="miss")
    is_timed = bool({"due", "rule", "start"} & intent.args.keys())
    first, reading = reader.sentence.split(" ", 1)[0].lower(), reader.language.reading
    is_errand = first in reading["errands"] and " " in reader.sentence
    is_statement = re.search(reading["statement"], reader.sentence.lower()) is not None
    is_command = re.fullmatch(reading["no_errand"], first) or (
        "rule" not in intent.args and re.fullmatch(reading["half_command"], first)
    )
    if is_timed and not is_statement and not is_command:
        return replace(intent, is_unasked=True)
    is_short = len(whole.split()) <= MOST_TITLE_WORDS
    if is_errand and not is_statement and (intent.say or (intent.tool and is_short)):
        return replace(intent, is_unasked=True)
    if not is_timed:
        is_title = is_short and " " in whole and "title" in intent.args
        return Intent(name="miss", slots={"what": whole} if is_title else {})
    say = reader.language.say("offer", text=whole)
    return replace(intent, name="miss", tool="", offered=intent.tool, say=say)
