"""Rules against a second expansion that walks the calendar by days and minutes, without dateutil."""

import calendar
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from events.instants import read_instant, shorten_instant, write_instant
from tests.long import LONG
from todo.errors import RuleNeverOccurs, RuleTooFrequent
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.text.when import is_date

PROMISES = ("recurrence-rules",)

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu")
CHUNKS, CHUNK = (100, 100) if LONG else (6, 50)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
QUARTER = timedelta(minutes=15)


def is_in_list(value: int, size: int, named: tuple[int, ...]) -> bool:
    return not named or value in named or value - size - 1 in named


def week_of(day: date, wkst: int) -> tuple[int, int]:
    """The number of a week is that of its fourth day, which decides its year."""
    fourth = day - timedelta(days=(day.weekday() - wkst) % 7) + timedelta(days=3)
    number = (fourth.timetuple().tm_yday - 1) // 7 + 1
    weeks = number
    while (fourth + timedelta(weeks=1)).year == fourth.year:
        fourth += timedelta(weeks=1)
        weeks += 1
    return number, weeks


def is_weekday(rule: Rule, day: date) -> bool:
    size, place = calendar.monthrange(day.year, day.month)[1], day.day
    if rule.freq == "YEARLY" and not rule.bymonth:
        size, place = 365 + calendar.isleap(day.year), day.timetuple().tm_yday
    ordinals = (0, (place - 1) // 7 + 1, -((size - place) // 7 + 1))
    return any((ordinal, day.weekday()) in rule.byday for ordinal in ordinals)


def is_day(rule: Rule, first: date, day: date) -> bool:
    names_days = rule.bymonthday or rule.byday or rule.byyearday
    if rule.bymonth and day.month not in rule.bymonth:
        return False
    if not is_in_list(day.day, calendar.monthrange(day.year, day.month)[1], rule.bymonthday):
        return False
    if not is_in_list(day.timetuple().tm_yday, 365 + calendar.isleap(day.year), rule.byyearday):
        return False
    if rule.byday and not is_weekday(rule, day):
        return False
    if rule.byweekno and not is_in_list(*week_of(day, rule.wkst), rule.byweekno):
        return False
    if names_days:
        return True
    if rule.freq == "WEEKLY" or rule.byweekno:
        return day.weekday() == first.weekday()
    if rule.freq == "MONTHLY":
        return day.day == first.day
    if rule.freq == "YEARLY":
        return day.day == first.day and (bool(rule.bymonth) or day.month == first.month)
    return True


def interval_of(rule: Rule, first: date, day: date) -> int:
    if rule.freq == "YEARLY":
        return day.year - first.year
    if rule.freq == "MONTHLY":
        return day.year * 12 + day.month - first.year * 12 - first.month
    if rule.freq == "WEEKLY":
        monday = [at - timedelta(days=(at.weekday() - rule.wkst) % 7) for at in (first, day)]
        return (monday[1] - monday[0]).days // 7
    return (day - first).days


def choose(rule: Rule, members: list[datetime]) -> list[datetime]:
    if not rule.bysetpos:
        return members
    return [at for place, at in enumerate(members, 1) if is_in_list(place, len(members), rule.bysetpos)]


def walk_days(rule: Rule, first: datetime, end: date) -> Iterator[datetime]:
    """Every wall time of a DAILY or slower rule up to about `end`, COUNT included."""
    found: list[datetime] = []
    # A whole interval on both sides, so that BYSETPOS sees all of it.
    day = first.date().replace(day=1) if rule.freq != "YEARLY" else date(first.year, 1, 1)
    day -= timedelta(days=7 if rule.freq == "WEEKLY" else 0)
    while day <= end + timedelta(days=366):
        if interval_of(rule, first.date(), day) % rule.interval == 0 and is_day(rule, first.date(), day):
            for hour in range(24):
                if hour in (rule.byhour or (first.hour,)):
                    found += [
                        datetime(day.year, day.month, day.day, hour, minute, second)
                        for minute in range(60) if minute in (rule.byminute or (first.minute,))
                        for second in range(60) if second in (rule.bysecond or (first.second,))
                    ]  # fmt: skip
        day += timedelta(days=1)
    chosen = [
        at
        for _, members in groupby(found, lambda at: interval_of(rule, first.date(), at.date()))
        for at in choose(rule, list(members))
    ]
    yield from [at for at in chosen if at >= first][: rule.count]


def resolve(wall: datetime, zone: ZoneInfo) -> datetime:
    around = [(wall + timedelta(hours=hours)).replace(tzinfo=UTC).astimezone(zone).utcoffset() for hours in (-36, 36)]
    tries = [(wall - offset).replace(tzinfo=UTC) for offset in around if offset is not None]
    real = [at for at in tries if at.astimezone(zone).replace(tzinfo=None) == wall]
    return min(real) if real else tries[0]


def walk_minutes(rule: Rule, first: datetime, zone: ZoneInfo, end: datetime) -> Iterator[datetime]:
    """Every instant of an HOURLY or MINUTELY rule up to `end`, found by trying each minute."""
    unit = timedelta(hours=1) if rule.freq == "HOURLY" else timedelta(minutes=1)

    def name(at: datetime) -> tuple[str, timedelta | None]:
        local = at.astimezone(zone)
        return f"{local:%Y-%m-%d %H}{'' if rule.freq == 'HOURLY' else f':{local:%M}'}", local.utcoffset()

    beats, at = set(), first
    while at <= end:
        beats.add(name(at))
        at += unit * rule.interval
    start, minute, found = first.astimezone(zone), first.replace(second=0) - timedelta(hours=1), []
    while minute <= end + timedelta(hours=1):
        local = minute.astimezone(zone)
        minutes = rule.byminute or ((start.minute if rule.freq == "HOURLY" and rule.bysecond else None),)
        fits = (
            name(minute) in beats
            and (not rule.byhour or local.hour in rule.byhour)
            and (not rule.byminute or local.minute in rule.byminute)
            and is_day(rule, start.date(), local.date())
        )
        # Without BYMINUTE, the elapsed time gives the minute of the hour.
        if fits and rule.freq == "HOURLY" and not rule.byminute:
            fits = (minute - first.replace(second=0)) % unit == timedelta()
        if fits and minutes:
            found += [minute + timedelta(seconds=second) for second in rule.bysecond or (start.second,)]
        minute += timedelta(minutes=1)
    chosen = [at for _, members in groupby(found, name) for at in choose(rule, list(members))]
    yield from [at for at in chosen if at >= first][: rule.count]


def judge(rule: Rule, first: str, zone: ZoneInfo, end: datetime) -> list[str]:
    if is_date(first):
        start = datetime.fromisoformat(first)
        return [str(at.date()) for at in walk_days(rule, start, end.date()) if at.date() <= end.date()]
    start = read_instant(first)
    if rule.freq in ("HOURLY", "MINUTELY"):
        found = list(walk_minutes(rule, start, zone, end))
    else:
        walls = walk_days(rule, start.astimezone(zone).replace(tzinfo=None), end.date())
        found = sorted({resolve(wall, zone) for wall in walls})
    return [shorten_instant(write_instant(at)) for at in found if start <= at <= end]


def has_close(found: list[datetime]) -> bool:
    return any(later - sooner < QUARTER for sooner, later in pairwise(found))


def is_named(rule: Rule, due: datetime, first: datetime, zone: ZoneInfo) -> bool:
    """Return whether a due is at a time of the rule; one moved out of a gap may be closer to the next, once a year."""
    local, start = due.astimezone(zone), first.astimezone(zone)
    hours, minutes = rule.byhour or (start.hour,), rule.byminute or (start.minute,)
    return rule.freq in ("HOURLY", "MINUTELY") or (local.hour in hours and local.minute in minutes)


def numbers(random: Random, low: int, high: int, most: int, negative: bool = False) -> str:
    span = [*range(low, high + 1), *([-number for number in range(low, high + 1)] if negative else [])]
    return ",".join(map(str, random.sample(span, random.randint(1, most))))


def weekdays(random: Random, freq: str, ordinals: bool) -> str:
    most = {"MONTHLY": 5, "YEARLY": 53}.get(freq, 0) if ordinals else 0
    return ",".join(
        f"{random.choice([n for n in range(-most, most + 1) if n]) if most and random.random() < 0.5 else ''}{day}"
        for day in random.sample(DAYS, random.randint(1, 5))
    )


def random_rule(random: Random) -> str:
    freq = random.choice(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"])
    sub = freq in ("HOURLY", "MINUTELY")
    parts = [f"FREQ={freq}"]
    if freq == "MINUTELY" or random.random() < 0.4:
        intervals = [15, 20, 45, 61, 90, 720, 1439] if freq == "MINUTELY" else [1, 2, 3, 4, 5, 7, 12]
        parts.append(f"INTERVAL={random.choice(intervals)}")
    weeks = freq == "YEARLY" and random.random() < 0.3
    lists: dict[str, tuple[float, Callable[[], str]]] = {
        "BYMONTH": (0.25, lambda: numbers(random, 1, 12, 6)),
        "BYWEEKNO": (float(weeks), lambda: numbers(random, 1, 53, 5, True)),
        "BYYEARDAY": (0.2 * (freq == "YEARLY" or sub), lambda: numbers(random, 1, 366, 30, True)),
        "BYMONTHDAY": (0.3 * (freq != "WEEKLY"), lambda: numbers(random, 1, 31, 12, True)),
        "BYDAY": (0.4, lambda: weekdays(random, freq, not weeks)),
        "BYHOUR": (0.3, lambda: numbers(random, 0, 23, 4)),
        "BYMINUTE": (0.2, lambda: numbers(random, 0, 59, 2)),
        "BYSECOND": (0.05, lambda: numbers(random, 0, 59, 2)),
    }
    named = [f"{name}={make()}" for name, (chance, make) in lists.items() if random.random() < chance]
    if named and random.random() < 0.3:
        named.append(f"BYSETPOS={numbers(random, 1, 6, 2, True)}")
    if random.random() < 0.2:
        parts.append(f"COUNT={random.randint(1, 40)}")
    if random.random() < 0.3:
        named.append(f"WKST={random.choice(DAYS)}")
    return ";".join(parts + named)


def window(rule: Rule, random: Random) -> timedelta:
    if rule.freq in ("HOURLY", "MINUTELY"):
        return timedelta(days=random.choice([3, 12]))
    years = {"YEARLY": 12, "MONTHLY": 4, "WEEKLY": 2, "DAILY": 1}[rule.freq]
    return timedelta(days=366 * (12 if random.random() < 0.2 else years))


def compare(seed: int) -> str:
    """Try one random rule: an accepted rule gives the judge's dates, a refused one deserves refusal."""
    random = Random(seed)  # noqa: S311  # the same rules in every run
    text, zone = random_rule(random), ZoneInfo(random.choice(ZONES))
    rule = rules.parse(text)
    assert rules.parse(rule.text) == rule
    # Half of them start in the days before a change of the clocks.
    month, day = random.choice(
        [(3, 1), (3, 27), (4, 3), (10, 1), (10, 24), (11, 1), (2, 16), (random.randint(1, 12), 7)]
    )
    at = datetime(random.randint(2019, 2030), month, day, tzinfo=UTC) + timedelta(minutes=15 * random.randint(0, 400))
    first = shorten_instant(write_instant(at))
    if random.random() < 0.25 and rule.freq not in ("HOURLY", "MINUTELY"):
        first, rule = first[:10], rules._without_times(rule)
    try:
        rules.check(rule, first, zone)
    except RuleNeverOccurs:
        if rule.freq not in ("HOURLY", "MINUTELY"):
            assert judge(rule, first, zone, at + timedelta(days=3_650)) == [], text
        return "never"
    except RuleTooFrequent:
        if rule.freq not in ("HOURLY", "MINUTELY"):
            start = at.astimezone(zone).replace(tzinfo=None)
            endless = replace(rule, count=None)  # the pattern is refused, even if COUNT cuts it short
            assert has_close(list(walk_days(endless, start, start.date() + timedelta(days=3_660)))), text
        return "frequent"
    end = at + window(rule, random)
    dues = judge(rule, first, zone, end)
    found = rules.occurrences(rule, first, zone, None, len(dues) + 1)
    case = f"{seed} {text} from {first} in {zone.key}"
    assert found[: len(dues)] == dues, case
    if len(first) > 10:
        assert not has_close([due for due in map(read_instant, dues) if is_named(rule, due, at, zone)]), case
    assert all(sooner < later for sooner, later in pairwise(found)), case
    assert len(found) == len(dues) or found[-1] > (str(end.date()) if len(first) == 10 else write_instant(end)), case
    for index in sorted(random.sample(range(len(dues)), min(len(dues), 5))):
        expected = dues[index + 1] if index + 1 < len(dues) else rules.next_after(rule, first, zone, dues[-1])
        assert rules.next_after(rule, first, zone, dues[index]) == expected, case
        if index and len(first) > 10:
            just_before = read_instant(dues[index]) - timedelta(microseconds=1)
            assert rules.next_after(rule, first, zone, just_before) == dues[index], case
    rules.describe(rule, first, zone)
    return "same"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_second_judge_finds_the_same_dates(chunk: int) -> None:
    seen = [compare(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
    assert seen.count("same") > CHUNK // 3
