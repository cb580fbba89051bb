"""The cost of a conversation besides its model: the delay of the first word, the CPU of a turn, idle streams."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2

from agent.messages import Finished, ModelRequest, Piece, TextPiece, ToolCall
from app.bench.processes import start_child
from app.bench.rows import Row, hold, pick
from app.http.server import bind, build_server
from app.runtime import calm_collector, run_program
from app.service import open_service
from app.settings import load_settings

STREAMS = 200


class TwoCalls:
    """An instant model: two calls in one answer, then the time of its first word as that word."""

    name = "tasks-agent"

    async def answer(self, request: ModelRequest) -> AsyncIterator[Piece]:
        """Yield the answer; `Finished` last."""
        if request.messages[-1].role == "user":
            calls = (
                ToolCall("1", "create_task", json.dumps({"title": request.messages[-1].text, "due": "2099-01-01"})),
                ToolCall("2", "find_tasks", '{"text": "bench", "limit": 5}'),
            )
            yield Finished(calls, "tool_calls")
        else:
            yield TextPiece(f"{time.monotonic()}")
            for word in (" That", " is", " done."):
                yield TextPiece(word)
            yield Finished()


async def measure_chatting(folder: Path, turns: int) -> list[Row]:
    """Measure a server with the model `TwoCalls`, on its own folder."""
    async with start_child("app.bench.chat", folder=folder) as child:
        url = f"http://127.0.0.1:{child.port}"
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http:
            await _talk(http, 5)
            before = child.read_cpu()
            late = await _talk(http, turns)
            used = child.read_cpu() - before
        await asyncio.sleep(0.5)
        memory = child.read_memory()
        async with AsyncExitStack() as stack:
            limits = httpx2.Limits(max_connections=None)
            http = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=30, limits=limits))
            for _ in range(STREAMS):
                response = await stack.enter_async_context(http.stream("GET", "/api/notifications/stream"))
                await anext(response.aiter_bytes())
            more = child.read_memory() - memory
    return [
        hold("chat: the model's first word to the client: p50", pick(late, 0.5) * 1e3, "ms", at_most=30),
        hold("chat: the model's first word to the client: p99", pick(late, 0.99) * 1e3, "ms"),
        hold("chat: CPU of a turn with two calls", used / turns * 1e3, "ms", at_most=25),
        hold(f"{STREAMS} idle streams: memory", max(more, 0.0), "MB", below=60),
    ]


async def _talk(http: httpx2.AsyncClient, turns: int) -> list[float]:
    """Send messages, each in its own conversation; return the delay of each first word in seconds."""
    late = []
    for turn in range(turns):
        body = {"message": f"bench {turn}"}
        headers = {"Accept": "text/event-stream"}
        async with http.stream("POST", "/api/chat", json=body, headers=headers) as response:
            first = None
            async for line in response.aiter_lines():
                if first is None and line.startswith('data: {"text"'):
                    first = time.monotonic() - float(json.loads(line[6:])["text"])
        if first is None:
            raise RuntimeError("a turn of the benchmark gave no answer")
        late.append(first)
    return late


async def _serve() -> None:
    listener = bind("127.0.0.1", 0)
    async with open_service(load_settings(zone="UTC")) as service:
        model = TwoCalls()
        server = build_server(service, {model.name: model})
        calm_collector()
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        await server.serve([listener])


if __name__ == "__main__":
    run_program(_serve())
