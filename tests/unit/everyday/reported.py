"""Sentences that once went wrong, by the number of their report, and what they do on Wed 2 December 2026 at 15:25.

The expectation is a due, a rule with its RRULE, or "?" where the sentence has to be asked about; a title stands before
a colon where it is not "call Ann".
"""

from typing import Any

REPORTED: list[tuple[str, str, str]] = [
    ("T1", "add water cactus every 10 days", "water cactus: FREQ=DAILY;INTERVAL=10"),
    ("T1", "add change filter every 12 months", "change filter: FREQ=MONTHLY;INTERVAL=12"),
    ("T1", "add pills every 12 hours", "pills: FREQ=HOURLY;INTERVAL=12 from 2026-12-03T03:25"),
    ("T1", "add stretch every 15 minutes", "stretch: FREQ=MINUTELY;INTERVAL=15 from 2026-12-02T15:40"),
    ("T1", "remind me every 10 days to water the cactus", "water the cactus: FREQ=DAILY;INTERVAL=10 from 2026-12-12"),
    ("T2", "add call Ann tmrw 5pm", "2026-12-03T17:00"),
    ("T2", "add call Ann tmr at 5", "2026-12-03T17:00"),
    ("T2", "add call Ann fri 5pm", "2026-12-04T17:00"),
    ("T2", "add call Ann thurs 5pm", "2026-12-03T17:00"),
    ("T2", "remind me to call Ann fri 5pm", "2026-12-04T17:00"),
    ("T2", "add call Ann nxt friday 5pm", "2026-12-11T17:00"),
    ("T2", "add call Ann tomorow 5pm", "2026-12-03T17:00"),
    ("T2", "add call Ann frday 5pm", "?"),
    ("T4", "add call Ann a week on friday", "2026-12-11"),
    ("T4", "add call Ann 2 weeks on friday", "2026-12-18"),
    ("T4", "add call Ann a week today", "2026-12-09"),
    ("T4", "add call Ann next week friday", "2026-12-11"),
    ("T4", "remind me to call Ann a week on friday", "2026-12-11"),
    ("T6", "add feed the cat daily except sundays", "?"),
    ("T7", "remind me at ten to five to call Ann", "2026-12-02T16:50"),
    ("T7", "remind me at five to six to lock up", "lock up: 2026-12-02T17:55"),
    ("T7", "remind me at 5 to 6 to lock up", "lock up: 2026-12-02T17:55"),
    ("T7", "add call Ann at twenty to eight", "2026-12-02T19:40"),
    ("T7", "add call Ann at ten past five", "2026-12-02T17:10"),
    ("T7", "add call Ann next monday at quarter to nine", "2026-12-07T08:45"),
    ("T15", "add standup mon-fri at 9", "?"),
    ("T15", "add standup monday through friday at 9", "?"),
    ("T15", "add daily standup at 9", "?"),
    ("T16", "don't let me forget to cancel the gym trial before the 15th", "?"),
    ("T16", "add call Ann before the 15th", "?"),
    ("T16", "add call Ann friday week", "2026-12-11"),
    ("T16", "add call Ann friday 17:00-18:00", "2026-12-04T17:00"),
    ("T16", "add call Ann two fridays from now", "2026-12-11"),
    ("T16", "add call Ann in a fortnight", "2026-12-16"),
    ("T16", "add call Ann at ten to five", "2026-12-02T16:50"),
    ("T16", "add call Ann in 2-3 days", "?"),
    ("T16", "add call Ann fri night", "2026-12-04T20:00"),
    ("T16", "add call Ann at christmas", "2026-12-25"),
    ("T17", "remind me to get up at 6 tomorrow", "?"),
    ("T18", "remind me today at 7 to call Ann", "2026-12-02T19:00"),
    ("T18", "add call Ann today at 7", "2026-12-02T19:00"),
    ("T18", "add call Ann tonight at 1", "2026-12-03T01:00"),
    ("T19", "remind me at 7 to call Ann", "2026-12-02T19:00"),
    ("T22", "add eggs to my shopping list", "eggs: "),
    ("T22", "put eggs on the shopping list", "eggs: "),
    ("T30", "remind me to call mum at half 6", "?"),
    ("T32", "add call grandma every sunday until christmas", "call grandma: FREQ=WEEKLY;BYDAY=SU;UNTIL=20261225"),
    ("T32", "add report, due end of next week, high priority", "report: 2026-12-13"),
    ("T32", "set a reminder for 4 p.m. today to head home", "head home: 2026-12-02T16:00"),
]

REPORTED_CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "T3",
        "remind me to take pills daily",
        "create_recurring_task",
        {"rule": "FREQ=DAILY", "mode": "every_occurrence", "first_due": "2026-12-03"},
    ),
    (
        "T3",
        "remind me every weekday at 8:45 to join the standup",
        "create_recurring_task",
        {"rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=45", "mode": "every_occurrence"},
    ),
    ("T5", "do I have anything on friday?", "find_tasks", {"due_from": "2026-12-04", "due_until": "2026-12-04"}),
    ("T5", "do I have anything on the 4th?", "find_tasks", {"due_from": "2026-12-04", "due_until": "2026-12-04"}),
    ("T5", "do I have anything to do tomorrow?", "find_tasks", {"due_from": "2026-12-03", "due_until": "2026-12-03"}),
    ("T5", "show everything tagged work", "find_tasks", {"tags": ["work"]}),
    ("T5", "show open tasks sorted by priority", "find_tasks", {"sort": "priority"}),
    ("T21", 'add note "bring card" to dentist', "update_task", {"append_notes": "bring card"}),
    ("T23", "stop repeating the retro", "update_recurring_task", {"ends": "1"}),
]
"""What such a sentence calls in the end, and some of its arguments."""
