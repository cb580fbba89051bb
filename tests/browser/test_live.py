"""Changes from elsewhere appear on the page by themselves, and a lost connection heals."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Watch, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import add, begin_edit, circle, edit, foot, open_menu, row, section

PROMISES = ("page-complete",)


def test_a_change_by_another_program_shows_itself(page: Page, served: Served) -> None:
    task = served.add("Call mum")
    expect(section(page, "No date")).to_contain_text("Call mum")
    served.rest("PATCH", f"/tasks/{task['id']}", {"due": served.local_day()})
    expect(section(page, "Today")).to_contain_text("Call mum")
    served.rest("DELETE", f"/tasks/{task['id']}")
    expect(row(page, "Call mum")).to_have_count(0)


def test_a_change_by_an_agent_is_told_with_its_name_and_can_be_taken_back(page: Page, served: Served) -> None:
    task = served.add("Dentist", due=served.local_day(2))
    served.tool("update_task", client="Claude", task_id=task["id"], due=served.local_day(1))
    expect(foot(page)).to_contain_text("Claude moved “Dentist” to tomorrow")
    page.keyboard.press("z")
    expect(foot(page)).to_contain_text("You took back: moved “Dentist”")
    assert served.find("Dentist")["due"] == served.local_day(2)


def test_what_cannot_be_taken_back_is_told_in_a_sentence(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("409")
    task = served.add("Dentist")
    served.tool("update_task", client="Claude", task_id=task["id"], title="Dr. Wu")
    expect(foot(page)).to_contain_text("Claude renamed")
    # The page does not know of the next change yet.
    page.route("**/api/changes**", lambda route: route.abort())
    watch.allow("ERR_FAILED")
    served.tool("update_task", client="Codex", task_id=task["id"], title="Dr. Wu at 9")
    page.keyboard.press("z")
    expect(foot(page)).to_contain_text("That cannot be taken back: Codex has changed its title since.")
    assert served.find("Dr. Wu at 9")


def test_what_was_added_stays_when_an_older_list_arrives(page: Page, served: Served) -> None:
    held: list[Route] = []
    whole = re.compile(r"/api/tasks\?limit=50$")
    page.route(whole, lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(whole):
        served.add("Call mum")
    older = served.rest("GET", "/tasks?limit=50")
    add(page, "Buy milk")
    menu = open_menu(page, "Buy milk")
    held[0].fulfill(json=older)
    expect(row(page, "Call mum")).to_be_visible()
    expect(menu).to_be_visible()


def test_what_is_being_edited_stays_when_something_else_changes(page: Page, served: Served) -> None:
    task = served.add("Call mum")
    begin_edit(page, "Call mum")
    field = page.get_by_role("textbox", name="Title")
    field.fill("Call my")
    served.rest("PATCH", f"/tasks/{task['id']}", {"priority": "high"})
    served.add("Buy milk")
    expect(row(page, "Buy milk")).to_be_visible()
    expect(field).to_have_value("Call my")
    expect(field).to_be_focused()


def test_without_a_network_the_list_stays_and_it_heals(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("ERR_|Failed to load")
    add(page, "Buy milk")
    expect(foot(page)).to_contain_text("You added")
    page.context.set_offline(True)
    expect(foot(page)).to_contain_text("Connection lost")
    expect(row(page, "Buy milk")).to_be_visible()
    circle(page, "Buy milk").click()
    expect(foot(page)).to_contain_text("“Buy milk” is as it was")
    expect(circle(page, "Buy milk")).not_to_be_checked()
    served.add("Call mum")
    page.context.set_offline(False)
    expect(row(page, "Call mum")).to_be_visible()
    expect(foot(page)).not_to_contain_text("Connection lost")


def test_a_server_that_ends_and_comes_back_is_noticed_both_times(
    page: Page, served: Served, watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    watch.allow("ERR_|Failed to load|503")
    add(page, "Buy milk")
    expect(foot(page)).to_contain_text("You added")
    served.stop()
    assert "graceful" not in capfd.readouterr().err, "an open page holds the end of the server up"
    expect(foot(page)).to_contain_text("Connection lost")
    expect(row(page, "Buy milk")).to_be_visible()
    served.start()
    expect(foot(page)).not_to_contain_text("Connection lost")
    edit(page, "Buy milk", "Buy oat milk")
    expect(foot(page)).to_contain_text("You renamed")


def test_two_windows_show_the_same(windows: Windows) -> None:
    one, other = windows.open(), windows.open()
    add(one, "Buy milk")
    circle(other, "Buy milk").click()
    expect(section(one, "No date")).to_have_count(0)
    expect(foot(one)).to_contain_text("You completed “Buy milk”")


def test_an_agents_question_waits_for_the_person(page: Page, served: Served, artefacts: Path) -> None:
    for number in range(10):
        served.add(f"Meeting {number}", tags=["meeting"])
    served.add('Meeting "A", "B"', tags=["meeting"], due=served.local_day(1))
    plan = served.tool("plan_changes", filter={"tags": ["meeting"]}, change={"delete": True})
    plan_id = plan.structured_content["plan_id"]
    refused = served.tool("apply_plan", plan_id=plan_id)
    assert refused.structured_content["code"] == "confirmation_required"
    card = page.get_by_role("group", name="A question that waits for you")
    # The stream brings it: the page does not poll.
    expect(card).to_contain_text("Claude asks for your word", timeout=1_500)
    expect(card).to_contain_text("Delete 11 tasks:")
    expect(card.get_by_role("listitem")).to_have_count(11)
    expect(card.get_by_role("listitem").first).to_have_text('Meeting "A", "B" tomorrow')
    assert not card.evaluate("each => each.contains(document.activeElement)")
    page.screenshot(path=artefacts / "question.png")
    card.get_by_role("button", name="Agree").click()
    expect(card).to_have_count(0)
    expect(page.locator(".agreed")).to_contain_text("Agreed, waiting for Claude")
    assert not served.tool("apply_plan", plan_id=plan_id).is_error
    expect(page.locator(".agreed")).to_have_count(0)
    expect(row(page, "Meeting")).to_have_count(0)


def test_a_question_that_is_answered_elsewhere_or_too_old_goes(windows: Windows, served: Served) -> None:
    page = windows.open(path="/confirm/none")
    windows.watch.allow("404")
    page.clock.install()
    page.goto(served.url)
    wait_ready(page)
    for number in range(11):
        served.add(f"Meeting {number}")
    ask = {"filter": {"text": "Meeting"}, "change": {"delete": True}}
    for decided in (True, False):
        plan = served.tool("plan_changes", client=f"Claude {decided}", **ask)
        served.tool("apply_plan", client=f"Claude {decided}", plan_id=plan.structured_content["plan_id"])
        card = page.get_by_role("group", name="A question that waits for you")
        expect(card).to_have_count(1)
        if decided:
            question = served.rest("GET", "/confirmations")["confirmations"][0]
            served.rest("POST", f"/confirmations/{question['id']}", {"decision": "reject"})
        else:
            page.clock.fast_forward("10:31")
        expect(card).to_have_count(0)


def test_the_plain_page_of_a_question_follows_the_same_policy(windows: Windows, served: Served) -> None:
    for number in range(11):
        served.add(f"Meeting {number}", tags=["meeting"])
    plan = served.tool("plan_changes", filter={"tags": ["meeting"]}, change={"delete": True})
    served.tool("apply_plan", plan_id=plan.structured_content["plan_id"])
    [question] = served.rest("GET", "/confirmations")["confirmations"]
    page = windows.open(f"/confirm/{question['id']}")
    expect(page.get_by_role("button", name="Refuse")).to_be_focused()
    expect(page.get_by_role("listitem")).to_have_count(11)
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("heading", name="You have agreed")).to_be_visible()


def test_the_menu_follows_what_happens_to_its_task(page: Page, served: Served) -> None:
    task = served.add("Dentist", due=served.local_day(2))
    menu = open_menu(page, "Dentist")
    served.rest("POST", f"/tasks/{task['id']}/reminders", {"before": "1d"})
    expect(menu).to_contain_text("tomorrow 09:00")
    served.rest("DELETE", f"/tasks/{task['id']}")
    expect(menu).to_be_hidden()


def test_a_window_that_nobody_sees_rests_and_catches_up(windows: Windows, served: Served) -> None:
    page = windows.open(path="/confirm/none")
    windows.watch.allow("404")
    page.clock.install()
    page.goto(served.url)
    wait_ready(page)
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    page.clock.fast_forward(61_000)
    served.add("Call mum")
    served.tool("find_tasks")
    expect(row(page, "Call mum")).to_have_count(0)
    page.evaluate(hide, False)
    expect(row(page, "Call mum")).to_be_visible()
    expect(foot(page)).to_contain_text("You added “Call mum”")
