"""A crowd of connections: ten thousand that say nothing and a thousand that are slow cost little and delay little."""

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from app.access.credentials import Grant, create_credential
from app.access.people import add_person
from app.service import open_database
from app.system import SystemClock, SystemIds, draw_secret
from infra.live.ports import find_free_port
from tests.integration.processes.test_ended import start, wait_for
from tests.world import make_settings
from todo.record.scopes import AGENT

PROMISES = ("crowds",)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.database("sqlite"),
    pytest.mark.long("thousands of sockets"),
]

IDLE, SLOW = 10_000, 1_000
OF_ADDRESS = 95
"""Connections of one loopback address; the service takes a hundred."""
SECONDS, MEGABYTES = 1.0, 300


@contextmanager
def many_files(wanted: int) -> Iterator[None]:
    """Let this process have more files, or skip the test where the machine does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{wanted} open files are wanted, this machine allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def let_in(folder: Path) -> str:
    """Add a person; return their token."""
    database, _ = await open_database(make_settings(folder, auth="token"))
    ids, now = SystemIds(), SystemClock().now()
    try:
        user_id = await database.write(lambda it: add_person(it, "Ann", "Europe/Berlin", ids, now))
        grant = Grant(user_id, "personal", "laptop", AGENT)
        return (await database.write(lambda it: create_credential(it, grant, now, ids, draw_secret))).secret
    finally:
        await database.close()


def connect(port: int, number: int) -> socket.socket:
    """Open a connection from one of many loopback addresses."""
    place = number // OF_ADDRESS + 2
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.bind((f"127.0.{place // 250}.{place % 250 + 1}", 0))
    made.settimeout(20)
    made.connect(("127.0.0.1", port))
    return made


def read_health(connection: socket.socket) -> None:
    """Read a whole answer of `/healthz`."""
    read = b""
    while not read.endswith(b"}"):
        part = connection.recv(1_000)
        assert part, read
        read += part
    assert b"200 OK" in read


def read_memory(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def call_often(http: httpx2.Client, rounds: int) -> list[float]:
    """Create and search again and again; return the seconds of each call, in order of size."""
    taken = []
    for number in range(rounds):
        for method, path, body in (("POST", "/api/tasks", {"title": f"T{number}"}), ("GET", "/api/tasks", None)):
            began = time.perf_counter()
            assert http.request(method, path, json=body).is_success
            taken.append(time.perf_counter() - began)
    return sorted(taken)


async def test_a_crowd_costs_little_and_delays_little(tmp_path: Path) -> None:
    token, port = await let_in(tmp_path), find_free_port()
    address = f"http://127.0.0.1:{port}"
    with many_files(IDLE + SLOW + 500), ExitStack() as stack:
        process = start(tmp_path, "serve", port=port, TODO_AUTH="token")
        stack.callback(process.communicate)
        stack.callback(process.terminate)
        wait_for(f"{address}/readyz")
        http = stack.enter_context(httpx2.Client(base_url=address, headers={"authorization": f"Bearer {token}"}))
        alone = call_often(http, 15)
        idle = [stack.enter_context(connect(port, number)) for number in range(IDLE)]
        for each in idle:
            each.sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        for each in idle:
            read_health(each)
        slow = [stack.enter_context(connect(port, IDLE + number)) for number in range(SLOW)]
        for each in slow:
            each.sendall(b"POST /api/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        beside = []
        for _ in range(5):
            beside += call_often(http, 3)
            for each in slow:
                each.sendall(b"x")
        memory = read_memory(process.pid)
        figures = {
            "alone": alone[-1],
            "beside the crowd, median": sorted(beside)[len(beside) // 2],
            "beside the crowd, slowest": max(beside),
            "memory": memory,
        }
        print(json.dumps(figures))  # figures for who runs it
        assert max(beside) < SECONDS, figures
        assert memory < MEGABYTES, figures
        # The slow ones are cut off, the quiet ones stay.
        assert {each.recv(1_000) for each in slow} == {b""}
        for each in (idle[0], idle[-1]):
            each.sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            read_health(each)
