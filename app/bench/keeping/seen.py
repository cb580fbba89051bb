"""The cost of metrics, of traces and of a scrape."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from time import process_time

from app.bench.load import run_round
from app.bench.processes import Child, load_children, start_child
from app.bench.rows import Row, compare, hold, pick
from app.bench.wire import repeat_tool
from app.watch.metrics import CallWatch, Metrics, WriteWatch

CALLS = 20_000
CPU = "MCP create_task, traces off: CPU"


class _Sink(BaseHTTPRequestHandler):
    """A collector that takes everything and keeps nothing."""

    def do_POST(self) -> None:  # http.server calls it so
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def open_sink() -> Iterator[str]:
    """Run a collector; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def measure_seen(root: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure on new databases, with relay and reactions on, in rounds that take turns."""
    lanes = {"off": "", "at 5 %": "0.05", "at 100 %": "1"}
    with open_sink() as sink:
        async with AsyncExitStack() as stack:
            traced = await stack.enter_async_context(AsyncExitStack())
            children: dict[str, Child] = {}
            for name, share in lanes.items():
                folder = root / f"traces{share}"
                settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink if share else "", "OTEL_TRACES_SAMPLER_ARG": share}
                settings["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
                started = start_child("app.bench.servers", "whole", folder=folder, settings=settings)
                children[name] = await (traced if share else stack).enter_async_context(started)
            taken: dict[str, list[float]] = {name: [] for name in lanes}
            for number in range(rounds + 1):
                for name, child in children.items():
                    _, cpu = await load_children([child], repeat_tool("create_task"), seconds if number else 0.5)
                    if number:
                        taken[name].append(cpu)
            await traced.aclose()
            # The two others are gone, and what the creates left to do, such as the index of words, is done: a scrape is
            # measured by itself, as the calls beside it are by themselves.
            await asyncio.sleep(seconds)
            scrapes = await _scrape(children["off"], seconds)
    base = median(taken["off"])
    metrics = _time_metrics()
    return [
        hold(CPU, base, "us/call"),
        *(
            compare(f"MCP create_task, traces {name}: CPU", median(taken[name]), "us/call", (CPU, base), at_most=most)
            for name, most in (("at 5 %", 1.08), ("at 100 %", None))
        ),
        compare("metrics of one create_task: CPU", metrics, "us/call", (CPU, base), at_most=0.02),
        hold("scrape: p99", pick(scrapes, 0.99) * 1e3, "ms", below=5),
    ]


async def _scrape(child: Child, seconds: float) -> list[float]:
    request = b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    done = await run_round(child.port, iter(partial(bytes, request), b""), max(seconds, 1.0), clients=1)
    return done.latencies


def _time_metrics() -> float:
    """Return the microseconds that the counting of one call and its write takes."""
    metrics = Metrics()
    began = process_time()
    for _ in range(CALLS):
        with CallWatch(metrics, "create_task", "mcp"), WriteWatch(metrics):
            pass
    return (process_time() - began) / CALLS * 1e6
