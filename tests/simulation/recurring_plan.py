"""The model's rules: their days, enumerated one by one, and times of day in a zone."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HORIZON = 100_000
"""Most days that are tried from the first one on: more than a run passes and skips."""


@dataclass(frozen=True)
class Plan:
    """A rule that names days; `until` is a day or a wall time."""

    freq: str
    interval: int = 1
    byday: tuple[int, ...] = ()
    bymonthday: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None

    @property
    def text(self) -> str:
        parts = [f"FREQ={self.freq}", f"INTERVAL={self.interval}"]
        parts += [f"BYDAY={','.join(DAYS[day] for day in self.byday)}"] if self.byday else []
        parts += [f"BYMONTHDAY={','.join(map(str, self.bymonthday))}"] if self.bymonthday else []
        parts += [f"COUNT={self.count}"] if self.count else []
        parts += [f"UNTIL={self.until:%Y%m%d}"] if self.until else []
        return ";".join(parts)

    def add(self, day: date, amount: int) -> date:
        """Return the day `amount` days, weeks or months later; a month that is too short gives its last day."""
        if self.freq != "MONTHLY":
            return day + timedelta(amount * (7 if self.freq == "WEEKLY" else 1))
        year, month = divmod(day.year * 12 + day.month - 1 + amount, 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class Days:
    """The days of a rule from a first one on, found by trying each day, and cached."""

    def __init__(
        self, freq: str, interval: int, byday: tuple[int, ...], bymonthday: tuple[int, ...], first: date
    ) -> None:
        self.rule = (freq, interval, byday, bymonthday, first)
        self.found: list[date] = []
        self.asked = 0

    def __iter__(self) -> Iterator[date]:
        first = self.rule[-1]
        for number in count():
            while number == len(self.found):
                if self.asked == HORIZON:
                    return
                day = first + timedelta(self.asked)
                self.asked += 1
                if _is_day(*self.rule, day):
                    self.found.append(day)
            yield self.found[number]


@lru_cache(5_000)
def list_days(freq: str, interval: int, byday: tuple[int, ...], bymonthday: tuple[int, ...], first: date) -> Days:
    return Days(freq, interval, byday, bymonthday, first)


def _is_day(
    freq: str, interval: int, byday: tuple[int, ...], bymonthday: tuple[int, ...], first: date, day: date
) -> bool:
    if freq == "DAILY":
        return (day - first).days % interval == 0 and (not byday or day.weekday() in byday)
    if freq == "WEEKLY":
        weeks = (day - first + timedelta(first.weekday())).days // 7
        return weeks % interval == 0 and day.weekday() in (byday or (first.weekday(),))
    months = (day.year - first.year) * 12 + day.month - first.month
    size = monthrange(day.year, day.month)[1]
    return months % interval == 0 and bool({day.day, day.day - size - 1} & set(bymonthday or (first.day,)))


def resolve(wall: datetime, zone: ZoneInfo) -> str:
    return f"{wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def read(due: str) -> datetime:
    return datetime.fromisoformat(due)


def just_before(due: str) -> str:
    if len(due) == 10:
        return str(date.fromisoformat(due) - timedelta(1))
    return f"{(read(due) - timedelta(seconds=1)).replace(tzinfo=None).isoformat()}Z"
