"""The clock and the ids of tests: the clock stands still, the ids count up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class MovableClock:
    """A clock that moves only by `move`; it starts on a Monday at 09:00 UTC."""

    at: datetime = MONDAY

    def now(self) -> datetime:
        """Return the instant at which the clock stands."""
        return self.at

    def move(self, **ahead: float) -> None:
        """Move ahead; the arguments are those of `timedelta`."""
        self.at += timedelta(**ahead)


@dataclass
class ServiceClock(MovableClock):
    """A clock whose moves the service follows."""

    follow: Callable[[datetime], None] = field(default=lambda _until: None, repr=False)
    """Moves the clock to an instant and lets happen what is due on the way."""
    settle: Callable[[], None] = field(default=lambda: None, repr=False)

    def move(self, **ahead: float) -> None:
        """Move ahead, stopping at each instant at which something is due: it has happened when this returns."""
        self.follow(self.at + timedelta(**ahead))

    def jump(self, **ahead: float) -> None:
        """Move ahead at once, as after a time in which the service did not run; then what is due happens, late."""
        self.at += timedelta(**ahead)
        self.settle()


@dataclass
class CountedIds:
    """Ids in the form of UUIDv7 that count up, so that two runs give the same ids."""

    count: int = 0

    def new(self) -> str:
        """Return the next id."""
        self.count += 1
        return f"01930000-0000-7000-8000-{self.count:012x}"
