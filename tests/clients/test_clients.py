"""Clients that others wrote, of several versions, against a running service: list, create, find, and an error."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from infra.live.ports import find_free_port
from tests.clients.environments import NoClient, find_node, find_python, need_program
from tests.contracts.test_tools import NAMES
from tests.integration.processes.test_ended import start, wait_for

pytestmark = pytest.mark.long("minutes, and hundreds of packages")

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]
Over = Literal["http", "stdio"]


@dataclass(frozen=True)
class Row:
    """One client: its program, its environment (a lock's name, or `node`), what it speaks, and what stands between."""

    program: str
    environment: str
    over: tuple[Over, ...] = ("http", "stdio")
    package: str = ""
    between: Literal["", "mcp-remote", "supergateway"] = ""

    @property
    def name(self) -> str:
        """The name of the test's parameter."""
        return "-".join(
            filter(None, (Path(self.program).stem, self.package.rpartition("/")[2], self.between, self.environment))
        )


OF_TOOLS = (
    Row("mcp_2.py", "newest"),
    Row("mcp_1.py", "first"),
    Row("mcp_1.py", "older"),
    Row("sdk_2.mjs", "node"),
    Row("sdk_1.mjs", "node", package="@modelcontextprotocol/sdk"),
    Row("sdk_1.mjs", "node", package="sdk-older"),
    Row("inspector.mjs", "node"),
    Row("sdk_1.mjs", "node", ("stdio",), "@modelcontextprotocol/sdk", "mcp-remote"),
    Row("sdk_1.mjs", "node", ("http", "stdio"), "@modelcontextprotocol/sdk", "supergateway"),
    Row("mcpo_client.py", "first"),
    Row("fastmcp_client.py", "adapters"),
    Row("langchain_client.py", "first"),
    Row("openai_agents.py", "adapters"),
    Row("google_genai.py", "adapters"),
)
OF_MODELS = (
    Row("openai_client.py", "newest"),
    Row("openai_client.py", "adapters"),
    Row("litellm_client.py", "adapters"),
    Row("openai_client.mjs", "node"),
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running `serve`: its address, and its folder, which stdio servers share."""
    folder, port = tmp_path_factory.mktemp("clients"), find_free_port()
    process = start(folder, "serve", port=port)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        process.terminate()
        process.communicate()


def play(row: Row, over: str, scratch: Path, url: str, command: list[str]) -> dict[str, Any]:
    """Run a client's program and return its report; a client that cannot be installed is skipped with the reason."""
    with ExitStack() as stack:
        try:
            words, node = find_words(row, scratch)
            url, command = stack.enter_context(put_between(row, over, node, url, command))
        except NoClient as why:
            pytest.skip(f"{row.name}: {why}")
        environment = describe_environment() | {
            "CLIENT_TITLE": f"ring {row.name} {over}".replace("-", " ").replace("_", " "),
            "CLIENT_URL": url,
            "CLIENT_COMMAND": json.dumps(command),
            "CLIENT_PACKAGE": row.package,
            "CLIENT_PORT": str(find_free_port()),
            "CLIENT_NODE": str(node),
        }
        done = subprocess.run(
            [*words, over], env=environment, cwd=scratch, capture_output=True, text=True, check=False, timeout=180
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "title": environment["CLIENT_TITLE"]}


def describe_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TODO_", "PYTEST", "OPENAI"))}


def find_words(row: Row, scratch: Path) -> tuple[list[str], Path]:
    """Return the words that start a client's program, and the folder of the Node packages."""
    if row.environment != "node":
        return [str(find_python(row.environment)), str(PROGRAMS / row.program)], scratch
    node = find_node()
    for each in PROGRAMS.glob("*.mjs"):
        shutil.copy(each, scratch)
    (scratch / "node_modules").symlink_to(node / "node_modules")
    return [need_program("node"), str(scratch / row.program)], node


@contextmanager
def put_between(row: Row, over: str, node: Path, url: str, command: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Put a proxy between client and service; yields the address and the command that the client then has."""
    if not row.between:
        yield url, command
        return
    packed = json.loads((node / "node_modules" / row.between / "package.json").read_text("utf-8"))
    script = packed["bin"] if isinstance(packed["bin"], str) else packed["bin"][row.between]
    proxy = [need_program("node"), str(node / "node_modules" / row.between / script)]
    if row.between == "mcp-remote":
        yield url, [*proxy, url, "--transport", "http-only"]
    elif over == "stdio":
        yield url, [*proxy, "--streamableHttp", url]
    else:
        port = find_free_port()
        words = [*proxy, "--stdio", " ".join(command), "--outputTransport", "streamableHttp", "--port", str(port)]
        words += ["--healthEndpoint", "/healthz"]
        process = subprocess.Popen(words, env=describe_environment(), stdout=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}/mcp", command
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize(
    ("row", "over"), [(row, over) for row in OF_TOOLS for over in row.over], ids=lambda x: getattr(x, "name", x)
)
def test_a_client_lists_the_tools_creates_finds_and_is_told_its_mistake(
    row: Row, over: str, service: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = service
    # Some clients start servers with an environment of their own making.
    settings = [f"PYTHONPATH={ROOT}", f"TODO_DATA_DIR={folder}", "TODO_ZONE=Europe/Berlin"]
    command = ["env", *settings, sys.executable, "-m", "evolution_todo", "mcp"]
    seen = play(row, over, tmp_path, f"{url}/mcp", command)
    assert sorted(seen["tools"]) == sorted(NAMES)
    assert seen["title"] in seen["made"]
    assert seen["title"] in seen["found"]
    assert "There is no task with this id" in seen["wrong"]
    assert seen["title"] not in seen["wrong"]


@pytest.mark.parametrize("row", OF_MODELS, ids=lambda row: row.name)
def test_a_client_of_models_lists_them_says_hears_and_is_told_its_mistake(
    row: Row, service: tuple[str, Path], tmp_path: Path
) -> None:
    url, _ = service
    seen = play(row, "http", tmp_path, f"{url}/v1", [])
    assert "offline-commands" in " ".join(seen["tools"])
    assert seen["title"] in seen["made"]
    assert seen["title"] in seen["found"]
    assert "no-such-model" in seen["wrong"] or "model_not_found" in seen["wrong"]
