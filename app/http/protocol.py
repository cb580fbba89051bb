"""The HTTP/1.1 protocol of the server, with bounds on how long and how large a request may be while it arrives."""

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
MOST_HEAD = 32 * 1024
_IDLE, _HEAD, _BODY = range(3)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 55\r\nconnection: close\r\n\r\nThe head of a request may have at most 32 KiB in all.\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose request does not arrive: a head within 10 s and 32 KiB, a body within 30 s.

    Uvicorn bounds none of these, and middleware runs only after the head was parsed. A request that comes in one piece,
    as nearly all do, sets no timer. `most_connections` bounds those of one address; 0 means without a bound.
    """

    most_connections = 0
    is_ending = False
    held: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or close it if its address holds too many or the server is ending."""
        super().connection_made(transport)
        self._stage = _HEAD
        self._head = 0
        self._address = self.client[0] if self.client else ""
        self._deadline: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._give_up)
        self._is_refused = False
        self.held[self._address] += 1
        if self.is_ending or (self.most_connections and self.held[self._address] > self.most_connections):
            self._give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        self._unset_deadline()
        self.held[self._address] -= 1
        if self.held[self._address] <= 0:
            del self.held[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived; what is still incomplete afterwards has a deadline."""
        before = self._stage
        super().data_received(data)
        if self._stage == _IDLE:
            self._unset_deadline()
        elif self._stage == _HEAD:
            self._head += len(data)
            if self._head > MOST_HEAD:
                self._refuse()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)
        elif before != _BODY or self._deadline is None:
            self._unset_deadline()
            self._deadline = self.loop.call_later(BODY_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._stage = _HEAD
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the application, unless the head is too large."""
        self._stage = _BODY
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > MOST_HEAD:
            self._refuse()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._stage = _IDLE
        if not self._is_refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        if not self._is_refused:
            self._is_refused = True
            self.transport.write(_TOO_LARGE)
            self._give_up()

    def _give_up(self) -> None:
        self._unset_deadline()
        self.transport.close()

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def guard_connections(most: int) -> type[GuardedProtocol]:
    """Return the protocol of one server, which counts the connections of each address; 0 means without a bound."""
    body: dict[str, Any] = {"most_connections": most, "held": Counter()}
    return type("Protocol", (GuardedProtocol,), body)
