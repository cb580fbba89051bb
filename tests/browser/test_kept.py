"""What people wrote stays as they wrote it, and what waits for them is shown whole."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.axe import find_axe, judge
from tests.browser.conftest import Watch, Windows
from tests.browser.served import Served
from tests.browser.sheet import add, begin_edit, circle, edit, foot, open_menu, row, saving, section
from tests.browser.spoken import Spoken, say

PROMISES = ("page-complete",)


def fill(served: Served, count: int, title: str) -> None:
    for first in range(0, count, 60):
        numbers = range(first, min(count, first + 60))
        changes = [{"tool": "create_task", "arguments": {"title": f"{title} {number:03}"}} for number in numbers]
        plan = served.rest("POST", "/plans", {"changes": changes})
        served.rest("POST", f"/plans/{plan['plan_id']}/apply", {})


def test_t8_an_unread_reminder_stays_and_says_how_late_it_is(windows: Windows, served: Served) -> None:
    served.add("Call mum")
    page = windows.open()

    def age(route: Route) -> None:
        """Answer as if a reminder had rung three days ago, 63 hours late."""
        then = datetime.fromisoformat(served.rest("GET", "/me")["instant"]) - timedelta(days=3)
        late = {
            "id": "n1",
            "event_id": "n1",
            "task_id": served.find("Call mum")["id"],
            "title": "Call mum",
            "text": "Call mum",
            "remind_at": f"{then:%Y-%m-%dT%H:%M:%SZ}",
            "late_by_seconds": 226_802,
            "read": False,
        }
        others = [late | {"id": f"n{number}", "event_id": f"n{number}"} for number in range(2, 6)]
        route.fulfill(json={"notifications": [late, *others]})

    page.route("**/api/notifications?*", age)
    page.route("**/api/notifications/*/read", lambda route: route.fulfill(json={}))
    page.reload()
    lines = page.locator(".reminder:not(.ask)")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("2 days 15 h late")
    page.get_by_role("button", name="and 4 more reminders").click()
    expect(lines).to_have_count(5)
    lines.first.get_by_role("button", name="Put away: Call mum").click()
    expect(lines).to_have_count(4)
    page.get_by_role("button", name="Put all away").click()
    expect(lines).to_have_count(0)


def save(page: Page, menu: Locator) -> None:
    """Save the open dialog and wait for the answer: the next change waits for it too."""
    with saving(page):
        menu.get_by_role("button", name="Save").click()


def test_t9_a_tag_with_a_blank_stays_whole(page: Page, served: Served) -> None:
    served.add("Tagged", tags=["home office"])
    sent: list[str | None] = []
    page.on("request", lambda request: sent.append(request.post_data) if request.method == "PATCH" else None)
    menu = open_menu(page, "Tagged")
    menu.get_by_label("Priority").select_option("high")
    save(page, menu)
    expect(row(page, "Tagged").locator(".priority")).to_contain_text("high")
    assert sent == ['{"priority":"high"}']
    menu = open_menu(page, "Tagged")
    menu.get_by_label("Tags").fill("home office #urgent")
    save(page, menu)
    expect(row(page, "Tagged").locator(".tag")).to_have_text(["#home office", "#urgent"])
    menu = open_menu(page, "Tagged")
    menu.get_by_label("Tags").fill("home office, two words")
    save(page, menu)
    expect(row(page, "Tagged").locator(".tag")).to_have_text(["#home office", "#two words"])
    assert served.find("Tagged")["priority"] == "high"
    open_menu(page, "Tagged").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="Change the task")).to_be_hidden()
    assert len(sent) == 3


def test_an_edit_waits_for_the_one_before_and_builds_on_it(page: Page, served: Served) -> None:
    served.add("Draft", tags=["old"])
    expect(row(page, "Draft")).to_be_visible()
    held: list[Route] = []
    page.route("**/api/tasks/*", lambda route: route.continue_() if held else held.append(route))
    for tags in ("one", "two", "three"):
        menu = open_menu(page, "Draft")
        menu.get_by_label("Tags").fill(tags)
        menu.get_by_role("button", name="Save").click()
        expect(row(page, "Draft").locator(".tag")).to_have_text([f"#{tags}"])
    assert served.find("Draft")["tags"] == ["old"]
    held[0].continue_()
    expect(page.locator("task-row.waiting")).to_have_count(0)
    assert served.find("Draft")["tags"] == ["three"]
    expect(foot(page)).not_to_contain_text("as it was")


def test_t11_a_typed_title_is_saved_beside_other_changes_and_never_lost(
    page: Page, served: Served, watch: Watch
) -> None:
    watch.allow("412|ERR_FAILED")
    task = served.add("Draft")
    expect(row(page, "Draft")).to_be_visible()
    page.route("**/api/tasks?**", lambda route: route.abort())
    served.rest("PATCH", f"/tasks/{task['id']}", {"notes": "two"})
    edit(page, "Draft", "Draft of the letter")
    expect(row(page, "Draft of the letter")).to_be_visible()
    expect(page.locator("task-row.waiting")).to_have_count(0)
    assert served.find("Draft of the letter")["notes"] == "two"
    served.rest("PATCH", f"/tasks/{task['id']}", {"title": "Letter"})
    edit(page, "Draft of the letter", "My words")
    expect(foot(page)).to_contain_text("Another app has changed its title meanwhile. You wrote: “My words”.")
    page.unroute("**/api/tasks?**")
    expect(circle(page, "Letter")).to_be_visible()
    begin_edit(page, "Letter")
    expect(page.get_by_role("textbox", name="Title")).to_have_value("My words")
    page.keyboard.press("Enter")
    expect(row(page, "My words")).to_be_visible()


def test_t12_search_tells_how_many_there_are_and_shows_more(windows: Windows, served: Served) -> None:
    fill(served, 120, "report")
    page = windows.open()
    page.keyboard.press("s")
    page.keyboard.type("report")
    expect(page.get_by_role("heading", name="Found 50 of 120")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("heading", name="Found 100 of 120")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("heading", name="Found 120", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_t13_all_series_are_there(windows: Windows, served: Served) -> None:
    for first in (0, 30):
        changes = [
            {"tool": "create_recurring_task", "arguments": {"title": f"Daily {number:02}", "rule": "FREQ=DAILY"}}
            for number in range(first, first + 30)
        ]
        plan = served.rest("POST", "/plans", {"changes": changes})
        served.rest("POST", f"/plans/{plan['plan_id']}/apply", {})
    page = windows.open()
    expect(page.locator("summary", has_text="Recurring")).to_contain_text("60")
    for title in ("Daily 00", "Daily 59"):
        expect(open_menu(page, title).get_by_role("button", name="Skip this one")).to_be_visible()
        page.keyboard.press("Escape")


@pytest.mark.parametrize("slip", ["slow", "double"])
def test_t14_an_untick_takes_the_successor_back(page: Page, served: Served, slip: str) -> None:
    served.rest("POST", "/recurring-tasks", {"title": "dishes", "rule": "FREQ=DAILY"})
    expect(row(page, "dishes")).to_be_visible()
    if slip == "double":
        circle(page, "dishes").dblclick()
        expect(foot(page)).to_contain_text("You took back: completed “dishes”")
    else:
        circle(page, "dishes").click()
        expect(section(page, "Next")).to_contain_text("dishes")
        # The ticked one keeps its place until the pointer leaves it.
        expect(section(page, "Today").get_by_role("checkbox", name="Done: dishes")).to_be_checked()
        page.mouse.move(5, 5)
        section(page, "Done today").locator("summary").click()
        section(page, "Done today").get_by_role("checkbox", name="Done: dishes").click()
    expect(section(page, "Next")).to_have_count(0)
    expect(section(page, "Today")).to_contain_text("dishes")
    [left] = served.rest("GET", "/tasks")["tasks"]
    assert left["due"] == served.local_day()


def test_t25_text_in_answers_stands_as_it_is_written(page: Page, served: Served, spoken: Spoken) -> None:
    for title in ("**bold** claim", "`rm` it"):
        served.add(title)
        expect(row(page, title)).to_be_visible()
    spoken.answers = [say("1. 2 ** 3 ** 4, today\n2. **bold** claim, today\n3. `rm` it\n\nThis is **mine**. ```python")]
    page.get_by_role("textbox", name="Message").fill("what is due?")
    page.keyboard.press("Enter")
    expect(page.locator(".theirs li")).to_have_text(["2 ** 3 ** 4, today", "**bold** claim, today", "`rm` it"])
    expect(page.locator(".theirs strong")).to_have_text(["mine"])
    expect(page.locator(".theirs")).to_contain_text("```python")


def test_t28_enter_that_ends_a_composition_sends_nothing(page: Page, served: Served, spoken: Spoken) -> None:
    # Safari's order: the composition ends first, then comes the key, marked by its code alone.
    key = "{key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}"
    press = f"field => field.dispatchEvent(new KeyboardEvent('keydown', {key}))"
    message = page.get_by_role("textbox", name="Message")
    message.fill("にほん")
    message.evaluate(press)
    add(page, "Buy milk")
    begin_edit(page, "Buy milk")
    title = page.get_by_role("textbox", name="Title")
    title.fill("ぎゅうにゅう")
    title.evaluate(press)
    expect(title).to_be_visible()
    expect(message).to_have_value("にほん")
    assert spoken.heard == []
    assert served.find("Buy milk")["version"] == 1


def test_answers_from_before_the_loss_do_not_say_that_the_network_is_back(windows: Windows, served: Served) -> None:
    page = windows.open()
    page.evaluate("Object.defineProperty(navigator, 'onLine', {get: () => !window.away})")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/api/changes?*", hold)
    with page.expect_request("**/api/changes?*"):
        served.add("Call mum")
    page.evaluate("window.away = true; window.dispatchEvent(new Event('offline'))")
    expect(foot(page)).to_contain_text("Connection lost")
    with page.expect_response("**/api/changes?*"):
        held[0].continue_()
    expect(row(page, "Call mum")).to_be_visible()
    page.wait_for_function("new Promise(done => setTimeout(() => done(true)))")
    expect(foot(page)).to_contain_text("Connection lost")


def test_a_file_is_said_brought_in_with_its_progress_and_taken_back(page: Page, served: Served) -> None:
    page.get_by_role("button", name="me", exact=True).click()
    panel = page.locator("my-transfer")
    lines = "\n".join(f"Line {number}" for number in range(90))
    panel.get_by_label("A file of tasks").set_input_files(
        {"name": "tasks.txt", "mimeType": "text/plain", "buffer": lines.encode()}
    )
    panel.get_by_role("button", name="Look at it").click()
    expect(panel.get_by_role("status")).to_contain_text("90 tasks and 0 recurring ones. Nothing is changed yet.")
    assert served.rest("GET", "/tasks")["total"] == 0
    assert judge(page, find_axe(), "my-transfer") == []
    page.evaluate(
        """() => {
          window.seen = [];
          new MutationObserver(() => {
            const bar = document.querySelector("my-transfer progress");
            if (bar) window.seen.push(bar.value);
          }).observe(document.querySelector("my-transfer"), { subtree: true, childList: true, attributes: true });
        }"""
    )
    panel.get_by_role("button", name="Bring them in").click()
    expect(panel.get_by_role("status")).to_contain_text("It is done; undo takes all of it back.")
    seen = page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert 90 in seen
    assert len(set(seen)) > 2, "more than nothing and all"
    assert served.rest("GET", "/tasks")["total"] == 90
    panel.get_by_role("button", name="Take it back").click()
    page.wait_for_function("fetch('/api/tasks').then((answer) => answer.json()).then(({ total }) => total === 0)")
    with page.expect_download() as download:
        panel.get_by_role("link", name="Take everything of mine along").click()
    assert download.value.suggested_filename == "tasks.jsonl"
