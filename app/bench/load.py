"""The load generator: a fixed number of clients, each sending its next request on its own connection when answered."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import cast

PATIENCE_SECONDS = 20.0


class BadAnswer(Exception):
    """The server answered without success."""


@dataclass(frozen=True, slots=True)
class Round:
    """The result of one round: its length and the latency of every call, in seconds."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.latencies) / self.seconds


class _Client(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self, requests: Iterator[bytes], stop: float) -> None:
        self._requests = requests
        self._stop = stop
        self._since = 0.0
        self._length: int | None = None
        self._got = bytearray()
        self._transport: asyncio.Transport | None = None
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._length is None:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._got[:end]).lower()
            at = head.find(b"content-length:")
            line_end = head.find(b"\r", at) if at >= 0 else 0
            size = head[at + 15 : line_end if line_end > 0 else None]
            if not head.startswith((b"http/1.1 200", b"http/1.1 201")) or at < 0:
                self._fail()
                return
            self._length = end + 4 + int(size)
        if len(self._got) < self._length:
            return
        now = perf_counter()
        self.latencies.append(now - self._since)
        if b'"isError":true' in self._got:
            self._fail()
            return
        self._got.clear()
        self._length = None
        if now < self._stop:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(BadAnswer(f"the connection was closed: {exc}"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            # Out of requests, such as of tasks to complete: the round ends early for this client.
            self.done.set_result(None)
            return
        self._since = perf_counter()
        assert self._transport is not None  # noqa: S101  # a connection sends only once it is made
        self._transport.write(request)

    def _fail(self) -> None:
        if not self.done.done():
            self.done.set_exception(BadAnswer(bytes(self._got[:600]).decode(errors="replace")))


async def run_round(port: int, requests: Iterator[bytes], seconds: float, clients: int = 16) -> Round:
    """Load a server on the loopback for some seconds."""
    loop = asyncio.get_running_loop()
    since = perf_counter()
    made: list[_Client] = []
    try:
        for _ in range(clients):
            client = _Client(requests, since + seconds)
            made.append(client)
            await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
        async with asyncio.timeout(seconds + PATIENCE_SECONDS):
            await asyncio.gather(*(client.done for client in made))
        return Round(perf_counter() - since, [each for client in made for each in client.latencies])
    finally:
        for client in made:
            client.close()
