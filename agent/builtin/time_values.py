"""The values of phrases of time: days, clock times and repetitions put together from their parts."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class When:
    """A time that was read: `due` is a date or a local time; `rule` is an RRULE, with its first date if one was named.

    `is_clock` is whether only a clock time was named; `due` is then the next time that a clock shows it.
    """

    due: str = ""
    rule: str = ""
    first_due: str = ""
    is_clock: bool = False

    @property
    def rule_args(self) -> dict[str, Any]:
        """The repetition as arguments of the tools."""
        return {"rule": self.rule, "first_due": self.first_due} if self.first_due else {"rule": self.rule}


def _find_weekday(number: int, which: str, today: date) -> date:
    """Return a weekday: that of next week (`next`), the first from today on (`this`), or the first after today."""
    if which == "next":
        return today + timedelta(days=7 - today.weekday() + number)
    ahead = (number - today.weekday()) % 7
    return today + timedelta(days=ahead or (0 if which == "this" else 7))


def _find_date(found: Fields, today: date) -> date:
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


def _check_weekday(day: date, found: Fields) -> Fields | None:
    """Return the date, or None if it contradicts the weekday that was named with it."""
    return {"day": day} if found.get("weekday", day.weekday()) == day.weekday() else None


def _find_month_day(dom: int, today: date) -> date:
    """Return the first such day of a month from today on."""
    for ahead in range(14):
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        if dom <= monthrange(year, month + 1)[1] and date(year, month + 1, dom) >= today:
            return date(year, month + 1, dom)
    raise ValueError("no such day")


def _find_edge(which: str, today: date) -> date:
    """Return the first day of the next week, weekend, month or year, or the last day of the current one."""
    match which:
        case "next week":
            return today + timedelta(days=7 - today.weekday())
        case "next weekend":
            return today + timedelta(days=max(0, 5 - today.weekday()))
        case "end week":
            return today + timedelta(days=6 - today.weekday())
        case "next month":
            return date(today.year + today.month // 12, today.month % 12 + 1, 1)
        case "end month":
            return today.replace(day=monthrange(today.year, today.month)[1])
        case "next year":
            return date(today.year + 1, 1, 1)
    return date(today.year, 12, 31)


_SECONDS = {"s": 1, "m": 60, "h": 3_600}


def _move(count: int, unit: str, now: datetime) -> Fields:
    """Return the time ahead: up to hours by elapsed time, from days on by the calendar."""
    if unit in _SECONDS:
        # Kept to the second: cut to the minute, "in 1 minute" could be over at once.
        at = (now.astimezone(UTC) + timedelta(seconds=count * _SECONDS[unit])).astimezone(now.tzinfo)
        return {"at": at.replace(microsecond=0)}
    if unit in ("d", "w"):
        return {"day": now.date() + timedelta(days=count * (7 if unit == "w" else 1))}
    year, month = divmod(now.year * 12 + now.month - 1 + count * (12 if unit == "year" else 1), 12)
    return {"day": date(year, month + 1, min(now.day, monthrange(year, month + 1)[1]))}


def _read_clock(found: Fields, minutes: int) -> Fields | None:
    """Return `clock`: hour, minute, and whether the half of the day is certain."""
    hour, minute = found["hour"], found.get("minute", 0)
    if hour is None:
        return None
    sure = hour > 12 or hour == 0 or "is_sure" in found
    if "meridiem" in found:
        if not 1 <= hour <= 12:
            return None
        hour, sure = hour % 12 + found["meridiem"], True
    if minutes < 0:
        # "quarter to seven" is taken literally, although an hour of 6 would otherwise mean the afternoon.
        sure = sure or hour == 7
        hour, minute = (hour - 1 or 12) if hour <= 12 else hour - 1, 60 + minutes
    return {"clock": (hour, minute + max(minutes, 0), sure)}


def _settle_clock(fields: Fields, parts: dict[str, str]) -> time | None:
    """Return the time of day from a clock time and a part of the day; raises ValueError if they contradict."""
    clock, part = fields.get("clock"), fields.get("part")
    if clock is None:
        return time.fromisoformat(parts[part]) if part else None
    hour, minute, sure = clock
    if part is None:
        return time(hour + 12 if not sure and hour <= 6 else hour, minute)
    # The table lists the parts of the day from morning to night.
    is_morning = part == next(iter(parts))
    if not sure and not is_morning and hour < 12:
        hour += 12
    if is_morning != (hour < 12) or (hour == 12 and parts[part] > "18"):
        raise ValueError("the clock and the part of the day disagree")
    return time(hour, minute)


def resolve(fields: Fields, now: datetime, parts: dict[str, str]) -> When | None:
    """Return the time that the fields give together, or None if they do not fit together."""
    try:
        clock = _settle_clock(fields, parts)
    except ValueError:
        return None
    if "waiting" in fields:
        return None
    if "rule" in fields:
        return _resolve_rule(fields, clock, now)
    if fields.keys() & {"count", "until", "start"}:
        return None
    if "at" in fields:
        return When(due=_write_local(fields["at"])) if len(fields) == 1 else None
    day: date = fields.get("day", now.date())
    if clock is None:
        return When(due=day.isoformat())
    if "day" not in fields and (clock.hour, clock.minute) <= (now.hour, now.minute):
        day += timedelta(days=1)
    return When(due=f"{day}T{clock:%H:%M}", is_clock="day" not in fields)


def _resolve_rule(fields: Fields, clock: time | None, now: datetime) -> When | None:
    if fields.keys() & {"day", "at"} or {"until", "count"} <= fields.keys():
        return None
    rule: str = fields["rule"]
    start: date | None = fields.get("start")
    first = ""
    is_fine = rule.startswith(("FREQ=HOURLY", "FREQ=MINUTELY"))
    if is_fine:
        if clock is None:
            step = re.search(r"INTERVAL=(\d+)", rule)
            unit = "h" if "HOURLY" in rule else "m"
            first = _write_local(_move(int(step[1]) if step else 1, unit, now)["at"].replace(second=0))
        else:
            first = f"{start or now.date()}T{clock:%H:%M}"
    elif clock is not None:
        rule += f";BYHOUR={clock.hour}" + (f";BYMINUTE={clock.minute}" if clock.minute else "")
    if start is None and "INTERVAL" in rule and "BYDAY" in rule:
        # The rule starts at the first such day; counted from today's week, that day could be two weeks away.
        days = {DAYS.index(day) for day in re.findall(r"MO|TU|WE|TH|FR|SA|SU", rule.split("BYDAY=")[1])}
        past = clock is not None and (clock.hour, clock.minute) <= (now.hour, now.minute)
        start = next(
            day
            for day in (now.date() + timedelta(days=ahead) for ahead in range(int(past), 8 + int(past)))
            if day.weekday() in days
        )
    if start is not None and not is_fine:
        first = f"{start}T{clock:%H:%M}" if clock else str(start)
    if "until" in fields:
        rule += f";UNTIL={fields['until']:%Y%m%d}"
    if "count" in fields:
        rule += f";COUNT={fields['count']}"
    return When(rule=rule, first_due=first)


def _write_local(at: datetime) -> str:
    """Return a local time, with its offset if that local time occurs twice."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    local = at if twice else at.replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if at.second else "minutes")


