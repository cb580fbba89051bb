"""Real processes and real receivers: none is lost, and a kill doubles at most one delivery of a channel."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from pydantic_core import from_json

from infra.live.ports import find_free_port
from tests.integration.processes.test_processes import kill_leader, running_serve
from tests.long import LONG
from tests.storage import STORAGE

PROMISES = ("channels-deliver",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

KILLS = 3 if LONG else 1
TASKS = 30


@dataclass
class Receiver:
    """A small HTTP server that takes its time over each event, so that a kill meets one under way."""

    port: int = 0
    got: Counter[str] = field(default_factory=Counter)
    order: dict[str, list[int]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            event = from_json(await reader.readexactly(int(head.partition("content-length:")[2].split()[0])))
            self.got[event["id"]] += 1
            if self.got[event["id"]] == 1:
                self.order.setdefault(event["subject"], []).append(event["taskversion"])
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def test_a_killed_service_loses_no_delivery_and_doubles_at_most_one_of_a_channel(tmp_path: Path) -> None:
    port = find_free_port()
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster
        await STORAGE.cluster.open_for(tmp_path)
    async with (
        receiving() as one,
        receiving() as other,
        running_serve(tmp_path, port, TODO_CHANNELS_ALLOW="http,private"),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api", timeout=10) as http,
    ):
        for receiver in (one, other):
            body = {"kind": "webhook", "address": f"http://127.0.0.1:{receiver.port}/hook"}
            assert (await http.post("/channels", json=body)).status_code == 201
        for kill in range(KILLS):
            for number in range(TASKS // KILLS):
                made = await http.post("/tasks", json={"title": f"{kill} {number}"})
                await http.patch(f"/tasks/{made.json()['task']['id']}", json={"notes": "x"})
            before = one.got.total()
            async with asyncio.timeout(30):
                while one.got.total() < before + 3:
                    await asyncio.sleep(0.005)
            await kill_leader(tmp_path)
            await until_up(http)
        async with asyncio.timeout(120):
            while min(len(one.got), len(other.got)) < 2 * TASKS:
                await asyncio.sleep(0.1)
    for receiver in (one, other):
        assert sum(count - 1 for count in receiver.got.values()) <= KILLS
        assert set(map(tuple, receiver.order.values())) == {(1, 2)}


async def until_up(http: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await http.get("/me")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
