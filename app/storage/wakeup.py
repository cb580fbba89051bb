"""The signal after a commit, which lets waiting loops look for work at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wakeup:
    """Listeners that are called on the event loop after each commit that recorded something.

    Not every commit notifies them: renewals of the lease would otherwise wake all of them three times a second.
    """

    listeners: list[Callable[[], None]] = field(default_factory=list)

    def notify(self) -> None:
        """Call every listener."""
        for listener in self.listeners:
            listener()


async def wait_until(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event for at most `seconds`; return whether it was set.

    `asyncio.wait_for` would not do: up to Python 3.11 it swallows a cancellation that arrives in the same turn of the
    loop as the event, and the task would never end.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
