"""A wish: what a sentence asks for, as a tool call or as the question that comes first."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.builtin.language import Language
from agent.builtin.sentences import Utterance, is_quotation

Slots = dict[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """The task that is meant: by its number in a list (-1 the last), by `it`, or by words."""

    text: str = ""
    number: int = 0
    is_it: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether it cannot be taken for a part of the sentence."""
        return bool(self.number or self.is_it)


@dataclass(frozen=True, slots=True)
class Intent:
    """A call to make, on a task that has to be found first where there is a target; or only something to say."""

    intent: str = ""
    slots: Slots = field(default_factory=dict)
    tool: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    target: Target | None = None
    scope: dict[str, Any] = field(default_factory=dict)
    heading: str = ""
    say: str = ""
    missing: str = ""
    offered: str = ""
    """The tool that is called if the person agrees; `tool` is empty until then."""
    is_sure: bool = False
    keeps_day: bool = False
    """Whether only the clock of the due is new: the task's day stays."""


class WishReader:
    """What every reader of wishes needs: a language, the present in the person's zone, and what was said."""

    def __init__(self, language: Language, now: datetime) -> None:
        self._language = language
        self._phrases = language.phrases
        self._now = now
        self._said = Utterance("", ())
        self._is_question = False

    def read_target(self, text: str) -> Target:
        """Return which task a part of a sentence names."""
        if is_quotation(text):
            return Target(text=self._said.restore(text))
        reading = self._language.reading
        low = text.lower()
        if match := re.fullmatch(reading["number"], low):
            return Target(text=text, number=int(match[1]) or 10_000)
        if match := re.fullmatch(reading["ordinal"], low):
            return Target(text=text, number=self._language.table["words"]["nth"][match[1]])
        if re.fullmatch(reading["pronoun"], low):
            return Target(text=text, is_it=True)
        shorter = re.sub(rf"^(?:{reading['target_start']} )+", "", text, flags=re.IGNORECASE)
        cut = re.sub(rf"(?: {reading['target_end']})+$", "", shorter, flags=re.IGNORECASE)
        return Target(text=self._said.restore(cut or text))

    def _strip(self, text: str) -> str:
        """Return the sentence without politeness and closing punctuation."""
        text = text.rstrip(" .!?…")
        for _ in range(3):
            text = re.sub(rf"^{self._language.reading['polite_start']}(?=\S)", "", text, flags=re.IGNORECASE)
            text = re.sub(rf"{self._language.reading['polite_end']}$", "", text, flags=re.IGNORECASE) or text
            text = text.rstrip(" .!?…,") or text
        return text

    def _answer(self, name: str, **values: Any) -> Intent:
        return Intent(say=self._language.say(name, **values))

    def _ask(self, wish: Intent, missing: str, name: str, **values: Any) -> Intent:
        return replace(wish, tool="", missing=missing, say=self._language.say(name, **values))

    def _doubt(self, doubt: str) -> Intent:
        return self._answer("doubt", doubt=self._said.restore(doubt))
