"""No rule costs much: it is answered, or refused, within 50 ms of the processor's time."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from todo.errors import TodoError
from todo.recurrence import calendar, expansion, sub_daily
from todo.recurrence.schedule import Schedule, next_on_rule

MOST_SECONDS = 0.05
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 12, 30, 14, 25, tzinfo=UTC)


def numbers(first: int, last: int) -> str:
    return ",".join(str(number) for number in range(first, last + 1))


EACH_QUARTER = f"BYHOUR={numbers(0, 23)};BYMINUTE=0,15,30,45"
RULES = [
    f"FREQ=YEARLY;BYMONTH={numbers(1, 12)};BYMONTHDAY={numbers(1, 31)};{EACH_QUARTER}",
    f"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{EACH_QUARTER}",
    f"FREQ=YEARLY;BYWEEKNO={numbers(1, 53)};{EACH_QUARTER};BYSETPOS=-1",
    f"FREQ=YEARLY;BYMONTHDAY={numbers(1, 31)};{EACH_QUARTER};BYSETPOS=-1,1,100,200,300,366",
    f"FREQ=MONTHLY;BYMONTHDAY={numbers(1, 31)};{EACH_QUARTER}",
    f"FREQ=MONTHLY;{EACH_QUARTER};BYMONTHDAY={numbers(1, 31)};COUNT=10000",
    f"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{EACH_QUARTER};COUNT=10000",
    f"FREQ=DAILY;{EACH_QUARTER};COUNT=10000",
    f"FREQ=DAILY;BYMONTH=12;BYMONTHDAY=31;{EACH_QUARTER}",
    "FREQ=MONTHLY;INTERVAL=15;BYMONTH=6;BYSETPOS=-116",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;BYHOUR=3",
    "FREQ=MINUTELY;INTERVAL=100000;BYMONTH=2;BYMONTHDAY=30",
]


def forget() -> None:
    """Let each measurement be the first one of its rule."""
    for module in (calendar, expansion, sub_daily):
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()


@pytest.mark.parametrize("first", ["1970-01-02T00:00:00Z", "2026-01-01", "2026-12-31T22:59:00Z"])
@pytest.mark.parametrize("rule", RULES)
def test_x16_a_rule_is_answered_or_refused_at_once(rule: str, first: str) -> None:
    def ask() -> None:
        parsed = expansion.parse(rule)
        with suppress(TodoError):
            expansion.default_first(parsed, BERLIN, NOW)
        with suppress(TodoError):
            start, _ = expansion.snap(parsed, first, BERLIN)
            expansion.check(parsed, start, BERLIN)
            schedule = Schedule(parsed, start, BERLIN, "one_at_a_time", frozenset(), None)
            list(islice(schedule.walk(NOW.isoformat().replace("+00:00", "Z")), 50))
            next_on_rule(schedule, start, NOW)
            next_on_rule(schedule, None, NOW)

    spent = []
    for _ in range(3):
        forget()
        begun = time.process_time()
        ask()
        spent.append(time.process_time() - begun)
    assert min(spent) < MOST_SECONDS
