"""Every promise has a test that claims it, and every claim is a promise."""

import ast
import tomllib
from typing import Any

from tests.architecture.ours import ROOT, list_files

PROMISED: list[dict[str, Any]] = tomllib.loads((ROOT / "docs/promises.toml").read_text("utf-8"))["promise"]


def read_claims(name: str) -> tuple[str, ...]:
    """Return the ids in a test module's `PROMISES`, without importing it."""
    for node in ast.parse((ROOT / name).read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROMISES":
            claims: tuple[str, ...] = ast.literal_eval(node.value)
            return claims
    return ()


def test_each_promise_has_an_id_of_its_own_a_sentence_and_a_test() -> None:
    ids = [each["id"] for each in PROMISED]

    assert len(set(ids)) == len(ids)
    assert not [each["id"] for each in PROMISED if not each["promise"].endswith(".") or not each["tests"]]


def test_promises_and_claims_are_the_same() -> None:
    promised = sorted((each["id"], test) for each in PROMISED for test in each["tests"])
    modules = [name for name in list_files(".py") if name.startswith("tests/")]
    claimed = sorted((claim, name) for name in modules for claim in read_claims(name))

    assert claimed == promised
