"""The page's behaviour for keys, screen readers, phones, the dark, and the machine that loads it."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from app.http.page import FOLDER, compress_part
from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Windows, wait_ready
from tests.browser.picture import answer, fill
from tests.browser.served import Served
from tests.browser.sheet import add, circle, foot, open_menu, row, section
from tests.browser.spoken import Spoken, say
from tests.long import also_long

PROMISES = ("page-manners",)

LARGEST = 300_000
PARTS = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"}
)
OUTSIDE = (
    "/page/list/..%2Fpage.js",
    "/page/list%2F..%2F..%2Fsettings.py",
    "/page/style%5Ctokens.css",
    "/page//page.js",
)


@pytest.fixture(scope="module")
def axe() -> str:
    return find_axe()


def focused(page: Page) -> str:
    said: str = page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
    return said


def test_everything_goes_by_the_keyboard_alone(page: Page, served: Served) -> None:
    for title in ("One", "Two", "Three"):
        page.keyboard.press("n")
        page.keyboard.type(title)
        page.keyboard.press("Enter")
        expect(row(page, title)).to_be_visible()
        page.keyboard.press("Escape")
    titles = page.locator("task-row .title bdi").all_text_contents()
    page.keyboard.press("j")
    assert focused(page) == f"Done: {titles[0]}"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert focused(page) == f"Done: {titles[1]}"
    page.keyboard.press("e")
    page.keyboard.type("Edited")
    page.keyboard.press("Enter")
    expect(row(page, "Edited")).to_be_visible()
    page.keyboard.press("Space")
    expect(section(page, "No date")).not_to_contain_text("Edited")
    expect(foot(page)).to_contain_text("You completed “Edited”")
    page.keyboard.press("z")
    expect(section(page, "No date")).to_contain_text("Edited")
    page.keyboard.press("Shift+Z")
    expect(section(page, "No date")).not_to_contain_text("Edited")
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.get_by_role("dialog", name="Change the task")).to_be_visible()
    assert focused(page) == "Open"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Change the task")).to_be_hidden()
    page.keyboard.press("m")
    for _ in ("Rename", "Choose", "Today"):
        page.keyboard.press("Tab")
    assert focused(page) == "Today"
    page.keyboard.press("Enter")
    expect(section(page, "Today")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("key-help")).to_contain_text("take the last change back")
    page.keyboard.press("Escape")
    expect(page.locator("key-help")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("hello n z j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("hello n z j")


def test_what_the_keys_are_on_keeps_them_while_the_list_changes(page: Page, served: Served) -> None:
    served.add("Later", due=served.local_day(9))
    expect(row(page, "Later")).to_be_visible()
    page.keyboard.press("j")
    served.add("Sooner", due=served.local_day())
    expect(row(page, "Sooner")).to_be_visible()
    assert focused(page) == "Done: Later"
    served.rest("PATCH", f"/tasks/{served.find('Later')['id']}", {"due": served.local_day(1)})
    expect(section(page, "Next")).to_contain_text("Later")
    assert focused(page) == "Done: Later"


def test_a_row_says_to_a_screen_reader_what_matters(page: Page, served: Served) -> None:
    served.add("Call mum", due="2031-11-28T17:00", reminders=["30m"], priority="high")
    expect(row(page, "Call mum")).to_have_attribute("role", "listitem")
    expect(circle(page, "Call mum")).not_to_be_checked()
    facts = row(page, "Call mum").locator(".facts")
    expect(facts).to_contain_text("due Fri 28 Nov 2031, 17:00 Europe/Berlin")
    expect(facts).to_contain_text("high priority")
    expect(facts).to_contain_text("reminder")
    expect(facts.locator("time")).to_have_attribute("title", "Fri 28 Nov 2031, 17:00 Europe/Berlin")
    expect(page.locator("foot-line [role=status]")).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize("look", also_long(["dark", "phone"], ["light"], "10 s; other tests look in the light"))
def test_it_is_accessible_and_looks_as_the_pictures_show(
    windows: Windows, served: Served, spoken: Spoken, axe: str, artefacts: Path, look: str
) -> None:
    spoken.answers = [answer(fill(served))]
    looks: dict[str, Any] = {"viewport": PHONE} if look == "phone" else {"color_scheme": look}
    page = windows.open(**looks)
    if look != "phone":
        page.get_by_label("Message").fill("Remind me to call mum on friday at 5")
        page.keyboard.press("Enter")
        expect(page.get_by_role("log")).to_contain_text("half an hour before")
    page.screenshot(path=artefacts / f"{look}.png")
    assert judge(page, axe) == []
    open_menu(page, "Send the invoice")
    page.screenshot(path=artefacts / f"{look}-menu.png")
    assert judge(page, axe, ".menu") == []
    page.keyboard.press("Escape")
    for name in ("Statistics", "Keys", "Settings", "Search"):
        page.locator(f"[aria-controls={ {'Settings': 'me'}.get(name, name.lower()) }]").click()
        if name == "Statistics":
            expect(page.locator("statistics-chart svg")).to_be_visible()
        page.screenshot(path=artefacts / f"{look}-{name.lower()}.png")
        assert judge(page, axe) == []
    if look == "phone":
        page.get_by_role("button", name="Conversation").click()
        page.screenshot(path=artefacts / "phone-conversation.png")
        assert judge(page, axe) == []


def test_a_phone_has_one_column_and_two_tabs(windows: Windows, spoken: Spoken) -> None:
    spoken.answers = [say("Hello.")]
    page = windows.open(viewport=PHONE, has_touch=True, is_mobile=True)
    add(page, "A task with a rather long title that does not fit into one line of a phone")
    expect(page.locator(".talk")).to_be_hidden()
    expect(foot(page)).to_contain_text("You added")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Conversation").tap()
    expect(page.locator(".sheet")).to_be_hidden()
    page.get_by_role("textbox", name="Message").fill("hello")
    page.get_by_role("button", name="Send").tap()
    expect(page.get_by_role("log")).to_contain_text("Hello.")
    expect(foot(page)).to_contain_text("You added")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Tasks").tap()
    expect(row(page, "A task")).to_be_visible()


def test_nothing_is_lost_at_two_hundred_percent(windows: Windows, served: Served) -> None:
    served.add("x" * 200, due=served.local_day(1), tags=["y" * 64], priority="high")
    page = windows.open(viewport={"width": 600, "height": 400}, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Head, add line and foot leave the room to the list.
    heights = [page.locator(each).bounding_box() for each in (".scroll", "foot-line", "add-task")]
    shown, foot_box, line = (each or {"y": 0, "height": 0} for each in heights)
    assert (shown["height"] > 180, foot_box["height"] <= 40) == (True, True)
    assert line["y"] + line["height"] <= foot_box["y"]
    open_menu(page, "x" * 200).get_by_role("button", name="Delete").click()
    expect(page.locator("task-row")).to_have_count(0)


def test_the_dark_is_the_systems_until_it_is_chosen_and_then_remembered(windows: Windows) -> None:
    page = windows.open(color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(paper) == "rgb(22, 22, 20)"
    toggle = page.get_by_role("button", name="Dark")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    assert page.evaluate(paper) == "rgb(251, 250, 247)"
    page.reload()
    wait_ready(page)
    assert page.evaluate(paper) == "rgb(251, 250, 247)"
    toggle.click()
    assert page.evaluate("localStorage.getItem('look')") is None


def test_statistics_are_bars_for_the_eye_and_a_table_for_the_ear(page: Page, served: Served) -> None:
    served.rest("POST", f"/tasks/{served.add('Buy milk')['id']}/complete")
    served.add("Call mum")
    expect(row(page, "Call mum")).to_be_visible()
    page.get_by_role("button", name="Statistics").click()
    chart = page.locator("statistics-chart")
    expect(chart).to_contain_text("Last 14 days: 2 added, 1 done. Now 1 open, 0 overdue.")
    expect(chart.locator("rect")).to_have_count(28)
    days = chart.get_by_role("table", name="Tasks added and done")
    expect(days.get_by_role("row").last).to_contain_text(re.compile("21$"))
    lists = chart.get_by_role("table", name="Tasks of each list, now")
    expect(lists.get_by_role("row").last).to_have_text("Inbox101")


def test_the_zone_of_the_browser_is_offered_and_settings_are_kept(windows: Windows, served: Served) -> None:
    # It does not ask because of another name of the same zone.
    served.rest("PATCH", "/me", {"zone": "Etc/UTC"})
    page = windows.open(timezone_id="UTC")
    assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "UTC"
    expect(page.locator("zone-offer")).to_be_hidden()
    served.rest("PATCH", "/me", {"zone": "Europe/Berlin"})
    page = windows.open(timezone_id="Asia/Karachi")
    offer = page.locator("zone-offer")
    expect(offer).to_contain_text("This browser is in Asia/Karachi; times are shown in Europe/Berlin.")
    offer.get_by_role("button", name="Keep").click()
    expect(offer).to_be_hidden()
    page.reload()
    wait_ready(page)
    expect(offer).to_be_hidden()
    page.get_by_role("button", name="me", exact=True).click()
    page.get_by_label("My day begins at").fill("07:30")
    page.get_by_label("Time zone").fill("Asia/Karachi")
    page.get_by_role("button", name="Save").click()
    expect(foot(page)).to_contain_text("Times are shown in Asia/Karachi from now on.")
    me = served.rest("GET", "/me")
    assert (me["zone"], me["day_start"]) == ("Asia/Karachi", "07:30")


def test_it_is_ready_soon_small_and_all_from_here(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    # Every test here ends with a check for foreign requests and errors.
    ready = page.evaluate("performance.getEntriesByName('page-ready')[0].startTime")
    sent = page.evaluate("performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)")
    packed = sum(len(compress_part(name, 0)[1]) for name in PARTS)
    with capsys.disabled():
        print(f"\npage: ready after {ready:.0f} ms, {packed / 1000:.0f} kB compressed, {sent / 1000:.0f} kB sent")
    assert packed < LARGEST


def test_every_part_is_sent_under_the_policy_and_only_once(served: Served) -> None:
    with httpx2.Client(base_url=served.url) as http:
        for path in ("/", *(f"/page/{name}" for name in PARTS)):
            answered = http.get(path)
            policy = answered.headers["content-security-policy"]
            assert answered.status_code == 200
            assert answered.headers["content-encoding"] == "gzip"
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert answered.headers["x-content-type-options"] == "nosniff"
            again = http.get(path, headers={"If-None-Match": answered.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            plain = http.get(path, headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.text == answered.text
        assert http.head("/").status_code == 200
        for wrong in ("/page/none.js", "/page/..%2Fmain.py", "/page/%2e%2e", "/page/index.py", *OUTSIDE):
            assert http.get(wrong).status_code == 404


def test_what_is_loaded_ahead_is_what_there_is() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    named = {name for name in PARTS if f"/page/{name}" in page}

    # The service worker is not a part of the page: the browser runs it beside.
    assert named == {name for name in PARTS if name not in ("index.html", "worker.js")}
    assert not re.search(r"<style|<script>|\son\w+=|style=", page)


@pytest.mark.parametrize("name", PARTS)
def test_no_part_names_another_place_or_makes_markup_of_text(name: str) -> None:
    text = compress_part(name, 0)[0].decode().replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"https?://|@import|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
