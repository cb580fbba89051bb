"""Built-in commands on where reminders ring, and on reminders that ring until their task is done."""

from typing import Any

import pytest

from tests.unit.command_replies import SHOWN, ask, show

PROMISES = ("reminders-say-where",)

NAG = {"at": "2026-11-23T09:10", "nag": "10m"}


@pytest.mark.parametrize("sentence", ["where do you remind me?", "where will my reminders ring?"])
def test_where_reminders_ring_is_asked_of_the_service(sentence: str) -> None:
    assert ask(sentence)[1] == [("find_tasks", {"has_reminder": True, "limit": 1})]


@pytest.mark.parametrize(
    ("sentence", "words", "args"),
    [
        ("remind me every 10 minutes until I do it", None, {"task_id": "A", **NAG}),
        ("nag me about the dentist every 10 minutes until it's done", "dentist", {"task_id": "T", **NAG}),
        (
            "keep reminding me every hour about the dentist",
            "dentist",
            {"task_id": "T", "at": "2026-11-23T10:00", "nag": "1h"},
        ),
    ],
)
def test_a_reminder_rings_until_its_task_is_done(sentence: str, words: str | None, args: dict[str, Any]) -> None:
    *searches, call = ask(sentence, show(SHOWN[:1]))[1]
    assert call == ("set_reminder", args)
    assert [each[1]["text"] for each in searches] == ([words] if words else [])


def test_an_errand_is_added_with_a_reminder_that_rings_until_it_is_done() -> None:
    calls = ask("remind me to take my pills every 10 minutes until it's done")[1]
    assert calls == [("create_task", {"title": "take my pills", "reminders": [NAG]})]


def test_a_length_that_cannot_be_read_is_asked_for_and_nothing_is_set() -> None:
    said, calls = ask("nag me every purple about the dentist")
    assert (calls, "How long?" in said) == ([], True)
