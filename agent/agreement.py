"""What a message says to a question of the agent: only a yes, only a no, or something else."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from todo.text.normal import normalize

Decision = Literal["accept", "reject"]

_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_LONGEST = 5
"""Words of the longest phrase."""
_SINGULAR = {"it", "this", "that"}
_QUESTION_MARKS = "?¿\u061f"
_EMOJI = re.compile(r"([\u2190-\u2BFF\U0001F000-\U0001FAFF])")
_SPACING = re.compile(r"[^\w\s'\u0300-\u036f\u0900-\u0DFF\u0E00-\u0E7F\u2190-\u2BFF\U0001F000-\U0001FAFF]|_")
_DROPPED = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that is only a yes or a no, what it says beside that, and its code if one was required.

    `deeds` are the verbs that it repeats ("delete them"), by their kind; `counts` the numbers ("all 12").
    """

    decision: Decision
    code: str | None = None
    deeds: frozenset[str] = frozenset()
    counts: frozenset[int] = frozenset()

    def fits(self, action: str, total: int) -> bool:
        """Return whether it repeats what the question asks, and nothing else; `action` is the question in words."""
        asked = action.partition('"')[0].casefold()
        words = {"change": ("change", "update"), "complete": ("complete",), "delete": ("delete",), "apply": ("apply",)}
        return all(any(word in asked for word in words[deed]) for deed in self.deeds) and self.counts <= {total}


def read_reply(message: str, *, with_code: bool = False) -> Reply | None:
    """Parse a message that is only a yes or a no, in the usual wordings of some thirty languages; else return None.

    Each word has to be known, so that a message with another wish in it is none. With `with_code` the last word is the
    question's code.
    """
    if any(mark in normalize("NFKC", message) for mark in _QUESTION_MARKS):
        return None
    words = split_words(message)
    code = words.pop() if with_code and words else None
    words = [_DRAWN_OUT.sub(r"\1", word) for word in words]
    found: dict[str, int] = {"yes": 0, "mild": 0, "no": 0}
    deeds: set[str] = set()
    counts: set[int] = set()
    said = set(words)
    while words:
        meaning, length = _match(words)
        if not length:
            if (count := _read_count(words[0])) is None:
                return None
            counts.add(count)
            length = 1
        elif meaning in found:
            found[meaning] += 1
        elif meaning != "filler":
            deeds.add(meaning)
        words = words[length:]
    if found["no"]:
        return None if found["yes"] else Reply("reject", code, frozenset(deeds), frozenset(counts))
    if deeds and not (found["yes"] or found["mild"]) and said & _SINGULAR:
        counts.add(1)
    if found["yes"] or found["mild"] or deeds:
        return Reply("accept", code, frozenset(deeds), frozenset(counts))
    return None


def split_words(message: str) -> list[str]:
    """Return the words of a message: folded, without punctuation, each sign such as 👍 a word of its own."""
    text = normalize("NFKC", message).casefold()
    text = _DROPPED.sub("", text).replace("\u2019", "'")
    return _SPACING.sub(" ", _EMOJI.sub(r" \1 ", text)).split()


def _read_count(word: str) -> int | None:
    if word.isdecimal() and len(word) <= 4:
        return int(word)
    return _NUMBERS.index(word) + 1 if word in _NUMBERS else 2 if word == "both" else None


def _match(words: list[str]) -> tuple[str, int]:
    """Return the meaning and the length of the longest phrase that the words begin with; a length of 0 if none."""
    phrases = _load_phrases()
    for length in range(min(len(words), _LONGEST), 0, -1):
        if (meaning := phrases.get(tuple(words[:length]))) is not None:
            return meaning, length
    return "", 0


@cache
def _load_phrases() -> dict[tuple[str, ...], str]:
    """Return the meaning of each phrase of `agreement.txt`."""
    phrases: dict[tuple[str, ...], str] = {}
    for line in (resources.files("agent") / "agreement.txt").read_text("utf-8").splitlines():
        meaning, _, listed = line.partition(": ")
        if listed and not line.startswith("#"):
            for phrase in listed.split(","):
                phrases.setdefault(tuple(split_words(phrase)), meaning)
    return phrases
