"""The values of phrases of time: days, clock times and repetitions put together from their parts."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
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
    find_month_day,
    find_nth_weekday,
    find_weekday,
    find_workday,
    move,
    move_day,
    read_numeric,
)

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True)
class When:
    """A time that was read: `due` is a date or a local time; `rule` is an RRULE, with its first date if one was named.

    `is_clock` is whether only a clock time was named; `due` is then the next time that a clock shows it.
    """

    due: str = ""
    rule: str = ""
    first_due: str = ""
    is_clock: bool = False
    mode: str = ""
    is_range: bool = False
    """Whether an end was named too; only the start is kept."""
    is_past: bool = False
    """Whether a clock time of today was named that is over."""
    other: "When | None" = None
    """The reading in the other half of the day, if neither am nor pm was said."""

    @property
    def rule_args(self) -> dict[str, Any]:
        """The repetition as arguments of the tools."""
        args = {"rule": self.rule, "first_due": self.first_due, "mode": self.mode}
        return {name: value for name, value in args.items() if value}

    @property
    def hour(self) -> int | None:
        """The hour of the day, if one was named."""
        found = re.search(r"T(\d\d)|BYHOUR=(\d+)", f"{self.rule} {self.first_due} {self.due}")
        return int(found[1] or found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock time as it was said; `named` is the hour in words, from which the half of the day is guessed."""

    hour: int
    minute: int
    is_sure: bool
    named: int = 0


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


def _settle_clock(fields: Fields, parts: dict[str, str], now: datetime) -> time | None:
    """Return the time of day from a clock time and a part of the day; raises ValueError if they contradict."""
    clock, part = fields.get("clock"), fields.get("part")
    if clock is None:
        return time.fromisoformat(parts[part]) if part else None
    hour, minute = clock.hour, clock.minute
    if part is None:
        return time(hour if clock.is_sure else _guess_hour(fields, clock, now), minute)
    # The table lists the parts of the day from morning to night.
    is_morning = part == next(iter(parts))
    if part == list(parts)[-1] and clock.named in (12, 1, 2, 3, 4) and not hour > 12:
        return time(hour % 12, minute)
    if not clock.is_sure and not is_morning and hour < 12:
        hour += 12
    if is_morning != (hour < 12) or (hour == 12 and parts[part] > "18"):
        raise ValueError("the clock and the part of the day disagree")
    return time(hour, minute)


def _guess_hour(fields: Fields, clock: Clock, now: datetime) -> int:
    """Return the hour of a clock time without am or pm: 1 to 6 in the afternoon, later ones as said.

    Without a day, or for today, an hour from 7 to 11 is the nearest one ahead.
    """
    named = clock.named or clock.hour
    if named <= 6:
        return clock.hour + 12 if clock.hour < 12 else clock.hour
    is_today = fields.get("day", now.date()) == now.date()
    is_over = (clock.hour, clock.minute) <= (now.hour, now.minute)
    is_ahead = clock.hour < 12 and (clock.hour + 12, clock.minute) > (now.hour, now.minute)
    return clock.hour + 12 if "rule" not in fields and is_today and is_over and is_ahead else clock.hour


def resolve(fields: Fields, now: datetime, parts: dict[str, str]) -> When | None:
    """Return the time that the fields give together, or None if they do not fit together."""
    when = _resolve(fields, now, parts)
    clock = fields.get("clock")
    if when is None or clock is None or clock.is_sure or "part" in fields or when.hour is None:
        return when
    other = replace(clock, hour=(when.hour + 12) % 24, is_sure=True)
    return replace(when, other=_resolve({**fields, "clock": other}, now, parts))


def _resolve(fields: Fields, now: datetime, parts: dict[str, str]) -> When | None:
    try:
        clock = _settle_clock(fields, parts, now)
    except ValueError:
        return None
    if "waiting" in fields or ("midnight" in fields and "day" in fields):
        return None
    if "rule" in fields:
        return _resolve_rule(fields, clock, now)
    if fields.keys() & {"count", "until", "start", "span", "mode"}:
        return None
    if "at" in fields:
        return When(due=_write_local(fields["at"])) if len(fields) == 1 else None
    day: date = fields.get("day", now.date())
    is_range = "is_range" in fields
    if clock is None:
        return When(due=day.isoformat(), is_range=is_range)
    if "end_of_day" in fields:
        return None
    is_over = (clock.hour, clock.minute) <= (now.hour, now.minute)
    if fields.get("part") == list(parts)[-1] and clock.hour < 5:
        # "Tonight at 1" is after midnight.
        day += timedelta(days=1)
    elif "day" not in fields and is_over:
        day += timedelta(days=1)
    is_past = day < now.date() or (day == now.date() and is_over)
    return When(due=f"{day}T{clock:%H:%M}", is_clock="day" not in fields, is_range=is_range, is_past=is_past)


