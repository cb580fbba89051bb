"""The words of docstrings, comments and documents are plain, and modules are named with nouns."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.ours import ROOT, list_files, list_sources

BANNED = re.compile(
    r"\b(whoever|whatever|anew|wholly|nobody|or nothing|told|meanwhile|but for|(?<!there )(?:is|are) no)\b",
    re.IGNORECASE,
)
QUOTES_TOOLS = ("docs/tools.md",)
"""Generated from sentences that models read, which have their own review."""
NAMED_FOR_DOING = frozenset(
    {
        "app/http/rest/recurring.py",
        "todo/requests/paging.py",
        "todo/tasks/upcoming.py",
    }
)
"""Modules whose name holds an -ing word that is an adjective, or the field's noun (paging)."""


def find_prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield the docstrings and comments of Python source, each with its line; a string alone in its line is one too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def find_banned(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    prose = find_prose(text) if name.endswith(".py") else enumerate(text.splitlines(), 1)
    return [f"{name}:{line}: {match[0]}" for line, words in prose for match in BANNED.finditer(" ".join(words.split()))]


PAGES = ["README.md", "CONTRIBUTING.md", *(name for name in list_files(".md") if name.startswith("docs/"))]
CLEANED = [name for name in [*list_files(".py"), *PAGES] if name not in QUOTES_TOOLS]


def test_words_are_plain() -> None:
    assert {name: found for name in CLEANED if (found := find_banned(name))} == {}


def test_modules_are_named_with_nouns() -> None:
    stems = {name: PurePosixPath(name).stem.split("_") for name in list_sources()}

    assert {name for name, words in stems.items() if any(word.endswith("ing") for word in words)} == NAMED_FOR_DOING