Meaning = Callable[[Fields, Any, datetime], Fields | None]

MEANINGS: dict[str, Meaning] = {
    "day": lambda _found, ahead, now: {"day": now.date() + timedelta(days=ahead)},
    "weekday": lambda found, which, now: {"day": _find_weekday(found["weekday"], which, now.date())},
    "date": lambda found, _value, now: _check_weekday(_find_date(found, now.date()), found),
    "month_day": lambda found, _value, now: {"day": _find_month_day(found["dom"], now.date())},
    "weekday_month_day": lambda found, _value, now: _check_weekday(_find_month_day(found["dom"], now.date()), found),
    "iso": lambda found, _value, _now: {"day": date.fromisoformat(found["iso"])},
    "iso_clock": lambda found, _value, _now: {
        "day": date.fromisoformat(found["iso"]),
        "clock": (found["hour24"], found["minute"], True),
    },
    "next": lambda _found, which, now: {"day": _find_edge(f"next {which}", now.date())},
    "end": lambda _found, which, now: {"day": _find_edge(f"end {which}", now.date())},
    "ahead": lambda found, _value, now: _move(found["count"], found["unit"], now),
    "ahead_both": lambda found, _value, now: _move(found["count"] * 60 + found["count2"], "m", now),
    "ahead_minutes": lambda _found, minutes, now: _move(minutes, "m", now),
    "clock": lambda found, minutes, _now: _read_clock(found, minutes),
    "noon": lambda _found, _value, _now: {"clock": (12, 0, True)},
}
"""The kinds of a language's table: each computes fields from the matched parts, the row's value and `now`."""
