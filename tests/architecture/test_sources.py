"""Time, ids and chance are injected; a module's name and docstring say what it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.architecture.ours import ROOT, list_sources

THE_MACHINE = "app/system.py"
"""The one module that may ask the machine for time and ids."""
CHANCE_ONLY_IN_PAUSES = {"app/storage/sqlite_writer.py", "app/storage/postgres.py"}
"""Modules that import `random` to vary pauses; nothing stored or answered depends on it."""

ASKING = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?|uuid[1-8])$")
NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}


def parse(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text("utf-8"), name)


def find_asking(tree: ast.Module) -> Iterator[str]:
    """Yield each use of the machine's clock, ids or chance as `line: name`, also under an alias."""
    meaning: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            meaning.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            meaning.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            head, _, rest = ast.unparse(node).partition(".")
            said = f"{meaning.get(head, head)}.{rest}".rstrip(".")
            if ASKING.search(said) or said.split(".")[0] == "random":
                yield f"{node.lineno}: {said}"


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as dt\nask = dt.utcnow",
        "from datetime import date\ndate.today()",
        "import time as t\nt.time()",
        "from time import time\ntime()",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4 as new\nnew()",
        "import uuid_utils\nuuid_utils.uuid7()",
        "from random import choice\nchoice([1])",
    ],
)
def test_asking_the_machine_is_seen(source: str) -> None:
    assert list(find_asking(ast.parse(source)))


@pytest.mark.parametrize("source", ["import time\ntime.monotonic()", "clock.now()", "import uuid\nuuid.UUID(text)"])
def test_harmless_code_is_left_alone(source: str) -> None:
    assert not list(find_asking(ast.parse(source)))


def test_time_identity_and_chance_are_handed_in() -> None:
    asking = {name: list(find_asking(parse(name))) for name in list_sources() if name != THE_MACHINE}
    for name in CHANCE_ONLY_IN_PAUSES:
        assert any(": random" in use for use in asking[name]), f"{name}: no longer needed: take it off the list"
        asking[name] = [use for use in asking[name] if ": random" not in use]

    assert {name: uses for name, uses in asking.items() if uses} == {}


def test_modules_are_named_for_what_they_are() -> None:
    words = {
        name: {word.lower() for part in PurePosixPath(name).with_suffix("").parts for word in part.split("_")}
        for name in list_sources()
    }

    assert [name for name in words if words[name] & NAMES_OF_NOTHING] == []


def test_modules_say_in_one_sentence_what_they_are() -> None:
    assert [name for name in list_sources() if not is_introduced(name)] == []


def is_introduced(name: str) -> bool:
    """Return whether a module's docstring is one sentence on what the module is."""
    tree, is_package = parse(name), PurePosixPath(name).name == "__init__.py"
    if is_package and not tree.body:
        return True
    sentence, _, drawing = (ast.get_docstring(tree) or "").partition("\n\n")
    # A tree or a table may follow; only a package adds prose, its reading order.
    prose = sentence if is_package else f"{sentence}\n{drawing}"
    return sentence.endswith(".") and len(re.findall(r"[.!?](?=\s|$)", prose)) == 1
