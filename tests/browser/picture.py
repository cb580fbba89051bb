"""The README's picture of the page: `python -m tests.browser.picture docs/page.png` renews it."""

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.chromium import run_chromium
from tests.browser.served import Served
from tests.browser.spoken import Event, Spoken

ZONE = "Europe/Berlin"
ASKED = "Remind me to call mum on friday at 5"
LATE = "One thing: the invoice was due yesterday at 17:00. Shall I move it to today?"
TOLD = '"Call mum" is due Friday, 17:00. I will remind you half an hour before.'


def fill(served: Served) -> str:
    """Fill an empty service with tasks; return those due on the conversation's day."""
    day = served.local_day
    served.add("Send the invoice", due=f"{day(-1)}T17:00")
    served.add("Book the dentist", due=day(), priority="high")
    served.add("Stand-up", due=f"{day()}T23:30", tags=["team"])
    served.add("Pick up the parcel", due=day(1), tags=["errands"])
    served.add("Send the slides to Amira", due=f"{day(3)}T10:00", tags=["team"])
    served.add("Renew the passport", due=day(23))
    served.add("Read the book that Jonas lent me")
    water = {"title": "Water the plants", "rule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18"}
    served.rest("POST", "/recurring-tasks", water)
    for title in ("Pay the rent", "Buy milk"):
        served.rest("POST", f"/tasks/{served.add(title)['id']}/complete")
    today = date.fromisoformat(day())
    friday = f"{today + timedelta((3 - today.weekday()) % 7 + 1)}T17:00"
    call = {"title": "Call mum", "due": friday, "reminders": ["30m"], "tags": ["family"]}
    served.rest("POST", "/tasks", call)
    dentist = served.find("Book the dentist")
    served.tool("update_task", client="Claude · VS Code", task_id=dentist["id"], due=f"{day(1)}T09:00")
    return friday


def sort_into_lists(served: Served) -> None:
    """Give the tasks lists, and add one with subtasks and one that has not begun."""
    lists = {
        "Work": ["Send the invoice", "Stand-up", "Send the slides to Amira"],
        "Home": ["Pick up the parcel", "Water the plants"],
        "Family": ["Call mum"],
    }
    for name, titles in lists.items():
        for title in titles:
            served.rest("PATCH", f"/tasks/{served.find(title)['id']}", {"list": name})
    steps = ["Cake", "Invitations", "Music"]
    served.add("Plan the birthday", due=served.local_day(12), list="Family", subtasks=steps)
    served.rest("POST", f"/tasks/{served.find('Cake')['id']}/complete")
    served.add("Change the tyres", start=served.local_day(6), due=served.local_day(20), list="Home")


def answer(friday: str) -> list[Event]:
    """Return the conversation's answer to the picture's last message."""
    arguments = {"title": "Call mum", "due": friday, "reminders": ["30m"]}
    return _answer("create_task", arguments, {"task": {"title": "Call mum"}}, TOLD)


def _answer(tool: str, arguments: dict[str, Any], result: dict[str, Any], text: str) -> list[Event]:
    return [
        ("conversation", {"conversation_id": "c1", "turn_id": "t1", "model": "tasks-agent"}),
        ("tool_started", {"call": 1, "name": tool, "arguments": arguments}),
        ("tool_finished", {"call": 1, "name": tool, "ok": True, "result": result}),
        ("text", {"text": text}),
        ("done", {"turn_id": "t1", "text": text, "finish": "stop"}),
    ]


def open_page(browser: Browser, served: Served, spoken: Spoken, **looks: object) -> Page:
    """Open the page with a conversation in place and wait until it is ready."""
    context = browser.new_context(timezone_id=ZONE, locale="en-GB", reduced_motion="reduce", **looks)  # type: ignore[arg-type]  # the looks are playwright's own names
    spoken.install(context)
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector("html[data-ready]")
    return page


def take(page: Page, path: Path) -> None:
    page.wait_for_timeout(150)
    page.screenshot(path=path)


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, run_chromium(whole=True) as browser:
        served = Served(Path(folder))
        served.start()
        try:
            spoken = Spoken(
                answers=[_answer("find_tasks", {"status": "overdue"}, {"total": 1}, LATE), answer(fill(served))]
            )
            sort_into_lists(served)
            page = open_page(browser, served, spoken, viewport={"width": 1440, "height": 900}, color_scheme="light")
            for asked, told in (("What have I missed?", LATE), (ASKED, TOLD)):
                page.get_by_label("Message").fill(asked)
                page.keyboard.press("Enter")
                page.get_by_text(told.split("\n")[0]).wait_for()
                page.get_by_role("button", name="Send", exact=True).wait_for()
            page.locator("body").click(position={"x": 5, "y": 5})
            take(page, path)
            page.context.close()
        finally:
            served.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
