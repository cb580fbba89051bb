"""A new user talks to the page, with the real server and no model: every promise of the first minute."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Windows, wait_ready
from tests.browser.served import Served

PROMISES = ("first-minute",)


@pytest.fixture
def talk(windows: Windows) -> Page:
    """One window whose conversation is the real one."""
    return windows.open()


def tell(page: Page, message: str, answer: str | re.Pattern[str]) -> None:
    # A message during an answer is not sent.
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    page.get_by_role("textbox", name="Message").fill(message)
    page.keyboard.press("Enter")
    expect(page.locator(".theirs").last).to_contain_text(answer)


def row(page: Page, title: str) -> Locator:
    return page.locator("task-row", has_text=title)


def test_the_first_minute(talk: Page, served: Served) -> None:
    tell(talk, "add buy milk tomorrow at 5", "is saved, due")
    expect(talk.locator(".theirs").first).to_contain_text("no language model is connected")
    expect(row(talk, "buy milk")).to_be_visible()

    tell(talk, "remind me to stretch in 2 seconds", "you will be reminded")
    expect(talk.get_by_text("stretch").first).to_be_visible()
    expect(talk.locator("reminder-lines")).to_contain_text("stretch")

    tell(talk, "every last friday: send the invoice", "on the last Friday of each month")
    expect(row(talk, "send the invoice").first).to_be_visible()

    tell(talk, "done with buy milk", "completed")
    assert served.find("buy milk")["status"] == "completed"
    tell(talk, "undo", "Undone")
    assert served.find("buy milk")["status"] == "open"
    expect(row(talk, "buy milk")).to_be_visible()

    talk.reload()
    wait_ready(talk)
    expect(talk.locator(".mine")).to_have_count(5)
    expect(talk.locator(".theirs").last).to_contain_text("Undone")
    expect(talk.locator("tool-call").first).to_be_visible()
    tell(talk, "what is pending?", "buy milk")


def test_every_example_on_the_page_does_what_it_says(talk: Page, served: Served) -> None:
    examples = talk.locator(".example").all_inner_texts()
    for number, text in enumerate(examples):
        talk.get_by_role("button", name="New").click()
        talk.get_by_role("button", name=text).click()
        answer = talk.locator(".theirs").last
        expect(answer).to_contain_text(re.compile(r"is saved|[Nn]o tasks|call mum|next:"), timeout=8_000)
        expect(answer).not_to_contain_text("did not understand")
        assert len(served.rest("GET", "/changes")["changes"]) == [1, 1, 2][number]


def test_the_list_last_shown_is_meant_by_a_number(talk: Page, served: Served) -> None:
    for title in ("Water the plants", "Call the dentist"):
        served.add(title)
    tell(talk, "show all my tasks", "Water the plants")
    tell(talk, "delete task 2", "deleted")
    assert [each["title"] for each in served.rest("GET", "/tasks")["tasks"]] == ["Water the plants"]


def test_what_is_not_understood_changes_nothing_and_says_so(talk: Page, served: Served) -> None:
    tell(talk, "make me a sandwich somehow", "did not understand")
    assert served.rest("GET", "/tasks")["tasks"] == []


def test_the_tenth_deletion_wants_the_person(talk: Page, served: Served) -> None:
    for n in range(11):
        served.add(f"Errand {chr(65 + n)}")
    for n in range(9):
        tell(talk, f"delete errand {chr(65 + n)}", f'"Errand {chr(65 + n)}"')
    expect(talk.locator("task-row")).to_have_count(2)

    tell(talk, "delete errand J", "do you agree?")
    card = talk.locator("confirmation-card")
    expect(card).to_contain_text("Errand J")
    assert len(served.rest("GET", "/tasks")["tasks"]) == 2
    card.get_by_role("button", name="Agree").click()
    expect(talk.locator(".theirs").last).to_contain_text("deleted")
    assert [each["title"] for each in served.rest("GET", "/tasks")["tasks"]] == ["Errand K"]

    # A refused question is not asked again at once.
    tell(talk, "delete errand K", "do you agree?")
    talk.locator("confirmation-card").last.get_by_role("button", name="Refuse").click()
    expect(talk.locator(".theirs").last).to_contain_text("othing was done")
    assert len(served.rest("GET", "/tasks")["tasks"]) == 1
