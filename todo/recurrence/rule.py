"""The parsed recurrence rule: a strict reader of RRULE text (RFC 5545, section 3.3.10) and its canonical form."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NoReturn, TypeVar

from todo.errors import RuleInvalid
from todo.text.when import FIRST_YEAR, LAST_YEAR

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")
SUB_DAILY = ("HOURLY", "MINUTELY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LONGEST_RULE = 512
MOST_COUNT = 10_000
MOST_COUNT_WALKED = 200
"""Limit of COUNT where only a walk finds the last date: BYSETPOS, and HOURLY and MINUTELY with BY parts."""
MOST_INTERVAL = 100_000
MOST_TIMES_A_DAY = 1_440

_Item = TypeVar("_Item", int, tuple[int, int])

_EXAMPLE = "Right is for example FREQ=WEEKLY;BYDAY=MO,TH or FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17."
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)
_COUNTING = re.compile(r"\d{1,9}", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL = re.compile(r"\d{8}(?:T\d{6}(Z?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _NumberList:
    """The bounds of a BY part that lists numbers, and the frequencies with which RFC 5545 forbids it."""

    low: int
    high: int
    negative: bool = False
    forbidden: tuple[str, ...] = ()


_LISTS = {
    "BYMONTH": _NumberList(1, 12),
    "BYWEEKNO": _NumberList(1, 53, negative=True, forbidden=FREQUENCIES[1:]),
    "BYYEARDAY": _NumberList(1, 366, negative=True, forbidden=("MONTHLY", "WEEKLY", "DAILY")),
    "BYMONTHDAY": _NumberList(1, 31, negative=True, forbidden=("WEEKLY",)),
    "BYHOUR": _NumberList(0, 23),
    "BYMINUTE": _NumberList(0, 59),
    "BYSECOND": _NumberList(0, 59),
    "BYSETPOS": _NumberList(1, 366, negative=True),
}
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST", *_LISTS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule; lists are sorted tuples, and weekdays count from Monday = 0.

    `byday` holds (ordinal, weekday) pairs; ordinal 0 means every such weekday. `until` keeps its written form: a date,
    a naive local time, or an instant in UTC. `text` is the canonical RRULE text without `RRULE:`.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    bymonth: tuple[int, ...] = ()
    byweekno: tuple[int, ...] = ()
    byyearday: tuple[int, ...] = ()
    bymonthday: tuple[int, ...] = ()
    byday: tuple[tuple[int, int], ...] = ()
    byhour: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    bysecond: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    wkst: int = 0
    text: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _write_rule(self))


def parse(text: str) -> Rule:
    """Parse RRULE text in any case; raises `RuleInvalid` with the reason and an example.

    Programs also write `RRULE:` before it, blanks around its signs and a semicolon after its last part.
    """
    if len(text) > LONGEST_RULE:
        _refuse(f"A rule has at most {LONGEST_RULE} characters.")
    if not text.isascii() or not text.isprintable():
        _refuse("A rule is one line of ASCII letters, digits and signs.")
    body = re.sub(" *([:;=,]) *", r"\1", text.upper().strip(" ")).removeprefix("RRULE:").removesuffix(";")
    if not body:
        _refuse("The rule is empty.")
    parts: dict[str, str] = {}
    for part in body.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            _refuse(f'"{part[:40]}" is not of the form NAME=VALUE.')
        if name not in _PARTS:
            _refuse(_say_unknown(name))
        if name in parts:
            _refuse(f"{name} stands twice.")
        parts[name] = value
    rule = _build_rule(parts)
    _check_combination(rule)
    return rule


def _build_rule(parts: dict[str, str]) -> Rule:
    freq = parts.get("FREQ")
    if freq is None:
        _refuse("FREQ is missing.")
    if freq not in FREQUENCIES:
        _refuse(f"FREQ is one of {', '.join(FREQUENCIES)}.")
    if "COUNT" in parts and "UNTIL" in parts:
        _refuse("COUNT and UNTIL exclude each other.", "Keep one of them: FREQ=DAILY;COUNT=10.")
    lists = {name: _read_numbers(name, parts[name], freq) for name in _LISTS if name in parts}
    if "WKST" in parts and parts["WKST"] not in WEEKDAYS:
        _refuse("WKST is a weekday.", "Right is for example WKST=SU.")
    return Rule(
        freq,
        _read_count("INTERVAL", parts.get("INTERVAL", "1"), MOST_INTERVAL),
        _read_count("COUNT", parts["COUNT"], MOST_COUNT) if "COUNT" in parts else None,
        _read_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        byday=_read_weekdays(parts["BYDAY"], freq, "BYWEEKNO" in parts) if "BYDAY" in parts else (),
        wkst=WEEKDAYS.index(parts["WKST"]) if "WKST" in parts else 0,
        **{name.lower(): values for name, values in lists.items()},
    )


def _check_combination(rule: Rule) -> None:
    has_by_parts = (
        rule.bymonth or rule.byweekno or rule.byyearday or rule.bymonthday or rule.byday
        or rule.byhour or rule.byminute or rule.bysecond
    )  # fmt: skip
    if rule.bysetpos and not has_by_parts:
        _refuse("BYSETPOS needs another BY part to choose from.", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1.")
    times_a_day = max(len(rule.byhour), 1) * max(len(rule.byminute), 1) * max(len(rule.bysecond), 1)
    if times_a_day > MOST_TIMES_A_DAY:
        _refuse(f"A rule names at most {MOST_TIMES_A_DAY} times a day.", "Right is for example BYHOUR=9,17;BYMINUTE=0.")
    if (rule.bysetpos or (rule.freq in SUB_DAILY and has_by_parts)) and (rule.count or 0) > MOST_COUNT_WALKED:
        _refuse(
            f"COUNT is at most {MOST_COUNT_WALKED} with BYSETPOS, and for HOURLY and MINUTELY with BY parts.",
            "Give an end instead: FREQ=HOURLY;BYHOUR=9,10,11;UNTIL=20301231.",
        )


def _read_count(name: str, value: str, most: int) -> int:
    if not _COUNTING.fullmatch(value) or not 1 <= int(value) <= most:
        _refuse(f"{name} is a whole number from 1 to {most}.", f"Right is for example FREQ=DAILY;{name}=2.")
    return int(value)


def _read_numbers(name: str, value: str, freq: str) -> tuple[int, ...]:
    part = _LISTS[name]
    low, high = part.low, part.high
    if freq in part.forbidden:
        allowed = [other for other in FREQUENCIES if other not in part.forbidden]
        _refuse(f"{name} does not go with FREQ={freq}.", f"It goes with {', '.join(allowed)}. {_EXAMPLE}")
    span = f"{low} to {high}" + (f" or -{high} to -{low}" if part.negative else "")

    def read(item: str) -> int:
        if _NUMBER.fullmatch(item) and (part.negative or item[0] not in "+-"):
            number = int(item)
            if low <= (abs(number) if part.negative else number) <= high:
                return number
        _refuse(f"{name} takes numbers from {span}, with commas.", f"Right is for example {name}={low},{low + 1}.")

    return _read_items(name, value, read)


def _read_weekdays(value: str, freq: str, has_weeks: bool) -> tuple[tuple[int, int], ...]:
    def read(item: str) -> tuple[int, int]:
        match = _WEEKDAY.fullmatch(item)
        if match is None:
            _refuse("BYDAY takes weekdays, with commas.", "Right is for example BYDAY=MO,TH or BYDAY=-1FR.")
        ordinal = int(match[1] or 0)
        if match[1] is not None:
            if not 1 <= abs(ordinal) <= 53:
                _refuse("The number before a weekday is from 1 to 53 or -53 to -1.", "Right is for example BYDAY=-1FR.")
            if freq not in ("MONTHLY", "YEARLY") or has_weeks:
                _refuse(
                    "A number before a weekday goes with MONTHLY and YEARLY only, and not with BYWEEKNO.",
                    "Right is for example FREQ=MONTHLY;BYDAY=-1FR or FREQ=WEEKLY;BYDAY=FR.",
                )
        return ordinal, WEEKDAYS.index(match[2])

    return _read_items("BYDAY", value, read)


def _read_items(name: str, value: str, read: Callable[[str], _Item]) -> tuple[_Item, ...]:
    items = [read(item) for item in value.split(",")]
    if len(set(items)) != len(items):
        _refuse(f"{name} names a value twice.")
    return tuple(sorted(items))


def _read_until(value: str) -> date | datetime:
    match = _UNTIL.fullmatch(value)
    until: date | datetime | None = None
    with suppress(ValueError):
        if match is not None and FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
            if match[1] is None:
                until = date.fromisoformat(value)
            else:
                until = datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC if match[1] else None)
    if until is None:
        example = "Right are UNTIL=20261231, UNTIL=20261231T170000 and UNTIL=20261231T160000Z."
        _refuse("UNTIL is not a date that exists.", example)
    return until


def _say_unknown(name: str) -> str:
    if name in ("RSCALE", "SKIP"):
        return f"{name} (RFC 7529) is not supported; days that do not exist are skipped."
    shown = f'"{name[:40]}"' if name else "An empty name"
    return f"{shown} is not a part of a rule; the parts are {', '.join(_PARTS)}."


def _refuse(sentence: str, example: str = _EXAMPLE) -> NoReturn:
    raise RuleInvalid(sentence, example)


def _write_rule(rule: Rule) -> str:
    parts = [f"FREQ={rule.freq}"]
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    if isinstance(rule.until, datetime):
        parts.append(f"UNTIL={rule.until:%Y%m%dT%H%M%S}{'Z' if rule.until.tzinfo else ''}")
    elif rule.until is not None:
        parts.append(f"UNTIL={rule.until:%Y%m%d}")
    for name in (
        "bymonth",
        "byweekno",
        "byyearday",
        "bymonthday",
        "byday",
        "byhour",
        "byminute",
        "bysecond",
        "bysetpos",
    ):
        values = getattr(rule, name)
        if name == "byday":
            values = [f"{ordinal or ''}{WEEKDAYS[day]}" for ordinal, day in values]
        if values:
            parts.append(f"{name.upper()}={','.join(map(str, values))}")
    if rule.wkst:
        parts.append(f"WKST={WEEKDAYS[rule.wkst]}")
    return ";".join(parts)
