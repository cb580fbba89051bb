"""What somebody meets who sees the page for the first time: clicks lead where one expects, the foot says each deed."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import begin_edit, circle, foot, open_menu, row, section

PROMISES = ("page-day",)


@pytest.fixture(scope="module")
def served(shared: Served) -> Served:
    return shared


def go(page: Page, view: str) -> None:
    page.evaluate("(view) => { location.hash = view; }", view)


def find_list(served: Served, name: str) -> str:
    [found] = [each["id"] for each in served.rest("GET", "/lists")["lists"] if each["name"] == name]
    return str(found)


def test_a_click_opens_and_two_rename(page: Page, served: Served) -> None:
    served.add("Call the plumber")
    row(page, "Call the plumber").locator("button.title").click()
    detail = page.get_by_role("region", name="Task: Call the plumber")
    expect(detail).to_be_focused()
    # The letters are keys there too; only E writes.
    page.keyboard.press("1")
    expect(row(page, "Call the plumber").locator(".priority")).to_contain_text("high")
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("Call the baker")
    page.keyboard.press("Enter")
    expect(foot(page)).to_contain_text("You renamed “Call the plumber” to “Call the baker”")
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    row(page, "Call the baker").locator("button.title").dblclick()
    page.locator("task-row").get_by_role("textbox", name="Title").fill("Call the dentist")
    page.keyboard.press("Enter")
    expect(row(page, "Call the dentist")).to_be_visible()
    menu = open_menu(page, "Call the dentist")
    expect(menu.get_by_role("button").first).to_have_text("Open")
    menu.get_by_role("button", name="Rename").click()
    page.locator("task-row").get_by_role("textbox", name="Title").fill("Call mum")
    page.keyboard.press("Enter")
    expect(row(page, "Call mum")).to_be_visible()
    circle(page, "Call mum").focus()
    page.keyboard.press("F2")
    expect(page.locator("task-row").get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.press("Escape")
    open_menu(page, "Call mum").get_by_role("button", name="Open").click()
    page.get_by_role("button", name="Delete the task").click()
    expect(row(page, "Call mum")).to_have_count(0)
    expect(page.locator("task-detail")).to_be_hidden()


def test_the_weeks_before_and_after_are_there_and_days_move_in_them(page: Page, served: Served) -> None:
    served.add("Ski trip", due=served.local_day(9))
    served.add("Tax letter", due=served.local_day(-3))
    served.rest("POST", f"/tasks/{served.add('Swept')['id']}/complete")
    page.locator("place-rail").get_by_role("link", name="Week").click()
    board = page.locator("week-board")
    expect(board.locator(".late-ones")).to_contain_text("Tax letter")
    expect(board.get_by_role("button", name="This week")).to_be_hidden()
    board.get_by_role("button", name="The week after").click()
    days = board.locator(".day")
    expect(days.nth(2)).to_contain_text("Ski trip")
    expect(page.locator("#today")).to_have_text(re.compile("^Week · "))
    expect(board.locator(".late-ones")).to_have_count(0)
    expect(board.get_by_role("button", name="The week after")).to_be_focused()
    row(page, "Ski trip").drag_to(days.nth(5))
    expect(days.nth(5)).to_contain_text("Ski trip")
    circle(page, "Ski trip").focus()
    page.keyboard.press("H")
    expect(days.nth(4)).to_contain_text("Ski trip")
    expect(page.locator("task-row.waiting")).to_have_count(0)
    assert served.find("Ski trip")["due"] == served.local_day(11)
    # The address holds the week, and a click opens a task in it.
    page.reload()
    wait_ready(page)
    expect(days.nth(4)).to_contain_text("Ski trip")
    row(page, "Ski trip").locator("button.title").click()
    expect(page.get_by_role("region", name="Task: Ski trip")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("<")
    expect(board.locator(".late-ones")).to_contain_text("Tax letter")
    page.keyboard.press("<")
    # What was not done stands on its day.
    expect(days.nth(4)).to_contain_text("Tax letter")
    expect(circle(page, "Swept")).to_have_count(0)
    assert judge(page, find_axe()) == []
    go(page, f"week={served.local_day(-2)}")
    expect(days.nth(2).get_by_role("checkbox", name="Done: Swept")).to_be_checked()
    expect(days.nth(2)).to_have_class("day today")
    board.get_by_role("button", name="This week").click()
    expect(page.locator("place-rail [aria-current]")).to_have_attribute("href", "#week")
    expect(days.first).to_have_class("day today")


def test_subtasks_are_seen_in_the_task_above_them_in_every_list(page: Page, served: Served) -> None:
    served.add("Paint the hall", subtasks=["Buy paint", "Tape the doors"])
    served.add("Move house", list="New flat", subtasks=["Pack", "Rent a van"])
    rail = page.locator("place-rail")
    rail.get_by_role("link", name="New flat").click()
    expect(row(page, "Move house").locator(".steps")).to_contain_text("0/2")
    expect(page.locator("task-row")).to_have_count(1)
    expect(rail.get_by_role("link", name="New flat").locator(".count")).to_have_text("1")
    rail.get_by_role("link", name="Inbox").click()
    expect(row(page, "Paint the hall").locator(".steps")).to_contain_text("0/2")
    expect(row(page, "Buy paint")).to_have_count(0)
    # One with a day of its own is there, and one that is open again without the task above it.
    served.rest("PATCH", f"/tasks/{served.find('Buy paint')['id']}", {"due": served.local_day(1)})
    expect(row(page, "Buy paint")).to_contain_text("Paint the hall")
    circle(page, "Paint the hall").click()
    expect(row(page, "Buy paint")).to_have_count(0)
    served.rest("POST", f"/tasks/{served.find('Tape the doors')['id']}/reopen")
    expect(row(page, "Tape the doors")).to_be_visible()


def test_what_comes_each_time_is_told_as_what_will_happen(page: Page, served: Served) -> None:
    made = served.rest("POST", "/recurring-tasks", {"title": "Clean up", "rule": "FREQ=WEEKLY"})
    for title in ("Floor", "Windows"):
        served.add(title, parent_id=made["task"]["id"])
    row(page, "Clean up").locator("button.title").click()
    detail = page.get_by_role("region", name="Task: Clean up")
    detail.get_by_role("button", name="Each time these").click()
    expect(foot(page)).to_contain_text("Every later “Clean up” begins with Floor, Windows. Undo (z) takes it back.")
    expect(detail).to_contain_text("Each time: Floor, Windows")
    # A recurring task as a whole is not chosen, and says why.
    page.keyboard.press("Escape")
    section(page, "Recurring").locator("summary").click()
    page.locator("series-row", has_text="Clean up").locator("button.title").focus()
    page.keyboard.press("x")
    expect(foot(page)).to_contain_text("This is all of a recurring task")
    expect(page.locator("chosen-bar")).to_be_hidden()


def test_several_are_chosen_with_the_mouse_alone_and_moved_to_a_list(page: Page, served: Served) -> None:
    for title in ("Hammer", "Nails", "Saw"):
        served.add(title, due=served.local_day(20))
    served.add("Shelf", list="Workshop", due=served.local_day(20))
    later = section(page, "Later")
    expect(later).to_contain_text("Shelf")
    choose_all = later.get_by_role("button", name="Choose all: Later")
    expect(choose_all).to_be_hidden()
    later.hover()
    choose_all.click()
    bar = page.locator("chosen-bar")
    expect(bar).to_contain_text(re.compile("[4-9] chosen"))
    bar.get_by_role("button", name="Let all go").click()
    # The menu teaches it; from there on a click chooses.
    open_menu(page, "Hammer").get_by_role("button", name="Choose").click()
    expect(bar).to_contain_text("Click others to choose them too")
    for title in ("Nails", "Saw"):
        row(page, title).locator("button.title").click()
    expect(bar).to_contain_text("3 chosen")
    expect(page.locator("task-detail")).to_be_hidden()
    assert judge(page, find_axe()) == []
    bar.get_by_role("combobox", name="List for all").select_option("Workshop")
    expect(bar).to_contain_text("Move to “Workshop”: “Hammer”, “Nails”, “Saw”?")
    bar.get_by_role("button", name="Do it").click()
    expect(foot(page)).to_contain_text("3 tasks moved to “Workshop”. Undo (z) takes all of it back.")
    assert {served.find(title)["list"]["name"] for title in ("Hammer", "Nails", "Saw")} == {"Workshop"}
    foot(page).get_by_role("button", name="Undo").click()
    expect(row(page, "Hammer").locator(".in")).to_have_count(0)
    assert not [title for title in ("Hammer", "Nails", "Saw") if "list" in served.find(title)]


def test_what_has_not_begun_is_folded_and_the_choice_is_remembered(page: Page, served: Served) -> None:
    served.add("Plant bulbs", start=served.local_day(4))
    waits = section(page, "Not yet")
    expect(waits.locator(".count")).to_have_text("1")
    expect(row(page, "Plant bulbs")).to_have_count(0)
    # What one has just added is shown where it is, once.
    page.get_by_role("textbox", name="Add a task").fill(f"Prune the roses not before {served.local_day(6)}")
    page.keyboard.press("Enter")
    expect(row(page, "Prune the roses")).to_be_visible()
    page.reload()
    wait_ready(page)
    expect(waits.locator(".count")).to_have_text("2")
    expect(row(page, "Plant bulbs")).to_have_count(0)
    waits.locator("summary").click()
    expect(row(page, "Plant bulbs")).to_be_visible()
    go(page, "today")
    expect(row(page, "Plant bulbs")).to_be_visible()
    page.reload()
    wait_ready(page)
    expect(row(page, "Plant bulbs")).to_be_visible()
    waits.locator("summary").click()
    expect(row(page, "Plant bulbs")).to_be_hidden()
    go(page, "all")
    expect(waits.locator(".count")).to_have_text("2")
    expect(row(page, "Plant bulbs")).to_have_count(0)


def test_the_next_date_of_a_routine_does_not_come_under_the_pointer(page: Page, served: Served) -> None:
    first, second = served.local_day(2), served.local_day(3)
    served.rest("POST", "/recurring-tasks", {"title": "Dishes", "rule": "FREQ=DAILY", "first_due": first})
    page.clock.install()
    page.reload()
    wait_ready(page)
    rows = section(page, "Next").locator("task-row", has_text="Dishes")
    expect(rows).to_have_count(1)
    box = circle(page, "Dishes").bounding_box()
    assert box is not None
    here = (box["x"] + 10, box["y"] + 10)
    page.mouse.click(*here)
    expect(rows).to_have_count(2)
    page.clock.fast_forward(60_000)
    # However long the pointer rests there, the ticked one is under it: a second click is for that one.
    expect(rows.first.get_by_role("checkbox")).to_be_checked()
    page.mouse.click(*here)
    expect(rows).to_have_count(1)
    expect(foot(page)).to_contain_text("You took back: completed “Dishes”")
    assert served.find("Dishes")["due"] == first
    page.mouse.move(here[0] + 1, here[1])
    page.mouse.click(*here)
    expect(rows).to_have_count(2)
    page.mouse.move(10, 10)
    page.clock.fast_forward(1_000)
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("checkbox")).not_to_be_checked()
    [left] = [each for each in served.rest("GET", "/tasks?text=dishes")["tasks"] if each["status"] == "open"]
    assert left["due"] == second


def test_a_list_is_renamed_and_deleted_at_its_heading_and_at_the_side(page: Page, served: Served) -> None:
    served.add("Tent", list="Camping")
    rail = page.locator("place-rail")
    rail.get_by_role("link", name="Camping").hover()
    rail.get_by_role("button", name="More for the list Camping").click()
    menu = page.get_by_role("dialog", name="Change the list")
    expect(menu.get_by_role("textbox", name="Name of the list")).to_be_focused()
    assert judge(page, find_axe(), ".menu:popover-open") == []
    menu.get_by_role("textbox", name="Name of the list").fill("Holidays")
    page.keyboard.press("Enter")
    expect(foot(page)).to_contain_text("You renamed a list to “Holidays”")
    rail.get_by_role("link", name="Holidays").click()
    expect(page.locator("#today")).to_have_text("Holidays")
    page.get_by_role("button", name="More for this list").click()
    expect(menu).to_contain_text("Tasks that are kept go to the inbox.")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="More for this list").click()
    menu.get_by_role("button", name="Keep its open task").click()
    expect(page.locator("#today")).to_have_text("Inbox")
    expect(row(page, "Tent")).to_be_visible()
    expect(foot(page)).to_contain_text("You deleted the list “Holidays”")
    expect(page.get_by_role("button", name="More for this list")).to_be_hidden()
    page.keyboard.press("z")
    expect(rail.get_by_role("link", name="Holidays")).to_be_visible()
    assert served.find("Tent")["list"]["name"] == "Holidays"
    go(page, f"list={find_list(served, 'Holidays')}")
    page.get_by_role("button", name="More for this list").click()
    menu.get_by_role("button", name="Delete its open task too").click()
    expect(rail.get_by_role("link", name="Holidays")).to_have_count(0)
    assert served.rest("GET", "/tasks?text=tent")["total"] == 0


def test_a_hit_in_a_note_shows_its_line(page: Page, served: Served) -> None:
    served.add("Allotment", notes="Key under the pot.\nThe Gärtner brings manure on Fridays.\nWater off in winter.")
    served.add("Diary", notes="word " * 100 + "and then the chanterelle soup was served to everybody " + "more " * 40)
    page.keyboard.press("s")
    page.keyboard.type("gart")
    line = page.locator("task-row .found-line")
    expect(line).to_have_text("The Gärtner brings manure on Fridays.")
    assert page.evaluate("[...(CSS.highlights.get('found') ?? [])].map(String)") == ["Gärt"]
    # Lists cut long notes: the line is found behind the cut too.
    page.get_by_role("searchbox", name="Search tasks").fill("chanterelle")
    expect(line).to_contain_text(re.compile("^….*the chanterelle soup was.*…$"))
    page.get_by_role("searchbox", name="Search tasks").fill("diary")
    expect(row(page, "Diary")).to_be_visible()
    expect(line).to_have_count(0)


def test_on_a_phone_a_tap_opens_and_taps_choose(windows: Windows, served: Served) -> None:
    served.add("Lamp")
    served.add("Sofa")
    page = windows.open(viewport=PHONE, has_touch=True, is_mobile=True)
    row(page, "Lamp").locator("button.title").tap()
    expect(page.get_by_role("region", name="Task: Lamp")).to_be_focused()
    page.get_by_role("button", name="Close the task").tap()
    page.get_by_role("button", name="More for Lamp").tap()
    page.get_by_role("dialog", name="Change the task").get_by_role("button", name="Choose").tap()
    expect(page.locator("chosen-bar")).to_contain_text("Tap others to choose them too.")
    row(page, "Sofa").locator("button.title").tap()
    expect(page.locator("chosen-bar")).to_contain_text("2 chosen")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_words_that_are_written_stay_when_the_row_is_clicked_beside(page: Page, served: Served) -> None:
    served.add("Violin")
    begin_edit(page, "Violin")
    page.locator("task-row").get_by_role("textbox", name="Title").fill("Violin lesson")
    page.locator("#today").click()
    expect(row(page, "Violin lesson")).to_be_visible()
