"""What people say every day: it is done as most people mean it, or asked; nothing wrong is saved in silence."""

from datetime import datetime
from typing import Any

import pytest

from agent.messages import Message
from tests.unit.command_replies import NOW, ask
from tests.unit.everyday import more_times, rules, times
from tests.unit.everyday.asked import ASKED
from tests.unit.everyday.places import PLACES, UNSURE
from tests.unit.everyday.reported import REPORTED, REPORTED_CALLS
from tests.unit.everyday.sentences import SENTENCES
from tests.unit.everyday.titles import TITLES

WEDNESDAY = datetime(2026, 12, 2, 15, 25, tzinfo=NOW.tzinfo)
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=NOW.tzinfo)
HELLO = (Message("user", "hello"), Message("assistant", "Hello!"))

TIMES = [
    *times.ABSOLUTE_DATES,
    *times.RELATIVE_DAYS,
    *times.WEEKDAYS,
    *times.CLOCK_TIMES,
    *times.PARTS_OF_THE_DAY,
    *times.ENDS_AND_PERIODS,
    *more_times.DAYS_OF_THE_MONTH,
    *more_times.MONTHS_AND_PERIODS,
    *more_times.COUNTED_FROM_A_DAY,
    *more_times.HOLIDAYS,
    *more_times.SAID_CLOCK_TIMES,
    *more_times.RANGES,
]
RULES = [*rules.SIMPLE_RULES, *rules.RICH_RULES]


def _show(args: dict[str, Any]) -> str:
    """Return the time of a new task in one line, as the tables write it."""
    said = str(args.get("rule", args.get("due", "")))
    if "first_due" in args:
        said += f" from {args['first_due']}"
    if "start" in args:
        said += f"not before {args['start']}"
    return f"after completion: {said}" if args.get("mode") == "after_completion" else said


@pytest.mark.parametrize(
    ("phrase", "expected", "now"), [(*row, WEDNESDAY) for row in TIMES] + [(*row, TUESDAY) for row in RULES]
)
def test_a_phrase_of_time_is_read_as_it_is_meant_or_asked(phrase: str, expected: str, now: datetime) -> None:
    said, calls = ask(f"add call Ann {phrase}", HELLO, now=now)
    if expected == "?":
        assert not calls
        assert "othing was changed" in said
        return
    [(_, args)] = calls
    assert (_show(args), args["title"]) == (expected, "call Ann")


@pytest.mark.parametrize(("row", "sentence", "expected"), REPORTED)
def test_a_sentence_that_once_went_wrong(row: str, sentence: str, expected: str) -> None:
    said, calls = ask(sentence, HELLO, now=WEDNESDAY)
    if expected == "?":
        assert not calls, row
        assert said
        return
    title, colon, when = expected.rpartition(": ")
    [(_, args)] = calls
    assert (args["title"], _show(args)) == (title if colon else "call Ann", when if colon else expected), row


@pytest.mark.parametrize(("row", "sentence", "tool", "some"), REPORTED_CALLS)
def test_a_sentence_that_once_went_wrong_calls_this(row: str, sentence: str, tool: str, some: dict[str, Any]) -> None:
    called, args = ask(sentence, HELLO, now=WEDNESDAY)[1][-1]
    assert (called, {name: args.get(name) for name in some}) == (tool, some), row


def test_t19_the_nearest_reading_of_an_hour_at_night() -> None:
    [(_, args)] = ask("remind me to go to bed at 11:30", HELLO, now=WEDNESDAY.replace(hour=23, minute=28))[1]
    assert args["due"] == "2026-12-02T23:30"


@pytest.mark.parametrize(("text", "title", "due"), TITLES)
def test_words_of_a_title_are_not_time(text: str, title: str, due: str | None) -> None:
    said, calls = ask(f"add {text}", HELLO, now=WEDNESDAY)
    if title == "?":
        assert not calls
        assert "othing was changed" in said
        return
    assert calls == [("create_task", {"title": title} | ({"due": due} if due else {}))]


@pytest.mark.parametrize(("sentence", "tool", "args"), [*SENTENCES, *PLACES])
def test_an_everyday_sentence_does_what_is_meant(sentence: str, tool: str, args: dict[str, Any]) -> None:
    assert ask(sentence, HELLO, now=WEDNESDAY)[1][-1] == (tool, args)


@pytest.mark.parametrize(("sentence", "answer"), [*ASKED, *UNSURE])
def test_an_everyday_sentence_in_doubt_changes_nothing(sentence: str, answer: str) -> None:
    said, calls = ask(sentence, HELLO, now=WEDNESDAY)
    assert not calls
    assert said.startswith(answer)


def test_of_everything_said_nearly_all_is_understood() -> None:
    """A table that asks too often would pass every other test."""
    assert len(TIMES) + len(RULES) + len(SENTENCES) + len(TITLES) >= 500
    asked = [row for row in [*TIMES, *RULES] if row[1] == "?"]
    assert len(asked) < 0.33 * len([*TIMES, *RULES])
