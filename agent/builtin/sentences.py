"""Sentences of a language, matched against what a person wrote without touching the words of a title."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

MOST_MATCHES = 200
"""Matches that are looked at: a sentence with two free parts has one for every way to cut it."""
MOST_REMEMBERED = 512
"""Messages whose matches are kept."""

# hassil drops punctuation, which belongs to titles: it travels as characters of the private use area.
_PUNCTUATION = ".。,，?¿？؟!¡！;；:：…—–―’()[]{}<>|@\\"  # noqa: RUF001 -- look-alikes are what hassil knows
_HIDDEN = {ord(mark): chr(0xE000 + place) for place, mark in enumerate(_PUNCTUATION)}
_SHOWN = {ord(hidden): chr(mark) for mark, hidden in _HIDDEN.items()}
_COLON, _COLON_END = "\ue100", re.compile(r"(?<=[^\s:]):(?=\s)")
_QUOTE = 0xE200
# Lone surrogates are no text: no call could carry them.
_PRIVATE = re.compile("[\ue000-\ue3ff\ud800-\udfff]")
_QUOTED = re.compile(r'"([^"]+)"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|(?<!\w)[\'‘]([^\'‘’]+)[\'’](?!\w)')  # noqa: RUF001
_CURLY = str.maketrans("‘’ʼ", "'''")  # noqa: RUF001 -- the keyboards' apostrophes


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that fits: its intent, its free parts, and how many of the characters were its own."""

    intent: str
    slots: dict[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a person wrote, with each quotation standing as one character."""

    text: str
    quotations: tuple[str, ...]

    def restore(self, text: str) -> str:
        """Return a part with its quotations: without their marks where the quotation is all of it."""
        if len(text) == 1 and _QUOTE <= ord(text) < _QUOTE + len(self.quotations):
            return self.quotations[ord(text) - _QUOTE][1:-1].strip()
        for place, quotation in enumerate(self.quotations):
            text = text.replace(chr(_QUOTE + place), quotation)
        return text


def is_quotation(text: str) -> bool:
    """Return whether a part is one quotation and nothing else."""
    return len(text) == 1 and _QUOTE <= ord(text) < 0xE400


def hide_quotations(text: str) -> Utterance | None:
    """Return the text with each quotation as one character; None if it uses such characters itself."""
    if _PRIVATE.search(text):
        return None
    found: list[str] = []

    def hide(match: re.Match[str]) -> str:
        found.append(match[0])
        return chr(_QUOTE + len(found) - 1)

    return Utterance(" ".join(_QUOTED.sub(hide, text).split()), tuple(found))


class Sentences:
    """The sentences of one language; they are built when the first one is matched."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table
        # The turns before a message are read again with each step of its answer.
        self._match = lru_cache(MOST_REMEMBERED)(self._match_text)

    def match(self, text: str) -> tuple[Match, ...]:
        """Return the sentences that fit, those with most words of their own first."""
        return self._match(text)

    def _match_text(self, text: str) -> tuple[Match, ...]:
        import hassil

        # A colon that ends a word is another one than that of 5:30, so that a sentence can ask for it.
        hidden = _COLON_END.sub(_COLON, text).translate(_CURLY).translate(_HIDDEN)
        found = islice(hassil.recognize_all(hidden, self._intents), MOST_MATCHES)
        order = list(self._table["intents"])
        matches = [
            Match(
                result.intent.name,
                {name: _reveal(str(entity.value), hidden, text) for name, entity in result.entities.items()},
                result.text_chunks_matched,
            )
            for result in found
        ]
        return tuple(sorted(matches, key=lambda match: (-match.weight, order.index(match.intent))))

    @cached_property
    def _intents(self) -> Any:
        import hassil

        def write(sentence: str) -> str:
            return sentence.replace(":", _COLON)

        slots = {slot for intent in self._table["intents"].values() for slot in _find_slots(intent["sentences"])}
        return hassil.Intents.from_dict(
            {
                "language": self._table["language"],
                "intents": {
                    name: {"data": [{"sentences": [write(sentence) for sentence in intent["sentences"]]}]}
                    for name, intent in self._table["intents"].items()
                    if intent["sentences"]
                },
                "lists": {slot: {"wildcard": True} for slot in slots},
                "expansion_rules": self._table["expansions"],
            }
        )


def _find_slots(sentences: list[str]) -> list[str]:
    return re.findall(r"{([a-z_]+)}", " ".join(sentences))


def _reveal(value: str, hidden: str, shown: str) -> str:
    """Return a free part as the person wrote it."""
    place = hidden.find(value)
    return shown[place : place + len(value)] if place >= 0 else value.translate(_SHOWN).replace(_COLON, ":")
