"""The clock and the ids of tests: the clock stands still, the ids count up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class MovableClock:
    """A clock that moves only by `move`; it starts on a Monday at 09:00 UTC."""

    at: datetime = MONDAY

    def now(self) -> datetime:
        return self.at

    def move(self, **ahead: float) -> None:
        """Move ahead; the arguments are those of `timedelta`."""
        self.at += timedelta(**ahead)


@dataclass
class CountedIds:
    """Ids in the form of UUIDv7 that count up, so that two runs give the same ids."""

    count: int = 0

    def new(self) -> str:
        self.count += 1
        return f"01930000-0000-7000-8000-{self.count:012x}"
