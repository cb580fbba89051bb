"""Server-sent events (WHATWG HTML, section 9.2): framing, heartbeats, and items sent as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Generic, TypeVar

from fastapi.responses import StreamingResponse

TURN_HEARTBEAT_SECONDS = 10.0
FEED_HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
CONNECTED = b": connected\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

T = TypeVar("T")


def frame_event(data: bytes, *, event: str | None = None, position: str | None = None) -> bytes:
    """Return one event; `data` is JSON on one line, `position` becomes its id (`Last-Event-ID`)."""
    # Not `fastapi.sse.format_sse_event`: it puts the id last, which changes our bytes, and takes the JSON as text.
    head = b"" if position is None else b"id: %b\n" % position.encode()
    if event is not None:
        head += b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (head, data)


def stream_frames(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """Return a response that sends frames as they come, past caches and buffering proxies."""
    return StreamingResponse(frames, 200, _HEADERS, "text/event-stream")


class Follower(Generic[T]):
    """Reads items one by one; a wait that times out loses none of them."""

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items
        self._coming: asyncio.Future[T | None] | None = None

    async def next(self, seconds: float | None = TURN_HEARTBEAT_SECONDS) -> T | None:
        """Return the next item, or None if none comes in time; raises `StopAsyncIteration` after the last."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(anext(self._items, None))
        await asyncio.wait({self._coming}, timeout=seconds)
        if not self._coming.done():
            return None
        coming, self._coming = self._coming, None
        item = coming.result()
        if item is None:
            raise StopAsyncIteration
        return item

    async def close(self) -> None:
        """Stop reading and close the source; a turn then stops at its next safe point."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
            self._coming = None
        if (close := getattr(self._items, "aclose", None)) is not None:
            await close()


async def send_items(
    first: T | None, items: Follower[T], write: Callable[[T], Iterable[bytes]], opening: tuple[bytes, ...] = ()
) -> AsyncIterator[bytes]:
    """Yield the opening, then the frames of each item, and a heartbeat whenever none comes in time; close at the end.

    `first` has been read already; None if it is still to come.
    """
    item = first
    try:
        for frame in opening:
            yield frame
        while True:
            if item is None:
                yield HEARTBEAT
            else:
                for frame in write(item):
                    yield frame
            try:
                item = await items.next()
            except StopAsyncIteration:
                return
    finally:
        await items.close()
