"""What a demanding eye found on the page: words that are kept, keys that know where they were, agents in one line."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import find_axe, judge
from tests.browser.conftest import Watch, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import add, begin_edit, circle, foot, open_menu, row

PROMISES = ("page-manners",)
SAID = """async (given) => {
  const { sayRefusal } = await import("/page/text/refusals.js");
  return given.map(([code, detail]) => sayRefusal(code, detail));
}"""
MARKED = "[...(CSS.highlights.get('found') ?? [])].map(String)"
FOCUSED = "document.activeElement.ariaLabel ?? document.activeElement.textContent"


@pytest.fixture(scope="module")
def served(shared: Served) -> Served:
    return shared


def test_what_an_agent_did_is_one_line_with_one_way_back(page: Page, served: Served) -> None:
    ids = [served.add(f"Draft {number}")["id"] for number in range(3)]
    expect(row(page, "Draft 2")).to_be_visible()
    for task_id in ids:
        served.tool("delete_task", client="Claude", task_id=task_id)
    expect(foot(page)).to_contain_text("Claude deleted 3 tasks")
    page.keyboard.press("u")
    changes = page.get_by_role("region", name="Last changes")
    expect(changes.locator("li").first).to_contain_text("“Draft 2”, “Draft 1”, “Draft 0”")
    assert judge(page, find_axe(), "change-list") == []
    page.keyboard.press("Escape")
    expect(changes).to_be_hidden()
    foot(page).get_by_role("button", name="Undo all").click()
    for number in range(3):
        expect(row(page, f"Draft {number}")).to_be_visible()
    # Several questions of one agent are one card, answered singly or together.
    for number in range(2):
        filters = {"filter": {"text": f"Draft {number}"}, "change": {"delete": True}}
        for title in range(11):
            served.add(f"Draft {number} of {title}")
        plan = served.tool("plan_changes", client="Codex", **filters)
        served.tool("apply_plan", client="Codex", plan_id=plan.structured_content["plan_id"])
    card = page.get_by_role("group", name="2 questions that wait for you")
    expect(card).to_contain_text("Codex asks for your word on 2 things:")
    card.get_by_role("button", name="Agree to all").click()
    expect(card).to_have_count(0)
    expect(page.locator(".agreed")).to_have_count(2)
    expect(page.locator(".agreed").first).to_contain_text("Agreed, waiting for Codex until")


def test_a_refusal_speaks_to_the_person(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("404")
    given = [
        ["task_not_found", "There is no task with this id. Look the task up with find_tasks and use its id."],
        ["invalid_arguments", "The title is empty. Give title, or leave update_task out."],
        ["invalid_arguments", "first_due must be a date: “a_b” is none."],
        ["invalid_time", "There is no zone of this name. Give an IANA name, such as Europe/Berlin."],
    ]
    assert page.evaluate(SAID, given) == [
        "This task is not there any more. If it was deleted, Undo (z) brings it back.",
        "The title is empty.",
        "first due must be a date: “a_b” is none.",
        "There is no such time zone. Choose one of the list, such as Europe/Berlin.",
    ]
    # Words that were being written are not lost with their task.
    task = served.add("Fleeting")
    begin_edit(page, "Fleeting")
    page.get_by_role("textbox", name="Title").fill("Fleeting thought")
    served.rest("DELETE", f"/tasks/{task['id']}")
    expect(foot(page)).to_contain_text("You wrote: “Fleeting thought”.")


def test_what_is_written_in_the_menu_stays_while_others_change_the_task(page: Page, served: Served) -> None:
    task = served.add("Bike", due=served.local_day(2))
    menu = open_menu(page, "Bike")
    menu.get_by_label("Tags").fill("repair soon")
    served.rest("PATCH", f"/tasks/{task['id']}", {"priority": "high", "due": served.local_day(1)})
    expect(row(page, "Bike").locator(".due")).to_contain_text("tomorrow")
    expect(menu.get_by_label("Tags")).to_have_value("repair soon")
    menu.get_by_role("button", name="Save").click()
    # It closes when the keys leave it.
    open_menu(page, "Bike")
    page.keyboard.press("F6")
    expect(menu).to_be_hidden()
    expect(row(page, "Bike")).to_contain_text("#repair")
    expect(foot(page)).to_contain_text("You changed “Bike”")
    bike = served.find("Bike")
    assert (bike["tags"], bike["priority"]) == (["repair", "soon"], "high")


def test_search_goes_by_keys_marks_its_words_and_forgives_a_slip(page: Page, served: Served) -> None:
    served.add("Présentation for Monday", due=served.local_day(-2))
    served.add("Another one")
    page.keyboard.press("s")
    page.keyboard.type("presen")
    expect(page.get_by_role("heading", name="Found 1")).to_be_visible()
    expect(row(page, "Présentation").locator(".due.late")).to_be_visible()
    assert page.evaluate(MARKED) == ["Présen"]
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED) == "Done: Présentation for Monday"
    page.keyboard.press("Escape")
    expect(row(page, "Another one")).to_be_visible()
    expect(circle(page, "Présentation")).to_be_focused()
    page.keyboard.press("s")
    page.get_by_role("searchbox", name="Search tasks").fill("presentaton")
    page.locator("search-field").get_by_role("button", name="Présentation").click()
    expect(page.get_by_role("heading", name="Found 1")).to_be_visible()


def test_one_field_goes_everywhere(page: Page, served: Served) -> None:
    served.add("Call the landlord", list="Home")
    expect(row(page, "Call the landlord")).to_be_visible()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to a task, a list or a deed")
    expect(field).to_be_focused()
    assert judge(page, find_axe(), "command-field") == []
    page.keyboard.type("landlrod")
    expect(page.get_by_role("option").first).to_contain_text("Call the landlord")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Task: Call the landlord")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("home")
    page.keyboard.press("Enter")
    expect(page.locator("#today")).to_have_text("Home")
    page.keyboard.press("Control+k")
    page.keyboard.type("zebra walk tomorrow")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Add a task")).to_have_value("zebra walk tomorrow")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_the_keys_know_where_they_are(page: Page, served: Served) -> None:
    for number in range(40):
        served.add(f"Row {number:02}")
    title = "Read https://example.org/a before the meeting with everybody who is there, and write down what they say"
    add(page, title)
    # What was added last comes into sight, with its address as a link and its title in the whole row.
    last = row(page, title)
    expect(last).to_be_in_viewport()
    expect(last.get_by_role("link")).to_have_attribute("href", "https://example.org/a")
    box = last.bounding_box()
    begin_edit(page, title)
    field = page.get_by_role("textbox", name="Title").bounding_box()
    assert field is not None
    assert box is not None
    assert (field["width"] > 0.9 * box["width"] - 40, field["height"] > 50) == (True, True)
    page.keyboard.press("Escape")
    # One stop for Tab in each list, and three parts in a row.
    assert page.locator("task-list .rows").first.locator("[tabindex='0']").count() == 1
    circle(page, "Row 00").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "Row 00, open"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "More for Row 00"
    page.keyboard.press("F6")
    expect(page.get_by_role("textbox", name="Add a task")).to_be_focused()
    page.keyboard.press("Shift+F6")
    assert page.evaluate(FOCUSED) == "Done: Row 00"
    # What opens above the list is seen, however far down the list is.
    page.keyboard.press("Escape")
    last.scroll_into_view_if_needed()
    page.get_by_role("button", name="me", exact=True).click()
    expect(page.get_by_label("Time zone")).to_be_in_viewport()
    # Esc leaves a field of the settings.
    expect(page.locator("place-rail")).to_be_visible()
    page.get_by_label("Time zone").focus()
    page.keyboard.press("Escape")
    expect(page.locator("me-panel")).to_be_hidden()
    expect(page.get_by_role("button", name="me", exact=True)).to_be_focused()
    # A notification that was clicked opens its task.
    page.goto(f"{served.url}/#open={served.find('Row 07')['id']}")
    page.reload()
    wait_ready(page)
    expect(page.get_by_role("region", name="Task: Row 07")).to_be_visible()
