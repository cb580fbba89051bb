"""A bell: rings when something was recorded, so that whoever waits for work looks at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wakeup:
    """Listeners that are called, on the event loop, after each commit that recorded something.

    Not every commit rings: renewing the lease would otherwise wake everybody three times a second.
    """

    listeners: list[Callable[[], None]] = field(default_factory=list)

    def ring(self) -> None:
        """Let everybody look for work now."""
        for listener in self.listeners:
            listener()


async def wait_until(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so many seconds; return whether it was set.

    Not `asyncio.wait_for`: up to Python 3.11 that one swallows a cancellation that comes in the same turn of the
    loop as the event, and a task that nobody can cancel never ends.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
