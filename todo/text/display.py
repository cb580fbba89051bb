"""User text made safe to embed in a sentence: it cannot hide, reorder or end the text around it."""

from collections.abc import Mapping
from unicodedata import category

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PLACES = {"page": "on the page", "shell": "in a terminal"}
"""Our own clients, by the name that their changes carry."""
_JOINERS = "\u200c\u200d"
"""Zero-width joiners, which Persian and Indic words and composed emoji need."""


_UNSEEN = _HIDDEN | {"Zs", "Mn", "Me"}
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that are drawn as nothing: the Hangul fillers, and Braille without dots."""


def is_seen(text: str) -> bool:
    """Return whether anything of a text is drawn: more than blanks, controls, marks on nothing, and fillers."""
    return any(category(each) not in _UNSEEN and each not in _FILLERS for each in text)


def show_text(text: str) -> str:
    """Return a text with each invisible character replaced by its code point, as `⟨U+202E⟩`.

    Invisible are controls, direction overrides (UAX 9), zero-width spaces, tags and line breaks. A joiner between two
    characters beyond ASCII stays.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if category(char) not in _HIDDEN or _is_joiner(text, at) else f"⟨U+{ord(char):04X}⟩"
        for at, char in enumerate(text)
    )


def quote_title(title: str) -> str:
    """Return a title in double quotes, with inner double quotes replaced, so that its end is unambiguous."""
    return f'"{show_text(title).replace(chr(34), chr(39))}"'


def say_actor(actor: Mapping[str, str]) -> str:
    """Return in plain words who made a change: `the person, on the page`, `Claude (an assistant)`, `the scheduler`."""
    kind, surface, client = actor["kind"], actor["surface"], show_text(actor.get("client", ""))
    if kind == "scheduler":
        return "the scheduler"
    if kind == "agent":
        return "the assistant, in a conversation" if surface == "chat" else f"{client or 'a client'} (an assistant)"
    if surface == "chat":
        return "the person, in a conversation"
    if client in _PLACES:
        return f"the person, {_PLACES[client]}"
    return f"another app ({client})" if client else "another app"


def _is_joiner(text: str, at: int) -> bool:
    return text[at] in _JOINERS and 0 < at < len(text) - 1 and min(text[at - 1], text[at + 1]) > "\x7f"
