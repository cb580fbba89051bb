"""A rule as a caller gives it: parsed, with the due that sets its phase, and checked against a mode."""

from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from todo.errors import InvalidArguments, RuleInvalid
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.recurrence.schedule import Mode, Schedule, day_of
from todo.text import when


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
    """Return a series' rule in words."""
    words = rules.describe(schedule.rule, schedule.first, schedule.zone, schedule.wall)
    return f"{words}, counted from when it is done" if schedule.mode == "after_completion" else words
