"""A turn as it is passed on over HTTP: event by event, with a sign of life when nothing comes."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from agent.turn_events import Begun, CallFinished, CallStarted, ConfirmationWanted, Done, Failed, Text, TurnEvent

HEARTBEAT_SECONDS = 10.0
NAMES: dict[type[TurnEvent], str] = {
    Begun: "conversation",
    Text: "text",
    CallStarted: "tool_started",
    CallFinished: "tool_finished",
    ConfirmationWanted: "confirmation",
    Done: "done",
    Failed: "error",
}


class Follower:
    """Reads a turn's events; a wait that runs out loses none of them."""

    def __init__(self, events: AsyncIterator[TurnEvent]) -> None:
        self._events = events
        self._coming: asyncio.Future[TurnEvent | None] | None = None

    async def next(self, seconds: float | None = HEARTBEAT_SECONDS) -> TurnEvent | None:
        """Return the next event, or nothing if none came in time; raises `StopAsyncIteration` after the last."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(anext(self._events, None))
        await asyncio.wait({self._coming}, timeout=seconds)
        if not self._coming.done():
            return None
        coming, self._coming = self._coming, None
        said = coming.result()
        if said is None:
            raise StopAsyncIteration
        return said

    async def close(self) -> None:
        """Stop listening, which stops the turn at its next safe point."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
            self._coming = None
        if (close := getattr(self._events, "aclose", None)) is not None:
            await close()


def name_client(request: Request) -> str:
    """Return who calls, by its User-Agent (RFC 9110, section 10.1.5): its first product, and `page` for a browser."""
    product = request.headers.get("user-agent", "").partition("/")[0].strip()[:60]
    return "page" if product == "Mozilla" else product
