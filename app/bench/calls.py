"""The calls per second of our surfaces against those of no-op servers, in interleaved rounds."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from app.bench.full_file import open_tasks
from app.bench.load import Round, run_round
from app.bench.processes import Child, start_child
from app.bench.rows import Row, compare, hold, pick
from app.bench.wire import call_tool, repeat_post, repeat_tool

BACKLOG = 200
"""Most pending events during calls at full speed."""
_DRAIN_SECONDS = 60.0
_PENDING = "SELECT count(*) FROM outbox_entry WHERE published_at IS NULL AND parked_at IS NULL"
_OPEN = "SELECT count(*) FROM delivery WHERE delivered_at IS NULL AND parked_at IS NULL"
_UNINDEXED = "SELECT count(*) FROM task WHERE unindexed = 1"


@dataclass(slots=True)
class Lane:
    """One kind of call on one server with the results of its rounds; `base` names the lane to compare it to."""

    name: str
    child: Child
    requests: Iterator[bytes]
    base: str | None = None
    least: float | None = None
    calm: bool = False
    watched: Path | None = None
    rounds: list[Round] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    backlog: list[int] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """Run one round."""
        watcher = asyncio.create_task(self._watch()) if self.watched is not None else None
        before = self.child.read_cpu()
        done = await run_round(self.child.port, self.requests, seconds)
        used = self.child.read_cpu() - before
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await self._drain()
        self.rounds.append(done)
        self.cpu.append(used / len(done.latencies) * 1e6)

    @property
    def rate(self) -> float:
        """The median of the rounds' calls per second."""
        return median(each.rate for each in self.rounds)

    def quantile(self, share: float) -> float:
        """Return the median of the rounds' quantile of the latency, in milliseconds."""
        return median(pick(each.latencies, share) for each in self.rounds) * 1e3

    async def _watch(self) -> None:
        with closing(_look_into(self.watched)) as raw:
            while True:
                self.backlog.append(raw.execute(_PENDING).fetchone()[0])
                await asyncio.sleep(0.05)

    async def _drain(self) -> None:
        """Wait until everything is reacted to and indexed, so that it does not slow the next round."""
        async with asyncio.timeout(_DRAIN_SECONDS):
            with closing(_look_into(self.watched)) as raw:
                while any(raw.execute(query).fetchone()[0] for query in (_PENDING, _OPEN, _UNINDEXED)):  # noqa: ASYNC110  # another process's work
                    await asyncio.sleep(0.05)


def _look_into(path: Path | None) -> sqlite3.Connection:
    raw = sqlite3.connect(path or "", isolation_level=None, timeout=1)
    raw.execute("PRAGMA query_only=ON")
    return raw


async def measure_calls(held: Path, whole: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure on two equal files, `held` without relay and reactions and `whole` with them."""
    async with AsyncExitStack() as stack:
        children = {
            kind: await stack.enter_async_context(start_child("app.bench.servers", kind, folder=folder))
            for kind, folder in (
                ("bare-mcp", held.parent),
                ("bare-rest", held.parent),
                ("held", held.parent),
                ("whole", whole.parent),
            )
        }
        lanes = _lay_lanes(children, held, whole)
        for lane in lanes:
            await lane.run(min(seconds, 0.5))  # caches, compiled statements
            lane.rounds.clear()
            lane.cpu.clear()
            lane.backlog.clear()
        for _ in range(rounds):
            for lane in lanes:
                await lane.run(seconds)
    return [row for lane in lanes for row in _make_rows(lane, lanes)]


def _lay_lanes(children: dict[str, Child], held: Path, whole: Path) -> list[Lane]:
    tool, route = "MCP no-op tool", "REST no-op route"
    ids = open_tasks(held)
    rich = {"due": "2031-05-04T17:00", "tags": ["home"], "reminders": [{"before": "1h"}]}
    completions = (call_tool("complete_task", {"task_id": each}) for each in ids)
    return [
        Lane(tool, children["bare-mcp"], repeat_tool("do_nothing")),
        Lane("MCP create_task, relay held", children["held"], repeat_tool("create_task"), tool, 0.40, calm=True),
        Lane(
            "MCP create_task, reactions on",
            children["whole"],
            repeat_tool("create_task"),
            tool,
            0.33,
            calm=True,
            watched=whole,
        ),
        Lane(route, children["bare-rest"], repeat_post("/nothing")),
        Lane("REST create, relay held", children["held"], repeat_post("/api/tasks"), route, 0.30, calm=True),
        Lane("MCP create with due, tag, reminder", children["held"], repeat_tool("create_task", **rich), tool),
        Lane("MCP complete_task", children["held"], completions, tool),
        Lane("MCP find_tasks, open by due", children["held"], _repeat_finding(), tool),
    ]


def _repeat_finding() -> Iterator[bytes]:
    request = call_tool("find_tasks", {})
    while True:
        yield request


def _make_rows(lane: Lane, lanes: list[Lane]) -> list[Row]:
    base = next((each for each in lanes if each.name == lane.base), None)
    if base is None:
        rows = [hold(lane.name, lane.rate, "calls/s")]
    else:
        rows = [compare(lane.name, lane.rate, "calls/s", (base.name, base.rate), at_least=lane.least)]
    rows.append(hold(f"{lane.name}: CPU", median(lane.cpu), "us/call"))
    half, most = lane.quantile(0.5), lane.quantile(0.99)
    name = f"{lane.name}: p99"
    rows.append(compare(name, most, "ms", ("its p50", half), at_most=4 if lane.calm else None))
    if lane.watched is not None:
        rows.append(hold(f"{lane.name}: backlog", max(lane.backlog, default=0), "events", at_most=BACKLOG))
    return rows
