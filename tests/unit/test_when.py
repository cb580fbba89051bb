"""Dates, times and durations: parsed strictly, resolved in a zone, and written in words."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from todo.errors import InvalidTime
from todo.text import when
from todo.text.when import Duration

PROMISES = ("local-times",)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "Africa/Monrovia",
        "America/Havana",
        "Pacific/Apia",
        "UTC",
    )
]
often = settings(max_examples=200, deadline=None)
zones = st.sampled_from(ZONES) | st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
any_text = st.text(st.characters(), max_size=80)  # with surrogates, which text() alone leaves out
served_instants = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31, 23, 59, 59), timezones=st.just(UTC))
instants = st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("2026-11-27", "2026-11-27"),
        ("2026-11-27T17:00", "2026-11-27T16:00:00Z"),
        ("2026-11-27 17:00:30", "2026-11-27T16:00:30Z"),
        ("2026-11-27t17:00:00.5", "2026-11-27T16:00:00.500000Z"),
        ("2026-11-27T17:00Z", "2026-11-27T17:00:00Z"),
        ("2026-11-27T17:00:00z", "2026-11-27T17:00:00Z"),
        ("2026-11-27T17:00+05:45", "2026-11-27T11:15:00Z"),
        ("2026-11-27T17:00-0500", "2026-11-27T22:00:00Z"),
    ],
)
def test_a_time_is_read_in_the_persons_zone(text: str, due: str) -> None:
    assert when.read_time(text, BERLIN, NOW) == when.Reading(due)


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "2026-02-30", "2026-11-27T24:00", "2026-11-27T25:00", "2026-11-27T17:60", "2026-W48-5",
        "20261127", "2026-331", "0000-01-01", "0001-01-01", "1969-12-31", "9999-12-31", "9999-12-31T23:59Z",
        "２０２６-11-27", "2026-11-27T17:00:00[Europe/Berlin]", "2026-11-27T17:00+25:00", "2026-11-27T17:00+01:60",
        "2026-11-27\x00", "2026-11-27T17", "2026-11-27T17:00:00.1234567", "2026-11-27T１7:00",
        "2026-11-27\n", " 2026-11-27", "2026-11-27T23:59:60Z", "x" * 10_000, "\ud800", "9998-12-31T23:59-23:59",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_an_example_and_todays_date(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        when.read_time(text, BERLIN, NOW)
    assert "2026-11-25T17:00" in refused.value.next_step
    assert "Today is Mon 23 Nov 2026" in refused.value.next_step
    assert len(str(refused.value)) < 400


def test_a_local_time_in_a_gap_moves_later_and_says_so() -> None:
    reading = when.read_time("2026-03-29T02:30", BERLIN, NOW)
    assert reading.due == "2026-03-29T01:30:00Z"
    assert reading.warnings == (
        "02:30 on Sun 29 Mar 2026 does not exist in Europe/Berlin: the clocks jump; 03:30 is meant.",
    )


def test_a_local_time_on_a_day_left_out_moves_to_the_next_day_and_names_it() -> None:
    reading = when.read_time("2011-12-30T10:00", ZoneInfo("Pacific/Apia"), NOW)
    assert reading.due == "2011-12-30T20:00:00Z"
    assert "10:00 on Sat 31 Dec 2011 is meant" in reading.warnings[0]


@pytest.mark.parametrize("text", ["x" * 65, "2026\x00", "2026\u202e", "\ud800"])
def test_a_long_or_unprintable_text_is_not_repeated_in_the_refusal(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        when.read_time(text, BERLIN, NOW)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("zone", "text", "due"),
    [
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30:00Z"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30:00Z"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45:00Z"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45:00Z"),
        ("Africa/Casablanca", "2025-04-06T02:30", "2025-04-06T02:30:00Z"),
        ("Africa/Casablanca", "2025-02-23T02:30", "2025-02-23T01:30:00Z"),
    ],
)
def test_a_gap_moves_later_and_an_overlap_takes_the_first_in_every_zone(zone: str, text: str, due: str) -> None:
    reading = when.read_time(text, ZoneInfo(zone), NOW)
    assert (reading.due, len(reading.warnings)) == (due, 1)


def test_an_offset_of_a_quarter_hour_is_exact() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    assert when.read_time("2026-11-27T17:00", kathmandu, NOW) == when.Reading("2026-11-27T11:15:00Z")
    assert when.say_due("2026-11-27T11:15:00Z", kathmandu) == "Fri 27 Nov 2026, 17:00 Asia/Kathmandu"


def test_a_local_time_in_an_overlap_is_the_first_and_says_so() -> None:
    reading = when.read_time("2026-10-25T02:30", BERLIN, NOW)
    assert reading.due == "2026-10-25T00:30:00Z"
    assert reading.warnings == (
        "02:30 on Sun 25 Oct 2026 comes twice in Europe/Berlin; the first one is meant (UTC+2).",
    )


def test_words_and_the_form_to_send_back() -> None:
    assert when.say_due("2026-11-27T16:00:00Z", BERLIN) == "Fri 27 Nov 2026, 17:00 Europe/Berlin"
    assert when.say_due("2026-11-27T16:00:05Z", BERLIN) == "Fri 27 Nov 2026, 17:00 Europe/Berlin"
    assert when.say_due("2026-11-27", BERLIN) == "Fri 27 Nov 2026"
    assert when.say_due("2026-10-25T01:30:00Z", BERLIN) == "Sun 25 Oct 2026, 02:30 (UTC+1) Europe/Berlin"
    assert when.local_form("2026-11-27T16:00:00Z", BERLIN) == "2026-11-27T17:00"
    assert when.local_form("2026-10-25T01:30:00Z", BERLIN) == "2026-10-25T02:30+01:00"
    assert when.local_form("2026-10-25T00:30:00Z", BERLIN) == "2026-10-25T02:30+02:00"
    assert when.local_form("2026-11-27T16:00:00.500000Z", BERLIN) == "2026-11-27T17:00:00.500000"
    assert when.local_form("2026-11-27", BERLIN) == "2026-11-27"
    assert when.say_now(NOW, BERLIN) == "Mon 23 Nov 2026, 10:00 Europe/Berlin"


@often
@given(served_instants, st.booleans(), zones)
@example(datetime(1970, 1, 1, tzinfo=UTC), True, ZoneInfo("America/New_York"))
@example(datetime(9998, 12, 31, 23, 59, tzinfo=UTC), True, BERLIN)
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True, BERLIN)
def test_the_form_to_send_back_reads_as_the_same_instant_without_a_warning(
    at: datetime, whole: bool, zone: ZoneInfo
) -> None:
    due = when.read_time((at.replace(microsecond=0) if whole else at).isoformat(), zone, NOW).due
    assert when.read_time(when.local_form(due, zone), zone, NOW) == when.Reading(due)


@often
@given(any_text | st.from_regex(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?)?"), zones)
def test_reading_any_text_gives_a_due_or_a_refusal(text: str, zone: ZoneInfo) -> None:
    try:
        due = when.read_time(text, zone, NOW).due
    except InvalidTime:
        return
    assert when.say_due(due, zone)
    assert when.deadline_of(due, zone)


@often
@given(st.dates(date(1975, 1, 1), date(2090, 1, 1)), zones)
def test_local_days_share_out_the_time_without_gap_or_overlap(day: date, zone: ZoneInfo) -> None:
    start, end = when.day_bounds(day, zone)
    assert when.day_bounds(day + timedelta(days=1), zone)[0] == end
    assert start <= end
    if start < end:
        assert when.local_day(start, zone) == day
        assert when.local_day(end - timedelta(microseconds=1), zone) == day
    assert when.deadline_of(str(day), zone) < end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Africa/Casablanca", date(2025, 4, 6), 23),
        ("Asia/Kathmandu", date(2026, 3, 29), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),
        ("America/Havana", date(2026, 3, 8), 23),
        ("America/Sao_Paulo", date(2017, 10, 15), 23),
        ("America/Toronto", date(1919, 3, 31), 23.5),  # the clocks jumped from 23:30 to 00:30
    ],
)
def test_a_local_day_has_the_hours_that_its_zone_gives_it(zone: str, day: date, hours: float) -> None:
    start, end = when.day_bounds(day, ZoneInfo(zone))
    assert (end - start).total_seconds() == hours * 3600


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30m", Duration(0, 1800)), ("1h30m", Duration(0, 5400)), ("2d", Duration(2, 0)), ("1w", Duration(7, 0)),
        ("90 min", Duration(0, 5400)), ("0m", Duration(0, 0)), ("2 hours", Duration(0, 7200)),
        ("1 day", Duration(1, 0)),
        ("PT30M", Duration(0, 1800)), ("P1D", Duration(1, 0)), ("P1W", Duration(7, 0)), ("P1DT2H", Duration(1, 7200)),
        ("24h", Duration(0, 86_400)), ("1d2h", Duration(1, 7200)),
    ],
)  # fmt: skip
def test_a_duration_is_read(text: str, duration: Duration) -> None:
    assert when.read_duration(text) == duration
    assert when.read_duration(f"-{text}", signed=True) == -duration


@pytest.mark.parametrize(
    "text",
    ["", "-30m", "30", "m", "P", "PT", "1M", "P1M", "P1Y", "1 month", "1.5h", "99999999d", "３0m", "x" * 999, "1h 1"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        when.read_duration(text)


@often
@given(st.integers(0, 3000), st.integers(0, 86_400 * 30), st.sampled_from([1, -1]))
def test_a_duration_survives_being_written(days: int, seconds: int, sign: int) -> None:
    duration = Duration(sign * days, sign * seconds)
    assert when.read_duration(when.write_duration(duration), signed=True) == duration


@often
@given(any_text)
def test_reading_any_duration_gives_one_or_a_refusal(text: str) -> None:
    try:
        duration = when.read_duration(text, signed=True)
    except InvalidTime:
        return
    assert when.read_duration(when.write_duration(duration), signed=True) == duration


def test_days_keep_the_wall_time_and_hours_are_exact() -> None:
    due = "2026-03-28T11:00:00Z"  # noon in Berlin, the day before the clocks jump
    assert when.shift(due, Duration(1, 0), BERLIN) == when.Reading("2026-03-29T10:00:00Z")
    assert when.shift(due, Duration(0, 86_400), BERLIN) == when.Reading("2026-03-29T11:00:00Z")
    moved = when.shift("2026-03-28T01:30:00Z", Duration(1, 0), BERLIN)
    assert (moved.due, len(moved.warnings)) == ("2026-03-29T01:30:00Z", 1)
    assert when.shift("2026-11-27", Duration(-7, 0), BERLIN).due == "2026-11-20"
    with pytest.raises(InvalidTime, match="whole days"):
        when.shift("2026-11-27", Duration(0, 60), BERLIN)
    with pytest.raises(InvalidTime):
        when.shift("9998-12-31", Duration(400, 0), BERLIN)
    with pytest.raises(InvalidTime):
        when.shift("9998-12-31T00:00:00Z", Duration(400, 0), BERLIN)


@pytest.mark.parametrize(
    ("days", "moved", "word"),
    [(371, "2027-10-31T00:30:00Z", "comes twice"), (154, "2027-03-28T01:30:00Z", "does not exist")],
)
def test_a_due_in_the_second_of_two_equal_hours_moves_as_any_other(days: int, moved: str, word: str) -> None:
    reading = when.shift("2026-10-25T01:30:00Z", Duration(days, 0), BERLIN)
    assert reading.due == moved
    assert word in reading.warnings[0]


@often
@given(served_instants, st.integers(-3660, 3660), st.sampled_from(["UTC", "Asia/Kolkata", "Asia/Dubai"]))
def test_days_there_and_back_return_to_the_due_where_no_clock_jumps(at: datetime, days: int, name: str) -> None:
    zone = ZoneInfo(name)
    due = when.read_time(at.replace(microsecond=0).isoformat(), zone, NOW).due
    try:
        there = when.shift(due, Duration(days, 0), zone)
    except InvalidTime:
        assert not 1970 <= at.year + days / 365 <= 9998
        return
    assert when.shift(there.due, Duration(-days, 0), zone) == when.Reading(due)


def test_a_reminder_before_a_date_counts_from_the_start_of_the_day() -> None:
    assert when.before("2026-11-27", Duration(1, 0), BERLIN, "09:00") == datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    assert when.before("2026-11-27T16:00:00Z", Duration(0, 1800), BERLIN) == datetime(2026, 11, 27, 15, 30, tzinfo=UTC)


@often
@given(instants, st.integers(-2000, 2000), zones)
def test_whole_days_keep_the_wall_time_or_move_it_later_in_a_gap(at: datetime, days: int, zone: ZoneInfo) -> None:
    shown = when.add(at, Duration(days, 0), zone).astimezone(zone).replace(tzinfo=None)
    wall = at.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    exists = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    assert shown == wall if exists or days == 0 else shown > wall


@pytest.mark.parametrize("name", ["Europe/Berlin", "europe/berlin", "UTC"])
def test_a_zone_is_found_in_any_case(name: str) -> None:
    assert when.read_zone(name).key.lower() == name.lower()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe",
        "A" * 300,
        "../x",
        "/etc/passwd",
        "localtime",
        "posix/UTC",
        "right/UTC",
        "Factory",
        "a\x00b",
        "\ud800",
    ],
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidTime, match="no such time zone"):
        when.read_zone(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("Europe/Berln", "Europe/Berlin"), ("Berlin", "Europe/Berlin"), ("new york", "America/New_York")],
)
def test_a_near_zone_is_named(name: str, near: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        when.read_zone(name)
    assert refused.value.next_step == f"Did you mean {near}?"


@often
@given(any_text)
def test_reading_any_zone_gives_one_or_a_refusal(name: str) -> None:
    try:
        zone = when.read_zone(name)
    except InvalidTime:
        return
    assert zone.key.casefold() == name.casefold()


def test_shipped_zones_know_the_rules_of_this_year() -> None:
    when.prefer_shipped_zones()
    # Morocco left its summer time for good on 2026-09-20; a host's files may not know yet.
    casablanca = when.read_zone("Africa/Casablanca")
    assert datetime(2026, 12, 1, 12, tzinfo=UTC).astimezone(casablanca).utcoffset() == timedelta(0)
