"""How many rows one transaction of a long work touches: fewer after one that took long, so that others hardly wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

_FIRST = 10


@dataclass(slots=True)
class Pace:
    """The number of rows, by what the transactions before took.

    More than `long` seconds are too long. Below `least` it does not fall: where every statement takes long by itself,
    fewer rows would make none quicker.
    """

    most: int
    least: int
    long: float
    timer: Callable[[], float] = perf_counter
    rows: int = _FIRST

    def __post_init__(self) -> None:
        self.least = min(self.least, self.most)
        self.rows = min(self.rows, self.most)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Time the work of one transaction, and note what it took unless it fails."""
        began = self.timer()
        yield
        self.note(self.timer() - began)

    def note(self, seconds: float) -> None:
        """Note what a transaction took: halve the rows after a long one, add a quarter after a quick one."""
        if seconds > self.long:
            self.rows = max(self.rows // 2, self.least)
        elif seconds < self.long / 2:
            self.rows = min(self.rows + self.rows // 4 + 1, self.most)
