"""A rule as a caller gives it: parsed, with the due that sets its phase, and checked against a mode."""

from datetime import date, datetime, time
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from todo.errors import InvalidArguments, RuleInvalid
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.recurrence.schedule import Mode, Schedule, day_of
from todo.text import when

MOST_WALKED = 400
"""Dates that are walked to find the last one: bounds what saying a rule may cost."""


class ParsedRule(NamedTuple):
    """A parsed rule, the due that sets its phase, and warnings about both.

    `wall` is the intended local time of `first` if a clock change skips it.
    """

    rule: Rule
    first: str
    warnings: list[str]
    wall: str | None = None


def read_schedule(work: Work, rule_text: str, first_due: str | None, zone: ZoneInfo) -> ParsedRule:
    """Read a rule and its first due; raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`, `InvalidTime`."""
    rule = rules.parse(rule_text)
    warnings: list[str] = []
    if first_due is None:
        first = rules.default_first(rule, zone, work.now)
        start = datetime.combine(day_of(first, zone), time())
    else:
        reading = when.read_time(first_due, zone, work.now)
        warnings.extend(reading.warnings)
        first, moved = rules.snap(rule, reading.due, zone, reading.wall)
        start = rules.local_start(reading.due, zone, reading.wall)
        warnings += [moved] if moved else []
    wall = rules.find_wall(rule, start, zone, first)
    return ParsedRule(rule, first, [*warnings, *rules.check(rule, first, zone, wall)], wall)


def check_mode(rule: Rule, mode: Mode, catch_up: str | None) -> None:
    """Refuse `catch_up` outside of `every_occurrence`, and BY parts in `after_completion`."""
    if catch_up is not None and mode != "every_occurrence":
        raise InvalidArguments(
            f"catch_up does not go with the mode {mode}.", 'Leave it out, or give mode="every_occurrence".'
        )
    if mode == "after_completion" and ("BY" in rule.text or "WKST" in rule.text):
        raise RuleInvalid(
            "after_completion takes FREQ, INTERVAL, COUNT and UNTIL only.",
            "Right is for example FREQ=DAILY;INTERVAL=3; the time of day comes from first_due.",
        )


def describe_schedule(schedule: Schedule) -> str:
    """Return a series' rule in words, with its last date if it ends within the next `MOST_WALKED` dates."""
    counted = schedule.mode == "after_completion"
    words = rules.describe(schedule.rule, schedule.first, schedule.zone, schedule.wall, from_completion=counted)
    if counted:
        return f"{words}, counted from when it is done"
    return words + _say_last(schedule.rule, schedule.first, schedule.zone, schedule.wall)


def describe_rule(parsed: ParsedRule, zone: ZoneInfo) -> str:
    """Return a rule in words, with its last date like `describe_schedule`."""
    words = rules.describe(parsed.rule, parsed.first, zone, parsed.wall)
    return words + _say_last(parsed.rule, parsed.first, zone, parsed.wall)


def _say_last(rule: Rule, first: str, zone: ZoneInfo, wall: str | None) -> str:
    """Return ", the last on Mon 4 Jan 2027" for a rule that ends; empty if its UNTIL names that day already."""
    if (rule.count is None and rule.until is None) or rule.count == 1:
        return ""
    dates = list(islice(rules.walk(rule, first, zone, None, wall), MOST_WALKED))
    if not dates or len(dates) == MOST_WALKED:
        return ""
    last = day_of(dates[-1], zone)
    if rule.until is not None and last == _until_day(rule.until, zone):
        return ""
    return f", the last on {when.say_due(str(last), zone)}"


def _until_day(until: date, zone: ZoneInfo) -> date:
    if not isinstance(until, datetime):
        return until
    return until.date() if until.tzinfo is None else until.astimezone(zone).date()
