"""Text folded for search: split into words without case and accents."""

import re

from todo.text.normal import normalize

TITLE_END = "\x1f"
"""Separates the title's words from the rest; folding never yields it as a word."""

_ACCENT = re.compile("[\u0300-\u036f]")
# Letters that Unicode does not take apart into a letter and an accent.
_STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Thai, Lao, Burmese and Khmer: letters, and the marks that stand on them.
_LETTERS = "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u1780-\u17b3"
_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3"
# Scripts without spaces between words are split into characters, so a search finds words inside a sentence.
_SPLIT = re.compile(f"([{_CJK}]|[{_LETTERS}][{_MARKS}]*)")
# "C++" and "C#"; else word characters, and the combining marks of Indic and other scripts.
_WORD = re.compile(
    r"(?<![^\W_])[a-z](?:\+\+|#)"
    rf"|(?:[^\W_]|[\u0590-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0dff{_MARKS}])+"
)


def fold_words(text: str) -> list[str]:
    """Return the folded words of a text: `"Café, BUY"` gives `["cafe", "buy"]`."""
    if not text.isascii():
        text = _ACCENT.sub("", normalize("NFKD", text.casefold()))
        text = normalize("NFC", text.casefold()).translate(_STROKES)
        text = _SPLIT.sub(r" \1 ", text)
    return _WORD.findall(text.lower())


def fold_task(title: str, notes: str, tags: list[str]) -> tuple[str, str]:
    """Return (`title_key`, `words`) of a task; in `words`, a space precedes every word."""
    key = " ".join(fold_words(title))
    rest = " ".join(fold_words(f"{notes} {' '.join(tags)}")) if notes or tags else ""
    return key, f" {key} {TITLE_END} {rest} "


def fold_tag(tag: str) -> str:
    """Return the form by which tags are compared (NFKC, case-folded)."""
    return normalize("NFKC", tag).casefold()
