"""The kinds of parts of a phrase of time: each computes fields from what was matched, and from now."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from agent.builtin.time_days import (
    Fields,
    add_months,
    check_weekday,
    find_date,
    find_date_range,
    find_edge,
    find_holiday,
    find_month,
    find_month_ahead,
    find_month_day,
    find_month_workday,
    find_nth_weekday,
    find_this_month_day,
    find_weekday,
    find_workday,
    move,
    move_day,
    read_numeric,
)
from agent.builtin.time_values import Clock


def _read_clock(found: Fields, minutes: int) -> Fields | None:
    """Return `clock`, the time of day moved by a number of minutes."""
    hour, minute = found["hour"], found.get("minute", 0)
    if hour is None:
        return None
    sure = hour > 12 or hour == 0 or "is_sure" in found
    named = hour
    if "meridiem" in found:
        if not 1 <= hour <= 12:
            return None
        hour, sure = hour % 12 + found["meridiem"], True
    if minutes < 0:
        hour = (hour - 1 or 12) if hour <= 12 else hour - 1
        minute = 60
    return {"clock": Clock(hour, minute + minutes, sure, named)}


def _read_range(found: Fields) -> Fields | None:
    """Return the start of a range of clock times; an "am" or "pm" at its end holds for the start too."""
    start, end = found["hour24"], found["hour24_2"]
    if "meridiem2" in found and "meridiem" not in found:
        if not 1 <= end <= 12:
            return None
        if start <= 12:
            # "11-1pm" begins in the morning.
            found["meridiem"] = found["meridiem2"] if start % 12 <= end % 12 else 12 - found["meridiem2"]
    read = _read_clock(found, 0)
    return None if read is None else {**read, "is_range": True}


Meaning = Callable[[Fields, Any, datetime], Fields | None]

MEANINGS: dict[str, Meaning] = {
    "day": lambda _found, ahead, now: {"day": now.date() + timedelta(days=ahead)},
    "weekday": lambda found, which, now: {"day": find_weekday(found["weekday"], which, now.date())},
    "date": lambda found, _value, now: check_weekday(find_date(found, now.date()), found),
    "month_day": lambda found, _value, now: {"day": find_month_day(found["dom"], now.date())},
    "weekday_month_day": lambda found, _value, now: check_weekday(find_month_day(found["dom"], now.date()), found),
    "iso": lambda found, _value, _now: check_weekday(date.fromisoformat(found["iso"]), found),
    "iso_clock": lambda found, _value, _now: {
        "day": date.fromisoformat(found["iso"]),
        "clock": Clock(found["hour24"], found["minute"], is_sure=True),
    },
    "numeric": lambda found, _value, now: check_weekday(read_numeric(found["numeric"], now.date()), found),
    "holiday": lambda found, _value, now: {"day": find_holiday(found["holiday"], now.date())},
    "date_range": lambda found, _value, now: find_date_range(found, now.date()),
    "next_month_day": lambda found, _value, now: {
        "day": add_months(now.date().replace(day=1), 1).replace(day=found["dom"])
    },
    "nth_weekday": lambda found, which, now: {"day": find_nth_weekday(found, which, now.date())},
    "this_month_day": lambda found, _value, now: {"day": find_this_month_day(found["dom"], now.date())},
    "month_workday": lambda found, which, now: {"day": find_month_workday(found, which, now.date())},
    "in_month": lambda found, which, now: {"day": find_month_ahead(found, which, now.date())},
    "unclear": lambda _found, _value, _now: {"unclear": True},
    "span": lambda found, _value, _now: {"span": (found["count"], found["unit"])},
    "times": lambda found, _value, _now: {"count": found["count"]},
    "until": lambda _found, _value, _now: {"waiting": "until"},
    "until_to": lambda _found, _value, _now: {"waiting": "until"},
    "start_clock": lambda _found, _value, _now: {"starts_at": True},
    "start": lambda _found, _value, _now: {"waiting": "start"},
    "waited_month": lambda found, _value, now: {"day": find_month_ahead(found, "", now.date())},
    "waiting": lambda _found, kind, _now: {"waiting": kind},
    "shift": lambda found, sign, _now: {"waiting": "shift", "shift": (sign * found["count"], found["unit"])},
    "shift_day": lambda _found, days, _now: {"waiting": "shift", "shift": (days, "d")},
    "month_start": lambda found, _value, now: {"day": find_month(found, now.date(), 1)},
    "month_end": lambda found, _value, now: {"day": find_month(found, now.date(), 0)},
    "weeks_on": lambda found, weeks, now: {
        "day": find_weekday(found["weekday"], "after", now.date()) + timedelta(days=7 * (weeks or found["count"]))
    },
    "weekdays_ahead": lambda found, _value, now: {
        "day": find_weekday(found["weekday"], "after", now.date()) + timedelta(days=7 * (found["count"] - 1))
    },
    "next": lambda _found, which, now: {"day": find_edge(f"next {which}", now.date())},
    "end": lambda _found, which, now: {"day": find_edge(f"end {which}", now.date())},
    "end_of_day": lambda _found, _value, _now: {"end_of_day": True},
    "ahead": lambda found, _value, now: move(found["count"], found["unit"], now),
    "ahead_short": lambda found, _value, now: move(found["digits"], found["unit"], now),
    "ahead_both": lambda found, _value, now: move(found["count"] * 60 + found["count2"], "m", now),
    "ahead_both_short": lambda found, _value, now: move(found["digits"] * 60 + found["digits2"], "m", now),
    "ahead_decimal": lambda found, _value, now: move(round(found["decimal"] * 60), "m", now),
    "ahead_half": lambda found, _value, now: move(found["count"] * 60 + 30, "m", now),
    "ahead_months": lambda _found, months, now: move(months, "month", now),
    "same_time": lambda _found, days, now: {
        "day": now.date() + timedelta(days=days),
        "clock": Clock(now.hour, now.minute, is_sure=True),
    },
    "ahead_minutes": lambda _found, minutes, now: move(minutes, "m", now),
    "days_after": lambda found, days, now: {
        "day": move_day(found["count"], found["unit"], now.date() + timedelta(days=days))
    },
    "next_workday": lambda _found, count, now: {"day": find_workday(count, now.date())},
    "workdays_ahead": lambda found, _value, now: {"day": find_workday(found["count"], now.date())},
    "clock": lambda found, minutes, _now: _read_clock(found, minutes),
    "hour_of_part": lambda found, _value, _now: _read_clock(found, 0),
    "clock_past": lambda found, sign, _now: _read_clock(found, sign * found["past_minutes"]),
    "clock_counted": lambda found, sign, _now: (
        _read_clock(found, sign * found["count"]) if found["count"] < 60 else None
    ),
    "clock_range": lambda found, _value, _now: _read_range(found),
    "fixed": lambda _found, clock, _now: {"clock": Clock(int(clock[:2]), int(clock[3:]), is_sure=True)},
    "noon": lambda _found, _value, _now: {"clock": Clock(12, 0, is_sure=True)},
    "midnight": lambda _found, _value, _now: {"clock": Clock(0, 0, is_sure=True), "midnight": True},
}
"""The kinds of a language's table: each computes fields from the matched parts, the row's value and `now`."""
