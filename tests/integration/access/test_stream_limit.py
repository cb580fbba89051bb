"""One token holds a few streams open, over REST and MCP together; the rest of the service stays answerable."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.http.stream_limit import MOST_A_PERSON, MOST_A_TOKEN, MOST_ALONE
from tests.integration.access.house import House, Person
from tests.world import World, open_world

PROMISES = ("streams-bounded",)

pytestmark = pytest.mark.anyio

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
LISTEN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {"notifications": {"resourceSubscriptions": ["tasks://today"]}, "_meta": META},
}


@dataclass
class Stream:
    """A request that lasts: its answer as far as it has come."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def hold(world: World, token: str = "", *, mcp: bool = False) -> AsyncIterator[Stream]:
    """Hold a stream open; leaving closes the connection, as a client does."""
    stream = Stream()
    content = json.dumps(LISTEN).encode() if mcp else b""
    headers = [(b"host", b"127.0.0.1:8000"), (b"content-length", str(len(content)).encode())]
    headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
    if mcp:
        headers += [
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
            (b"mcp-protocol-version", b"2026-07-28"),
            (b"mcp-method", b"subscriptions/listen"),
        ]
    path = "/mcp" if mcp else "/api/notifications/stream"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST" if mcp else "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }
    given = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (message := next(given, None)) is not None:
            return message
        await stream.left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            stream.status, stream.headers = message["status"], dict(message["headers"])
            stream.begun.set()
        else:
            stream.body += message.get("body", b"")

    application: Any = world.http._transport.app  # type: ignore[attr-defined]  # the transport in this process
    serving = asyncio.create_task(application(scope, receive, send))
    try:
        async with asyncio.timeout(10):
            await stream.begun.wait()
        yield stream
    finally:
        stream.left.set()
        async with asyncio.timeout(10):
            await serving


async def hold_many(stack: AsyncExitStack, world: World, token: str, count: int, **how: bool) -> list[Stream]:
    return [await stack.enter_async_context(hold(world, token, **how)) for _ in range(count)]


@pytest.mark.parametrize("mcp", [False, True])
async def test_a_fifth_stream_of_a_token_waits_until_one_ends(house: House, mcp: bool) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    async with AsyncExitStack() as stack:
        held = await hold_many(stack, house.world, ann.token, MOST_A_TOKEN - 1, mcp=mcp)
        held += await hold_many(stack, house.world, ann.token, 1, mcp=not mcp)
        assert [each.status for each in held] == [200] * MOST_A_TOKEN
        async with hold(house.world, ann.token, mcp=mcp) as refused:
            assert refused.status == 429
            assert int(refused.headers[b"retry-after"]) > 0
            assert b"rate_limited" in refused.body
            assert b"Close one" in refused.body
        assert (await ann.rest("GET", "/tasks")).status_code == 200, "only streams are counted"
        async with hold(house.world, ben.token, mcp=mcp) as other:
            assert other.status == 200, "another person's streams are their own"
    async with hold(house.world, ann.token, mcp=mcp) as again:
        assert again.status == 200, "what has ended counts no more"


async def test_many_tokens_of_one_person_are_bounded_together(house: House) -> None:
    ann = await house.join("Ann")
    tokens = [(await house.give_token(ann.user_id)).secret for _ in range(MOST_A_PERSON // MOST_A_TOKEN)]
    async with AsyncExitStack() as stack:
        for token in tokens:
            await hold_many(stack, house.world, token, MOST_A_TOKEN)
        async with hold(house.world, ann.token) as refused:
            assert refused.status == 429


async def test_alone_there_is_room_for_many(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world, AsyncExitStack() as stack:
        held = await hold_many(stack, world, "", MOST_ALONE)
        assert {each.status for each in held} == {200}
        async with hold(world) as refused:
            assert refused.status == 429


async def test_a_listener_that_hides_its_method_is_no_stream(house: House) -> None:
    ann: Person = await house.join("Ann")
    headers = {"authorization": f"Bearer {ann.token}", "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}
    answer = await house.world.http.post("/mcp", json=LISTEN, headers=headers)
    assert answer.status_code == 400
    del headers["mcp-method"]
    assert (await house.world.http.post("/mcp", json=LISTEN, headers=headers)).status_code == 400
