"""The benchmark on the real chain: the product against raw daprd in the same run, with outages."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx2

from app.bench.load import run_round
from app.bench.processes import Child, start_child
from app.bench.rows import Row, compare, hold, pick
from app.bench.wire import repeat_post
from app.system import SystemIds
from events.catalog import SOURCE
from infra.live.chain import LiveChain
from infra.live.resources import CONSUMER, PRODUCT
from infra.live.sidecar import App, Daprd

PACE = 200
"""Changes per second."""
RAW_TOPIC = "evolution-todo.events"
"""A topic of another style than the product's; only the raw consumer subscribes to it."""
GATHER = 0.005
"""Seconds for which raw events are collected into one call, as the relay's are."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The size of the measurement."""

    seconds: float = 15.0
    rounds: int = 3
    backlog: int = 10_000
    tasks: int = 5_000
    waiting: int = 100_000
    clients: int = 4
    note: str = ""

    @classmethod
    def make(cls, *, quick: bool) -> "LivePlan":
        """Return the full plan, or a quick one that only shows that everything runs."""
        if not quick:
            return cls()
        return cls(2.0, 1, 1_000, 500, 5_000, 4, "A quick run: its figures do not count.")


@dataclass(slots=True)
class Bed:
    """The test bed: the chain, the product and two consumers, each beside its own daprd."""

    chain: LiveChain
    product: Child
    receiver: Child
    daprd: Daprd
    raw: Daprd
    http: httpx2.AsyncClient

    async def ask(self, path: str, **given: float) -> Any:
        """Call one of the product's measurement routes."""
        return await _fetch(self.http, self.product, f"/bench/{path}", given)

    async def is_gone(self) -> bool:
        """Return whether the product has published all pending events."""
        return bool(await self.ask("gone"))

    async def receive(self, path: str) -> Any:
        """Call one of the receiver's routes."""
        return await _fetch(self.http, self.receiver, f"/{path}", {})

    async def wait_received(self, ids: set[str], seconds: float = 60.0) -> dict[str, float]:
        """Wait until the consumer's handler has all these events; return the arrival time of each."""

        async def is_there() -> bool:
            return int(await self.receive("count")) >= len(ids)

        await wait_for(is_there, seconds, "the consumer has all")
        seen: dict[str, float] = await self.receive("seen")
        await self.receive("forget")
        return {each: seen[each] for each in ids}


async def _fetch(http: httpx2.AsyncClient, child: Child, path: str, given: dict[str, float]) -> Any:
    response = await http.get(f"http://127.0.0.1:{child.port}{path}", params=given, timeout=300)
    response.raise_for_status()
    return response.json()


async def wait_for(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Poll a condition until it holds; raises `TimeoutError` that names it as `what`."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # other processes' work
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"not within {seconds:g} s: {what}") from None


