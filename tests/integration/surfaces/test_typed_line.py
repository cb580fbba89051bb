"""A task typed in one line: REST, the conversation and the shell read it in the same way, and swallow no time."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.cli.add_task import add_task
from tests.unit.command_replies import ask
from tests.world import World

PROMISES = ("typed-line",)

pytestmark = pytest.mark.anyio

READ: dict[str, dict[str, Any]] = {
    "water the plants every monday at 18:00 #home !high": {
        "title": "water the plants",
        "rule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18",
        "tags": ["home"],
        "priority": "high",
    },
    "#work send the report tomorrow 5pm #urgent-ish": {
        "title": "send the report",
        "due": "2026-11-24T17:00",
        "tags": ["work", "urgent-ish"],
    },
    "dentist friday at 3pm, remind me 30 minutes before": {
        "title": "dentist",
        "due": "2026-11-27T15:00",
        "reminders": ["30m"],
    },
    "dentist friday at 3pm remind me tomorrow at 9": {
        "title": "dentist",
        "due": "2026-11-27T15:00",
        "reminders": ["2026-11-24T09:00"],
    },
    "pay the rent, high priority, on the 1st": {"title": "pay the rent", "due": "2026-12-01", "priority": "high"},
    'read "mum on friday" tomorrow': {"title": 'read "mum on friday"', "due": "2026-11-24"},
    "fix bug #12": {"title": "fix bug #12"},
    "buy milk": {"title": "buy milk"},
}
"""What is typed on Monday, 23 November 2026, 10:00, and what is read; the conversation gets it after "add"."""

UNREAD = {
    "call mum at 25:99 #home": ("call mum at 25:99", "at 25:99", "stays in the title"),
    "call mum tomoroww": ("call mum tomoroww", "tomoroww", "stays in the title"),
    "stand up today at 8:00 am": ("stand up today at 8:00 am", "today at 8:00 am", "10:00 now"),
    "stretch every 5 minutes": ("stretch every 5 minutes", "every 5 minutes", "15 minutes"),
    "remind me to call mum": ("remind me to call mum", "remind me to", "needs a time"),
    "tomorrow at 9": ("tomorrow at 9", "tomorrow at 9", "what is to be done"),
}
"""Lines with a time that cannot be taken: their title, the words that are said, and a part of the reason."""


async def read(world: World, text: Any, **more: Any) -> dict[str, Any]:
    response = await world.rest.post("/read", json={"text": text, **more})
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_what_is_typed_is_read_as_the_conversation_reads_it(world: World) -> None:
    now = world.clock.now().astimezone(ZoneInfo("Europe/Berlin"))
    for line, wanted in READ.items():
        answer = await read(world, line)
        spans = answer.pop("spans")
        extra = {name: answer.pop(name) for name in ("rule_text", "occurrences", "unread") if name in answer}
        assert (answer, extra.pop("unread")) == (wanted, [])
        [(tool, args)] = (await asyncio.to_thread(ask, f"add {line}", now=now))[1]
        assert (tool, args) == ("create_recurring_task" if "rule" in wanted else "create_task", wanted)
        taken = line
        for span in reversed(spans):
            assert line[span["from"] : span["to"]] == span["text"]
            taken = taken[: span["from"]] + taken[span["to"] :]
        assert " ".join(taken.split()).rstrip(",") == wanted["title"]
        assert {span["field"] for span in spans} == wanted.keys() - {"title"}
    assert await world.query("SELECT count(*) FROM task") == [(0,)]


async def test_a_rule_comes_with_its_words_and_next_dates(world: World) -> None:
    answer = await read(world, "remind me every monday at 18:00 to water the plants")
    assert (answer["title"], answer["mode"], answer["reminders"]) == ("water the plants", "every_occurrence", ["0m"])
    assert answer["rule_text"] == "every Monday at 18:00"
    assert [each["due_local"] for each in answer["occurrences"]] == [
        "2026-11-23T18:00",
        "2026-11-30T18:00",
        "2026-12-07T18:00",
    ]


async def test_no_time_is_swallowed(world: World) -> None:
    for line, (title, words, reason) in UNREAD.items():
        answer = await read(world, line)
        assert (answer["title"], answer["unread"]) == (title, [words])
        assert answer.keys() <= {"title", "tags", "spans", "unread"}
        [span] = [each for each in answer["spans"] if each["field"] == "unread"]
        assert line[span["from"] : span["to"]] == words
        assert reason in span["reason"]
    assert (await read(world, "call mum at 25:99 #home"))["tags"] == ["home"]
    # Characters are counted, not the units of one encoding.
    assert (await read(world, "🎂 cake tomorrow"))["spans"][0]["from"] == 7


async def test_a_line_that_cannot_be_read_is_refused(world: World) -> None:
    for body in (
        {},
        {"text": ""},
        {"text": "x" * 601},
        {"text": ["a", "b"]},
        {"text": "x", "when": "now"},
        {"text": "a\0b"},
    ):
        response = await world.rest.post("/read", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_arguments")


async def test_the_shell_adds_what_the_line_says(world: World) -> None:
    line = "water the plants every monday at 18:00 #home !high"
    answer, unread = await add_task(world.service.settings, line)
    task = answer["task"]
    assert (task["title"], task["tags"], task["priority"], unread) == ("water the plants", ["home"], "high", [])
    assert answer["recurring_id"]
    answer, unread = await add_task(world.service.settings, "call mum at 25:99")
    assert answer["task"]["title"] == "call mum at 25:99"
    assert ["25:99" in reason for reason in unread] == [True]
