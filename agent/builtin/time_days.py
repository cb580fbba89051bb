"""The days that a phrase of time can name, found from the day on which it is said."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Any

Fields = dict[str, Any]
"""What a phrase of time says, by part: `day`, `clock`, `rule` and so on."""


def find_weekday(number: int, which: str, today: date) -> date:
    """Return a weekday: that of next week (`next`), the first from today on (`this`), or the first after today."""
    if which == "next":
        return today + timedelta(days=7 - today.weekday() + number)
    if which == "this week":
        if number < today.weekday():
            raise ValueError("that day of this week is over")
        return today + timedelta(days=number - today.weekday())
    ahead = (number - today.weekday()) % 7
    return today + timedelta(days=ahead or (0 if which == "this" else 7))


def find_date(found: Fields, today: date) -> date:
    """Return the date of a day and month; without a year, the first from today on."""
    if "year" in found:
        return date(found["year"], found["month"], found["dom"])
    for year in range(today.year, today.year + 9):
        try:
            day = date(year, found["month"], found["dom"])
        except ValueError:
            continue
        if day >= today:
            return day
    raise ValueError("no such date")


def check_weekday(day: date, found: Fields) -> Fields | None:
    """Return the date, or None if it contradicts the weekday that was named with it."""
    return {"day": day} if found.get("weekday", day.weekday()) == day.weekday() else None


def find_month_day(dom: int, today: date) -> date:
    """Return the first such day of a month from today on."""
    if not dom >= 1:
        raise ValueError("no such day")
    for ahead in range(14):
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        if dom <= monthrange(year, month + 1)[1] and date(year, month + 1, dom) >= today:
            return date(year, month + 1, dom)
    raise ValueError("no such day")


def find_edge(which: str, today: date) -> date:
    """Return the first day of the next week, weekend, month or year, or the last day of this or the next one."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    day = timedelta(days=1)
    edges = {
        "next week": monday + 7 * day,
        "next weekend": max(today, monday + 5 * day),
        "next next weekend": monday + 12 * day,
        "end week": monday + 6 * day,
        "end next week": monday + 13 * day,
        "next month": add_months(first, 1),
        "next quarter": add_months(first, 3 - (today.month - 1) % 3),
        "end month": add_months(first, 1) - day,
        "end quarter": add_months(first, 3 - (today.month - 1) % 3) - day,
        "end next quarter": add_months(first, 6 - (today.month - 1) % 3) - day,
        "end next month": add_months(first, 2) - day,
        "next year": date(today.year + 1, 1, 1),
        "end year": date(today.year, 12, 31),
        "end next year": date(today.year + 1, 12, 31),
    }
    return edges[which]


def add_months(day: date, count: int) -> date:
    """Return the same day of a later month, or the last day of a shorter one."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def find_month(found: Fields, today: date, dom: int) -> date:
    """Return the first (1) or the last (0) day of a month, from today on if no year was named."""
    for year in [found["year"]] if "year" in found else [today.year, today.year + 1]:
        first = date(year, found["month"], 1)
        day = first if dom else add_months(first, 1) - timedelta(days=1)
        if "year" in found or day >= today:
            return day
    raise ValueError("no such day")


def find_nth_weekday(found: Fields, which: str, today: date) -> date:
    """Return the nth weekday of a month: this one, the next, or the one that was named."""
    if which:
        months = [add_months(today.replace(day=1), int(which == "next"))]
    elif "year" in found:
        months = [date(found["year"], found["month"], 1)]
    else:
        months = [date(year, found["month"], 1) for year in (today.year, today.year + 1)]
    for first in months:
        days = [first + timedelta(days=ahead) for ahead in range(monthrange(first.year, first.month)[1])]
        same = [day for day in days if day.weekday() == found["weekday"]]
        day: date | None = same[found["nth"] - (found["nth"] > 0)] if found["nth"] <= len(same) else None
        if day is not None and (day >= today or "year" in found):
            return day
    raise ValueError("no such day")


def read_numeric(text: str, today: date) -> date:
    """Return a date in numbers; raises ValueError unless day and month cannot be mistaken for each other."""
    first, second, *year = (int(part) for part in re.split(r"[/.-]", text))
    # "24/7" is not a date, and "1.12" may be a version.
    if text == "24/7" or ("." in text and not year) or not (first > 12 or second > 12 or first == second):
        raise ValueError("not clearly a date")
    day, month = (first, second) if second <= 12 else (second, first)
    if "." in text and second > 12:
        raise ValueError("not a date with dots")
    found = {"dom": day, "month": month}
    if year:
        found["year"] = year[0] if year[0] > 99 else 2000 + year[0]
    return find_date(found, today)


def find_holiday(text: str, today: date) -> date:
    """Return the next such day of a year, given as `month-day`."""
    month, dom = (int(part) for part in text.split("-"))
    return find_date({"month": month, "dom": dom}, today)


def find_workday(count: int, today: date) -> date:
    """Return the day after a number of days from Monday to Friday."""
    day = today
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def find_date_range(found: Fields, today: date) -> Fields:
    """Return the first day of a range within one month, or from one month to another."""
    end = found.get("month2", found["month"])
    if not 1 <= found["dom2"] <= 31 or (end == found["month"] and not found["dom"] < found["dom2"]):
        raise ValueError("not a range")
    return {"day": find_date(found, today), "is_range": True, "is_day_range": True}


def find_month_ahead(found: Fields, which: str, today: date) -> date:
    """Return the first day of a month that lies ahead; raises ValueError if that could be another one.

    In November, "next march" can be one month only, "next december" two, and "in november" is half over.
    """
    month, year = found["month"], found.get("year")
    if year is None:
        if which == "next" and month > today.month:
            raise ValueError("could be another month")
        year = today.year + (month < today.month)
    first = date(year, month, 1)
    if first <= today:
        raise ValueError("that month has begun")
    return first


def find_this_month_day(dom: int, today: date) -> date:
    """Return a day of this month; raises ValueError if there is none or it is over."""
    day = today.replace(day=dom)
    if day < today:
        raise ValueError("that day is over")
    return day


def find_month_workday(found: Fields, which: str, today: date) -> date:
    """Return the first or the last day from Monday to Friday of this month or the next."""
    first = add_months(today.replace(day=1), int(which == "next"))
    days = [first + timedelta(days=ahead) for ahead in range(monthrange(first.year, first.month)[1])]
    workdays = [day for day in days if day.weekday() < 5]
    day = workdays[-1 if found["edge"] == "last" else 0]
    if day < today:
        raise ValueError("that day is over")
    return day


_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_DAYS = {"d": 1, "w": 7, "fortnight": 14}


def move(count: int, unit: str, now: datetime) -> Fields:
    """Return the time ahead: up to hours by elapsed time, from days on by the calendar."""
    if unit in _SECONDS:
        # Kept to the second: cut to the minute, "in 1 minute" could be over at once.
        at = (now.astimezone(UTC) + timedelta(seconds=count * _SECONDS[unit])).astimezone(now.tzinfo)
        return {"at": at.replace(microsecond=0)}
    return {"day": move_day(count, unit, now.date())}


def move_day(count: int, unit: str, day: date) -> date:
    """Return a day that lies a number of days, weeks, months or years after another."""
    if unit in _DAYS:
        return day + timedelta(days=count * _DAYS[unit])
    if unit in _SECONDS:
        raise ValueError("a day moves by days")
    return add_months(day, count * (12 if unit == "year" else 1))
