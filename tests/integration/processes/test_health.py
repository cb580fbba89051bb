"""`health` tells a process that is ready from one that is not, and from none."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.cli.health import ask_health
from infra.live.ports import find_free_port
from tests.integration.processes.test_ended import start, wait_for
from tests.integration.storage.test_service import run_cli
from tests.world import make_settings

PROMISES = ("image",)


def test_a_process_that_is_ready_is_0(tmp_path: Path) -> None:
    port = find_free_port()
    process = start(tmp_path, "serve", port=port)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        done = run_cli(tmp_path, "health", TODO_PORT=str(port))
        assert (done.returncode, done.stdout.partition(";")[0].strip()) == (0, "ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        done = run_cli(tmp_path, "health", TODO_PORT=str(port))
        assert done.returncode == 1
        assert f"nothing answers at http://127.0.0.1:{port}/readyz" in done.stderr
    finally:
        process.kill()
        process.communicate()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Answer every request like this; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class asks for this name
            self.send_response(status if self.headers["Host"] == "localhost" else 421)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize(
    ("status", "body", "ready", "words"),
    [
        (200, {"status": "ready"}, True, "ready"),
        (200, {"status": "degraded", "degraded": ["events wait"]}, True, "ready; events wait"),
        (503, {"reasons": ["The database is away."]}, False, "not ready: The database is away."),
        (500, None, False, "not ready: 500"),
        (200, None, False, "nothing answers"),
    ],
)
def test_what_it_says_is_what_readyz_says(
    tmp_path: Path, status: int, body: dict[str, Any] | None, ready: bool, words: str
) -> None:
    content = b"no JSON" if body is None else json.dumps(body).encode()
    with answering(status, content) as port:
        well, said = ask_health(make_settings(tmp_path, port=port))
    assert well is ready
    assert said.startswith(words)
