"""Text of others as it stands in our sentences: nothing in it can hide, reorder or end what stands around it."""

from unicodedata import category

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Words of Persian and of Indic scripts need them, and emoji that are made of several."""


def show_text(text: str) -> str:
    """Return a text with what cannot be seen made visible, as `⟨U+202E⟩`.

    That is controls, direction overrides (UAX 9), spaces without width, tags and line breaks; not the joiners between
    two characters beyond ASCII.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if category(each) not in _HIDDEN or _joins(text, at) else f"⟨U+{ord(each):04X}⟩"
        for at, each in enumerate(text)
    )


def quote_title(title: str) -> str:
    """Return a title in quotation marks, none within: where it ends is never in doubt."""
    return f'"{show_text(title).replace(chr(34), chr(39))}"'


def _joins(text: str, at: int) -> bool:
    return text[at] in _JOINERS and 0 < at < len(text) - 1 and min(text[at - 1], text[at + 1]) > "\x7f"
