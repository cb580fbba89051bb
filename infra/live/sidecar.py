"""One daprd on this machine beside one application."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.live.ports import LOOPBACK, PortBook
from infra.live.programs import LiveError, Program, wait_until
from infra.live.resources import DAPR

READY_SECONDS = 60.0
HEALTH_FAILURES = 30
"""Failed health checks, one per second, until daprd drops its subscriptions."""
# Not 3: if daprd 1.18.2 resubscribes while it still ends the old subscriptions, it may lose a topic for good (the old
# subscription's end removes the entry of the new one). That takes deliveries in progress and an app that is back
# within the 30 s for which daprd waits for them: with 3, any restart of more than 3 s.
MOST_AT_ONCE = 1
"""Most concurrent calls of daprd to the application."""
# Not more: in daprd 1.18.2 all calls share the variable that holds the next handler (its middleware/http/pipeline.go).
# Of two simultaneous calls one may run the other's handler, which also keeps the error: if the application is down, the
# first call has neither response nor error, which counts as 200, and its record as delivered.
_PORTS = {
    "http": "--dapr-http-port",
    "grpc": "--dapr-grpc-port",
    "internal": "--dapr-internal-grpc-port",
    "public": "--dapr-public-port",
    "metrics": "--metrics-port",
    "profile": "--profile-port",
}
_ADDRESSES = (
    "--dapr-listen-addresses",
    "--dapr-internal-grpc-listen-address",
    "--dapr-public-listen-address",
    "--metrics-listen-address",
)


@dataclass(frozen=True, slots=True)
class App:
    """The application beside a daprd: its id, its port (None: it only publishes) and the path of its health check.

    daprd checks every second and stops delivering after `HEALTH_FAILURES`; if `health` is None it never stops.
    """

    app_id: str
    port: int | None = None
    health: str | None = "/healthz"
    app_token: str | None = None
    dapr_token: str | None = None
    grace: int = 10


@dataclass
class Daprd:
    """A sidecar; it exits if Kafka is away when it starts, and its guard restarts it."""

    app: App
    program: Program
    ports: Mapping[str, int]
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})), repr=False
    )

    @property
    def url(self) -> str:
        """The URL of its HTTP API, for `TODO_DAPR_HTTP`."""
        return f"http://{LOOPBACK}:{self.ports['http']}"

    def start(self) -> None:
        """Start it and wait until its components are loaded; its subscriptions may follow later."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start it, without waiting."""
        self.program.start()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it can publish; it may still be waiting for its app."""
        self._wait(lambda: self._ask("/v1.0/healthz/outbound") is not None, seconds, "daprd can publish")

    def wait_subscribed(self, topics: int, seconds: float = READY_SECONDS) -> None:
        """Wait until it lists so many subscriptions, which its health does not prove."""
        self._wait(lambda: len(self.read_metadata().get("subscriptions", [])) >= topics, seconds, "daprd subscribes")

    def read_metadata(self) -> dict[str, Any]:
        """Return its metadata (components, subscriptions and more); empty while it does not answer."""
        answer = self._ask("/v1.0/metadata")
        return json.loads(answer) if answer else {}

    def stop(self) -> None:
        """Stop it in order: it finishes its deliveries."""
        self.program.stop()

    def kill(self) -> None:
        """Kill it (SIGKILL); it stays down until `start`."""
        self.program.kill()

    def crash(self) -> None:
        """Kill it (SIGKILL); its guard restarts it."""
        self.program.crash()

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Continue it (SIGCONT)."""
        self.program.resume()

    def _ask(self, path: str) -> bytes | None:
        headers = {"dapr-api-token": self.app.dapr_token} if self.app.dapr_token else {}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310  # our own address
        try:
            with self._opener.open(request, timeout=2) as answer:
                return bytes(answer.read())
        except (OSError, urllib.error.URLError):
            return None

    def _wait(self, ready: Any, seconds: float, what: str) -> None:
        def check() -> bool:
            if not self.program.is_alive():
                raise LiveError(f"daprd of {self.app.app_id} has ended:\n{self.program.read_end()}")
            return bool(ready())

        try:
            wait_until(check, seconds, what)
        except LiveError as error:
            raise LiveError(f"{error}\n{self.program.read_end()}") from None


def lay_out_daprd(daprd: Path, folder: Path, book: PortBook, app: App, brokers: str, resources: Path) -> Daprd:
    """Return a sidecar on free ports, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = {name: book.take() for name in _PORTS}
    command: list[str | Path] = [daprd, "--mode=standalone", f"--app-id={app.app_id}", f"--resources-path={resources}"]
    command += [f"--config={DAPR / 'config.yaml'}", "--log-level=info", "--log-as-json", "--max-body-size=4Mi"]
    command += [f"{flag}={ports[name]}" for name, flag in _PORTS.items()]
    command += [f"{flag}={LOOPBACK}" for flag in _ADDRESSES]
    command += [f"--dapr-graceful-shutdown-seconds={app.grace}"]
    if app.port is not None:
        command += [f"--app-port={app.port}", "--app-protocol=http", f"--app-channel-address={LOOPBACK}"]
        command += [f"--app-max-concurrency={MOST_AT_ONCE}"]
        if app.health:
            command += ["--enable-app-health-check", f"--app-health-check-path={app.health}"]
            command += ["--app-health-probe-interval=1", f"--app-health-threshold={HEALTH_FAILURES}"]
    tokens = {"APP_API_TOKEN": app.app_token or "", "DAPR_API_TOKEN": app.dapr_token or ""}
    environment = {"DAPR_HOST_IP": LOOPBACK, "TODO_KAFKA_BROKERS": brokers, **tokens}
    program = Program("daprd", command, folder, environment, restart=True, grace=app.grace + 5)
    return Daprd(app, program, ports)
