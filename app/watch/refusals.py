"""Refused requests in the log: one line for each kind and minute, however many there are."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from events.ports import Clock

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=1)
_SURFACES = {"api": "rest", "mcp": "mcp", "v1": "v1", "events": "dapr", "dapr": "dapr", "bindings": "dapr"}


@dataclass(slots=True)
class RefusalLog:
    """Writes that requests were refused, by status and surface, with how many since the line before."""

    clock: Clock
    _said: dict[tuple[str, int], datetime] = field(default_factory=dict)
    _count: dict[tuple[str, int], int] = field(default_factory=dict)

    def note(self, path: str, status: int) -> None:
        """Count one refusal; the first of its kind in a minute is written."""
        surface = _SURFACES.get(path.lstrip("/").partition("/")[0], "page")
        kind, now = (surface, status), self.clock.now()
        self._count[kind] = self._count.get(kind, 0) + 1
        # A clock that was set back must not silence a kind until it comes there again.
        if abs(now - self._said.get(kind, now - PAUSE)) < PAUSE:
            return
        self._said[kind] = now
        count = self._count.pop(kind)
        log.warning("requests were refused", extra={"status": status, "surface": surface, "count": count})
