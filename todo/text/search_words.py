"""Text folded for search: split into words without case and accents."""

import re

from todo.text.normal import normalize

TITLE_END = "\x1f"
"""Separates the title's words from the rest; folding never yields it as a word."""

_ACCENT = re.compile("[\u0300-\u036f]")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Scripts without spaces between words are split into characters, so a search finds words inside a sentence.
_SPLIT_CJK = re.compile(f"([{_CJK}])")
# Word characters, and the combining marks of Indic and other scripts.
_WORD = re.compile(r"(?:[^\W_]|[\u0590-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e])+")


def fold_words(text: str) -> list[str]:
    """Return the folded words of a text: `"Café, BUY"` gives `["cafe", "buy"]`."""
    if not text.isascii():
        text = _ACCENT.sub("", normalize("NFKD", text.casefold()))
        text = normalize("NFC", text.casefold())
        text = _SPLIT_CJK.sub(r" \1 ", text)
    return _WORD.findall(text.lower())


def fold_task(title: str, notes: str, tags: list[str]) -> tuple[str, str]:
    """Return (`title_key`, `words`) of a task; in `words`, a space precedes every word."""
    key = " ".join(fold_words(title))
    rest = " ".join(fold_words(f"{notes} {' '.join(tags)}")) if notes or tags else ""
    return key, f" {key} {TITLE_END} {rest} "


def fold_tag(tag: str) -> str:
    """Return the form by which tags are compared (NFKC, case-folded)."""
    return normalize("NFKC", tag).casefold()
