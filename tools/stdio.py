"""MCP over standard input and output: every request is answered, also those just before the end of the input."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

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
_LISTEN = "subscriptions/listen"
"""The one request that stays open until its client ends it."""


class EndableInput:
    """The lines of a stream until it ends, or until `end`: the SDK's own wait for a line cannot be given up."""

    def __init__(self, stream: TextIO) -> None:
        self.ended = False
        self._stream = stream
        self._scope = anyio.CancelScope()

    def end(self) -> None:
        """Let no further line come; the thread that waits for one is left behind."""
        self.ended = True
        self._scope.cancel()

    def __aiter__(self) -> "EndableInput":
        """Return itself: there is one reader."""
        return self

    async def __anext__(self) -> str:
        """Return the next line, with its end."""
        if not self.ended:
            with anyio.CancelScope() as self._scope:
                if line := await anyio.to_thread.run_sync(self._stream.readline, abandon_on_cancel=True):
                    return line
        raise StopAsyncIteration


async def serve_lines(
    server: MCPServer[Any],
    stdin: anyio.AsyncFile[str] | EndableInput | None = None,
    stdout: anyio.AsyncFile[str] | None = None,
) -> None:
    """Serve until the input ends and what came in by then is answered; the default streams are the process's."""
    inner = server._lowlevel_server  # noqa: SLF001  # MCPServer runs on the process's streams only
    async with (
        stdio_server(cast("anyio.AsyncFile[str] | None", stdin), stdout) as (arriving, leaving),
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
