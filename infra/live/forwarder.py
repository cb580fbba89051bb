"""A forwarder in front of one broker that passes requests and responses on, and drops responses on demand."""

import asyncio
import socket
import struct
import threading
from concurrent.futures import Future
from contextlib import suppress

from infra.live.ports import LOOPBACK

_PRODUCE = 0
_CUT_EVERY = 0.4
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST


class Forwarder:
    """Forwards from one loopback port to another, from `start` to `close`.

    Between `lose_answers` and `heal` every record is still written, but the forwarder drops its acknowledgement and
    resets the connection; it resets all other connections every 0.4 s. `lost` counts the dropped responses.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.lost = 0
        self._losing = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening: Future[None] = Future()

    def start(self) -> None:
        """Listen; raises `OSError` if the port is taken."""
        self._thread.start()
        self._listening.result(10)

    def close(self) -> None:
        """Stop listening and close all connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._main.cancel)
            self._thread.join(10)

    def lose_answers(self) -> None:
        """Drop the broker's responses to writes, and reset connections, until `heal`."""
        self.lost = 0
        self._loop.call_soon_threadsafe(self._losing.set)

    def heal(self) -> None:
        """Pass all responses on again."""
        self._loop.call_soon_threadsafe(self._losing.clear)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._main = self._loop.create_task(self._serve())
            self._loop.run_until_complete(self._main)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(task)
        self._loop.close()

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._forward, LOOPBACK, self.port)
        except OSError as error:
            self._listening.set_exception(error)
            return
        self._listening.set_result(None)
        try:
            while True:
                await self._losing.wait()
                for writer in self._open:
                    _reset(writer)
                await asyncio.sleep(_CUT_EVERY)
        finally:
            server.close()

    async def _forward(self, requests: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, broker = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            _reset(client)
            return
        writes: set[bytes] = set()
        ways = [
            asyncio.create_task(self._pass_requests(requests, broker, writes)),
            asyncio.create_task(self._pass_answers(answers, client, writes)),
        ]
        self._open |= {client, broker}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= {client, broker}
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            client.close()
            broker.close()

    async def _pass_requests(
        self, requests: asyncio.StreamReader, broker: asyncio.StreamWriter, writes: set[bytes]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, body = await _read_frame(requests)
                if struct.unpack_from(">h", body)[0] == _PRODUCE:
                    writes.add(body[4:8])  # the correlation id of the response
                broker.write(head + body)
                await broker.drain()

    async def _pass_answers(
        self, answers: asyncio.StreamReader, client: asyncio.StreamWriter, writes: set[bytes]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, body = await _read_frame(answers)
                if body[:4] in writes:
                    writes.remove(body[:4])
                    if self._losing.is_set():
                        self.lost += 1
                        _reset(client)
                        return
                client.write(head + body)
                await client.drain()


async def _read_frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(4)
    return head, await reader.readexactly(struct.unpack(">i", head)[0])


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
