"""Several processes on one database: nothing is lost or doubled, and a killed leader is replaced at once."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters

from infra.live.ports import find_free_port
from tests.long import LONG
from tests.storage import STORAGE

PROMISES = ("nothing-lost",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

SECONDS = 60.0 if LONG else 8.0
KILLS = 10 if LONG else 2
STDIO_SERVERS = 4
RATE_PER_WRITER = 10.0


def environment(folder: Path, port: int = 0) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TODO_", "PYTEST"))}
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster
        kept["TODO_DATABASE_URL"] = STORAGE.cluster.url(STORAGE.cluster.name_for(folder))
    return {**kept, "TODO_DATA_DIR": str(folder), "TODO_PORT": str(port), "TODO_ZONE": "Europe/Berlin"}


@asynccontextmanager
async def running_serve(folder: Path, port: int, **settings: str) -> AsyncIterator[None]:
    """Keep a `serve` running: restart it when it is killed, as a supervisor does."""
    stopping = False
    process: asyncio.subprocess.Process | None = None

    async def keep() -> None:
        nonlocal process
        while not stopping:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "evolution_todo",
                "serve",
                env={**environment(folder, port), **settings},
                stderr=asyncio.subprocess.DEVNULL,
            )
            await process.wait()

    keeper = asyncio.create_task(keep())
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await until_ready(http)
        yield
    finally:
        stopping = True
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await keeper


async def until_ready(http: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await http.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


@dataclass
class Tally:
    """The acknowledged tasks, with the times of acknowledgement and of arrival on the stream."""

    until: float = float("inf")
    writing: set[str] = field(default_factory=set)
    """The writers with a first answer: a kill before that would measure how long programs take to start."""
    acknowledged: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    streamed: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    retried: int = 0


async def write_by_stdio(folder: Path, name: str, tally: Tally) -> None:
    """Create tasks through a stdio server; when it is killed, start another and repeat the call by its id."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "evolution_todo", "mcp"], env=environment(folder), cwd=str(Path.cwd())
    )
    number = 0
    while time.monotonic() < tally.until:
        with contextlib.suppress(Exception):  # the server was killed: the loop starts the next one
            async with Client(parameters) as client:
                while time.monotonic() < tally.until:
                    started = time.monotonic()
                    title = f"{name} {number}"
                    result = await client.call_tool("create_task", {"title": title, "request_id": title})
                    note(tally, started, result.is_error, str(result.content), (result.structured_content or {}))
                    tally.writing.add(name)
                    number += 1
                    await asyncio.sleep(max(0.0, started + 1 / RATE_PER_WRITER - time.monotonic()))
        if time.monotonic() < tally.until:
            tally.retried += 1


async def write_by_rest(port: int, name: str, tally: Tally) -> None:
    """Create tasks over REST; a call that meets a killed server is repeated by its key."""
    number = 0
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
        while time.monotonic() < tally.until:
            started = time.monotonic()
            title = f"{name} {number}"
            try:
                response = await http.post("/api/tasks", json={"title": title}, headers={"Idempotency-Key": title})
            except httpx2.TransportError:
                tally.retried += 1
                await asyncio.sleep(0.1)
                continue
            note(tally, started, response.is_error, response.text, response.json())
            tally.writing.add(name)
            number += 1
            await asyncio.sleep(max(0.0, started + 1 / RATE_PER_WRITER - time.monotonic()))


def note(tally: Tally, started: float, failed: bool | None, text: str, answer: dict) -> None:  # type: ignore[type-arg]
    now = time.monotonic()
    if failed:
        tally.failures.append(text[:200])
        return
    tally.latencies.append(now - started)
    tally.acknowledged[answer["task"]["id"]] = now


async def follow_stream(port: int, tally: Tally) -> None:
    """Follow the stream for ever; when the server is killed, resume from the last position."""
    position = "0-0"
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as http:  # a stream
        while True:
            with contextlib.suppress(httpx2.TransportError):
                async with http.stream(
                    "GET", "/api/notifications/stream", headers={"Last-Event-ID": position}
                ) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("id: "):
                            position = line[4:]
                        if line.startswith("data: ") and '"type":"task.created"' in line:
                            task_id = line.partition('"task_id":"')[2][:36]
                            tally.streamed.setdefault(task_id, time.monotonic())
            await asyncio.sleep(0.1)


