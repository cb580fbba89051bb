"""The sidecar's routes on a port of their own: each port answers what is its own, and nothing else."""

import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.live.ports import find_free_port
from tests.integration.processes.test_ended import start, wait_for
from tests.integration.storage.test_service import run_cli

PROMISES = ("sidecar-port",)

TOKENS = {"APP_API_TOKEN": "app-secret", "DAPR_API_TOKEN": "dapr-secret"}
DAPR = {"TODO_BROKER": "dapr", **TOKENS}
EVENT = b'{"specversion":"1.0","id":"x","source":"y","type":"z"}'
SIDECAR_PATHS = (
    ("GET", "/dapr/subscribe", 200),
    ("POST", "/events/task-created", 200),
    ("POST", "/events/dead/task.created", 200),
    ("POST", "/bindings/recurring-scheduler", 200),
)
PEOPLE_PATHS = ("/", "/docs", "/api/tasks", "/api/me", "/mcp", "/v1/models", "/page/page.js", "/confirm/x")
EVERYWHERE = "0.0.0.0"  # noqa: S104  # only this machine's loopback addresses are tried
HEALTH_PATHS = ("/healthz", "/readyz")


@dataclass(frozen=True)
class Served:
    """A running process and its two ports."""

    port: int
    events_port: int

    def ask(self, port: int, method: str, path: str, token: str | None = TOKENS["APP_API_TOKEN"]) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)  # ours
        request.add_header("content-type", "application/cloudevents+json")
        if token:
            request.add_header("dapr-api-token", token)
        if method == "POST":
            request.data = EVENT
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # ours
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture(scope="module", params=["serve", "worker"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ports = Served(find_free_port(), find_free_port())
    folder = tmp_path_factory.mktemp(request.param)
    process = start(folder, request.param, port=ports.port, TODO_EVENTS_PORT=str(ports.events_port), **DAPR)
    try:
        wait_for(f"http://127.0.0.1:{ports.port}/healthz")
        yield ports
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("method", "path", "status"), SIDECAR_PATHS)
def test_what_the_sidecar_calls_is_on_its_port_alone(served: Served, method: str, path: str, status: int) -> None:
    assert served.ask(served.events_port, method, path) == status
    assert served.ask(served.port, method, path) == 404
    assert served.ask(served.events_port, method, path, token=None) == 401, "the port does not replace the token"


@pytest.mark.parametrize("path", PEOPLE_PATHS)
def test_what_people_call_is_not_on_the_sidecars_port(served: Served, path: str) -> None:
    assert served.ask(served.events_port, "GET", path) == 404
    assert served.ask(served.events_port, "POST", path) == 404


@pytest.mark.parametrize("path", HEALTH_PATHS)
def test_both_ports_say_how_the_process_is(served: Served, path: str) -> None:
    assert served.ask(served.port, "GET", path) == served.ask(served.events_port, "GET", path)
    assert served.ask(served.port, "GET", "/healthz") == 200


def test_the_self_test_finds_every_event_route(served: Served) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{served.port}/readyz")  # ours
    try:
        body = urllib.request.urlopen(request, timeout=10).read()  # noqa: S310  # ours
    except urllib.error.HTTPError as error:
        body = error.read()
    said = json.loads(body)
    reasons = " ".join(said.get("degraded", said.get("reasons", [])))
    assert "sidecar" in reasons, "there is none beside this process"
    assert "event route" not in reasons


def test_the_sidecars_port_is_on_loopback_unless_it_is_set(tmp_path: Path) -> None:
    port, events_port = find_free_port(), find_free_port()
    process = start(
        tmp_path,
        "worker",
        port=port,
        TODO_HOST=EVERYWHERE,
        TODO_EVENTS_PORT=str(events_port),
        TODO_AUTH="token",
        **DAPR,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        assert can_connect("127.0.0.2", port)
        assert not can_connect("127.0.0.2", events_port)
        assert can_connect("127.0.0.1", events_port)
    finally:
        process.kill()
        process.communicate()


def can_connect(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, port)) == 0


def test_a_sidecars_port_that_is_taken_is_named_and_the_process_ends(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        done = run_cli(tmp_path, "serve", TODO_PORT=str(find_free_port()), TODO_EVENTS_PORT=str(busy), **DAPR)
    assert done.returncode == 1
    assert f"Port {busy} on 127.0.0.1 is taken" in done.stderr
    assert "TODO_EVENTS_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_named_and_the_process_ends(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "serve", TODO_AUTH="token", TODO_HOST="192.0.2.1", TODO_PORT=str(find_free_port()))
    assert done.returncode == 1
    assert "192.0.2.1 cannot be listened on" in done.stderr
    assert "TODO_HOST" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_setting_everything_stays_on_one_port(tmp_path: Path) -> None:
    port = find_free_port()
    process = start(tmp_path, "serve", port=port, **DAPR)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        one = Served(port, port)
        assert [one.ask(port, method, path) for method, path, _ in SIDECAR_PATHS] == [s for *_, s in SIDECAR_PATHS]
        assert one.ask(port, "GET", "/api/tasks") == 200
    finally:
        process.kill()
        process.communicate()