def _resolve_rule(fields: Fields, clock: time | None, now: datetime) -> When | None:
    if fields.keys() & {"day", "at", "end_of_day"} or len(fields.keys() & {"until", "count", "span"}) > 1:
        return None
    rule: str = fields["rule"]
    if "mode" in fields and "BY" in rule:
        return None
    start: date | None = fields.get("start")
    first = ""
    is_fine = rule.startswith(("FREQ=HOURLY", "FREQ=MINUTELY"))
    if is_fine and "is_range" in fields:
        # "Every hour from 9 to 5" ends each day, which no rule of ours says.
        return None
    if is_fine:
        if clock is None:
            unit = "h" if "HOURLY" in rule else "m"
            first = _write_local(move(_read_interval(rule), unit, now)["at"].replace(second=0))
        else:
            first = f"{start or now.date()}T{clock:%H:%M}"
    elif clock is not None and "mode" in fields:
        # A repetition after completion has no BY parts: its first date carries the time of day.
        is_over = (clock.hour, clock.minute) <= (now.hour, now.minute)
        start = start or now.date() + timedelta(days=int(is_over))
    elif clock is not None:
        rule += f";BYHOUR={clock.hour}" + (f";BYMINUTE={clock.minute}" if clock.minute else "")
    start = start or _find_start(rule, clock, now)
    if start is not None and not is_fine:
        first = f"{start}T{clock:%H:%M}" if clock else str(start)
    try:
        end = _write_end(rule, fields, start or now.date())
    except ValueError:
        return None
    return When(rule=rule + end, first_due=first, mode=fields.get("mode", ""), is_range="is_range" in fields)


def begin_ahead(when: When, now: datetime, day_start: str) -> When:
    """Return a repetition whose first date is not today if that day has begun, so that its reminder can ring."""
    if when.hour is not None or now.time() < time.fromisoformat(day_start) or when.first_due > str(now.date()):
        return when
    tomorrow = now.date() + timedelta(days=1)
    if "BY" not in when.rule:
        unit = _UNITS[when.rule.removeprefix("FREQ=").partition(";")[0]]
        return replace(when, first_due=str(move_day(_read_interval(when.rule), unit, now.date())))
    if not _is_day_of(when.rule, now.date()):
        return when
    ahead = (tomorrow + timedelta(days=count) for count in range(_MOST_AHEAD))
    first = next((day for day in ahead if _is_day_of(when.rule, day)), None)
    return when if first is None else replace(when, first_due=str(first))


def _is_day_of(rule: str, day: date) -> bool:
    """Return whether a day has the weekday, day of the month and month that a rule names."""
    parts = dict(part.split("=") for part in rule.split(";"))
    if "BYSETPOS" in parts:
        return False
    last = (day + timedelta(days=1)).day == 1
    if "BYMONTH" in parts and str(day.month) not in parts["BYMONTH"].split(","):
        return False
    if "BYMONTHDAY" in parts:
        return str(day.day) in parts["BYMONTHDAY"].split(",") or (last and parts["BYMONTHDAY"] == "-1")
    nth = (day.day - 1) // 7 + 1
    is_last = (day + timedelta(days=7)).month != day.month
    names = {DAYS[day.weekday()], f"{nth}{DAYS[day.weekday()]}", *([f"-1{DAYS[day.weekday()]}"] if is_last else [])}
    return bool(names & set(_list_days(rule)))


_MOST_AHEAD = 3_000
"""Days that are looked at for the next one of a rule; 29 February can be eight years away."""
_UNITS = {"DAILY": "d", "WEEKLY": "w", "MONTHLY": "month", "YEARLY": "year"}


def _read_interval(rule: str) -> int:
    step = re.search(r"INTERVAL=(\d+)", rule)
    return int(step[1]) if step else 1


