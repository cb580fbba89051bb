"""Recurrence rules: read strictly, expanded in a zone, checked, and said in words."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.instants import read_instant
from todo.errors import RuleInvalid, RuleNeverOccurs, RuleTooFrequent, TodoError
from todo.recurrence import expansion as rules
from todo.recurrence.rule import LONGEST_RULE

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
FIVE = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu")
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # Wednesday, 10:00 in Berlin
ALL_HOURS, ALL_MINUTES = ",".join(map(str, range(24))), ",".join(map(str, range(60)))
FIRST = "2026-11-27T16:00:00Z"  # Friday, 17:00 in Berlin


def dues(text: str, first: str, zone: ZoneInfo, limit: int, after: str | datetime | None = None) -> list[str]:
    return rules.occurrences(rules.parse(text), first, zone, after, limit)


def walls(text: str, first: str, zone: ZoneInfo, limit: int) -> list[str]:
    return [f"{read_instant(due).astimezone(zone):%m-%d %H:%M}" for due in dues(text, first, zone, limit)]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("rrule:freq=daily", "FREQ=DAILY"),
        ("RRULE:FREQ=WEEKLY;WKST=MO;INTERVAL=1", "FREQ=WEEKLY"),
        ("BYDAY=TH,MO;FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("FREQ=MONTHLY;BYDAY=+1FR,-1fr;COUNT=05", "FREQ=MONTHLY;COUNT=5;BYDAY=-1FR,1FR"),
        ("FREQ=DAILY;UNTIL=20261231", "FREQ=DAILY;UNTIL=20261231"),
        ("FREQ=DAILY;UNTIL=20261231T170000", "FREQ=DAILY;UNTIL=20261231T170000"),
        ("freq=daily;until=20261231t170000z", "FREQ=DAILY;UNTIL=20261231T170000Z"),
        ("FREQ=YEARLY;WKST=SU;BYWEEKNO=20,-1;BYDAY=MO", "FREQ=YEARLY;BYWEEKNO=-1,20;BYDAY=MO;WKST=SU"),
        ("FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1"),
        # T27: as programs write them.
        ("FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;", "FREQ=WEEKLY;BYDAY=MO"),
        ("RRULE: FREQ=WEEKLY;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO"),
        ("RRULE : FREQ = WEEKLY ; BYDAY = MO, TH ;", "FREQ=WEEKLY;BYDAY=MO,TH"),
        (" rrule:freq=daily;interval=2 ", "FREQ=DAILY;INTERVAL=2"),
        ("FREQ=DAILY;BYHOUR=9, 10", "FREQ=DAILY;BYHOUR=9,10"),
    ],
)
def test_a_rule_has_one_canonical_text(text: str, canonical: str) -> None:
    assert rules.parse(text).text == canonical
    assert rules.parse(canonical) == rules.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("RRULE:", "empty"),
        ("every day", "NAME=VALUE"),
        ("FREQ", "NAME=VALUE"),
        ("FREQ=", "NAME=VALUE"),
        ("FREQ=DAILY;;", "NAME=VALUE"),
        (";", "empty"),
        ("RRULE: ;", "empty"),
        ("FREQ=DAI LY", "FREQ is one of"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=SECONDLY", "FREQ is one of"),
        ("FREQ=FORTNIGHTLY", "FREQ is one of"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ stands twice"),
        ("FREQ=DAILY;INTERVAL=2;INTERVAL=2", "INTERVAL stands twice"),
        ("FREQ=DAILY;BYHOUR=9;byhour=10", "BYHOUR stands twice"),
        ("FREQ=WEEKLY;BYDAY=MO,MO", "a value twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", "INTERVAL"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=10001", "COUNT"),
        ("FREQ=DAILY;COUNT=5;UNTIL=20261231", "exclude"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL"),
        ("FREQ=DAILY;UNTIL=2026-12-31", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20261231T1700", "UNTIL"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20261231T240000", "UNTIL"),
        ("FREQ=YEARLY;BYMONTH=0", "1 to 12"),
        ("FREQ=YEARLY;BYMONTH=13", "1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-1", "1 to 12"),
        ("FREQ=YEARLY;BYMONTH=1,,2", "1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "1 to 31 or -31 to -1"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "1 to 31"),
        ("FREQ=YEARLY;BYYEARDAY=367", "1 to 366"),
        ("FREQ=YEARLY;BYWEEKNO=54", "1 to 53"),
        ("FREQ=DAILY;BYHOUR=24", "0 to 23"),
        ("FREQ=DAILY;BYMINUTE=60", "0 to 59"),
        ("FREQ=DAILY;BYSECOND=60", "0 to 59"),
        ("FREQ=DAILY;BYHOUR=9 10", "0 to 23"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "1 to 366"),
        ("FREQ=MONTHLY;BYDAY=54MO", "1 to 53"),
        ("FREQ=MONTHLY;BYDAY=0MO", "1 to 53"),
        ("FREQ=MONTHLY;BYDAY=99MO", "1 to 53"),
        ("FREQ=WEEKLY;BYDAY=MONDAY", "weekdays"),
        ("FREQ=WEEKLY;WKST=1", "WKST"),
        ("FREQ=MONTHLY;BYWEEKNO=20", "BYWEEKNO does not go with FREQ=MONTHLY"),
        ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY does not go"),
        ("FREQ=WEEKLY;BYYEARDAY=1", "BYYEARDAY does not go"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY does not go"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY does not go"),
        ("FREQ=WEEKLY;BYDAY=1MO", "MONTHLY and YEARLY only"),
        ("FREQ=DAILY;BYDAY=-1FR", "MONTHLY and YEARLY only"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "not with BYWEEKNO"),
        ("FREQ=MONTHLY;BYSETPOS=1", "needs another BY part"),
        ("RSCALE=GREGORIAN;FREQ=DAILY", "RFC 7529"),
        ("FREQ=MONTHLY;SKIP=FORWARD", "RFC 7529"),
        ("FREQ=YEARLY;BYEASTER=0", "not a part of a rule"),
        ("FREQ=DAILY;X-NAME=1", "not a part of a rule"),
        ("FREQ=DAILY;DTSTART=20260101", "not a part of a rule"),
        ("FREQ=DAILY\nRRULE:FREQ=WEEKLY", "one line"),
        ("FREQ=DAILY\n", "one line"),
        ("FREQ=DAILY;\tCOUNT=1", "one line"),
        ("FREQ=DAILY;COUNT=１２", "ASCII"),
        ("FREQ=DAİLY", "ASCII"),
        ("\ud800", "ASCII"),
        ("FREQ=DAILY;COUNT=" + "1" * 2_000, "512 characters"),
        (f"FREQ=DAILY;BYHOUR={ALL_HOURS};BYMINUTE={ALL_MINUTES};BYSECOND=0,1;BYSETPOS=1", "times a day"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1;COUNT=201", "COUNT is at most 200"),
        ("FREQ=HOURLY;BYHOUR=9;COUNT=201", "COUNT is at most 200"),
    ],
)
def test_a_bad_rule_is_refused_with_the_reason_and_an_example(text: str, reason: str) -> None:
    with pytest.raises(RuleInvalid) as refused:
        rules.parse(text)
    assert reason in refused.value.sentence + refused.value.next_step
    assert refused.value.next_step
    assert len(refused.value.text) < 400


@given(st.text("FREQDAILYWKBYMOTHUNSP=;,-+0123456789:rule\n ", max_size=LONGEST_RULE + 2))
def test_any_text_is_read_or_refused(text: str) -> None:
    for tried in (text, f"FREQ=MONTHLY;{text}", f"FREQ=YEARLY;BYDAY={text}"):
        try:
            rule = rules.parse(tried)
            rules.describe(rule, FIRST, BERLIN)
            rules.check(rule, FIRST, BERLIN)
        except TodoError:
            pass


@pytest.mark.parametrize("name", FIVE)
def test_five_years_keep_the_wall_time_and_hours_go_by_elapsed_time(name: str) -> None:
    zone = ZoneInfo(name)
    start = datetime(2026, 1, 1, 2, 15, tzinfo=zone).astimezone(UTC).isoformat().replace("+00:00", "Z")
    found = [read_instant(due) for due in dues("FREQ=DAILY", start, zone, 1_826)]
    assert found == sorted(set(found))
    local = [at.astimezone(zone) for at in found]
    assert [at.date() for at in local] == [date(2026, 1, 1) + timedelta(days=day) for day in range(1_826)]
    # 02:15 moves only where it does not exist, later by the gap; where it comes twice, the first one counts.
    moved = [at for at in local if (at.hour, at.minute) != (2, 15)]
    named = [at.replace(hour=2, minute=15) for at in moved]
    assert all(at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at.replace(tzinfo=None) for at in named)
    assert {f"{at:%H:%M}" for at in moved} <= {"03:15", "02:45"}
    assert not any(at.fold for at in local)
    assert (len(moved) > 0) == (name != "Asia/Kathmandu")
    hours = [read_instant(due) for due in dues("FREQ=HOURLY;INTERVAL=12", start, zone, 3_652)]
    assert {later - sooner for sooner, later in pairwise(hours)} == {timedelta(hours=12)}


def test_a_time_in_a_gap_comes_later_and_counts_and_one_in_an_overlap_comes_once() -> None:
    assert walls("FREQ=DAILY;COUNT=3", "2026-03-28T01:30:00Z", BERLIN, 9) == [
        "03-28 02:30",
        "03-29 03:30",
        "03-30 02:30",
    ]
    assert dues("FREQ=DAILY;COUNT=3", "2026-10-24T00:30:00Z", BERLIN, 9) == [
        "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z",
    ]  # fmt: skip


def test_two_wall_times_that_are_one_instant_are_one_due() -> None:
    assert dues("FREQ=DAILY;BYHOUR=2,3", "2026-03-29T00:00:00Z", BERLIN, 3) == [
        "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z",
    ]  # fmt: skip


def test_a_time_in_a_gap_may_pass_the_next_one() -> None:
    # On 4 October 2026 02:00 becomes 02:30: 02:05 and 02:20 come at 02:35 and 02:50, around 02:40.
    found = walls("FREQ=DAILY;BYHOUR=2;BYMINUTE=5,20,40", "2026-10-02T15:35:00Z", LORD_HOWE, 6)
    assert found == ["10-03 02:05", "10-03 02:20", "10-03 02:40", "10-04 02:35", "10-04 02:40", "10-04 02:50"]


def test_a_day_that_a_zone_leaves_out_is_one_due_less() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert walls("FREQ=DAILY", "2011-12-29T19:00:00Z", apia, 3) == ["12-29 09:00", "12-31 09:00", "01-01 09:00"]


def test_hours_pass_both_halves_of_an_overlap() -> None:
    assert walls("FREQ=HOURLY", "2026-10-24T23:30:00Z", BERLIN, 4) == [
        "10-25 01:30", "10-25 02:30", "10-25 02:30", "10-25 03:30",
    ]  # fmt: skip
    assert walls("FREQ=HOURLY;BYHOUR=2", "2026-10-24T00:00:00Z", BERLIN, 4)[1:3] == ["10-25 02:00", "10-25 02:00"]


def test_hours_that_a_change_cuts_have_some_of_their_minutes() -> None:
    rule = "FREQ=HOURLY;BYMINUTE=0,20,40"
    assert walls(rule, "2026-10-03T14:40:00Z", LORD_HOWE, 4) == [
        "10-04 01:20",
        "10-04 01:40",
        "10-04 02:40",
        "10-04 03:00",
    ]
    assert walls(rule, "2026-04-04T14:20:00Z", LORD_HOWE, 4) == [
        "04-05 01:20",
        "04-05 01:40",
        "04-05 01:40",
        "04-05 02:00",
    ]


def test_a_change_of_the_clocks_brings_hours_that_were_never_met() -> None:
    # Every 24 hours from 09:00 in winter is 10:00 in summer.
    assert walls("FREQ=HOURLY;INTERVAL=24;BYHOUR=10", "2026-11-25T08:00:00Z", BERLIN, 1) == ["03-28 10:00"]
    minutes = "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=10;BYDAY=SU"
    assert walls(minutes, "2026-11-25T08:00:00Z", BERLIN, 2) == ["03-28 10:00", "04-04 10:00"]


def test_days_that_do_not_exist_are_left_out_and_not_counted() -> None:
    assert dues("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", "2026-01-31", BERLIN, 9) == [
        "2026-01-31", "2026-03-31", "2026-05-31"
    ]  # fmt: skip
    assert dues("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "2026-01-31", BERLIN, 9)[1] == "2026-02-28"
    assert dues("FREQ=YEARLY", "2024-02-29", BERLIN, 3) == ["2024-02-29", "2028-02-29", "2032-02-29"]


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        # python-dateutil alone gets each of these wrong.
        ("FREQ=MONTHLY;BYDAY=MO,1FR", "2026-11-01", ["2026-11-02", "2026-11-06", "2026-11-09"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "2026-11-25", ["2026-11-30", "2026-12-07"]),
        ("FREQ=YEARLY;BYWEEKNO=20", "2026-05-12", ["2026-05-12", "2027-05-18"]),
        ("FREQ=YEARLY;BYWEEKNO=-53;BYDAY=MO", "2019-01-01", ["2019-12-30", "2025-12-29"]),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=53MO,1TU", "2026-12-01", ["2026-12-01", "2027-12-07"]),
    ],
)
def test_faults_of_the_library_below_are_mended(text: str, first: str, expected: list[str]) -> None:
    assert dues(text, first, BERLIN, len(expected)) == expected


@pytest.mark.parametrize(
    ("until", "first", "count"),
    [
        ("20261129", FIRST, 3),
        ("20261129T170000", FIRST, 3),
        ("20261129T165959", FIRST, 2),
        ("20261129T160000Z", FIRST, 3),
        ("20261129T155959Z", FIRST, 2),
        ("20261129", "2026-11-27T22:59:59Z", 3),  # 23:59:59 in Berlin
        ("20261129", "2026-11-27", 3),
        ("20261129T000000", "2026-11-27", 3),
        ("20261128T230000Z", "2026-11-27", 3),  # midnight of the 29th in Berlin
        ("20261128T225959Z", "2026-11-27", 2),
    ],
)
def test_until_is_an_instant_and_inclusive(until: str, first: str, count: int) -> None:
    assert len(dues(f"FREQ=DAILY;UNTIL={until}", first, BERLIN, 9)) == count


def test_after_is_strict_and_may_be_a_date_or_an_instant() -> None:
    assert dues("FREQ=DAILY", FIRST, BERLIN, 1, FIRST) == ["2026-11-28T16:00:00Z"]
    assert dues("FREQ=DAILY", FIRST, BERLIN, 1, "2026-11-28") == ["2026-11-29T16:00:00Z"]
    assert dues("FREQ=DAILY", FIRST, BERLIN, 1, datetime(2020, 1, 1, tzinfo=UTC)) == [FIRST]
    assert dues("FREQ=DAILY", "2026-11-27", BERLIN, 1, "2026-11-27") == ["2026-11-28"]
    # 23:30 in UTC is the 28th in Berlin.
    assert dues("FREQ=DAILY", "2026-11-27", BERLIN, 1, datetime(2026, 11, 27, 23, 30, tzinfo=UTC)) == ["2026-11-29"]
    assert rules.next_after(rules.parse("FREQ=DAILY;COUNT=2"), "2026-11-27", BERLIN, "2026-11-28") is None


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MINUTELY", "FREQ=MINUTELY;INTERVAL=14", "FREQ=MINUTELY;INTERVAL=15;BYSECOND=0,30",
        "FREQ=MINUTELY;INTERVAL=5;BYMINUTE=0,10", "FREQ=MINUTELY;INTERVAL=1;BYMINUTE=59,0",
        "FREQ=HOURLY;BYMINUTE=0,10", "FREQ=HOURLY;BYMINUTE=0,50", "FREQ=HOURLY;BYMINUTE=0,50;BYHOUR=23,0",
        "FREQ=DAILY;BYMINUTE=0,14", "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,50", "FREQ=DAILY;BYSECOND=0,59",
        "FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0,50", "FREQ=WEEKLY;BYDAY=SU,MO;BYHOUR=0,23;BYMINUTE=0,50",
        "FREQ=MONTHLY;BYDAY=MO;BYMINUTE=0,5;BYSETPOS=1,2",
        f"FREQ=YEARLY;BYHOUR={ALL_HOURS};BYMINUTE={ALL_MINUTES};BYSETPOS=1,2",
    ],
)  # fmt: skip
def test_dates_closer_than_15_minutes_are_refused(text: str) -> None:
    with pytest.raises(RuleTooFrequent, match="15 minutes"):
        rules.check(rules.parse(text), FIRST, BERLIN)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MINUTELY;INTERVAL=15", "FREQ=MINUTELY;INTERVAL=7;BYMINUTE=0", "FREQ=MINUTELY;BYMINUTE=0,15,30,45",
        "FREQ=HOURLY;BYMINUTE=0,45", "FREQ=HOURLY;BYMINUTE=0,50;BYHOUR=9,11", "FREQ=HOURLY;INTERVAL=2;BYMINUTE=0,50",
        "FREQ=HOURLY;BYMINUTE=0,1,2;BYSETPOS=-1", "FREQ=MINUTELY;INTERVAL=30;BYSECOND=0,30;BYSETPOS=1",
        "FREQ=DAILY;BYHOUR=9,11;BYMINUTE=0,50", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=0,23;BYMINUTE=0,50",
        "FREQ=MONTHLY;BYDAY=MO;BYMINUTE=0,5;BYSETPOS=1,3",
    ],
)  # fmt: skip
def test_dates_15_minutes_apart_are_accepted(text: str) -> None:
    assert rules.check(rules.parse(text), FIRST, BERLIN) == ()


def test_a_rule_that_cannot_come_is_refused() -> None:
    for text in (
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=6FR", "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3", "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31", "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=MINUTELY;INTERVAL=30;BYMINUTE=10", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=9",
    ):  # fmt: skip
        with pytest.raises(RuleNeverOccurs, match="no date in the 10 years"):
            rules.check(rules.parse(text), FIRST, BERLIN)
    with pytest.raises(RuleInvalid, match="UNTIL lies before the first due"):
        rules.check(rules.parse("FREQ=DAILY;UNTIL=20261126"), FIRST, BERLIN)
    with pytest.raises(RuleInvalid, match="UNTIL lies before the first due"):
        rules.check(rules.parse("FREQ=DAILY;UNTIL=20261126T120000Z"), "2026-11-27", BERLIN)
    with pytest.raises(RuleInvalid, match="first_due with a time"):
        rules.check(rules.parse("FREQ=HOURLY"), "2026-11-27", BERLIN)


@pytest.mark.parametrize(
    ("text", "first", "warning"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=31", FIRST, "Months without a 31st are skipped; BYMONTHDAY=-1 is the last day."),
        ("FREQ=MONTHLY", "2026-01-30", "Months without a 30th are skipped; BYMONTHDAY=-1 is the last day."),
        (
            "FREQ=YEARLY",
            "2028-02-29",
            "Years without a 29 February are skipped; BYMONTH=2;BYMONTHDAY=-1 is the last day.",
        ),
        (
            "FREQ=YEARLY;BYMONTH=2,4;BYMONTHDAY=30",
            "2026-04-30",
            "Months without a 30th are skipped; BYMONTH=2,4;BYMONTHDAY=-1 is the last day.",
        ),
        (
            "FREQ=YEARLY;BYMONTHDAY=31",
            "2026-01-31",
            "Months without a 31st are skipped; BYMONTHDAY=-1 is the last day.",
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", FIRST, None),
        ("FREQ=YEARLY", "2026-12-31", None),
        ("FREQ=MONTHLY;INTERVAL=12", "2026-01-31", None),
        ("FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", FIRST, None),
    ],
)
def test_a_rule_that_skips_months_is_warned_of(text: str, first: str, warning: str | None) -> None:
    assert rules.check(rules.parse(text), first, BERLIN) == ((warning,) if warning else ())


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("FREQ=DAILY", "2026-11-25"),
        ("FREQ=WEEKLY", "2026-11-25"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2026-11-30"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-27"),
        ("FREQ=DAILY;BYHOUR=9", "2026-11-26T08:00:00Z"),
        ("FREQ=DAILY;BYHOUR=10", "2026-11-25T09:00:00Z"),
        ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=30", "2026-11-25T16:30:00Z"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "2028-02-29"),
    ],
)
def test_the_default_first_due_is_the_first_date_from_now(text: str, first: str) -> None:
    rule = rules.parse(text)
    assert rules.default_first(rule, BERLIN, NOW) == first
    assert rules.snap(rule, first, BERLIN) == (first, None)


def test_without_a_first_date_there_is_no_default() -> None:
    with pytest.raises(RuleInvalid, match="2026-11-25T09:00"):
        rules.default_first(rules.parse("FREQ=HOURLY"), BERLIN, NOW)
    with pytest.raises(RuleNeverOccurs):
        rules.default_first(rules.parse("FREQ=DAILY;UNTIL=20261124"), BERLIN, NOW)


def test_a_first_due_off_the_rule_moves_to_the_next_date() -> None:
    friday = rules.parse("FREQ=MONTHLY;BYDAY=-1FR")
    assert rules.snap(friday, "2026-11-25", BERLIN) == (
        "2026-11-27", "Wed 25 Nov 2026 is not on the rule; the first due is Fri 27 Nov 2026."
    )  # fmt: skip
    timed, warning = rules.snap(rules.parse("FREQ=DAILY;BYHOUR=17"), "2026-11-27", BERLIN)
    assert timed == FIRST
    assert warning == "The rule names a time, so the first due is Fri 27 Nov 2026, 17:00 Europe/Berlin."
    # Of two equal local times only the first is a date of the rule.
    assert rules.snap(rules.parse("FREQ=DAILY"), "2026-10-25T01:30:00Z", BERLIN)[0] == "2026-10-26T01:30:00Z"
    with pytest.raises(RuleInvalid):
        rules.snap(rules.parse("FREQ=DAILY;BYHOUR=9;UNTIL=20261127T120000"), FIRST, BERLIN)
