"""A week of somebody's life on the page; every step is also seen by an agent, and published on the topic."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Windows, wait_ready
from tests.browser.served import RunningClock, Served, open_served
from tests.browser.sheet import add, circle, foot, open_menu, row, section

PROMISES = ("page-day",)
MONDAY = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
"""Half past eight in Berlin."""
PASTE = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.activeElement.dispatchEvent(paste);
}"""
BOXES = [f"Box {number:02}" for number in range(1, 11)]


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory, default_storage: None) -> Iterator[Served]:
    with open_served(tmp_path_factory.mktemp("week"), RunningClock.begin(MONDAY)) as server:
        server.rest("POST", "/read", {"text": "x"})
        yield server


@dataclass
class Life:
    """The person's window, what an agent sees of it, and what the topic said."""

    page: Page
    served: Served
    known: int = 0

    def go(self, view: str) -> None:
        self.page.locator("place-rail").get_by_role("link", name=view, exact=False).click()

    def wake(self, days: int) -> None:
        """Sleep until some mornings later, and look at the page again."""
        self.served.move(days=days)
        self.page.reload()
        wait_ready(self.page)

    def ask(self, **filters: Any) -> list[str]:
        """Return the titles that an agent finds."""
        answer = self.served.tool("find_tasks", **filters).structured_content
        return [task["title"] for task in answer["tasks"]]

    def hear(self, *wanted: str) -> None:
        """Wait until the topic has brought exactly these since the last time: `type title`, in any order."""
        said: Counter[str] = Counter()
        for _ in range(80):
            fresh = self.served.published()[self.known :]
            said = Counter(f"{each['type'].split('.')[-1]} {each['data']['data']['task']['title']}" for each in fresh)
            if sum(said.values()) >= len(wanted):
                break
            self.page.wait_for_timeout(50)
        assert said == Counter(wanted)
        self.known += len(wanted)


def open_task(page: Page, title: str) -> Locator:
    circle(page, title).press("Enter")
    detail = page.get_by_role("region", name=f"Task: {title}")
    expect(detail).to_be_visible()
    return detail


def write_subtasks(detail: Locator, *titles: str) -> None:
    for number, title in enumerate(titles, 1):
        field = detail.get_by_role("textbox", name="Add a subtask")
        field.fill(title)
        field.press("Enter")
        expect(detail.locator(".step")).to_have_count(number)


def test_a_week(windows: Windows, served: Served) -> None:
    life = Life(windows.open(), served)
    shop(life)
    plan_a_party(life)
    clean_every_week(life)
    wait_for_thursday(life)
    move_ten(life)
    take_a_slip_back(life)
    end_the_week(life)


def shop(life: Life) -> None:
    """Monday: a list is made in the rail, filled from a note by one paste, and ticked off in the shop."""
    page = life.page
    page.get_by_role("button", name="+ list").click()
    page.get_by_role("textbox", name="Name of the new list").fill("Shopping")
    page.keyboard.press("Enter")
    expect(page.locator("#today")).to_have_text("Shopping")
    add(page, "Milk")
    expect(row(page, "Milk")).to_be_visible()
    page.get_by_role("textbox", name="Add a task").focus()
    page.evaluate(PASTE, "- Bread\n- Eggs\n\n* Apples #fruit\n")
    expect(page.get_by_role("button", name="Add 3 tasks")).to_be_focused()
    page.keyboard.press("Enter")
    for title in ("Bread", "Eggs", "Apples"):
        expect(row(page, title)).to_be_visible()
    assert sorted(life.ask(list="Shopping")) == ["Apples", "Bread", "Eggs", "Milk"]
    life.hear(*(f"created {each}" for each in ("Milk", "Bread", "Eggs", "Apples")))
    for title in ("Milk", "Bread"):
        circle(page, title).click()
        expect(row(page, title)).to_have_count(0)
    assert sorted(life.ask(list="Shopping")) == ["Apples", "Eggs"]
    life.hear("completed Milk", "completed Bread")


def plan_a_party(life: Life) -> None:
    """A project with subtasks, of which two are done; the party shows how far it is."""
    page = life.page
    life.go("Tasks")
    add(page, "Birthday party saturday 18:00 /Home")
    expect(row(page, "Birthday party").locator(".due")).to_contain_text("Sat 18:00")
    detail = open_task(page, "Birthday party")
    write_subtasks(detail, "Order the cake", "Invitations", "Music")
    detail.get_by_role("checkbox", name="Done: Order the cake").click()
    detail.get_by_role("checkbox", name="Done: Music").click()
    expect(row(page, "Birthday party").locator(".steps")).to_contain_text("2/3")
    page.keyboard.press("Escape")
    party = life.served.find("Birthday party")
    assert party["list"]["name"] == "Home"
    assert life.ask(parent_id=party["id"]) == ["Invitations"]
    steps = ("Order the cake", "Invitations", "Music")
    life.hear(
        "created Birthday party", *(f"created {each}" for each in steps), "completed Order the cake", "completed Music"
    )