def _list_days(rule: str) -> list[str]:
    """Return the parts of BYDAY."""
    found = re.search(r"BYDAY=([^;]+)", rule)
    return found[1].split(",") if found else []


def _find_start(rule: str, clock: time | None, now: datetime) -> date | None:
    """Return the first weekday of a rule with an interval; None for any other rule.

    The rule starts at the first such day; counted from today's week, that day could be two weeks away.
    """
    if "INTERVAL" not in rule or "BYDAY" not in rule:
        return None
    days = {DAYS.index(day[-2:]) for day in _list_days(rule)}
    past = clock is not None and (clock.hour, clock.minute) <= (now.hour, now.minute)
    ahead = (now.date() + timedelta(days=count) for count in range(int(past), 8 + int(past)))
    return next(day for day in ahead if day.weekday() in days)


def _write_end(rule: str, fields: Fields, start: date) -> str:
    """Return the part of a rule that ends it: by a day, a number of times, or a span from its start."""
    if "until" in fields:
        return f";UNTIL={fields['until']:%Y%m%d}"
    if "count" in fields:
        return f";COUNT={fields['count']}"
    if "span" not in fields:
        return ""
    count, unit = fields["span"]
    days = len(_list_days(rule))
    frequency = rule.removeprefix("FREQ=").partition(";")[0]
    per = {("DAILY", "d"): 1, ("DAILY", "w"): 7, ("WEEKLY", "w"): days or 1, ("MONTHLY", "month"): 1}
    if "INTERVAL" not in rule and "BYSETPOS" not in rule and (frequency, unit) in per:
        return f";COUNT={count * per[frequency, unit]}"
    return f";UNTIL={move_day(count, unit, start) - timedelta(days=1):%Y%m%d}"


def _write_local(at: datetime) -> str:
    """Return a local time, with its offset if that local time occurs twice."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    local = at if twice else at.replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if at.second else "minutes")


Meaning = Callable[[Fields, Any, datetime], Fields | None]

MEANINGS: dict[str, Meaning] = {
    "day": lambda _found, ahead, now: {"day": now.date() + timedelta(days=ahead)},
    "weekday": lambda found, which, now: {"day": find_weekday(found["weekday"], which, now.date())},
    "date": lambda found, _value, now: check_weekday(find_date(found, now.date()), found),
    "month_day": lambda found, _value, now: {"day": find_month_day(found["dom"], now.date())},
    "weekday_month_day": lambda found, _value, now: check_weekday(find_month_day(found["dom"], now.date()), found),
    "iso": lambda found, _value, _now: {"day": date.fromisoformat(found["iso"])},
    "iso_clock": lambda found, _value, _now: {
        "day": date.fromisoformat(found["iso"]),
        "clock": Clock(found["hour24"], found["minute"], is_sure=True),
    },
    "numeric": lambda found, _value, now: {"day": read_numeric(found["numeric"], now.date())},
    "holiday": lambda found, _value, now: {"day": find_holiday(found["holiday"], now.date())},
    "date_range": lambda found, _value, now: find_date_range(found, now.date()),
    "next_month_day": lambda found, _value, now: {
        "day": add_months(now.date().replace(day=1), 1).replace(day=found["dom"])
    },
    "nth_weekday": lambda found, which, now: {"day": find_nth_weekday(found, which, now.date())},
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
    "ahead_half": lambda found, _value, now: move(found["count"] * 60 + 30, "m", now),
    "ahead_minutes": lambda _found, minutes, now: move(minutes, "m", now),
    "days_after": lambda found, days, now: {
        "day": move_day(found["count"], found["unit"], now.date() + timedelta(days=days))
    },
    "workdays_ahead": lambda found, _value, now: {"day": find_workday(found["count"], now.date())},
    "clock": lambda found, minutes, _now: _read_clock(found, minutes),
    "clock_past": lambda found, sign, _now: _read_clock(found, sign * found["past_minutes"]),
    "clock_range": lambda found, _value, _now: _read_range(found),
    "noon": lambda _found, _value, _now: {"clock": Clock(12, 0, is_sure=True)},
    "midnight": lambda _found, _value, _now: {"clock": Clock(0, 0, is_sure=True), "midnight": True},
}
"""The kinds of a language's table: each computes fields from the matched parts, the row's value and `now`."""
