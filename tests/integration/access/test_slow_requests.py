"""Requests that arrive slowly, never or too large are cut off, and the server stays answerable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.http import protocol, server
from app.http.server import bind, build_server, serve_aside
from app.service import open_service
from infra.live.ports import find_free_port
from tests.world import lay_out_settings

PROMISES = ("slow-requests",)

pytestmark = pytest.mark.anyio

SOON = 0.2
"""What the deadlines of these tests are, in seconds."""


@pytest.fixture
async def port(tmp_path: Path, anyio_backend: str, storage: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server of several people, whose deadlines are short and whose connections are few."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(protocol, "BODY_SECONDS", SOON)
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    free = find_free_port()
    async with serve_aside(await lay_out_settings(tmp_path, port=free, auth="token")):
        yield free


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_end(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the server closes; it has a few deadlines for that."""
    try:
        return await asyncio.wait_for(reader.read(), 50 * SOON)
    except ConnectionResetError:
        return b""


async def ask_health(port: int) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        return await read_end(reader)


POST = b"POST /api/session HTTP/1.1\r\nhost: 127.0.0.1\r\n"
SLOW = {
    "nothing at all": b"",
    "half a line": b"GET /healthz HT",
    "a head without an end": b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n",
    "a body that does not come": POST + b"content-length: 100\r\n\r\n{",
    "chunks without an end": POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("what", SLOW)
async def test_a_request_that_does_not_arrive_is_cut_off(port: int, what: str) -> None:
    async with connected(port) as (reader, writer):
        writer.write(SLOW[what])
        assert b"200 OK" not in await read_end(reader)
    assert b"200 OK" in await ask_health(port)


async def test_one_byte_at_a_time_does_not_win_time(port: int) -> None:
    async with connected(port) as (reader, writer):
        ended = asyncio.create_task(read_end(reader))
        for byte in b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 1_000:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait({ended}, timeout=SOON / 10)
            if done:
                break
        assert ended.done()
        await ended


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"GET /healthz?" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 2_000_000,
    ],
    ids=["one long header", "many headers", "a long address", "endless"],
)
async def test_a_head_over_32_kib_is_refused(port: int, head: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(head)
        said = await read_end(reader)
        assert b"200 OK" not in said
        assert said == b"" or b"431" in said.split(b"\r\n")[0]
    assert b"200 OK" in await ask_health(port)


async def test_blanks_around_a_value_are_no_part_of_it(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: \t 127.0.0.1 \t\r\nconnection: close \r\n\r\n")
        assert b"200 OK" in await read_end(reader)


async def test_an_ordinary_connection_is_kept_and_used_again(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 20_000 + b"\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await asyncio.wait_for(reader.read(500), 5)
            # Between requests a connection may rest for longer than a head may take.
            ended = asyncio.create_task(reader.read())
            done, _ = await asyncio.wait({ended}, timeout=2 * SOON)
            assert not done
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)


async def count_answered(port: int, opened: int) -> int:
    """Open connections, ask on each, and return how many answer."""
    answered, held = 0, [await asyncio.open_connection("127.0.0.1", port) for _ in range(opened)]
    try:
        for reader, writer in held:
            with suppress(ConnectionError):
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                answered += b"200 OK" in await asyncio.wait_for(reader.read(500), 5)
        return answered
    finally:
        for _, writer in held:
            writer.close()


async def test_an_address_holds_a_bounded_number_of_connections(port: int) -> None:
    assert await count_answered(port, 8) == 5
    for _ in range(20):
        if b"200 OK" in await ask_health(port):
            break
    else:
        pytest.fail("connections that were closed are still counted")


@pytest.mark.parametrize(("in_all", "held"), [(100, 12), (8, 8)])
async def test_a_trusted_proxy_holds_as_many_as_all_may(
    tmp_path: Path, anyio_backend: str, storage: str, monkeypatch: pytest.MonkeyPatch, in_all: int, held: int
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(server, "raise_file_limit", lambda: in_all * 10 // 9 + 1)
    settings = await lay_out_settings(tmp_path, port=find_free_port(), auth="token", trusted_proxies="127.0.0.0/8")
    async with serve_aside(settings):
        assert await count_answered(settings.port, 12) == held


async def test_a_connection_that_comes_at_the_end_is_closed(tmp_path: Path, anyio_backend: str, storage: str) -> None:
    async with open_service(await lay_out_settings(tmp_path)) as service:
        listener = bind("127.0.0.1", 0)
        serving = build_server(service)
        task = asyncio.create_task(serving._serve([listener]))
        while not serving.started:
            await asyncio.sleep(0.01)
        port = listener.getsockname()[1]
        # Accepted when the others were asked to end already: it is in none of their lists.
        serving.end_arrivals()
        async with connected(port) as (reader, _):
            assert await read_end(reader) == b""
        assert not serving.server_state.connections
        serving.end()
        await task
