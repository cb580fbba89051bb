"""Wishes: a person's sentences read into what they ask for."""

import re
from collections.abc import Callable
from dataclasses import replace

from agent.builtin.intent import Intent, Slots, Target
from agent.builtin.list_intents import ListWishes
from agent.builtin.sentences import Match, hide_quotations, is_quotation
from agent.builtin.series_intents import SeriesWishes
from agent.builtin.task_intents import TaskWishes

LONGEST_TEXT = 600
"""Characters of a message that are read; no title is longer than a third of that."""

MOST_TITLE_WORDS = 8
"""Words of what might be meant as a title, so that the way to add it is told."""


class Wishes(TaskWishes, ListWishes, SeriesWishes):
    """The reader of sentences in one language at one moment."""

    def read(self, text: str) -> Intent:
        """Return what a message asks for; on doubt, what to say instead."""
        if len(text) > LONGEST_TEXT:
            return self._answer("too_long")
        if len([line for line in text.splitlines() if line.strip()]) > 1:
            return self._answer("one_line")
        said = hide_quotations(text)
        if said is None or not said.text:
            return Intent(intent="miss")
        self._said = said
        self._is_question = said.text.endswith("?")
        plain = self._strip(said.text)
        matches = self._language.sentences.match(plain)
        for weight in sorted({match.weight for match in matches}, reverse=True):
            wishes = [self._build(match, plain) for match in matches if match.weight == weight]
            good = [wish for wish in wishes if wish.tool or not wish.say]
            if good:
                return self._choose(good)
            # A question is not overridden by a sentence that swallows more of the words.
            return wishes[0]
        return self._read_lead(plain)

    def is_time(self, text: str) -> bool:
        """Return whether a message is a time and nothing else."""
        return len(text) <= LONGEST_TEXT and self._phrases.read(self._strip(text), self._now) is not None

    def read_reply(self, text: str) -> Target:
        """Return which task a message names that answers the question for one."""
        said = hide_quotations(text)
        if said is None or len(text) > LONGEST_TEXT:
            return Target()
        self._said = said
        return self.read_target(self._strip(said.text))

    def fill(self, wish: Intent, text: str) -> Intent:
        """Return the wish with what was missing, as the person's next message says it."""
        said = hide_quotations(text)
        if said is None or len(text) > LONGEST_TEXT:
            return wish
        reply = self._strip(said.text)
        # What was there of the title was all taken for a time, which still holds.
        before = f" {wish.slots.get('what', '')}" if wish.missing == "what" else ""
        slots = {**wish.slots, wish.missing: (reply + before).strip()}
        self._said = said
        built = self._build(Match(wish.intent, slots, 0), "")
        # What is still not understood leaves the question open.
        return built if built.tool or built.missing else replace(wish, say=built.say)

    def _choose(self, wishes: list[Intent]) -> Intent:
        """Return the wish that all readings agree on, or the one whose task cannot be mistaken."""
        first = [wish for wish in wishes if wish.intent == wishes[0].intent]
        meant = [(wish.tool, wish.args, wish.target) for wish in first]
        if all(one == meant[0] for one in meant):
            return first[0]
        sure = [wish for wish in first if wish.is_sure]
        return sure[0] if len(sure) == 1 else self._answer("two_ways")

    def _read_lead(self, text: str) -> Intent:
        """Read a sentence that begins with its repetition: `every last friday: send the invoice`."""
        opening = text.split(" ", 1)[0].lower() in self._language.table["repeaters"]
        if (opening or ":" in text) and (split := self._phrases.split_lead(text, self._now, only_rule=True)):
            return self._make(split, Intent(intent="create"), {})
        return self._offer(text)

    def _offer(self, text: str) -> Intent:
        """Ask whether to add what has the form of no sentence, but a time that is wholly understood."""
        wish, whole = self._build(Match("create", {"what": text}, 0), ""), self._said.restore(text)
        if self._is_question or not {"due", "rule"} & wish.args.keys():
            is_title = not self._is_question and 1 < len(whole.split()) <= MOST_TITLE_WORDS and "title" in wish.args
            return Intent(intent="miss", slots={"what": whole} if is_title else {})
        said = self._language.say("offer", text=whole)
        return replace(wish, intent="miss", tool="", offered=wish.tool, say=said)

    def _build(self, match: Match, text: str) -> Intent:
        slots = self._cut(dict(match.slots))
        wish = Intent(intent=match.intent, slots=slots)
        for name in ("target", "target_when"):
            if name in slots and (refusal := self._refuse_many(slots[name])):
                return refusal
        if "target" in slots:
            target = self.read_target(slots["target"])
            wish = replace(wish, target=target, is_sure=target.is_sure or is_quotation(slots["target"]))
        builder: Callable[[Intent, Slots, str], Intent] | None = getattr(self, f"_wish_{match.intent}", None)
        built = builder(wish, slots, text) if builder else wish
        series = self._cut_series(slots.get("target", ""))
        return self._aim_at_series(built, series) if series else built

    def _cut(self, slots: Slots) -> Slots:
        """Return the slots, with what stands together cut in two: a task, and a time, a length or a word after it."""
        if "target_when" in slots and "when" not in slots:
            split = self._phrases.split(slots["target_when"], self._now)
            if split.when is not None and split.title and not split.doubt:
                title = split.title
                slots |= {"target": title, "when": slots.pop("target_when")[len(title) :].strip(" ,")}
        for name, take in (("target_lead", "lead"), ("target_tag", "tag"), ("target_level", "level")):
            words = slots.get(name, "").split()
            for start in range(1, len(words)):
                rest = " ".join(words[start:])
                if len(words) - start == 1 if take != "lead" else self._phrases.read_duration(rest):
                    slots |= {"target": " ".join(words[:start]), take: rest}
                    break
        if "count_target" in slots:
            first, _, rest = slots.pop("count_target").partition(" ")
            is_count = bool(rest) and self._read_count(first) > 1
            slots |= {"count": first, "target": rest} if is_count else {"target": f"{first} {rest}".strip()}
        return slots

    def _refuse_many(self, text: str) -> Intent | None:
        low = text.lower()
        if re.fullmatch(self._language.reading["several"], low):
            return self._answer("several")
        return self._answer("all") if re.fullmatch(self._language.reading["all"], low) else None
