"""The English text of a recurrence rule: "on the last Friday of each month at 17:00, until 31 Dec 2026"."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time
from itertools import product
from zoneinfo import ZoneInfo

from events.instants import read_instant
from todo.recurrence.calendar import times_of_day
from todo.recurrence.rule import SUB_DAILY, Rule
from todo.text.when import is_date

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_UNITS = {
    "YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour", "MINUTELY": "minute"
}  # fmt: skip
_WORKDAYS = tuple((0, day) for day in range(5))
_MOST_TIMES = 6


def describe(
    rule: Rule, first: str | None, zone: ZoneInfo, wall: str | None = None, *, from_completion: bool = False
) -> str:
    """Return a rule in English; days and times that the rule does not name come from `first`, if given.

    `wall` is the intended local time of `first` if a clock change skipped it. `from_completion` says that the interval
    counts from completion, so that `first` gives the time of day and no day.
    """
    start = None if first is None else datetime.fromisoformat(wall) if wall else _local_start(first, zone)
    if start is not None and not from_completion:
        rule = _fill_days(rule, start)
    if rule.freq in SUB_DAILY:
        text = _say_sub_daily(rule)
    else:
        text = _say_chosen(rule, _say_days(rule)) + _say_times(rule, None if first and is_date(first) else start, first)
    return text + _say_end(rule, zone)


def _local_start(first: str, zone: ZoneInfo) -> datetime:
    if is_date(first):
        return datetime.combine(date.fromisoformat(first), time())
    return read_instant(first).astimezone(zone).replace(tzinfo=None)


def _fill_days(rule: Rule, start: datetime) -> Rule:
    """Return the rule with the days filled in that it takes from its first date."""
    if rule.bymonthday or rule.byday or rule.byyearday:
        return rule
    if rule.freq == "WEEKLY" or rule.byweekno:
        return replace(rule, byday=((0, start.weekday()),))
    if rule.freq == "MONTHLY":
        return replace(rule, bymonthday=(start.day,))
    if rule.freq == "YEARLY":
        return replace(rule, bymonthday=(start.day,), bymonth=rule.bymonth or (start.month,))
    return rule


def _say_days(rule: Rule) -> str:
    """Return "every 2 weeks on Mon and Thu" for a DAILY or slower rule."""
    every = _say_every(rule)
    if rule.freq == "WEEKLY":
        return _say_weekly(rule, every) + _say_months(rule)
    if rule.freq == "MONTHLY" and not (rule.bymonthday and rule.byday):
        return _say_monthly(rule, every) + _say_months(rule)
    if rule.freq == "YEARLY" and (text := _say_yearly(rule)):
        return f"{every} {text}"
    if rule.freq == "DAILY" and rule.interval == 1 and rule.byday and not rule.bymonthday:
        days = "weekday" if rule.byday == _WORKDAYS else _join(_DAYS[day] for _, day in rule.byday)
        return f"every {days}{_say_months(rule)}"
    return every + _say_limits(rule)


def _say_every(rule: Rule) -> str:
    unit = _UNITS[rule.freq]
    return f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"


def _say_weekly(rule: Rule, every: str) -> str:
    if rule.interval == 1 and rule.byday == _WORKDAYS:
        return "every weekday"
    if rule.interval == 1 and len(rule.byday) == 1:
        return f"every {_DAYS[rule.byday[0][1]]}"
    days = _join(_DAYS[day][:3] for _, day in rule.byday)
    return f"{every} on {days}" if days else every


def _say_monthly(rule: Rule, every: str) -> str:
    if rule.byday:
        if rule.interval == 1 and all(not ordinal for ordinal, _ in rule.byday):
            return f"every {_join(_DAYS[day] for _, day in rule.byday)}"
        # Not "every second Wednesday": that is every other week to most people.
        days = _say_weekdays(rule.byday)
        return f"on {days} of each month" if rule.interval == 1 else f"{every} on {days}"
    if rule.bymonthday:
        days = _say_month_days(rule.bymonthday)
        return f"every {days} of the month" if rule.interval == 1 else f"{every} on the {days}"
    return every


def _say_yearly(rule: Rule) -> str:
    """Return "on 24 December", or "" if the parts have to be listed one by one."""
    if rule.byweekno or rule.byyearday:
        return ""
    if rule.bymonth and rule.bymonthday and not rule.byday:
        if len(rule.bymonth) * len(rule.bymonthday) > _MOST_TIMES:
            return ""
        dates = (
            f"{day} {_MONTHS[month - 1]}" if day > 0 else f"the {_say_month_days((day,))} of {_MONTHS[month - 1]}"
            for month, day in product(rule.bymonth, rule.bymonthday)
        )
        return f"on {_join(dates)}"
    if rule.bymonthday and not rule.byday:
        # RFC 5545, section 3.3.10: BYMONTHDAY without BYMONTH means that day of every month.
        return f"on the {_say_month_days(rule.bymonthday)} of every month"
    if rule.byday and not rule.bymonthday:
        within = f"of {_join(_MONTHS[month - 1] for month in rule.bymonth)}" if rule.bymonth else "of the year"
        if len(rule.bymonth) > 1:
            within = f"of each of {_join(_MONTHS[month - 1] for month in rule.bymonth)}"
        return f"on {_say_weekdays(rule.byday)} {within}"
    return ""


def _say_limits(rule: Rule) -> str:
    """Return a list of all parts that choose days; a date must satisfy each of them."""
    limits = []
    if rule.byweekno:
        limits.append(f"in {_say_numbers('week', rule.byweekno)} of the year")
    if rule.byyearday:
        limits.append(f"on {_say_numbers('day', rule.byyearday)} of the year")
    if rule.bymonthday:
        limits.append(f"on the {_say_month_days(rule.bymonthday)} of the month")
    if rule.byday:
        if all(not ordinal for ordinal, _ in rule.byday):
            limits.append(f"on {_join(_DAYS[day] for _, day in rule.byday)}")
        else:
            within = "year" if rule.freq == "YEARLY" and not rule.bymonth else "month"
            limits.append(f"on {_say_weekdays(rule.byday)} of the {within}")
    if rule.bymonth:
        limits.append(_say_months(rule).strip())
    return f", only {' and '.join(limits)}" if limits else ""


def _say_chosen(rule: Rule, text: str) -> str:
    if not rule.bysetpos:
        return text
    workdays = rule.freq == "MONTHLY" and rule.interval == 1 and rule.byday == _WORKDAYS and not rule.bymonthday
    one_time = max(len(rule.byhour), len(rule.byminute), len(rule.bysecond)) <= 1
    if workdays and one_time and len(rule.bysetpos) == 1:
        return f"on the {_say_ordinal(rule.bysetpos[0])} weekday of each month{_say_months(rule)}"
    if rule.freq == "DAILY":
        return text  # `_say_times` lists only the times that BYSETPOS keeps
    chosen = _join(_say_ordinal(position) for position in rule.bysetpos)
    return f"{text}, of these only the {chosen} in each {_UNITS[rule.freq]}"


def _say_times(rule: Rule, start: datetime | None, first: str | None) -> str:
    if start is None:
        if first is not None:
            return ""  # a date-only due has no time of day, even if the rule names one
        if not rule.byhour:
            return _say_clock(rule)
        start = datetime.combine(date(1970, 1, 1), time())
    times = times_of_day(rule, start)
    if len(times) > _MOST_TIMES:
        return _say_clock(rule)
    return f" at {_join(f'{at:%H:%M:%S}' if at.second else f'{at:%H:%M}' for at in times)}"


def _say_clock(rule: Rule) -> str:
    """Return a list of the parts that choose times."""
    parts = [("hour", rule.byhour), ("minute", rule.byminute), ("second", rule.bysecond)]
    text = " and ".join(_say_numbers(unit, values) for unit, values in parts if values)
    return f" at {text}" if text else ""


def _say_sub_daily(rule: Rule) -> str:
    text = _say_every(rule) + _say_clock(rule) + _say_limits(rule)
    return _say_chosen(rule, text)


def _say_end(rule: Rule, zone: ZoneInfo) -> str:
    if rule.count is not None:
        return ", once" if rule.count == 1 else f", {rule.count} times"
    if rule.until is None:
        return ""
    until = rule.until
    if isinstance(until, datetime) and until.tzinfo is not None:
        until = until.astimezone(zone)
    return f", until {until.day} {_MONTHS[until.month - 1][:3]} {until.year}"


def _say_months(rule: Rule) -> str:
    return f" in {_join(_MONTHS[month - 1] for month in rule.bymonth)}" if rule.bymonth else ""


def _say_weekdays(days: tuple[tuple[int, int], ...]) -> str:
    return _join(f"the {_say_ordinal(n)} {_DAYS[day]}" if n else f"every {_DAYS[day]}" for n, day in days)


def _say_month_days(days: tuple[int, ...]) -> str:
    ordered = sorted(days, key=lambda day: (day < 0, day))
    return _join(_say_nth(day) if day > 0 else f"{_say_from_end(day)} day" for day in ordered)


def _say_numbers(unit: str, numbers: tuple[int, ...]) -> str:
    text = _join(str(number) if number >= 0 else f"{-number} from the end" for number in numbers)
    return f"{unit}{'s' if len(numbers) > 1 else ''} {text}"


def _say_ordinal(number: int) -> str:
    if number == 0:
        return ""
    return _ORDINALS.get(number) or (_say_nth(number) if number > 0 else _say_from_end(number))


def _say_from_end(number: int) -> str:
    return "last" if number == -1 else f"{_say_nth(-number)} to last"


def _say_nth(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _join(items: Iterable[str]) -> str:
    *front, last = list(items) or [""]
    return f"{', '.join(front)} and {last}" if front else last
