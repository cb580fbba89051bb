"""One caller beside sixteen, over HTTP and over standard input, and the time from start to readiness."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from app.bench.callers.lines import LineServer, open_lines
from app.bench.load import run_round
from app.bench.processes import Child, start_child
from app.bench.rows import Row, compare, hold, pick
from app.bench.wire import repeat_tool
from infra.live.ports import find_free_port

CROWD = 16
READY_SECONDS = 60.0


async def measure_callers(root: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure on new databases, with relay and reactions on, in rounds that take turns with no-op servers."""
    for name in ("http", "lines", "start"):
        (root / name).mkdir(parents=True)
    return [
        *await _measure_http(root / "http", rounds, seconds),
        *await _measure_lines(root / "lines", rounds, seconds),
        *await _measure_start(root / "start", rounds),
    ]


async def _measure_http(folder: Path, rounds: int, seconds: float) -> list[Row]:
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(start_child("app.bench.servers", "bare-mcp", folder=folder))
        ours = await stack.enter_async_context(start_child("app.bench.servers", "whole", folder=folder))
        lanes: list[tuple[Child, Iterator[bytes]]] = [
            (bare, repeat_tool("do_nothing")),
            (ours, repeat_tool("create_task")),
        ]
        results: list[list[tuple[float, float]]] = [[], []]
        for number in range(rounds + 1):
            for (child, requests), result in zip(lanes, results, strict=True):
                before = child.read_cpu()
                done = await run_round(child.port, requests, seconds if number else 0.5, clients=1)
                await asyncio.sleep(0.2)  # the last call's reactions are its cost too
                if number:
                    cpu = (child.read_cpu() - before) / len(done.latencies)
                    result.append((cpu * 1e6, pick(done.latencies, 0.5) * 1e3))
    (bare_cpu, bare_half), (cpu, half) = ([median(column) for column in zip(*each, strict=True)] for each in results)
    tool, name = "MCP no-op tool, one caller", "MCP create_task, one caller"
    return [
        hold(f"{tool}: CPU", bare_cpu, "us/call"),
        compare(f"{name}: CPU", cpu, "us/call", (f"{tool}: CPU", bare_cpu), at_most=3.0),
        hold(f"{tool}: p50", bare_half, "ms"),
        compare(f"{name}: p50", half, "ms", (f"{tool}: p50", bare_half), at_most=3.0),
    ]


async def _measure_lines(folder: Path, rounds: int, seconds: float) -> list[Row]:
    async with AsyncExitStack() as stack:
        servers: list[LineServer] = [
            await stack.enter_async_context(open_lines("do_nothing", ["app.bench.callers.bare"], folder)),
            await stack.enter_async_context(open_lines("create_task", ["evolution_todo", "mcp"], folder)),
        ]
        rates: dict[tuple[int, int], list[float]] = {}
        for number in range(rounds + 1):
            for calls in (1, CROWD):
                for index, server in enumerate(servers):
                    done = await server.run(seconds if number else 0.5, calls)
                    await asyncio.sleep(0.2)
                    if number:
                        rates.setdefault((index, calls), []).append(done.rate)
    rows: list[Row] = []
    for calls, least in ((1, None), (CROWD, 0.45)):
        bare, ours = median(rates[0, calls]), median(rates[1, calls])
        tool = f"stdio no-op tool, {calls} under way"
        rows.append(hold(tool, bare, "calls/s"))
        name = f"stdio create_task, {calls} under way"
        rows.append(compare(name, ours, "calls/s", (tool, bare), at_least=least))
    return rows


async def _measure_start(folder: Path, rounds: int) -> list[Row]:
    times: list[float] = []
    for _ in range(rounds + 1):
        port, since = find_free_port(), perf_counter()
        async with start_child("evolution_todo", "serve", folder=folder, ready=False, port=port):
            await asyncio.to_thread(_wait_until_ready, f"http://127.0.0.1:{port}/readyz", since)
            times.append(perf_counter() - since)
    return [hold("serve: start to ready, warm", median(times[1:]), "s", at_most=1.0)]


def _wait_until_ready(url: str, since: float) -> None:
    while perf_counter() - since < READY_SECONDS:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # the loopback
            return
        except (urllib.error.URLError, ConnectionError):
            sleep(0.01)  # the program that starts needs the processor
    raise TimeoutError(url)