def clean_every_week(life: Life) -> None:
    """A routine with a checklist: what stands below it comes again with each date."""
    page = life.page
    add(page, "Clean the flat every tuesday at 10:00")
    expect(row(page, "Clean the flat").locator(".rule")).to_contain_text("every Tuesday")
    detail = open_task(page, "Clean the flat")
    write_subtasks(detail, "Kitchen", "Bathroom")
    detail.get_by_role("button", name="Each time these").click()
    expect(detail).to_contain_text("Each time: Kitchen, Bathroom")
    page.keyboard.press("Escape")
    life.wake(days=1)
    circle(page, "Clean the flat").click()
    coming = section(page, "Next").locator("task-row", has_text="Clean the flat")
    expect(coming.locator(".due")).to_contain_text("1 Dec 10:00")
    expect(coming.locator(".steps")).to_contain_text("0/2")
    assert life.ask(text="kitchen") == ["Kitchen"]
    # The date that was there and the next one, each with its checklist; the series itself, whose subtasks changed.
    titles = ("Clean the flat", "Kitchen", "Bathroom")
    made = [f"created {each}" for each in (*titles, *titles, "Clean the flat")]
    done = [f"completed {each}" for each in titles]
    life.hear(*made, *done, "trigger Clean the flat", "trigger Clean the flat", "updated Clean the flat")


def wait_for_thursday(life: Life) -> None:
    """Not before Thursday: until then it is out of the way, for an agent too."""
    page = life.page
    add(page, "Change the tyres not before thursday")
    expect(section(page, "Not yet")).to_contain_text("Change the tyres")
    assert life.ask(text="tyres", available=True) == []
    life.go("Today")
    life.wake(days=2)
    expect(section(page, "Today").locator("task-row", has_text="Change the tyres")).to_contain_text("since today")
    assert life.ask(text="tyres", available=True) == ["Change the tyres"]
    life.hear("created Change the tyres")


def move_ten(life: Life) -> None:
    """Thursday: ten boxes do not fit into this week; they go to the next one as one change."""
    page, day = life.page, life.served.local_day()
    for title in BOXES:
        life.served.add(title, due=day, list="Attic")
    life.go("Attic")
    expect(page.locator("task-row")).to_have_count(10)
    circle(page, "Box 01").focus()
    page.keyboard.press("x")
    for _ in range(9):
        page.keyboard.press("Shift+ArrowDown")
    bar = page.locator("chosen-bar")
    bar.get_by_role("button", name="Next week").click()
    expect(bar).to_contain_text("Move to Monday 30 November: “Box 01”, “Box 02”, “Box 03” and 7 more?")
    page.keyboard.press("Enter")
    expect(foot(page)).to_contain_text("10 tasks moved to Monday 30 November. Undo (z) takes all of it back.")
    assert life.ask(list="Attic", due_until=day) == []
    life.hear(*(f"{kind} {title}" for title in BOXES for kind in ("created", "updated")))


def take_a_slip_back(life: Life) -> None:
    """Friday: a key too many deletes the party with all that stands below it; one key brings it back as it was."""
    page = life.page
    life.wake(days=1)
    life.go("Home")
    open_menu(page, "Birthday party").get_by_role("button", name="Delete").click()
    expect(row(page, "Birthday party")).to_have_count(0)
    assert life.ask(text="invitations") == []
    steps = ("Birthday party", "Order the cake", "Invitations", "Music")
    life.hear(*(f"deleted {each}" for each in steps))
    page.keyboard.press("z")
    expect(row(page, "Birthday party").locator(".steps")).to_contain_text("2/3")
    expect(foot(page)).to_contain_text("You took back: deleted “Birthday party”")
    assert life.ask(text="invitations") == ["Invitations"]
    life.hear(*(f"created {each}" for each in steps))


def end_the_week(life: Life) -> None:
    """Sunday: the party is over, and the week shows what was done."""
    page = life.page
    circle(page, "Birthday party").click()
    expect(row(page, "Birthday party")).to_have_count(0)
    life.hear("completed Birthday party", "completed Invitations")
    life.wake(days=2)
    life.go("Done")
    done = page.locator("done-list")
    for title in ("Birthday party", "Invitations", "Clean the flat", "Milk"):
        expect(done).to_contain_text(title)
    life.go("Week")
    expect(page.locator("week-board .day").nth(1)).to_contain_text("Box 10")
    life.hear()
