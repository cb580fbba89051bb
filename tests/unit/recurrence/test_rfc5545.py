"""Every example of RFC 5545, section 3.8.5.3, with the dates that the RFC gives, in America/New_York."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from events.instants import read_instant, shorten_instant, write_instant
from todo.recurrence import expansion as rules
from todo.text.when import resolve_local

PROMISES = ("recurrence-rules",)

ZONE = ZoneInfo("America/New_York")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EVERY_20 = " ".join(f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40))
JANUARIES = "1998 Jan 1-31; 1999 Jan 1-31; 2000 Jan 1-31"
TUESDAYS = "1997 Sep 2,9,16,23,30; Oct 7,14,21,28; Nov 4"
TUESDAYS_AND_THURSDAYS = "1997 Sep 2,4,9,11,16,18,23,25,30; Oct 2"
EVERY_OTHER = "Oct 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30; Nov 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29; Dec 1,3 ..."
THURSDAYS = (
    "1998 Jun 4,11,18,25; Jul 2,9,16,23,30; Aug 6,13,20,27; 1999 Jun 3,10,17,24; Jul 1,8,15,22,29; Aug 5,12,19,26 ..."
)

# First due, rule, and dates; "..." where the RFC's list is open. All at 09:00 unless times are given.
EXAMPLES = [
    ("1997-09-02", "FREQ=DAILY;COUNT=10", "1997 Sep 2-11"),
    ("1997-09-02", "FREQ=DAILY;UNTIL=19971224T000000Z", "1997 Sep 2-30; Oct 1-31; Nov 1-30; Dec 1-23"),
    (
        "1997-09-02",
        "FREQ=DAILY;INTERVAL=2",
        "1997 Sep 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30; " + EVERY_OTHER,
    ),
    ("1997-09-02", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997 Sep 2,12,22; Oct 2,12"),
    ("1998-01-01", "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", JANUARIES),
    ("1998-01-01", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", JANUARIES),
    ("1997-09-02", "FREQ=WEEKLY;COUNT=10", TUESDAYS),
    ("1997-09-02", "FREQ=WEEKLY;UNTIL=19971224T000000Z", TUESDAYS + ",11,18,25; Dec 2,9,16,23"),
    (
        "1997-09-02",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "1997 Sep 2,16,30; Oct 14,28; Nov 11,25; Dec 9,23; 1998 Jan 6,20; Feb 3,17 ...",
    ),
    ("1997-09-02", "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", TUESDAYS_AND_THURSDAYS),
    ("1997-09-02", "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", TUESDAYS_AND_THURSDAYS),
    (
        "1997-09-01",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997 Sep 1,3,5,15,17,19,29; Oct 1,3,13,15,17,27,29,31; Nov 10,12,14,24,26,28; Dec 8,10,12,22",
    ),
    ("1997-09-02", "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997 Sep 2,4,16,18,30; Oct 2,14,16"),
    (
        "1997-09-05",
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997 Sep 5; Oct 3; Nov 7; Dec 5; 1998 Jan 2; Feb 6; Mar 6; Apr 3; May 1; Jun 5",
    ),
    ("1997-09-05", "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997 Sep 5; Oct 3; Nov 7; Dec 5"),
    (
        "1997-09-07",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997 Sep 7,28; Nov 2,30; 1998 Jan 4,25; Mar 1,29; May 3,31",
    ),
    (
        "1997-09-22",
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997 Sep 22; Oct 20; Nov 17; Dec 22; 1998 Jan 19; Feb 16",
    ),
    (
        "1997-09-28",
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "1997 Sep 28; Oct 29; Nov 28; Dec 29; 1998 Jan 29; Feb 26 ...",
    ),
    (
        "1997-09-02",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997 Sep 2,15; Oct 2,15; Nov 2,15; Dec 2,15; 1998 Jan 2,15",
    ),
    (
        "1997-09-30",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997 Sep 30; Oct 1,31; Nov 1,30; Dec 1,31; 1998 Jan 1,31; Feb 1",
    ),
    (
        "1997-09-10",
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997 Sep 10-15; 1999 Mar 10-13",
    ),
    (
        "1997-09-02",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997 Sep 2,9,16,23,30; Nov 4,11,18,25; 1998 Jan 6,13,20,27; Mar 3,10,17,24,31 ...",
    ),
    (
        "1997-06-10",
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "1997 Jun 10; Jul 10; 1998 Jun 10; Jul 10; 1999 Jun 10; Jul 10; 2000 Jun 10; Jul 10; 2001 Jun 10; Jul 10",
    ),
    (
        "1997-03-10",
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997 Mar 10; 1999 Jan 10; Feb 10; Mar 10; 2001 Jan 10; Feb 10; Mar 10; 2003 Jan 10; Feb 10; Mar 10",
    ),
    (
        "1997-01-01",
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "1997 Jan 1; Apr 10; Jul 19; 2000 Jan 1; Apr 9; Jul 18; 2003 Jan 1; Apr 10; Jul 19; 2006 Jan 1",
    ),
    ("1997-05-19", "FREQ=YEARLY;BYDAY=20MO", "1997 May 19; 1998 May 18; 1999 May 17 ..."),
    ("1997-05-12", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997 May 12; 1998 May 11; 1999 May 17 ..."),
    (
        "1997-03-13",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "1997 Mar 13,20,27; 1998 Mar 5,12,19,26; 1999 Mar 4,11,18,25 ...",
    ),
    (
        "1997-06-05",
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997 Jun 5,12,19,26; Jul 3,10,17,24,31; Aug 7,14,21,28; " + THURSDAYS,
    ),
    # The RFC removes the first due by EXDATE; it is off the rule, so our dates never include it.
    (
        "1997-09-02",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1998 Feb 13; Mar 13; Nov 13; 1999 Aug 13; 2000 Oct 13 ...",
    ),
    (
        "1997-09-13",
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997 Sep 13; Oct 11; Nov 8; Dec 13; 1998 Jan 10; Feb 7; Mar 7; Apr 11; May 9; Jun 13 ...",
    ),
    (
        "1996-11-05",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996 Nov 5; 2000 Nov 7; 2004 Nov 2 ...",
    ),
    ("1997-09-04", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997 Sep 4; Oct 7; Nov 6"),
    (
        "1997-09-29",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997 Sep 29; Oct 30; Nov 27; Dec 30; 1998 Jan 29; Feb 26; Mar 30 ...",
    ),
    # The RFC lists 15:00 as well; by erratum 3883 it meant UNTIL=19970902T210000Z, and 17:00Z is 13:00 there.
    ("1997-09-02", "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z", "1997 Sep 2 at 09:00 12:00"),
    ("1997-09-02", "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", "1997 Sep 2 at 09:00 12:00 15:00"),
    ("1997-09-02", "FREQ=MINUTELY;INTERVAL=15;COUNT=6", "1997 Sep 2 at 09:00 09:15 09:30 09:45 10:00 10:15"),
    ("1997-09-02", "FREQ=MINUTELY;INTERVAL=90;COUNT=4", "1997 Sep 2 at 09:00 10:30 12:00 13:30"),
    (
        "1997-09-02",
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        f"1997 Sep 2 at {EVERY_20}; Sep 3 at {EVERY_20} ...",
    ),
    (
        "1997-09-02",
        "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
        f"1997 Sep 2 at {EVERY_20}; Sep 3 at {EVERY_20} ...",
    ),
    ("1997-08-05", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997 Aug 5,10,19,24"),
    ("1997-08-05", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997 Aug 5,17,19,31"),
    ("2007-01-15", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007 Jan 15,30; Feb 15; Mar 15,30"),
]


def spell(dates: str) -> list[str]:
    """Return the local times of a list such as `1997 Sep 2-11; Oct 1,3; 1998 Jan 2 at 09:00 12:00`."""
    year, spelled = 0, []
    for part in dates.removesuffix(" ...").split("; "):
        days, _, times = part.partition(" at ")
        *front, name, numbers = days.split()
        year = int(front[0]) if front else year
        for span in numbers.split(","):
            low, _, high = span.partition("-")
            for day in range(int(low), int(high or low) + 1):
                clock = (times or "09:00").split()
                spelled += [f"{year}-{MONTHS.index(name) + 1:02}-{day:02}T{time}" for time in clock]
    return spelled


def local(due: str) -> str:
    return read_instant(due).astimezone(ZONE).replace(tzinfo=None).isoformat()[:16]


@pytest.mark.parametrize(("day", "text", "dates"), EXAMPLES)
def test_the_dates_are_those_of_the_rfc(day: str, text: str, dates: str) -> None:
    rule, expected = rules.parse(text), spell(dates)
    start = resolve_local(datetime.fromisoformat(f"{day}T09:00"), ZONE)
    first = shorten_instant(write_instant(start))
    rules.check(rule, first, ZONE)
    limit = len(expected) + (0 if dates.endswith("...") else 5)
    found = rules.occurrences(rule, first, ZONE, None, limit)
    assert [local(due) for due in found] == expected
    for due, following in pairwise(found):
        assert rules.next_after(rule, first, ZONE, due) == following
    if not dates.endswith("..."):
        assert rules.next_after(rule, first, ZONE, found[-1]) is None


@pytest.mark.parametrize(("day", "text", "dates"), [e for e in EXAMPLES if "HOUR" not in e[1] and "MINUTE" not in e[1]])
def test_the_same_days_without_a_time(day: str, text: str, dates: str) -> None:
    expected = [at[:10] for at in spell(dates)]
    rule = rules.parse(text)
    assert rules.occurrences(rule, day, ZONE, None, len(expected)) == expected
    assert rules.next_after(rule, day, ZONE, expected[0]) == expected[1]
