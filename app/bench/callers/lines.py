"""A load generator for MCP over standard input and output: some calls are under way at any time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from pydantic_core import from_json, to_json

from app.bench.load import BadAnswer, Round
from app.bench.processes import make_environment
from app.bench.wire import make_call, make_titles

_LONGEST_LINE = 1 << 24


@dataclass(slots=True)
class LineServer:
    """A server on the pipes of its process."""

    process: asyncio.subprocess.Process
    tool: str
    _sent: dict[int, float] = field(default_factory=dict)
    _number: int = 0
    _titles: list[str] = field(default_factory=make_titles)

    async def run(self, seconds: float, calls: int) -> Round:
        """Keep `calls` under way for some seconds; each answer is followed by the next call."""
        latencies: list[float] = []
        since = perf_counter()
        for _ in range(calls):
            self._send()
        while self._sent:
            latencies.append(await self._receive())
            if perf_counter() - since < seconds:
                self._send()
        return Round(perf_counter() - since, latencies)

    def _send(self) -> None:
        self._number += 1
        title = self._titles[self._number % len(self._titles)]
        call = make_call(self._number, self.tool, {"title": title})
        assert self.process.stdin is not None  # noqa: S101  # opened by `open_lines`
        self._sent[self._number] = perf_counter()
        self.process.stdin.write(to_json(call) + b"\n")

    async def _receive(self) -> float:
        assert self.process.stdout is not None  # noqa: S101  # opened by `open_lines`
        while True:
            answer: dict[str, Any] = from_json(await self.process.stdout.readline())
            if "id" not in answer:
                continue  # news of resources
            if "result" not in answer or answer["result"].get("isError"):
                raise BadAnswer(str(answer)[:600])
            return perf_counter() - self._sent.pop(answer["id"])


@asynccontextmanager
async def open_lines(tool: str, arguments: Sequence[str], folder: Path) -> AsyncIterator[LineServer]:
    """Start a module that speaks MCP on its pipes; at the end its input ends, and so does it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=folder,
        env=make_environment(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_LINE,
    )
    try:
        yield LineServer(process, tool)
    finally:
        assert process.stdin is not None  # noqa: S101  # asked for above
        process.stdin.close()
        await process.wait()
