"""The words of docstrings, comments and documents are plain, and modules are named with nouns."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.architecture.ours import ROOT, list_files, list_sources

BANNED = re.compile(
    r"\b(whoever|whatever|anew|wholly|nobody|or nothing|told|meanwhile|but for|(?<!there )(?:is|are) no)\b",
    re.IGNORECASE,
)
NOT_YET = (
    *("agent/", "events/", "infra/", "todo/", "tools/"),
    *("app/background.py", "app/bench/", "app/dapr/", "app/faults/", "app/migrations/", "app/storage/"),
    *("tests/contracts/", "tests/integration/", "tests/live/", "tests/simulation/", "tests/unit/"),
    *("tests/conftest.py", "tests/postgres.py"),
    *("docs/chat.md", "docs/consumers.md", "docs/tools.md", "docs/decisions/"),
)
"""Where the banned words still stand; a line here only goes."""
NAMED_FOR_DOING = frozenset(
    {
        *("app/bench/chatting.py", "app/bench/filling.py", "app/bench/idling.py", "app/bench/scheduling.py"),
        *("app/faults/reading.py", "app/http/rest/recurring.py", "todo/recurrence/wording.py"),
        *("todo/tasks/upcoming.py", "tools/asking.py", "tools/recurring.py"),
    }
)
"""Modules whose name holds an -ing word: `recurring` and `upcoming` are adjectives, the others wait for a noun."""


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
CLEANED = [name for name in [*list_files(".py"), *PAGES] if not name.startswith(NOT_YET)]


@pytest.mark.parametrize("name", CLEANED)
def test_words_are_plain(name: str) -> None:
    assert find_banned(name) == []


@pytest.mark.parametrize("place", NOT_YET)
def test_each_place_that_waits_still_needs_to(place: str) -> None:
    names = [name for name in [*list_files(".py"), *PAGES] if name.startswith(place)]

    assert any(find_banned(name) for name in names), "its words are plain: take it off the list"


def test_modules_are_named_with_nouns() -> None:
    stems = {name: PurePosixPath(name).stem.split("_") for name in list_sources()}

    assert {name for name, words in stems.items() if any(word.endswith("ing") for word in words)} == NAMED_FOR_DOING
