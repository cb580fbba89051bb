"""The values of phrases of time: days, clock times and repetitions put together from their parts."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from agent.builtin.time_days import Fields, move, move_day

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
    is_unclear: bool = False
    """Whether the phrase surely is a time, but has no reading here."""
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


def settle_waiting(fields: Fields, now: datetime) -> Fields | None:
    """Return the fields with the day that "until" or "a week after" waited for; None if that is over."""
    settled = dict(fields)
    kind, day, shift = settled.pop("waiting"), settled.pop("day"), settled.pop("shift", None)
    if "is_day_range" in settled:
        # "From january 4 until march 3": the end belongs to the repetition.
        return None
    if kind in ("until", "start"):
        return {**settled, kind: day}
    try:
        day = move_day(shift[0], shift[1], day) if shift else day - timedelta(days=day.weekday())
    except (ValueError, OverflowError):
        return None
    return {**settled, "day": day} if day >= now.date() else None


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
    if "unclear" in fields:
        return When(is_unclear=True)
    if "waiting" in fields or ("midnight" in fields and "day" in fields):
        return None
    if "rule" in fields:
        return _resolve_rule(fields, clock, now)
    if fields.keys() & {"count", "until", "start", "span", "mode", "starts_at"}:
        return None
    if "at" in fields:
        return When(due=_write_local(fields["at"])) if len(fields) == 1 else None
    return _resolve_day(fields, clock, now, night=fields.get("part") == list(parts)[-1])


def _resolve_day(fields: Fields, clock: time | None, now: datetime, *, night: bool) -> When | None:
    day: date = fields.get("day", now.date())
    is_range = "is_range" in fields
    if clock is None:
        return When(due=day.isoformat(), is_range=is_range)
    if "end_of_day" in fields:
        return None
    is_over = _is_over(clock, now)
    if (night and clock.hour < 5) or ("day" not in fields and is_over):
        # "Tonight at 1" is after midnight.
        day += timedelta(days=1)
    is_past = day < now.date() or (day == now.date() and is_over)
    return When(due=f"{day}T{clock:%H:%M}", is_clock="day" not in fields, is_range=is_range, is_past=is_past)


def _is_over(clock: time, now: datetime) -> bool:
    return (clock.hour, clock.minute) <= (now.hour, now.minute)


def _resolve_rule(fields: Fields, clock: time | None, now: datetime) -> When | None:
    if fields.keys() & {"day", "at", "end_of_day"} or len(fields.keys() & {"until", "count", "span"}) > 1:
        return None
    rule: str = fields["rule"]
    if rule.startswith(("FREQ=HOURLY", "FREQ=MINUTELY")):
        return _resolve_fine_rule(fields, clock, now)
    if "mode" in fields and "BY" in rule:
        return None
    start: date | None = fields.get("start")
    if clock is not None and "mode" in fields:
        # A repetition after completion has no BY parts: its first date carries the time of day.
        start = start or now.date() + timedelta(days=int(_is_over(clock, now)))
    elif clock is not None:
        rule += f";BYHOUR={clock.hour}" + (f";BYMINUTE={clock.minute}" if clock.minute else "")
    start = start or _find_start(rule, clock, now)
    first = "" if start is None else f"{start}T{clock:%H:%M}" if clock else str(start)
    return _end_rule(rule, first, fields, start or now.date())


def _resolve_fine_rule(fields: Fields, clock: time | None, now: datetime) -> When | None:
    """Return a repetition by hours or minutes: from the next step on, or from a clock time that is not over."""
    rule, start = fields["rule"], fields.get("start")
    # "Every hour from 9 to 5" ends each day, which no rule of ours says.
    if "is_range" in fields or (clock is not None and start is None and _is_over(clock, now)):
        return None
    if clock is not None:
        first = f"{start or now.date()}T{clock:%H:%M}"
    else:
        first = _write_local(move(_read_interval(rule), "h" if "HOURLY" in rule else "m", now)["at"].replace(second=0))
    return _end_rule(rule, first, fields, start or now.date())


def _end_rule(rule: str, first: str, fields: Fields, start: date) -> When | None:
    if fields.get("until", start) < start:
        return None
    try:
        end = _write_end(rule, fields, start)
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
_MINUTES = {"HOURLY": 60, "MINUTELY": 1}
_LENGTHS = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}
"""Minutes of a step, and of the spans in which it may be repeated."""
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
    if frequency in _MINUTES and "BY" not in rule and unit in _LENGTHS:
        return f";COUNT={max(count * _LENGTHS[unit] // (_MINUTES[frequency] * _read_interval(rule)), 1)}"
    per = {("DAILY", "d"): 1, ("DAILY", "w"): 7, ("WEEKLY", "w"): days or 1, ("MONTHLY", "month"): 1}
    if "INTERVAL" not in rule and "BYSETPOS" not in rule and (frequency, unit) in per:
        return f";COUNT={count * per[frequency, unit]}"
    return f";UNTIL={move_day(count, unit, start) - timedelta(days=1):%Y%m%d}"


def _write_local(at: datetime) -> str:
    """Return a local time, with its offset if that local time occurs twice."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    local = at if twice else at.replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if at.second else "minutes")
