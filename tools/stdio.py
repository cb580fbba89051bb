"""MCP over standard input and output: every request is answered, also those just before the end of the input."""

import json
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared._context_streams import create_context_streams
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCRequest
from pydantic import ValidationError

LAST_SECONDS = 30.0
"""How long the calls that run at the end of the input may take before they are given up."""
_MOST_AT_ONCE = 1 << 18
"""Most bytes of one read."""
_MOST_READY = 64
"""Most lines that wait to be written; then the answers wait for their reader."""
_LISTEN = "subscriptions/listen"
"""The one request that stays open until its client ends it."""


class EndableInput:
    """The lines of a descriptor until it ends, or until `end`: the SDK's own wait for a line cannot be given up.

    All that has come is read at once, so that calls which were sent together are begun together and share a commit.
    """

    def __init__(self, descriptor: int) -> None:
        self.ended = False
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._begun = b""
        self._is_over = False
        self._scope = anyio.CancelScope()

    def end(self) -> None:
        """Let no further line come; the thread that waits for one is left behind."""
        self.ended = True
        self._scope.cancel()

    def __aiter__(self) -> "EndableInput":
        """Return itself: there is one reader."""
        return self

    async def __anext__(self) -> str:
        """Return the next line; what is not UTF-8 is replaced."""
        while not (self.ended or self._lines or self._is_over):
            came = b""
            with anyio.CancelScope() as self._scope:
                came = await anyio.to_thread.run_sync(os.read, self._descriptor, _MOST_AT_ONCE, abandon_on_cancel=True)
            *lines, self._begun = (self._begun + came).split(b"\n")
            self._lines.extend(lines)
            if not came:
                self._is_over = True
                self._lines.extend([self._begun] if self._begun else [])
        if self.ended or not self._lines:
            raise StopAsyncIteration
        return self._lines.popleft().decode(errors="replace")


class GatheredOutput:
    """Lines to a descriptor: those that are ready while others are being written go out together in the next write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ready: list[str] = []
        self._ended = False
        self._changed = anyio.Event()

    async def write(self, text: str) -> None:
        """Take a line, as soon as there is room."""
        while len(self._ready) >= _MOST_READY:
            await self._changed.wait()
        self._ready.append(text)
        self._note()

    async def flush(self) -> None:
        """Return at once: what is ready goes out without it."""

    def end(self) -> None:
        """Let `carry` return once all is written."""
        self._ended = True
        self._note()

    async def carry(self) -> None:
        """Write what is ready until the end; raises `OSError` when the reader has gone."""
        while self._ready or not self._ended:
            if not self._ready:
                await self._changed.wait()
                continue
            text, self._ready = "".join(self._ready), []
            self._note()
            await anyio.to_thread.run_sync(self._send, text.encode(errors="replace"))

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _note(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@asynccontextmanager
async def gather_output(descriptor: int) -> AsyncIterator[GatheredOutput]:
    """Yield an output on a descriptor; afterwards all that it took is written."""
    output = GatheredOutput(descriptor)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(output.carry)
        yield output
        output.end()


async def serve_lines(server: MCPServer[Any], lines: EndableInput, output: GatheredOutput) -> None:
    """Serve until the input ends and what came in by then is answered."""
    inner = server._lowlevel_server  # noqa: SLF001  # MCPServer runs on the process's streams only
    async with (
        stdio_server(cast("Any", lines), cast("Any", output)) as (arriving, leaving),
        _keep_open(arriving, leaving) as (incoming, outgoing),
    ):
        await inner.run(incoming, outgoing, inner.create_initialization_options())


@dataclass(slots=True)
class _Unanswered:
    """The ids of the requests that have no answer yet."""

    ids: set[Any] = field(default_factory=set)
    none: anyio.Event = field(default_factory=anyio.Event)

    def note_request(self, message: object) -> None:
        if isinstance(message, JSONRPCRequest) and message.method != _LISTEN:
            self.ids.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self.note_answer((message.params or {}).get("requestId"))

    def note_answer(self, request_id: Any) -> None:
        self.ids.discard(request_id)
        if not self.ids:
            self.none.set()
            self.none = anyio.Event()

    async def wait(self) -> None:
        with anyio.move_on_after(LAST_SECONDS):
            while self.ids:
                await self.none.wait()


@asynccontextmanager
async def _keep_open(arriving: Any, leaving: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Pass messages on both ways; the server sees the end of the input only when nothing is unanswered."""
    inward, incoming = create_context_streams[SessionMessage | Exception](0)
    outgoing, outward = create_context_streams[SessionMessage](0)
    unanswered = _Unanswered()

    async def pass_in() -> None:
        async with inward, arriving:
            async for item in arriving:
                if isinstance(item, Exception):
                    await leaving.send(SessionMessage(refuse_line(item)))
                    continue
                unanswered.note_request(item.message)
                await inward.send(item)
            await unanswered.wait()

    async def pass_out() -> None:
        async with leaving, outward:
            async for item in outward:
                await leaving.send(item)
                unanswered.note_answer(getattr(item.message, "id", None))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_in)
        tasks.start_soon(pass_out)
        yield incoming, outgoing
        await incoming.aclose()
        await outgoing.aclose()


def refuse_line(error: Exception) -> JSONRPCError:
    """Return the answer to a line that is not a message (JSON-RPC 2.0, section 5.1), with its id if it can be read."""
    try:
        line = error.errors()[0]["input"] if isinstance(error, ValidationError) else None
        known = json.loads(line) if isinstance(line, str | bytes) else line
    except (ValueError, RecursionError):
        known = None
    found = known.get("id") if isinstance(known, dict) else None
    request_id = found if isinstance(found, str | int) and not isinstance(found, bool) else None
    if isinstance(request_id, str) and not request_id.isprintable():
        request_id = None
    if known is None:
        problem = ErrorData(code=PARSE_ERROR, message="The line is not valid JSON in UTF-8; nothing was done.")
    else:
        problem = ErrorData(
            code=INVALID_REQUEST,
            message="The line is not a JSON-RPC message, or holds half of a surrogate pair; nothing was done.",
        )
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=problem)
