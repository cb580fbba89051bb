"""Sending safely over real connections: what they are kept for, and how much is taken by them."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.guarded_client import GuardedClient, Unreachable
from tests.certificates import make_certificate

PROMISES = ("channels-safe",)

pytestmark = pytest.mark.anyio


@dataclass
class Keeping:
    """A server that keeps its connections, as long as it does not let them go."""

    asked: list[str] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended += 1
        finally:
            writer.close()

    async def finish(self) -> None:
        """Wait until the client has closed what was left."""
        async with asyncio.timeout(5):
            while self.ended < len(self.connections):
                await asyncio.sleep(0)

    def let_go(self) -> None:
        for each in self.connections:
            each.transport.abort()


async def test_a_kept_connection_serves_its_own_name_alone_though_it_goes_to_a_number(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "hooks.example", datetime(2020, 1, 1, tzinfo=UTC), 25_000)
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=certificate)
    ours.load_cert_chain(certificate)
    keeping = Keeping()
    server = await asyncio.start_server(keeping.serve, "127.0.0.1", 0, ssl=ours)
    port = server.sockets[0].getsockname()[1]
    client = GuardedClient(resolve=_lead_inside, allowed=frozenset({"private"}), verify=theirs)
    try:
        for _ in range(3):
            assert (await client.call("GET", f"https://hooks.example:{port}/x")).status == 200
        assert f"host: hooks.example:{port}" in keeping.asked[0].lower()
        assert len(keeping.connections) == 1, "kept"
        for other in ("other.example", "127.0.0.1"):
            with pytest.raises(Unreachable):
                await client.call("GET", f"https://{other}:{port}/x")
        assert len(keeping.asked) == 3
        keeping.let_go()
        assert (await client.call("GET", f"https://hooks.example:{port}/x")).status == 200, "by a new one"
        client.allowed = frozenset()
        with pytest.raises(Unreachable):
            await client.call("GET", f"https://hooks.example:{port}/x")
        assert len(keeping.asked) == 4, "a kept connection spares no check"
    finally:
        await client.close()
        await keeping.finish()
        server.close()


async def test_connections_are_kept_to_few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.guarded_client.MOST_KEPT", 3)
    keeping = Keeping()
    server = await asyncio.start_server(keeping.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = GuardedClient(resolve=_lead_inside, allowed=frozenset({"private", "http"}))
    try:
        for number in (*range(8), 0, 7):
            assert (await client.call("GET", f"http://h{number}.example:{port}/x")).status == 200
        assert len(keeping.connections) == 9, "the last names have kept theirs"
        async with asyncio.timeout(5):
            while keeping.ended < 6:
                await asyncio.sleep(0)
    finally:
        await client.close()
        await keeping.finish()
        server.close()


@pytest.mark.parametrize("kind", ["floods", "drips", "is silent"])
async def test_what_is_taken_over_a_connection_is_bounded_in_size_and_time(kind: str) -> None:
    served, ended = 0, asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            if kind != "is silent":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
            while kind != "is silent" and not reader.at_eof():
                writer.write(b" " * (16_384 if kind == "floods" else 1))
                await writer.drain()
                await asyncio.sleep(0 if kind == "floods" else 0.01)
            await reader.read()
        writer.close()
        ended.release()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = GuardedClient(resolve=_lead_inside, allowed=frozenset({"private", "http"}), most_bytes=100_000)
    client.seconds = 30.0 if kind == "floods" else 0.2
    address = f"http://hooks.example:{server.sockets[0].getsockname()[1]}/x"
    try:
        async with asyncio.timeout(20):
            if kind == "is silent":
                with pytest.raises(Unreachable, match=r"does not answer within 0\.2 s"):
                    await client.call("GET", address)
            else:
                for _ in range(2):
                    taken = await client.call("GET", address)
                    assert (taken.status, taken.body) == (200, b"")
                    assert taken.cut == ("size" if kind == "floods" else "time")
                assert served == 2, "what is left of an answer is not taken for the next one"
    finally:
        await client.close()
        async with asyncio.timeout(20):
            for _ in range(served):
                await ended.acquire()
        server.close()


@pytest.mark.parametrize("head", ["x: y\r\n" * 200, f"x: {'y' * 100_000}\r\n"], ids=["many lines", "a long line"])
async def test_an_answer_whose_head_has_no_end_is_left(head: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{head}content-length: 0\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = GuardedClient(resolve=_lead_inside, allowed=frozenset({"private", "http"}))
    try:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await client.call("GET", f"http://hooks.example:{server.sockets[0].getsockname()[1]}/x")
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


async def _lead_inside(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]
