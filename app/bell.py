"""A bell: rings when something was recorded, so that whoever waits for work looks at once."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bell:
    """Listeners that are called, on the event loop, after each commit that recorded something.

    Not every commit rings: renewing the lease would otherwise wake everybody three times a second.
    """

    listeners: list[Callable[[], None]] = field(default_factory=list)

    def ring(self) -> None:
        """Let everybody look for work now."""
        for listener in self.listeners:
            listener()
