"""The MCP Inspector's command line at a service of several people: each token sees and may do its own."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.clients.environments import NoClient, find_node, need_program
from tests.judges.served import Judged, serve_judged

PROMISES = ("inspector",)

pytestmark = pytest.mark.long("packages of others")

Inspect = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with serve_judged(tmp_path_factory.mktemp("inspector")) as opened:
        yield opened


@pytest.fixture(scope="module")
def inspect(served: Judged) -> Inspect:
    """Runs the Inspector with a token and some words; returns its exit code and what it said."""
    try:
        folder = find_node() / "node_modules" / "@modelcontextprotocol" / "inspector"
        node = need_program("node")
    except NoClient as why:
        pytest.skip(str(why))
    script = folder / json.loads((folder / "package.json").read_text("utf-8"))["bin"]["mcp-inspector"]

    def run(token: str, *words: str) -> tuple[int, str]:
        shown = ["--header", f"Authorization: Bearer {token}"] if token else []
        target = ["--cli", f"{served.url}/mcp", "--transport", "http", *shown]
        command = [node, str(script), *target, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


def call(name: str, **arguments: str) -> list[str]:
    given = [word for key, value in arguments.items() for word in ("--tool-arg", f"{key}={value}")]
    return ["--method", "tools/call", "--tool-name", name, *given]


def read(said: str) -> Any:
    """Return the JSON in what was said, which a notice may stand beside."""
    return json.JSONDecoder().raw_decode(said[said.index("{") :])[0]


def test_each_token_lists_creates_and_finds_its_own(inspect: Inspect, served: Judged) -> None:
    ann, ben = served.tokens
    for token, title in ((ann, "zebra crossing"), (ben, "lion taming")):
        code, said = inspect(token, *call("create_task", title=title))
        assert code == 0, said
        assert read(said)["structuredContent"]["task"]["title"] == title
    for token, own, foreign in ((ann, "zebra", "lion"), (ben, "lion", "zebra")):
        code, said = inspect(token, *call("find_tasks"))
        assert code == 0, said
        assert own in said
        assert foreign not in said


def test_a_token_that_reads_lists_and_may_no_more(inspect: Inspect, served: Judged) -> None:
    headers = {"authorization": f"Bearer {served.tokens[0]}"}
    body = {"name": "reader", "scopes": ["tasks:read"]}
    reader = httpx2.post(f"{served.url}/api/tokens", json=body, headers=headers).json()["token"]
    code, said = inspect(reader, "--method", "tools/list")
    assert code == 0, said
    names = {tool["name"] for tool in read(said)["tools"]}
    assert "find_tasks" in names
    assert "create_task" not in names
    _, said = inspect(reader, *call("create_task", title="giraffe"))
    assert "tasks:write" in said
    assert "giraffe" not in inspect(served.tokens[0], *call("find_tasks"))[1]


@pytest.mark.parametrize("token", ["", "etp_made-up"])
def test_without_a_token_that_holds_nothing_is_shown(inspect: Inspect, served: Judged, token: str) -> None:
    code, said = inspect(token, "--method", "tools/list")
    assert code != 0
    assert "create_task" not in said
