"""The sentences of a language, matched against a message without changing the words of a title."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

MOST_MATCHES = 200
"""Matches considered for one message; a sentence with two free parts has one for every way to cut the text."""
MOST_REMEMBERED = 512
"""Messages whose matches are cached."""

# hassil drops punctuation, but titles need it: it is replaced by characters of the private use area.
_PUNCTUATION = ".。,，?¿？؟!¡！;；:：…—–―’()[]{}<>|@\\"  # noqa: RUF001 -- hassil treats the look-alikes as punctuation too
_HIDDEN = {ord(mark): chr(0xE000 + place) for place, mark in enumerate(_PUNCTUATION)}
_SHOWN = {ord(hidden): chr(mark) for mark, hidden in _HIDDEN.items()}
_COLON, _COLON_END = "\ue100", re.compile(r"(?<=[^\s:]):(?=\s)")
_QUOTE = 0xE200
# Lone surrogates cannot be encoded as UTF-8, so no call could carry them.
_PRIVATE = re.compile("[\ue000-\ue3ff\ud800-\udfff]")
_QUOTED = re.compile(r'"([^"]+)"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|(?<!\w)[\'‘]([^\'‘’]+)[\'’](?!\w)')  # noqa: RUF001
_CURLY = str.maketrans("‘’ʼ", "'''")  # noqa: RUF001 -- the keyboards' apostrophes


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that fits: its intent, its free parts, and how many characters its fixed words matched."""

    intent: str
    slots: dict[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """A person's message with each quotation replaced by one character."""

    text: str
    quotations: tuple[str, ...]

    def restore(self, text: str) -> str:
        """Return a part with its quotations put back; a part that is one quotation loses its quotation marks."""
        if len(text) == 1 and _QUOTE <= ord(text) < _QUOTE + len(self.quotations):
            return self.quotations[ord(text) - _QUOTE][1:-1].strip()
        for place, quotation in enumerate(self.quotations):
            text = text.replace(chr(_QUOTE + place), quotation)
        return text


def is_quotation(text: str) -> bool:
    """Return whether a part consists of one quotation."""
    return len(text) == 1 and _QUOTE <= ord(text) < 0xE400


def hide_quotations(text: str) -> Utterance | None:
    """Return the message with its quotations replaced; None if the text already contains private-use characters."""
    message, _ = hide_in_place(text)
    return None if message is None else Utterance(" ".join(message.text.split()), message.quotations)


def hide_in_place(text: str) -> tuple[Utterance | None, list[int]]:
    """Return the message with its quotations replaced and its blanks as they are, and each character's place in `text`.

    The places end with that of the text's end. The message is None if the text already contains private-use characters.
    """
    if _PRIVATE.search(text):
        return None, []
    found: list[str] = []
    shown: list[str] = []
    places: list[int] = []
    end = 0
    for match in _QUOTED.finditer(text):
        shown += [text[end : match.start()], chr(_QUOTE + len(found))]
        places += range(end, match.start() + 1)
        found.append(match[0])
        end = match.end()
    places += range(end, len(text) + 1)
    return Utterance("".join([*shown, text[end:]]), tuple(found)), places


class Sentences:
    """The sentences of one language; the grammar is built at the first match."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table
        # Each step of an answer reads the earlier messages again.
        self._match = lru_cache(MOST_REMEMBERED)(self._match_text)

    def match(self, text: str) -> tuple[Match, ...]:
        """Return the sentences that fit, highest weight first."""
        return self._match(text)

    def _match_text(self, text: str) -> tuple[Match, ...]:
        import hassil

        # A colon that ends a word is a different character from that of 5:30, so that a sentence can require it.
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

        slots = {slot for intent in self._table["intents"].values() for slot in _find_slots(intent["sentences"])}
        return hassil.Intents.from_dict(
            {
                "language": self._table["language"],
                "intents": {
                    name: {"data": [{"sentences": [sentence.replace(":", _COLON) for sentence in intent["sentences"]]}]}
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
