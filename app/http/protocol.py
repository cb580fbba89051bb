"""The HTTP/1.1 protocol of the server, with bounds on how long and how large a request may be while it arrives."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.access.strangers import Network, is_among

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
MOST_HEAD = 32 * 1024
_IDLE, _HEAD, _BODY = range(3)
_BLANKS = (b" ", b"\t")
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 55\r\nconnection: close\r\n\r\nThe head of a request may have at most 32 KiB in all.\r\n"
)


@dataclass(slots=True)
class Places:
    """The connections of one server by address, and how many there may be; 0 means without a bound.

    A trusted proxy brings everybody's connections, so that only the bound on all of them is for it.
    """

    of_address: int = 0
    in_all: int = 0
    proxies: tuple[Network, ...] = ()
    held: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def take(self, address: str) -> bool:
        """Count a connection; return whether it is within the bounds."""
        self.held[address] += 1
        self.taken += 1
        if self.in_all and self.taken > self.in_all:
            return False
        return not self.of_address or self.held[address] <= self.of_address or is_among(address, self.proxies)

    def leave(self, address: str) -> None:
        """Count a connection no more."""
        self.taken -= 1
        self.held[address] -= 1
        if self.held[address] <= 0:
            del self.held[address]


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose request does not arrive: a head within 10 s and 32 KiB, a body within 30 s.

    Uvicorn bounds none of these, and middleware runs only after the head was parsed. A request that comes in one piece,
    as nearly all do, sets no timer. `places` counts and bounds the connections.
    """

    places = Places()
    is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or close it if there are too many or the server is ending."""
        super().connection_made(transport)
        self._stage = _HEAD
        self._head = 0
        self._address = self.client[0] if self.client else ""
        self._deadline: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._give_up)
        self._is_refused = False
        if not self.places.take(self._address) or self.is_ending:
            self._give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        self._unset_deadline()
        self.places.leave(self._address)
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
        size, has_blanks = len(self.url), False
        for name, value in self.headers:
            size += len(name) + len(value)
            has_blanks = has_blanks or value[-1:] in _BLANKS
        if size > MOST_HEAD:
            self._refuse()
            return
        if has_blanks:
            # The parser leaves them; they do not belong to a value (RFC 9110, section 5.5).
            self.headers[:] = [(name, value.rstrip(b" \t")) for name, value in self.headers]
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


def guard_connections(places: Places) -> type[GuardedProtocol]:
    """Return the protocol of one server, which keeps to these bounds."""
    body: dict[str, Any] = {"places": places}
    return type("Protocol", (GuardedProtocol,), body)
