"""A message that is only a yes or a no is read as one; a message with another wish in it is neither."""

import pytest

from agent.agreement import read_reply

DELETE = ("Delete 12 tasks", 12)

AGREES = [
    "yes",
    "Yes, please!",
    "yes, go ahead",
    "yes, all of those",
    "ok, do it",
    "OK do it.",
    "yes please delete them",
    "Yes, delete all 12.",
    "yes, remove all twelve tasks",
    "delete them all",
    "sure, go for it",
    "yep",
    "Yesss!!",
    "okay, thanks",
    "go ahead please",
    "that's fine, go on",
    "no problem, go ahead",
    "why not",
    "👍",
    "yes 👍🏽",
    "“yes”",
    "ja bitte",
    "Ja, bitte alle löschen",
    "ja, mach das",
    "oui, vas-y",
    "d'accord",
    "sí, por favor",
    "claro",
    "va bene, grazie",
    "sim, pode",
    "ja graag",
    "ja tack",
    "tak, proszę",
    "да, пожалуйста",
    "はい、お願いします。",
    "好的",
    "네",
    "نعم",
]
REFUSES = [
    "no",
    "No thanks.",
    "don't",
    "Please don\u2019t!",
    "no, don't do it",
    "ok, cancel",
    "nein danke",
    "non merci",
    "👎",
]
NEITHER = [
    "",
    "please",
    "thanks",
    "yes?",
    "are you sure",
    "yes, but not the last one",
    "yes, and add milk",
    "yes, only the first 3",
    "yes, all 3",
    "delete it",
    "yes, that one",
    "yes, except Old 3",
    "yes, complete them",
    "yes, change them",
    "no, go ahead",
    "yes, cancel them",
    "no, just the first two",
    "ja, aber nicht alle",
    "oui, sauf la dernière",
    "wait",
    "yes I will call mum tomorrow",
    "12",
]


def decide(message: str, action: str = DELETE[0], total: int = DELETE[1]) -> str | None:
    reply = read_reply(message)
    return reply.decision if reply is not None and reply.fits(action, total) else None


@pytest.mark.parametrize("message", AGREES)
def test_agreement_in_the_usual_wordings(message: str) -> None:
    assert decide(message) == "accept"


@pytest.mark.parametrize("message", REFUSES)
def test_a_refusal_in_the_usual_wordings(message: str) -> None:
    assert decide(message) == "reject"


@pytest.mark.parametrize("message", NEITHER)
def test_another_wish_is_no_agreement(message: str) -> None:
    assert decide(message) is None


def test_what_is_repeated_has_to_be_what_was_asked() -> None:
    assert decide("yes, change it", "Change 1 task", 1) == "accept"
    assert decide("delete it", "Delete 1 task", 1) == "accept"
    assert decide("yes, both", "Delete 2 tasks", 2) == "accept"
    assert decide("yes, both") is None
    # A title is not part of the question.
    assert decide("yes, update it", 'delete_task "update the map"', 1) is None


def test_outside_a_conversation_the_code_stands_last() -> None:
    reply = read_reply("Yesss, go ahead: a000b", with_code=True)
    assert reply is not None
    assert (reply.decision, reply.code) == ("accept", "a000b")
    bare = read_reply("yes", with_code=True)
    assert bare is None
