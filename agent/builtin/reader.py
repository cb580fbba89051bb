"""The reader of one message: its words in their language, at one moment, in the person's zone."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent.builtin.intent import Intent, Target
from agent.builtin.language import Language
from agent.builtin.sentences import Utterance, is_quotation
from agent.builtin.time_phrases import Split
from agent.builtin.time_values import When


@dataclass(frozen=True, slots=True)
class Reader:
    """One message and the means to read its parts; `now` is in the person's zone."""

    language: Language
    now: datetime
    message: Utterance
    sentence: str
    """The message without polite words and closing punctuation."""

    @property
    def is_question(self) -> bool:
        """Whether the message ends with a question mark."""
        return self.message.text.endswith("?")

    def restore(self, text: str) -> str:
        """Return a part of the message with its quotations."""
        return self.message.restore(text)

    def split(self, text: str) -> Split:
        """Separate the time at the end of a text from the rest."""
        return self.language.phrases.split(text, self.now)

    def read_time(self, text: str) -> When | None:
        """Return the time if the whole text is one, else None."""
        return self.language.phrases.read(text, self.now)

    def read_day(self, text: str) -> str:
        """Return the date if the whole text is one without a clock time, else an empty string."""
        when = self.read_time(text)
        return when.due if when is not None and len(when.due) == 10 else ""

    def read_duration(self, text: str) -> str | None:
        """Return a duration such as `30m` if the whole text is one, else None."""
        return self.language.phrases.read_duration(text)

    def read_count(self, text: str) -> int:
        """Return a number below 1000, in digits or as a word; 0 if the text is neither."""
        counts: dict[str, int] = self.language.table["words"]["count"]
        low = text.lower()
        return int(low) if low.isdecimal() and len(low) < 4 else counts.get(low, 0)

    def read_level(self, text: str) -> str | None:
        """Return the priority that a word means, or None."""
        level: str | None = self.language.reading["levels"].get(text.lower())
        return level

    def read_gerund(self, target: Target) -> Target:
        """Return a target whose first word loses its "-ing": "watering the plants" is found by "water the plants"."""
        first, _, rest = target.text.partition(" ")
        if not first.lower().endswith("ing") or len(first) < 6:
            return target
        stem = first[:-3]
        stem = stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem
        return replace(target, text=f"{stem} {rest}".strip())

    def read_target(self, text: str) -> Target:
        """Return the task that a part of the sentence names."""
        if is_quotation(text):
            return Target(text=self.restore(text))
        reading = self.language.reading
        low = text.lower()
        if match := re.fullmatch(reading["number"], low):
            return Target(text=text, number=int(match[1]) or 10_000)
        if match := re.fullmatch(reading["ordinal"], low):
            return Target(text=text, number=self.language.table["words"]["nth"][match[1]])
        if re.fullmatch(reading["pronoun"], low):
            return Target(text=text, is_it=True)
        shorter = re.sub(rf"^(?:{reading['target_start']} )+", "", text, flags=re.IGNORECASE)
        cut = re.sub(rf"(?: {reading['target_end']})+$", "", shorter, flags=re.IGNORECASE)
        return Target(text=self.restore(cut or text))

    def refuse(self, answer: str, **values: Any) -> Intent:
        """Return an intent that only says one of the language's answers."""
        return Intent(say=self.language.say(answer, **values))

    def refuse_time(self, text: str) -> Intent:
        """Refuse a text that cannot be read as a time."""
        return self.refuse("bad_time", text=self.restore(text))

    def refuse_doubt(self, text: str) -> Intent:
        """Refuse a text that looks like a time and cannot be read as one."""
        return self.refuse("doubt", doubt=self.restore(text))

    def ask(self, draft: Intent, missing: str, answer: str) -> Intent:
        """Return an intent that asks for the slot that is missing; the person's next message fills it."""
        return replace(draft, tool="", missing=missing, say=self.language.say(answer))
