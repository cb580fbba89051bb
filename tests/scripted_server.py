"""A scripted server of OpenAI's Chat Completions on a real socket, with the faults of real servers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


Part = bytes | Callable[[], None] | None


@dataclass
class ScriptedServer:
    """Each reply answers one request, in order: bytes to send, functions to call, or None to hang for ever."""

    replies: list[Sequence[Part]]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length" in line), 0)
        body = await reader.readexactly(length)
        self.headers.append(head)
        if body:
            self.requests.append(from_json(body))
        for part in self.replies.pop(0):
            if part is None:
                await asyncio.Event().wait()
            elif callable(part):
                part()
            else:
                writer.write(part)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def open_server(*replies: Sequence[Part]) -> AsyncIterator[ScriptedServer]:
    """Serve these replies on a free port of loopback."""
    scripted = ScriptedServer(list(replies))
    tasks: set[asyncio.Task[None]] = set()

    def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(scripted.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield scripted
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chunk(delta: dict[str, Any], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """Return one chunk of a stream."""
    body = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: %s\n\n" % to_json(body | ({"usage": usage} if usage else {}))


DONE = b"data: [DONE]\n\n"


def say(*words: str) -> list[Part]:
    """Return an answer in words."""
    return [HEAD, *(chunk({"content": word}) for word in words), chunk({}, "stop"), DONE]


def call(name: str, arguments: str, *, finish: str | None = "tool_calls", pieces: int = 3) -> list[Part]:
    """Return an answer that calls a tool, with its arguments in pieces, always under the same id."""
    size = len(arguments) // pieces + 1
    parts = [arguments[n : n + size] for n in range(0, len(arguments), size)]
    deltas = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}]
    deltas += [{"index": 0, "function": {"arguments": part}} for part in parts]
    return [HEAD, *(chunk({"tool_calls": [each]}) for each in deltas), *([chunk({}, finish), DONE] if finish else [])]


def refuse(status: str, *headers: str) -> list[Part]:
    """Return a refusal."""
    lines = "".join(f"{header}\r\n" for header in headers)
    body = b'{"error": {"message": "a word of the server", "type": "x", "code": "x"}}'
    return [f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body]