@asynccontextmanager
async def open_bed() -> AsyncIterator[Bed]:
    """Start the test bed; everything ends with the block."""
    async with AsyncExitStack() as stack:
        chain = LiveChain(say=_say)
        await asyncio.to_thread(chain.__enter__)
        stack.push_async_callback(asyncio.to_thread, chain.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evolution-todo-bench-")))
        port, consumer_port = chain.ports.take(), chain.ports.take()
        daprd = chain.add_daprd(App(PRODUCT, port))
        consumer, raw = (
            chain.add_daprd(App(CONSUMER, consumer_port)),
            chain.add_daprd(App("raw-consumer", consumer_port), "single"),
        )
        settings = {"TODO_BROKER": "dapr", "TODO_DAPR_HTTP": daprd.url, "TODO_DATABASE_URL": chain.database_url or ""}
        product = await stack.enter_async_context(
            start_child("app.bench.product", folder=folder, port=port, settings=settings)
        )
        receiver = await stack.enter_async_context(start_child("app.bench.receiver", str(consumer_port), folder=folder))
        for each, topics in ((daprd, 12), (consumer, 6), (raw, 1)):
            await asyncio.to_thread(each.start)
            await asyncio.to_thread(each.wait_subscribed, topics)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        yield Bed(chain, product, receiver, daprd, raw, http)


async def measure_live(plan: LivePlan) -> list[Row]:
    """Measure everything and leave nothing behind; raises `LiveError`, including `ToolsMissing`."""
    async with open_bed() as bed:
        _say("warming up")
        await bed.wait_received(set(await bed.ask("pace", rate=PACE, seconds=2)))
        _say("commit to handler")
        rows = await measure_latency(bed, plan)
        _say("backlog")
        rows += await measure_backlog(bed, plan)
        _say("calls during outages")
        rows += await measure_outages(bed, plan)
        _say("memory during an outage")
        rows += await measure_memory(bed, plan)
        return rows


async def measure_latency(bed: Bed, plan: LivePlan) -> list[Row]:
    """Measure the time from the commit to a consumer's handler, against that of a raw publish."""
    sent = await publish_paced(bed, plan.seconds)
    seen = await bed.wait_received(set(sent))
    raw = [seen[each] - at for each, at in sent.items()]
    committed: dict[str, float] = await bed.ask("pace", rate=PACE, seconds=plan.seconds)
    seen = await bed.wait_received(set(committed))
    times = [max(seen[each] - at, 0.0) for each, at in committed.items()]
    name, base = f"commit to handler at {PACE}/s", f"raw publish to handler at {PACE}/s"
    rows = [hold(f"{base}: {label}", pick(raw, share) * 1e3, "ms") for label, share in (("p50", 0.5), ("p99", 0.99))]
    rows.append(hold("changes that were not taken", int(PACE * plan.seconds) - len(committed), "changes", at_most=0))
    rows.append(hold(f"{name}: p50", pick(times, 0.5) * 1e3, "ms", below=20))
    rows.append(hold(f"{name}: p99", pick(times, 0.99) * 1e3, "ms", below=100))
    return rows


async def measure_backlog(bed: Bed, plan: LivePlan) -> list[Row]:
    """Build up a backlog while the sidecar is away; measure the time from its return until the backlog is gone."""
    rates = [await publish_bulk(bed, plan.backlog, at_once) for at_once in (1, 4)]
    await asyncio.to_thread(bed.daprd.kill)
    await bed.ask("fill", count=plan.backlog, tasks=plan.tasks)
    await bed.receive("forget")
    await asyncio.to_thread(bed.daprd.begin)
    await asyncio.to_thread(bed.daprd.wait_ready)
    since = perf_counter()

    async def has_begun() -> bool:
        return int(await bed.ask("backlog")) < plan.backlog

    # The relay's pause has grown during the outage: it counts towards the time but not towards the rate.
    await wait_for(has_begun, 60, "the backlog gets smaller")
    left, begun = int(await bed.ask("backlog")), perf_counter()
    await wait_for(bed.is_gone, 120, "the backlog is gone")
    drain = left / max(perf_counter() - begun, 1e-6)
    taken = perf_counter() - since

    async def is_received() -> bool:
        return int(await bed.receive("count")) >= plan.backlog

    await wait_for(is_received, 120, "the consumer has the backlog")
    received = perf_counter() - since
    await asyncio.to_thread(bed.daprd.wait_subscribed, 12)
    one = "raw bulk publishing, 1 call at once"
    size = f"{plan.backlog} events of {plan.tasks} tasks"
    return [
        hold(one, rates[0], "events/s"),
        hold("raw bulk publishing, 4 calls at once", rates[1], "events/s"),
        hold(f"backlog of {size} gone after the sidecar is back", taken, "s", at_most=10),
        hold(f"backlog of {size} at the consumer", received, "s"),
        compare(
            "drain of the backlog", drain, "events/s", ("raw bulk publishing, 1 call at once", rates[0]), at_least=0.5
        ),
    ]


async def measure_outages(bed: Bed, plan: LivePlan) -> list[Row]:
    """Compare the p99 of creates with daprd or Kafka away to that with both up, in alternating rounds."""
    seconds = max(plan.seconds / 3, 1.0)
    times: dict[str, list[float]] = {"up": [], "daprd down": [], "Kafka down": []}

    async def run(name: str) -> None:
        done = await run_round(bed.product.port, repeat_post("/api/tasks"), seconds, plan.clients)
        times[name].append(pick(done.latencies, 0.99) * 1e3)

    kafka = bed.chain.kafka
    for _ in range(plan.rounds):
        await run("up")
        await asyncio.to_thread(bed.daprd.kill)
        await run("daprd down")
        await asyncio.to_thread(bed.daprd.start)
        await asyncio.to_thread(bed.daprd.wait_subscribed, 12)
        await wait_for(bed.is_gone, 60, "the backlog is gone")
        if kafka is not None:
            await asyncio.to_thread(kafka.kill)
            await run("Kafka down")
            await asyncio.to_thread(kafka.start)
            await wait_for(bed.is_gone, 90, "the backlog is gone")
    base = ("REST create, both up: p99", median(times["up"]))
    rows = [hold(*base, "ms")]
    outages = {name: median(each) for name, each in times.items() if each and name != "up"}
    return rows + [
        compare(f"REST create, {name}: p99", value, "ms", base, at_most=1.05) for name, value in outages.items()
    ]


async def measure_memory(bed: Bed, plan: LivePlan) -> list[Row]:
    """Pile up a large backlog while the sidecar is away; the process must not grow with it."""
    await asyncio.to_thread(bed.daprd.kill)
    await bed.ask("fill", count=1_000, tasks=500)
    await bed.ask("pace", rate=PACE, seconds=5)
    before = bed.product.read_memory()
    await bed.ask("fill", count=plan.waiting, tasks=plan.waiting // 4)
    filled = bed.product.read_memory()
    await bed.ask("pace", rate=PACE, seconds=plan.seconds)
    after = bed.product.read_memory()
    waiting = int(await bed.ask("backlog"))
    await bed.ask("clear")
    return [
        hold("events that wait in the outage", waiting, "events", at_least=plan.waiting),
        hold("memory before they waited", before, "MB"),
        hold("memory's growth with all waiting", max(after, filled) - before, "MB", at_most=15),
    ]


def _write_raw(ids: Sequence[str]) -> bytes:
    entries = [
        {
            "entryId": each,
            "contentType": "application/cloudevents+json",
            "metadata": {"partitionKey": each},
            "event": {
                "specversion": "1.0",
                "id": each,
                "source": SOURCE,
                "type": "raw",
                "datacontenttype": "application/json",
                "data": {"notes": "x" * 700},
            },
        }
        for each in ids
    ]
    return json.dumps(entries).encode()


async def _post_raw(bed: Bed, ids: Sequence[str]) -> None:
    body = await asyncio.to_thread(_write_raw, ids) if len(ids) > 50 else _write_raw(ids)
    response = await bed.http.post(
        f"{bed.daprd.url}/v1.0/publish/bulk/taskevents/{RAW_TOPIC}", content=body, timeout=30
    )
    response.raise_for_status()


async def publish_paced(bed: Bed, seconds: float) -> dict[str, float]:
    """Publish raw events at the pace of the changes; return the time of sending of each."""
    ids, sent = SystemIds(), {}
    loop = asyncio.get_running_loop()
    since, made = loop.time(), 0
    calls = []
    while made < int(PACE * seconds):
        await asyncio.sleep(GATHER)
        due = min(int((loop.time() - since) * PACE), int(PACE * seconds))
        batch = [ids.new() for _ in range(due - made)]
        made = due
        if batch:
            sent.update(dict.fromkeys(batch, perf_counter()))
            calls.append(asyncio.create_task(_post_raw(bed, batch)))
    await asyncio.gather(*calls)
    return sent


async def publish_bulk(bed: Bed, count: int, at_once: int) -> float:
    """Publish raw events in calls of 200, `at_once` concurrently; return events per second."""
    ids = SystemIds()
    batches = [[ids.new() for _ in range(200)] for _ in range(count // 200)]
    since = perf_counter()

    async def work() -> None:
        while batches:
            await _post_raw(bed, batches.pop())

    await asyncio.gather(*(work() for _ in range(at_once)))
    rate = count / (perf_counter() - since)

    async def is_received() -> bool:
        return int(await bed.receive("count")) >= count

    await wait_for(is_received, 120, "the raw consumer has all")
    await bed.receive("forget")
    return rate


def _say(step: str) -> None:
    print(f"bench: {step}", file=sys.stderr, flush=True)
