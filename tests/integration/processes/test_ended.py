"""SIGTERM ends a process well: exit code 0, and what was saved was also answered."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from infra.live.ports import find_free_port
from tests.integration.processes.test_processes import environment

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


def start(folder: Path, *words: str, port: int = 0, **settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "evolution_todo", *words],
        env={**environment(folder, port), "TODO_DATABASE_URL": "sqlite:///todo.db", **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # ours
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < deadline, url
            time.sleep(0.05)


def send(process: subprocess.Popen[bytes], *frames: dict[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
    process.stdin.flush()


@pytest.mark.parametrize(("command", "settings"), [("serve", {}), ("worker", {"TODO_BROKER": "dapr"})])
def test_x17_sigterm_ends_a_server_well(tmp_path: Path, command: str, settings: dict[str, str]) -> None:
    port = find_free_port()
    process = start(tmp_path, command, port=port, **settings)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_x17_sigterm_ends_a_stdio_server_well_and_answers_what_it_has_saved(tmp_path: Path) -> None:
    process = start(tmp_path, "mcp")
    try:
        assert process.stdout
        send(process, INITIALIZE)
        assert json.loads(process.stdout.readline())["id"] == 1
        creates = [{"name": "create_task", "arguments": {"title": f"T{number}"}} for number in range(10)]
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            for number, params in enumerate(creates, 2)
        ]
        send(process, {"jsonrpc": "2.0", "method": "notifications/initialized"}, *calls)
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        answers = [first, *(json.loads(line) for line in process.stdout)]
        assert process.wait(20) == 0, "and its input was still open"
    finally:
        process.kill()
        process.communicate()
    listed, _ = start(tmp_path, "tool", "find_tasks").communicate(timeout=60)
    saved = {task["title"] for task in json.loads(listed)["tasks"]}
    told = {each["result"]["structuredContent"]["task"]["title"] for each in answers}
    assert saved == told
