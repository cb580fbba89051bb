"""Every ordinary action on tasks works on the page, without a conversation."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Watch, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import add, begin_edit, circle, edit, foot, open_menu, row, section

PROMISES = ("page-complete",)


def repeat(menu: Locator) -> Locator:
    """Return what is said of a rule in the menu."""
    return menu.get_by_role("group", name="Repeat").locator(".preview")


def test_a_task_is_added_with_words_alone_or_with_a_day_and_a_reminder(page: Page, served: Served) -> None:
    # Before there is anything, the page shows what may be written, and writes it.
    page.get_by_role("button", name="take the bins out every thursday at 7:00 #home").click()
    expect(page.locator("add-task .chip")).to_have_text(["every Thursday at 07:00×", "#home×"])
    add(page, "Buy milk")
    expect(section(page, "No date")).to_contain_text("Buy milk")
    expect(page.get_by_role("button", name="take the bins out")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Add a task")).to_be_focused()
    page.keyboard.type("Call mum")
    page.get_by_role("button", name="Date", exact=True).click()
    page.get_by_label("Due date").fill(served.local_day(1))
    page.get_by_label("Due time").fill("17:00")
    page.get_by_label("Reminder", exact=True).select_option("remind 30 min before")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(row(page, "Call mum").locator(".due")).to_contain_text("tomorrow 17:00")
    expect(row(page, "Call mum").locator(".bell")).to_contain_text("16:30")
    task = served.find("Call mum")
    assert task["due_local"] == f"{served.local_day(1)}T17:00"
    assert task["reminders"][0]["before"] == "30m"


def test_the_circle_completes_and_opens_again(page: Page, served: Served) -> None:
    add(page, "Buy milk")
    circle(page, "Buy milk").click()
    expect(section(page, "No date")).to_have_count(0)
    expect(foot(page)).to_contain_text("You completed “Buy milk”")
    section(page, "Done today").locator("summary").click()
    expect(circle(page, "Buy milk")).to_be_checked()
    circle(page, "Buy milk").click()
    expect(section(page, "No date")).to_contain_text("Buy milk")
    expect(foot(page)).to_contain_text("You reopened “Buy milk”")
    assert served.find("Buy milk")["status"] == "open"


def test_a_title_is_edited_in_its_place(page: Page, served: Served) -> None:
    add(page, "Buy milk")
    edit(page, "Buy milk", "Buy oat milk")
    expect(foot(page)).to_contain_text("You renamed “Buy milk” to “Buy oat milk”")
    expect(circle(page, "Buy oat milk")).to_be_focused()
    begin_edit(page, "Buy oat milk")
    page.get_by_role("textbox", name="Title").fill("Something else")
    page.keyboard.press("Escape")
    expect(row(page, "Buy oat milk")).to_be_visible()
    assert served.find("Buy oat milk")["version"] == 2


def test_a_task_moves_to_another_day_and_loses_its_date(page: Page, served: Served) -> None:
    add(page, "Dentist")
    open_menu(page, "Dentist").get_by_role("button", name="Tomorrow").click()
    expect(section(page, "Next")).to_contain_text("Dentist")
    expect(foot(page)).to_contain_text("You moved “Dentist” to tomorrow")
    menu = open_menu(page, "Dentist")
    menu.get_by_role("textbox", name="Due").fill(f"{served.local_day(30)} 8:15")
    menu.get_by_role("button", name="Move", exact=True).click()
    expect(section(page, "Later")).to_contain_text("08:15")
    # The browser's own calendar takes a day, and the time stays.
    open_menu(page, "Dentist").get_by_label("Date", exact=True).fill(served.local_day(31))
    expect(page.locator("task-row.waiting")).to_have_count(0)
    assert served.find("Dentist")["due_local"] == f"{served.local_day(31)}T08:15"
    open_menu(page, "Dentist").get_by_role("button", name="No date").click()
    expect(section(page, "No date")).to_contain_text("Dentist")


def test_a_task_is_deleted_and_comes_back_by_undo_and_goes_by_redo(page: Page, served: Served) -> None:
    add(page, "Buy milk")
    expect(foot(page)).to_contain_text("You added “Buy milk”")
    open_menu(page, "Buy milk").get_by_role("button", name="Delete").click()
    expect(row(page, "Buy milk")).to_have_count(0)
    expect(foot(page)).to_contain_text("You deleted “Buy milk”")
    foot(page).get_by_role("button", name="Undo").click()
    expect(row(page, "Buy milk")).to_be_visible()
    expect(foot(page)).to_contain_text("You took back: deleted “Buy milk”")
    foot(page).get_by_role("button", name="Redo").click()
    expect(row(page, "Buy milk")).to_have_count(0)
    assert served.rest("GET", "/tasks?status=all")["total"] == 0


def test_reminders_are_set_snoozed_and_stopped_in_the_menu(page: Page, served: Served) -> None:
    served.add("Dentist", due=f"{served.local_day(3)}T10:00")
    open_menu(page, "Dentist").get_by_role("button", name="30 min before").click()
    expect(row(page, "Dentist").locator(".bell")).to_contain_text("09:30")
    open_menu(page, "Dentist").get_by_role("button", name="Snooze the reminder, tomorrow").click()
    expect(row(page, "Dentist").locator(".bell")).to_contain_text("tomorrow 09:00")
    open_menu(page, "Dentist").get_by_role("button", name=re.compile("Cancel the reminder")).click()
    expect(row(page, "Dentist").locator(".bell")).to_have_count(0)
    # What could only be refused is not offered.
    served.rest("PATCH", f"/tasks/{served.find('Dentist')['id']}", {"due": served.local_day(-1)})
    expect(section(page, "Overdue")).to_contain_text("Dentist")
    menu = open_menu(page, "Dentist")
    expect(menu.get_by_role("button", name="At due, that time is over")).to_be_disabled()
    menu.get_by_role("textbox", name="Remind").fill("tomorrow 9:00")
    menu.get_by_role("button", name="Remind", exact=True).click()
    expect(row(page, "Dentist").locator(".bell")).to_be_visible()


def test_a_task_recurs_and_its_series_pauses_and_skips(page: Page, served: Served) -> None:
    served.add("Water the plants", due=f"{served.local_day(1)}T18:00")
    menu = open_menu(page, "Water the plants")
    menu.get_by_label("Repeat", exact=True).select_option("every day")
    expect(repeat(menu)).to_contain_text("every day at 18:00: tomorrow 18:00")
    menu.get_by_role("button", name="Repeat").click()
    rule = row(page, "Water the plants").locator(".rule")
    expect(rule).to_contain_text("every day")
    expect(rule).to_have_attribute("title", "every day at 18:00")  # the row shows the time apart
    series = section(page, "Recurring")
    series.locator("summary").click()
    series.get_by_role("button", name="Skip next: Water the plants").click()
    expect(row(page, "Water the plants").locator(".due")).not_to_contain_text("tomorrow")
    series.get_by_role("button", name="Pause: Water the plants").click()
    expect(series).to_contain_text("paused")
    expect(row(page, "Water the plants")).to_have_count(0)
    series.get_by_role("button", name="Go on: Water the plants").click()
    expect(row(page, "Water the plants")).to_be_visible()


def test_an_own_rule_is_shown_in_words_and_a_wrong_one_told(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("422")
    served.add("Invoice")
    menu = open_menu(page, "Invoice")
    menu.get_by_label("Repeat", exact=True).select_option("a rule of your own")
    menu.get_by_label("Rule").fill("FREQ=NEVER")
    expect(menu.get_by_role("button", name="Repeat")).to_be_disabled()
    expect(repeat(menu)).to_contain_text("FREQ")
    menu.get_by_label("Rule").fill("FREQ=MONTHLY;BYDAY=-1FR")
    expect(repeat(menu)).to_contain_text("last Friday")
    menu.get_by_label("Rule").fill("every blue moon")
    expect(repeat(menu)).to_have_text("“every blue” looks like a time, but it is not understood.")
    expect(menu.get_by_role("button", name="Repeat")).to_be_disabled()
    # The same words as in the conversation.
    menu.get_by_label("Rule").fill("every other tuesday at 9")
    expect(repeat(menu)).to_contain_text("every 2 weeks on Tue at 09:00: ")
    menu.get_by_role("button", name="Repeat").click()
    expect(row(page, "Invoice").locator(".rule")).to_have_attribute("title", "every 2 weeks on Tue at 09:00")


def test_tags_and_priority_are_set(page: Page, served: Served) -> None:
    add(page, "Dentist")
    menu = open_menu(page, "Dentist")
    menu.get_by_label("Tags").fill("#health berlin")
    menu.get_by_label("Priority").select_option("high")
    menu.get_by_role("button", name="Save").click()
    expect(row(page, "Dentist").locator(".tag")).to_have_text(["#health", "#berlin"])
    expect(row(page, "Dentist").locator(".priority")).to_contain_text("high")


def test_search_finds_also_what_is_done(page: Page, served: Served) -> None:
    served.rest("POST", f"/tasks/{served.add('Buy milk')['id']}/complete")
    served.add("Call mum")
    page.keyboard.press("s")
    page.keyboard.type("mil")
    expect(page.get_by_role("heading", name="Found 1")).to_be_visible()
    expect(circle(page, "Buy milk")).to_be_checked()
    expect(row(page, "Call mum")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(row(page, "Call mum")).to_be_visible()


def test_a_refused_change_is_visibly_taken_back(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("422|412")
    add(page, "Buy milk")
    page.route("**/complete", lambda route: route.fulfill(status=422, json={"detail": "The service is tired."}))
    circle(page, "Buy milk").click()
    expect(page.locator("task-row.reverted")).to_contain_text("Buy milk")
    expect(circle(page, "Buy milk")).not_to_be_checked()
    expect(foot(page)).to_contain_text("“Buy milk” is as it was. The service is tired.")


def test_a_change_of_what_another_has_changed_is_a_conflict_told_in_a_sentence(
    page: Page, served: Served, watch: Watch
) -> None:
    watch.allow("412")
    task = served.add("Dentist")
    expect(row(page, "Dentist")).to_be_visible()
    # The page gets no news for a while, as on a slow line.
    page.route("**/api/tasks?**", lambda route: route.abort())
    watch.allow("ERR_FAILED")
    served.tool("update_task", client="Claude", task_id=task["id"], title="Dentist, Dr. Wu")
    edit(page, "Dentist", "Dentist on Friday")
    expect(foot(page)).to_contain_text("“Dentist” is as it was. Claude has changed its title meanwhile.")
    page.unroute("**/api/tasks?**")
    expect(row(page, "Dentist, Dr. Wu")).to_be_visible()
    # Another actor's change, loaded only now, does not clear the message about it; an own change does.
    expect(foot(page)).to_contain_text("Claude has changed its title meanwhile.")
    add(page, "Buy milk")
    expect(foot(page)).to_contain_text("You added “Buy milk”")


def test_a_warning_stays_until_the_next_change(page: Page, served: Served) -> None:
    add(page, "Dentist")
    expect(foot(page)).to_contain_text("You added “Dentist”")
    menu = open_menu(page, "Dentist")
    with page.expect_response("**/api/changes**"):
        menu.get_by_label("Date", exact=True).fill(served.local_day(-3))
    expect(section(page, "Overdue")).to_contain_text("Dentist")
    expect(foot(page)).to_contain_text("past")
    served.tool("create_task", client="Claude", title="Call mum")
    expect(row(page, "Call mum")).to_be_visible()
    expect(foot(page)).to_contain_text("Claude added “Call mum”")


def test_a_lost_answer_does_not_double_a_task(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("ERR_FAILED")
    lost: list[int] = []

    def lose_once(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    page.route("**/api/tasks", lose_once)
    add(page, "Buy milk")
    expect(row(page, "Buy milk")).to_have_count(1)
    expect(foot(page)).to_contain_text("You added")
    assert lost == [201]
    assert served.rest("GET", "/tasks")["total"] == 1


def test_everything_is_there_after_a_reload(page: Page, served: Served) -> None:
    add(page, "Buy milk")
    circle(page, "Buy milk").click()
    section(page, "Done today").locator("summary").click()
    add(page, "Call mum")
    expect(row(page, "Call mum")).to_be_visible()
    page.reload()
    wait_ready(page)
    expect(row(page, "Call mum")).to_be_visible()
    expect(circle(page, "Buy milk")).to_be_checked()
    expect(foot(page)).to_contain_text("You added “Call mum”")


def test_more_tasks_than_a_page_are_all_shown(windows: Windows, served: Served) -> None:
    for number in range(60):
        served.add(f"Task {number:02}")
    page = windows.open()
    expect(page.locator("task-row")).to_have_count(60)


@pytest.mark.parametrize(
    "title", ["<img src=x onerror=\"document.title='owned'\">", "شراء الحليب <b>غدا</b>", '"><script>alert(1)</script>']
)
def test_a_title_is_text_whatever_it_says(page: Page, served: Served, title: str) -> None:
    served.add(title, tags=["<i>x</i>"])
    expect(page.locator("task-row .title bdi")).to_have_text(title)
    served.tool("update_task", client="<u>Eve</u>", task_id=served.find(title)["id"], priority="high")
    expect(foot(page)).to_contain_text("<u>Eve</u> changed")
    assert page.locator("task-list img, task-list b, task-list script, foot-line u, task-list i").count() == 0
    assert page.title() == "Evolution Todo"


def test_right_to_left_words_stand_right(page: Page, served: Served) -> None:
    served.add("شراء الحليب")
    title = row(page, "شراء الحليب").locator("bdi")
    expect(title).to_have_attribute("dir", "auto")
    assert title.evaluate("each => getComputedStyle(each).direction") == "rtl"
