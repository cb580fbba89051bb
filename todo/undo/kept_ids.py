"""Ids that a rehearsal draws and keeps, so that what a plan showed has the same ids when it is applied."""

from collections.abc import Sequence

from events.ports import Ids


class KeptIds:
    """Draws the kept ids in their order, then new ones; `drawn` holds all that were drawn."""

    def __init__(self, ids: Ids, kept: Sequence[str] = ()) -> None:
        self.drawn: list[str] = []
        self._ids = ids
        self._kept = iter(kept)

    def new(self) -> str:
        """Return the next id."""
        self.drawn.append(next(self._kept, None) or self._ids.new())
        return self.drawn[-1]
