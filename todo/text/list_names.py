"""Names of lists: how they are written, and when two are the same."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

from todo.text.normal import normalize

LONGEST = 64
INBOX = "inbox"
"""The folded name under which the tasks in no list are asked for; no list has it."""
MOST_NEAR = 3
_CLOSE = 0.7
_SHORTEST_PART = 3


def write_name(text: str) -> str:
    """Return a name as it is stored: composed (NFC), with single blanks."""
    return " ".join(normalize("NFC", text).split())


def fold_name(name: str) -> str:
    """Return the form by which names are compared: without case, accents and what cannot be seen."""
    parts = normalize("NFKD", name.casefold()).casefold()
    kept = "".join(each for each in parts if unicodedata.category(each) not in ("Mn", "Cf"))
    return " ".join(normalize("NFC", kept).split())


def find_near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the known names that are written almost like this one, or hold it, or are held by it."""
    folded, by_key = fold_name(name), {fold_name(each): each for each in known}
    close = get_close_matches(folded, by_key, MOST_NEAR, _CLOSE)
    parts = [key for key in by_key if min(len(key), len(folded)) >= _SHORTEST_PART and (key in folded or folded in key)]
    return [by_key[key] for key in dict.fromkeys([*close, *parts])][:MOST_NEAR]
