"""How many rows one transaction of the retention looks at: fewer after one that took long."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

WINDOW = 50
"""Rows at most. Measured for events with their deliveries: 5 ms, 15 on a slow machine."""
LEAST = 5
"""Rows at least: where every statement takes long by itself, fewer rows would make none quicker."""
_FIRST = 10
LONG = 0.01
"""Seconds from which on a transaction was too long for the calls beside it."""


@dataclass(slots=True)
class Pace:
    """The number of rows, by what the last transactions took."""

    timer: Callable[[], float] = perf_counter
    _rows: int = _FIRST

    @property
    def rows(self) -> int:
        """How many rows the next transaction looks at."""
        return min(self._rows, WINDOW)

    def note(self, seconds: float) -> None:
        """Note what a transaction took: halve the rows after a long one, add a quarter after a quick one."""
        rows = self.rows
        if seconds > LONG:
            self._rows = max(rows // 2, min(LEAST, WINDOW))
        elif seconds < LONG / 2:
            self._rows = min(rows + rows // 4 + 1, WINDOW)