async def kill_leaders(folder: Path, until: float, times: int) -> list[float]:
    """Kill the lease holder repeatedly; return the seconds until another process holds the lease, for each kill."""
    gaps = []
    # A take-over takes time too, and every kill must happen while the writers write.
    pause = max(0.5, (until - time.monotonic()) / (times + 1) - 1.5)
    for _ in range(times):
        await asyncio.sleep(pause)
        holder = await kill_leader(folder)
        killed = time.monotonic()
        async with asyncio.timeout(10):
            while read_holder(folder) == holder:
                await asyncio.sleep(0.01)
        gaps.append(time.monotonic() - killed)
    return gaps


async def kill_leader(folder: Path) -> str:
    """Kill the lease holder; a holder that has just ended by itself stays named until another takes over."""
    async with asyncio.timeout(10):
        while True:
            holder = read_holder(folder)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(holder.partition(":")[0]), signal.SIGKILL)
                return holder
            await asyncio.sleep(0.02)


def read_holder(folder: Path) -> str:
    return str(read(folder, "SELECT holder FROM lease")[0][0])


def read(folder: Path, statement: str) -> list[tuple]:  # type: ignore[type-arg]
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster
        return STORAGE.cluster.query(STORAGE.cluster.name_for(folder), statement)
    connection = sqlite3.connect(folder / "todo.db", timeout=5)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def drained(folder: Path) -> None:
    async with asyncio.timeout(15):
        while read(
            folder,
            "SELECT (SELECT count(*) FROM outbox_entry WHERE published_at IS NULL) + "
            "(SELECT count(*) FROM delivery WHERE delivered_at IS NULL)",
        ) != [(0,)]:
            await asyncio.sleep(0.05)


async def streamed(tally: Tally) -> None:
    """Wait until the stream has shown every acknowledged task; what it does not show, the test finds missing."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            while not tally.streamed.keys() >= tally.acknowledged.keys():
                await asyncio.sleep(0.05)


async def run_writers(folder: Path, kills: int) -> tuple[Tally, list[float]]:
    port = find_free_port()
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster
        await STORAGE.cluster.open_for(folder)
    tally = Tally()
    gaps: list[float] = []
    async with running_serve(folder, port):
        stream = asyncio.create_task(follow_stream(port, tally))
        work = [write_by_rest(port, "rest", tally)]
        work += [write_by_stdio(folder, f"stdio {index}", tally) for index in range(STDIO_SERVERS)]
        writers = [asyncio.create_task(each) for each in work]
        async with asyncio.timeout(60):
            while len(tally.writing) < len(writers):
                await asyncio.sleep(0.05)
        tally.until = time.monotonic() + SECONDS
        if kills:
            gaps = await kill_leaders(folder, tally.until, kills)
        await asyncio.gather(*writers)
        await drained(folder)
        await streamed(tally)
        stream.cancel()
    return tally, gaps


def check_effects(folder: Path, tally: Tally) -> None:
    assert tally.failures == []
    stored = {row[0] for row in read(folder, "SELECT id FROM task")}
    assert set(tally.acknowledged) <= stored, "no acknowledged task is lost"
    assert read(
        folder, "SELECT count(*) FROM (SELECT title FROM task GROUP BY title HAVING count(*) > 1) AS twice"
    ) == [(0,)]
    events = [row[0] for row in read(folder, "SELECT event_id FROM outbox_entry")]
    reacted = Counter(row[0] for row in read(folder, "SELECT event_id FROM activity"))
    assert reacted == Counter(events), "each event is reacted to once"
    assert read(folder, "SELECT created FROM day_count") == [(len(stored),)]


@pytest.mark.on_both_databases(long="postgresql")
async def test_five_processes_write_at_once(tmp_path: Path) -> None:
    tally, _ = await run_writers(tmp_path, kills=0)
    check_effects(tmp_path, tally)
    assert tally.retried == 0
    lags = sorted(tally.streamed[key] - at for key, at in tally.acknowledged.items())
    latencies = sorted(tally.latencies)
    print(
        f"{len(latencies)} creates, p99 {latencies[len(latencies) * 99 // 100] * 1000:.0f} ms, "
        f"stream lag p99 {lags[len(lags) * 99 // 100] * 1000:.0f} ms, worst {lags[-1] * 1000:.0f} ms"
    )


@pytest.mark.on_both_databases(long="sqlite")
async def test_killing_the_leader_loses_and_doubles_nothing(tmp_path: Path) -> None:
    tally, gaps = await run_writers(tmp_path, kills=KILLS)
    check_effects(tmp_path, tally)
    assert set(tally.streamed) >= set(tally.acknowledged)
    assert len(gaps) == KILLS
    assert tally.retried >= KILLS, "the leaders that were killed had calls to answer"
    print(f"take-over after {[round(gap * 1000) for gap in gaps]} ms, {tally.retried} calls repeated")
