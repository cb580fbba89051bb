"""Recurrence rules in plain words."""

from zoneinfo import ZoneInfo

import pytest

from todo.recurrence import expansion as rules

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = "2026-11-27T16:00:00Z"  # Friday, 17:00 in Berlin


@pytest.mark.parametrize(
    ("text", "first", "words"),
    [
        ("FREQ=DAILY", None, "every day"),
        ("FREQ=DAILY", "2026-11-27", "every day"),
        ("FREQ=DAILY;BYHOUR=9,17", None, "every day at 09:00 and 17:00"),
        ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0;BYSETPOS=-1", None, "every day at 17:00"),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", None, "every weekday"),
        ("FREQ=DAILY;INTERVAL=2;BYDAY=MO", None, "every 2 days, only on Monday"),
        ("FREQ=MONTHLY;BYDAY=-1FR", FIRST, "on the last Friday of each month at 17:00"),
        ("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17", None, "on the last Friday of each month at 17:00"),
        ("FREQ=MONTHLY;BYDAY=2WE", None, "on the second Wednesday of each month"),
        ("FREQ=MONTHLY;BYDAY=1MO,3FR", None, "on the first Monday and the third Friday of each month"),
        ("FREQ=DAILY;UNTIL=20261231T233000Z", None, "every day, until 1 Jan 2027"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=-2MO", None, "every 2 months on the 2nd to last Monday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", None, "every 2 weeks on Mon and Thu"),
        ("FREQ=WEEKLY", "2026-11-27", "every Friday"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", None, "every 31st of the month"),
        ("FREQ=MONTHLY", "2026-11-22", "every 22nd of the month"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", None, "every last day of the month"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", None, "on the last weekday of each month"),
        (
            "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1",
            None,
            "every Saturday and Sunday, of these only the first in each month",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            None,
            "every month, only on the 13th of the month and on Friday",
        ),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", None, "every year on 24 December"),
        ("FREQ=YEARLY", "2028-02-29", "every year on 29 February"),
        ("FREQ=YEARLY;BYMONTHDAY=-1", None, "every year on the last day of every month"),
        ("FREQ=YEARLY;BYMONTHDAY=15,-1", "2026-11-30", "every year on the 15th and last day of every month"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=1", None, "every 2 years on the 1st of every month"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", None, "every year on the last day of February"),
        ("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", None, "every year on the last Sunday of each of March and October"),
        ("FREQ=YEARLY;BYDAY=20MO", None, "every year on the 20th Monday of the year"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", None, "every year, only in week 20 of the year and on Monday"),
        ("FREQ=YEARLY;BYYEARDAY=1,-1", None, "every year, only on days 1 from the end and 1 of the year"),
        ("FREQ=MINUTELY;INTERVAL=15", FIRST, "every 15 minutes"),
        ("FREQ=HOURLY;BYHOUR=9,10;BYDAY=MO", FIRST, "every hour at hours 9 and 10, only on Monday"),
        ("FREQ=DAILY;COUNT=5", None, "every day, 5 times"),
        ("FREQ=DAILY;COUNT=1", None, "every day, once"),
        ("FREQ=DAILY;UNTIL=20261231", None, "every day, until 31 Dec 2026"),
        ("FREQ=DAILY;UNTIL=20261231T170000Z", None, "every day, until 31 Dec 2026"),
    ],
)
def test_a_rule_is_said_in_plain_words(text: str, first: str | None, words: str) -> None:
    assert rules.describe(rules.parse(text), first, BERLIN) == words
