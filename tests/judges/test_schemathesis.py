"""Schemathesis judges the whole REST API with the tokens of two people: every phase, every check, no finding."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.clients.environments import NoClient, find_python
from tests.judges.served import Judged, serve_judged
from todo.operations import OPERATIONS

PROMISES = ("rest-judged",)

pytestmark = pytest.mark.long("minutes, and packages of others")

SEED = "20261130"
EXAMPLES = os.environ.get("TODO_TEST_EXAMPLES", "25")
"""How many requests are made up for each operation and phase."""
SETTINGS = """
[auth.wfc]
path = "{people}"
user = "ann"
peers = ["ann", "ben"]

# 412 and 422 are how meaning is refused that no schema can hold: a time that is past, an id of nothing.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 412, 422, 429, "5xx"]
"""
FORGIVING = """
# Its arguments are read leniently in form, as the tools' are: 5 for "5", one thing for a list of it, words for a flag.
[[operations]]
include-operation-id = "{name}"
checks.negative_data_rejection.enabled = false
"""
LEFT_OUT = ("/api/notifications/stream",)
"""A stream does not end."""
HARMFUL = ("revoke_token",)
"""It would revoke the judge's own token, after which every answer is 401."""


def write_settings(folder: Path, served: Judged, described: dict[str, Any]) -> Path:
    """Write the judge's settings and the tokens of both people; return the settings."""
    people = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in zip(("ann", "ben"), served.tokens, strict=True)
    ]
    (folder / "people.json").write_text(json.dumps({"auth": people}))
    forgiving = "".join(FORGIVING.format(name=name) for name in sorted(find_forgiving(described)))
    (folder / "settings.toml").write_text(SETTINGS.format(people=folder / "people.json") + forgiving)
    return folder / "settings.toml"


def find_forgiving(described: dict[str, Any]) -> set[str]:
    """Return the operations of the product's own reader of arguments: all that are tools, and the settings."""
    ids = {operation["operationId"] for methods in described["paths"].values() for operation in methods.values()}
    found = {name for name in ids if name in OPERATIONS or name.startswith("update_me")}
    assert len(found) > 10
    return found


def test_nothing_is_found_on_the_rest_api(tmp_path: Path) -> None:
    try:
        python = find_python("schemathesis", Path(__file__).parent)
    except NoClient as why:
        pytest.skip(str(why))
    with serve_judged(tmp_path / "data") as served:
        headers = [{"Authorization": f"Bearer {token}"} for token in served.tokens]
        described = httpx2.get(f"{served.url}/openapi.json", headers=headers[0]).json()
        (tmp_path / "openapi.json").write_text(json.dumps(described))
        words = [str(python), "-m", "schemathesis.cli", "--no-color"]
        words += ["--config-file", str(write_settings(tmp_path, served, described))]
        words += ["run", str(tmp_path / "openapi.json"), "--url", served.url, "--seed", SEED]
        words += ["--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "-n", EXAMPLES]
        words += [word for path in LEFT_OUT for word in ("--exclude-path", path)]
        words += [word for name in HARMFUL for word in ("--exclude-operation-id", name)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1_800)
        assert [httpx2.get(f"{served.url}/api/me", headers=each).status_code for each in headers] == [200, 200]
    print(done.stdout[-2_500:])  # the judge's figures
    assert done.returncode == 0, done.stdout[-8_000:]
