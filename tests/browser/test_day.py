"""The page through a day: a line that is read while it is typed, a task beside the list, the views, several at once."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Watch, Windows
from tests.browser.served import Served
from tests.browser.sheet import circle, foot, row, saving, section
from tests.browser.spoken import Event, Spoken
from tests.long import also_long

PROMISES = ("page-day",)


@pytest.fixture(scope="module")
def served(shared: Served) -> Served:
    return shared


def line(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Add a task")


def chips(page: Page) -> Locator:
    return page.locator("add-task .chip")


def open_detail(page: Page, title: str) -> Locator:
    circle(page, title).press("Enter")
    detail = page.get_by_role("region", name=f"Task: {title}")
    expect(detail).to_be_visible()
    return detail


def test_what_is_read_shows_as_chips_that_can_be_taken_off(page: Page, served: Served) -> None:
    line(page).click()
    page.keyboard.type("water the plants every monday at 18:00 #home !high")
    expect(chips(page)).to_have_text(["every Monday at 18:00×", "#home×", "high priority×"])
    chips(page).nth(1).click()
    expect(chips(page)).to_have_text(["every Monday at 18:00×", "high priority×"])
    expect(line(page)).to_be_focused()
    # What was taken off stays off while the line goes on.
    page.keyboard.press("End")
    page.keyboard.type(" remind me")
    expect(chips(page)).to_have_text(["every Monday at 18:00×", "high priority×", "at due×"])
    page.keyboard.press("Enter")
    expect(row(page, "water the plants #home").locator(".rule")).to_contain_text("every Monday")
    task = served.find("water the plants #home")
    assert (task["tags"], task["priority"], task["reminders"][0]["before"]) == ([], "high", "0m")


def test_a_time_that_is_not_understood_is_underlined_and_stays_in_the_title(page: Page, served: Served) -> None:
    line(page).click()
    page.keyboard.type("call the 🎂 shop at 25:99 #phone")
    expect(page.locator("add-task .mirror u")).to_have_text("at 25:99")
    expect(line(page)).to_have_attribute("title", re.compile("25:99.*not understood.*stays in the title"))
    expect(chips(page).first).to_contain_text("at 25:99 stays in the title")
    # Enter does not wait for the reading to show.
    page.keyboard.press("Enter")
    page.keyboard.type("Send the parcel tomorrow 10:00")
    page.keyboard.press("Enter")
    expect(row(page, "Send the parcel").locator(".due")).to_contain_text("tomorrow 10:00")
    assert served.find("call the 🎂 shop at 25:99")["tags"] == ["phone"]


def test_words_are_never_lost_and_a_task_is_worth_more_than_its_reminder(
    page: Page, served: Served, watch: Watch
) -> None:
    watch.allow("422|ERR_FAILED|ERR_INTERNET")
    line(page).fill("x" * 250)
    page.keyboard.press("Enter")
    page.keyboard.type("Third thought")
    expect(page.locator(".unsaved")).to_contain_text("x" * 250)
    expect(line(page)).to_have_value("Third thought")
    page.get_by_role("button", name="Put away").click()
    line(page).fill("Early bird tomorrow 00:30 remind me 3 days before")
    page.keyboard.press("Enter")
    expect(foot(page)).to_contain_text("“Early bird” is added without its reminder: that time is over.")
    page.context.set_offline(True)
    line(page).fill("Written offline")
    page.keyboard.press("Enter")
    expect(row(page, "Written offline")).to_be_visible()
    page.context.set_offline(False)
    expect(foot(page)).not_to_contain_text("Connection lost")
    expect(circle(page, "Written offline")).to_have_role("checkbox")
    assert served.find("Written offline")["status"] == "open"


def test_a_task_opens_beside_the_list_and_is_edited_there(page: Page, served: Served) -> None:
    served.add("Birthday party", tags=["home"], notes="bring the big bowl\nsee https://example.org/a_(b).")
    detail = open_detail(page, "Birthday party")
    expect(page.locator(".talk")).to_be_hidden()
    link = detail.get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/a_(b)")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    due = detail.get_by_role("textbox", name="Due")
    due.fill("tomorrow 18:00")
    expect(detail.get_by_role("status").first).to_have_text("tomorrow 18:00")
    due.press("Enter")
    expect(row(page, "Birthday party").locator(".due")).to_contain_text("tomorrow 18:00")
    due = detail.get_by_role("textbox", name="Due")
    due.fill("tomoroww")
    expect(detail.locator(".preview.bad")).to_contain_text("“tomoroww” looks like a time")
    due.press("Escape")
    expect(due).to_have_value("tomorrow 18:00")
    detail.get_by_role("textbox", name="Remind").fill("30 min before")
    detail.get_by_role("textbox", name="Remind").press("Enter")
    expect(row(page, "Birthday party").locator(".bell")).to_contain_text("17:30")
    detail.get_by_role("combobox", name="Priority").select_option("high")
    expect(row(page, "Birthday party").locator(".priority")).to_contain_text("high")
    detail.get_by_role("button", name="Edit", exact=True).click()
    detail.get_by_role("textbox", name="Notes").fill("<b>cake</b>")
    page.keyboard.press("Control+Enter")
    expect(detail.locator("div.notes")).to_have_text("<b>cake</b>")
    title = detail.get_by_role("textbox", name="Title")
    title.fill("Garden party")
    title.press("Enter")
    expect(foot(page)).to_contain_text("You renamed “Birthday party” to “Garden party”")
    task = served.find("Garden party")
    assert (task["notes"], task["priority"], task["tags"]) == ("<b>cake</b>", "high", ["home"])
    # Long notes are cut in lists, and written on as a whole.
    essay = served.add("Essay", notes="word " * 100 + "end")
    open_detail(page, "Essay").get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("textbox", name="Notes").press("Control+End")
    page.keyboard.type(" of it")
    page.keyboard.press("Control+Enter")
    expect(foot(page)).to_contain_text("You changed “Essay”")
    assert served.rest("GET", f"/tasks/{essay['id']}")["notes"] == "word " * 100 + "end of it"
    # Escape leaves a note, and loses nothing of it.
    page.locator("task-detail").get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("textbox", name="Notes").fill("A long thought")
    with saving(page):
        page.keyboard.press("Escape")
    expect(page.locator("task-detail div.notes")).to_have_text("A long thought")
    expect(page.get_by_role("textbox", name="Notes")).to_have_count(0)
    assert served.rest("GET", f"/tasks/{essay['id']}")["notes"] == "A long thought"
    open_detail(page, "Garden party")
    page.locator("task-detail").press("Escape")
    expect(page.locator("task-detail")).to_be_hidden()
    expect(page.locator(".talk")).to_be_visible()
    expect(circle(page, "Garden party")).to_be_focused()


def test_its_history_says_who_and_takes_back(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("404")  # the page may ask for the task while it goes
    task = served.add("Dentist", due=served.local_day(3))
    served.tool("update_task", client="Claude", task_id=task["id"], due=served.local_day(1))
    detail = open_detail(page, "Dentist")
    entries = detail.locator(".history li")
    expect(entries).to_contain_text(["Claude moved it to tomorrow", "You added it"])
    detail.get_by_role("button", name="Take back: Claude moved it to tomorrow").click()
    expect(entries).to_contain_text(["You took back: moved it to tomorrow", "Claude moved it", "You added it"])
    assert served.find("Dentist")["due"] == served.local_day(3)
    served.rest("DELETE", f"/tasks/{task['id']}")
    expect(page.locator("task-detail")).to_contain_text("This task is not there any more.")


def test_what_is_older_in_its_history_is_forgotten(page: Page, served: Served) -> None:
    task = served.add("Letter", notes="a secret")
    for number in range(3):
        served.rest("PATCH", f"/tasks/{task['id']}", {"notes": f"version {number}"})
    own = "SELECT change_id FROM change_item WHERE task_id = :task AND version < 4"
    old = text(f"UPDATE change SET at = '2026-01-02T03:04:05.000000Z' WHERE id IN ({own})")  # noqa: S608  # ours
    served.write(lambda connection: connection.execute(old, {"task": task["id"]}).rowcount)
    detail = open_detail(page, "Letter")
    entries = detail.locator(".history li")
    expect(entries).to_have_count(4)
    detail.get_by_text("Forget what is older …").click()
    detail.get_by_role("combobox", name="Older than").select_option("a year")
    detail.get_by_role("button", name="Forget it for good").click()
    expect(foot(page)).to_contain_text("Nothing is older.")
    detail.get_by_role("combobox", name="Older than").select_option("a month")
    detail.get_by_role("button", name="Forget it for good").click()
    expect(entries).to_have_count(1)
    expect(foot(page)).to_contain_text("3 changes are forgotten")


def test_a_series_is_read_skipped_paused_and_ended_there(page: Page, served: Served, watch: Watch) -> None:
    # The detail may look at the series in the very moment in which it ends.
    watch.allow("404")
    served.add("Sweep")
    detail = open_detail(page, "Sweep")
    repeats = detail.get_by_role("textbox", name="Repeats")
    repeats.fill("every day at 00:00")
    expect(detail.get_by_text("every day at 00:00: tomorrow 00:00")).to_be_visible()
    repeats.press("Enter")
    expect(detail.get_by_text("Next: tomorrow 00:00")).to_be_visible()
    detail.get_by_role("button", name="Skip next").click()
    expect(detail.get_by_text("Next: tomorrow 00:00")).to_have_count(0)
    expect(row(page, "Sweep").locator(".due")).not_to_contain_text("tomorrow")
    repeats = detail.get_by_role("textbox", name="Repeats")
    repeats.fill("every sunday at 07:00")
    repeats.press("Enter")
    expect(row(page, "Sweep").locator(".rule")).to_contain_text("every Sunday")
    page.locator("task-detail").press("Escape")
    # The keys reach the series too, which opens as a task does: one field of words has its rule and its time.
    section(page, "Recurring").locator("summary").click()
    series = page.locator("series-row", has_text="Sweep").locator("button.title")
    series.focus()
    page.keyboard.press("k")
    expect(series).not_to_be_focused()
    page.keyboard.press("j")
    expect(series).to_be_focused()
    page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Task: Sweep")
    repeats = detail.get_by_role("textbox", name="Repeats")
    expect(repeats).to_have_value("every Sunday at 07:00")
    repeats.fill("every other tuesday at 8")
    repeats.press("Enter")
    expect(series).to_have_accessible_name("Sweep, every 2 weeks on Tue at 08:00, open")
    detail.get_by_role("button", name="End", exact=True).click()
    expect(row(page, "Sweep")).to_have_count(0)


def test_views_show_what_they_say_and_a_day_is_moved_by_keys_and_by_drag(page: Page, served: Served) -> None:
    served.add("Invoice", due=served.local_day(-1))
    served.add("Report", due=f"{served.local_day()}T23:59")
    served.add("Passport", due=served.local_day(30))
    served.add("Tyres", start=served.local_day(3))
    section(page, "Not yet").locator("summary").click()
    expect(section(page, "Not yet")).to_contain_text("Tyres")
    served.rest("POST", f"/tasks/{served.add('Old thing')['id']}/complete")
    rail = page.locator("place-rail")
    rail.get_by_role("link", name="Today").click()
    expect(section(page, "Overdue")).to_contain_text("Invoice")
    expect(section(page, "Today")).to_contain_text("Report")
    expect(row(page, "Passport")).to_have_count(0)
    rail.get_by_role("link", name="Done").click()
    expect(page.locator("done-list")).to_contain_text(re.compile("[0-9]+ done"))
    expect(circle(page, "Old thing")).to_be_checked()
    rail.get_by_role("link", name="Week").click()
    days = page.locator("week-board .day")
    expect(days).to_have_count(7)
    expect(days.nth(0)).to_contain_text("Report")
    circle(page, "Report").focus()
    page.keyboard.press("L")
    expect(days.nth(1)).to_contain_text("Report")
    expect(circle(page, "Report")).to_be_focused()
    expect(foot(page)).to_contain_text("You moved “Report” to tomorrow")
    assert served.find("Report")["due_local"] == f"{served.local_day(1)}T23:59"
    row(page, "Report").drag_to(days.nth(4))
    expect(days.nth(4)).to_contain_text("Report")
    expect(foot(page)).not_to_contain_text("You moved “Report” to tomorrow")
    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.press("z")
    expect(days.nth(1)).to_contain_text("Report")
    # An undo leads to what it has brought back, and the list remembers where the keys were.
    expect(circle(page, "Report")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(circle(page, "Report")).to_be_focused()
    # What has a start alone stands on its day, and is moved there.
    expect(days.nth(3).locator("task-row", has_text="Tyres")).to_contain_text("starts")
    circle(page, "Tyres").focus()
    page.keyboard.press("L")
    expect(days.nth(4)).to_contain_text("Tyres")
    expect(foot(page)).to_contain_text("You changed “Tyres”")
    tyres = served.find("Tyres")
    assert (tyres["start"], "due" in tyres) == (served.local_day(4), False)
    page.go_back()
    expect(page.locator("done-list")).to_be_visible()


def test_several_rows_are_one_sentence_one_change_and_one_undo(page: Page, served: Served) -> None:
    due = served.local_day()
    for number in range(12):
        served.add(f"Chore {number:02}", due=due)
    expect(row(page, "Chore 11")).to_be_visible()
    circle(page, "Chore 00").focus()
    page.keyboard.press("x")
    for _ in range(9):
        page.keyboard.press("Shift+ArrowDown")
    bar = page.locator("chosen-bar")
    expect(bar).to_contain_text("10 chosen")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    row(page, "Chore 00").click(modifiers=["Shift"], position={"x": 200, "y": 20})
    row(page, "Chore 09").click(modifiers=["Shift"], position={"x": 200, "y": 20})
    bar.get_by_role("button", name="Next week").click()
    expect(bar).to_contain_text(re.compile("Move to Monday .*: “Chore 00”, “Chore 01”, “Chore 02” and 7 more?"))
    assert served.find("Chore 00")["due"] == due
    bar.get_by_role("button", name="Do it").click()
    expect(bar).to_be_hidden()
    expect(foot(page)).to_contain_text("10 tasks moved to Monday")
    assert served.find("Chore 09")["due"] > due
    page.keyboard.press("z")
    expect(section(page, "Today")).to_contain_text("Chore 09")
    assert {served.find(f"Chore {number:02}")["due"] for number in range(12)} == {due}


def test_undo_and_redo_go_all_the_way_and_a_held_key_ticks_once(page: Page, served: Served) -> None:
    for title in ("Alpha", "Beta", "Gamma"):
        line(page).fill(title)
        page.keyboard.press("Enter")
        expect(foot(page)).to_contain_text(f"You added “{title}”")
    page.keyboard.press("Escape")
    for title in ("Gamma", "Beta", "Alpha"):
        page.keyboard.press("z")
        expect(row(page, title)).to_have_count(0)
    for title in ("Alpha", "Beta", "Gamma"):
        page.keyboard.press("Shift+Z")
        expect(row(page, title)).to_be_visible()
    page.keyboard.press("z")
    expect(row(page, "Gamma")).to_have_count(0)
    circle(page, "Alpha").focus()
    for _ in range(3):
        page.keyboard.down(" ")
    page.keyboard.up(" ")
    expect(section(page, "No date")).not_to_contain_text("Alpha")
    expect(foot(page)).to_contain_text("You completed “Alpha”")
    assert served.find("Beta")["status"] == "open"


def test_an_answer_leads_to_its_tasks_and_its_question_has_buttons(page: Page, served: Served, spoken: Spoken) -> None:
    tasks = [served.add("Call mum"), served.add("شراء الحليب (2 لتر)", due=served.local_day(1))]
    listed = "Open tasks (2):\n1. Call mum\n2. شراء الحليب (2 لتر), due tomorrow\n\nShall I add “Buy milk”?"
    heard: list[Event] = [
        ("conversation", {"conversation_id": "c9", "turn_id": "t1", "model": "tasks-agent"}),
        ("tool_started", {"call": 1, "name": "find_tasks", "arguments": {}}),
        ("tool_finished", {"call": 1, "name": "find_tasks", "ok": True, "result": {"tasks": tasks, "total": 2}}),
        ("text", {"text": listed}),
        ("done", {"turn_id": "t1", "text": listed, "finish": "stop"}),
    ]
    spoken.answers = [heard]
    page.get_by_role("textbox", name="Message").fill("what is open?")
    page.keyboard.press("Enter")
    items = page.locator(".theirs li")
    expect(items).to_have_text(["Call mum", "شراء الحليب (2 لتر), due tomorrow"])
    assert items.nth(1).evaluate("each => getComputedStyle(each).direction") == "ltr"
    # Each shows its number, by which it may be named next.
    assert items.nth(1).evaluate("each => getComputedStyle(each, '::before').content") == '"2."'
    items.first.get_by_role("checkbox", name="Done: Call mum").click()
    expect(items.first.get_by_role("checkbox")).to_be_checked()
    expect(section(page, "No date").filter(has_text="Call mum")).to_have_count(0)
    page.get_by_role("button", name="Answer yes").click()
    expect(page.get_by_role("log")).to_contain_text("You said: yes")
    expect(page.get_by_role("button", name="Answer yes")).to_have_count(0)
    items.nth(1).get_by_role("button", name="شراء الحليب (2 لتر)").click()
    expect(page.get_by_role("region", name="Task: شراء الحليب (2 لتر)")).to_be_visible()
    assert served.find("Call mum")["status"] == "completed"


@pytest.mark.parametrize("look", also_long(["light", "phone"], ["dark"], "6 s; other tests look in the dark"))
def test_every_view_is_accessible(windows: Windows, served: Served, look: str) -> None:
    served.add(f"Seen in {look}", due=served.local_day(1), tags=["home"], priority="high", notes="https://example.org")
    looks: dict[str, Any] = {"viewport": PHONE} if look == "phone" else {"color_scheme": look}
    page = windows.open(**looks)
    axe = find_axe()
    for view in ("today", "week", "done", "all"):
        page.evaluate(f"location.hash = '{view}'")
        expect(page.locator("place-rail [aria-current]")).to_have_attribute("href", f"#{view}")
        assert judge(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("chosen-bar")).to_be_visible()
    assert judge(page, axe) == []
    page.keyboard.press("Escape")
    line(page).fill("water the plants every monday at 18:00 #home")
    expect(chips(page)).to_have_count(2)
    assert judge(page, axe, "add-task") == []
    line(page).fill("")
    detail = open_detail(page, f"Seen in {look}")
    expect(detail.locator(".history li")).to_have_count(1)
    assert judge(page, axe) == []
    if look == "light":
        # On a tablet the detail is narrow, and its words stay words.
        page.set_viewport_size({"width": 768, "height": 900})
        assert detail.locator(".history li span").first.evaluate("each => each.offsetHeight < 30")
    if look == "phone":
        box = detail.bounding_box()
        assert box is not None
        assert (box["y"] > 60, box["width"]) == (True, PHONE["width"])
        page.get_by_role("button", name="Close the task").click()
        page.get_by_role("button", name="Views and lists").click()
        assert judge(page, axe) == []
        page.locator("place-rail").get_by_role("link", name="Week").click()
        expect(page.locator("week-board .day").first).to_be_visible()
        expect(page.locator("place-rail")).to_be_hidden()
