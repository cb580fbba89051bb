"""A reminder rings in the open page, and outside of it after a yes."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Windows
from tests.browser.served import Served
from tests.browser.sheet import row

PROMISES = ("page-complete",)
WHOLE_BROWSER = True


def test_a_reminder_arrives_and_rings_later_when_asked_to(page: Page, served: Served, artefacts: Path) -> None:
    served.add("Call mum", reminders=[served.soon(2)])
    line = page.locator(".reminder", has_text="Call mum")
    expect(line).to_be_visible()
    expect(page.locator(".reminder.ask")).to_contain_text("without a sound")
    page.screenshot(path=artefacts / "reminder.png")
    # The line goes at once; what the service knows follows.
    line.get_by_role("button", name="Snooze: Call mum").click()
    with page.expect_response("**/read"):
        line.get_by_role("button", name="1 h: Call mum").click()
    expect(line).to_have_count(0)
    expect(row(page, "Call mum").locator(".bell")).to_be_visible()
    [reminder] = served.find("Call mum")["reminders"]
    assert (reminder["status"], reminder["sequence"]) == ("scheduled", 2)
    assert served.rest("GET", "/notifications")["notifications"][0]["read"] is True


def test_a_reminder_is_done_and_its_question_asked_once(windows: Windows, served: Served) -> None:
    page = windows.open()
    served.add("Call mum", reminders=[served.soon(1)])
    page.locator(".reminder.ask").get_by_role("button", name="No").click()
    expect(page.locator(".reminder.ask")).to_have_count(0)
    page.reload()
    line = page.locator(".reminder", has_text="Call mum")
    line.get_by_role("button", name="Done: Call mum").click()
    expect(page.locator(".reminder")).to_have_count(0)
    assert served.find("Call mum")["status"] == "completed"


def test_outside_the_page_only_after_a_yes_and_without_a_sound(windows: Windows, served: Served) -> None:
    page = windows.open()
    page.context.grant_permissions(["notifications"])
    page.evaluate(
        """() => {
          window.shown = [];
          window.Notification = class extends EventTarget {
            static permission = "default";
            static async requestPermission() { return (this.permission = "granted"); }
            constructor(title, { silent }) { super(); window.last = this; window.shown.push({ title, silent }); }
            close() {}
          };
        }"""
    )
    served.add("First", reminders=[served.soon(1)])
    page.locator(".reminder.ask").get_by_role("button", name="Yes").click()
    assert page.evaluate("window.shown") == []
    served.add("Second", reminders=[served.soon(1)])
    expect(page.locator(".reminder", has_text="Second")).to_be_visible()
    assert page.evaluate("window.shown") == [{"title": "Second", "silent": True}]
    page.evaluate("window.last.dispatchEvent(new Event('click'))")
    expect(page.get_by_role("region", name="Task: Second")).to_be_visible()
    page.get_by_role("button", name="me", exact=True).click()
    page.get_by_role("button", name="In the page alone").click()
    served.add("Third", reminders=[served.soon(1)])
    expect(page.locator(".reminder", has_text="Third")).to_be_visible()
    assert len(page.evaluate("window.shown")) == 1
