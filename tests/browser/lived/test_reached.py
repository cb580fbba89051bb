"""How people are reached, as they meet it: two people's pushes, the page behind a link, and why nothing arrives."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pydantic_core import from_json

from app.system import SystemClock
from events.instants import write_instant
from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Watch, Windows
from tests.browser.served import Served, open_served
from tests.browser.sheet import foot
from tests.browser.test_installed import PRESS, close_page, run_push_service
from tests.browser.test_people import come_in, invite

PROMISES = ("page-push", "channels-answered")
WHOLE_BROWSER = True


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, default_storage: None) -> Iterator[Served]:
    """One service of several people for all tests of the module; each test has people of its own."""
    settings: dict[str, Any] = {
        "auth": "token",
        "channels_allow": "http,private",
        "apprise_targets": "family=json://127.0.0.1:9/",
    }
    with open_served(tmp_path_factory.mktemp("reached"), **settings) as server:
        yield server


@pytest.fixture
def expected_complaints() -> list[str]:
    return ["401"]  # what a closed door answers, in the browser's own words


def call(context: BrowserContext, served: Served, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Call as the person who is signed in there."""
    answer = context.request.fetch(
        f"{served.url}/api{path}", method=method, data=body, headers={"X-Todo-Page": "1", "Origin": served.url}
    )
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def ring(context: BrowserContext, served: Served, title: str) -> str:
    """Make a task whose reminder rings now, and return its id."""
    at = write_instant(SystemClock().now() + timedelta(seconds=1))
    task: dict[str, Any] = call(context, served, "POST", "/tasks", {"title": title, "reminders": [at]})["task"]
    return str(task["id"])


def test_of_two_people_each_gets_their_own_pushes_and_a_link_answers_once(
    windows: Windows, served: Served, watch: Watch
) -> None:
    watch.allow("404|410")
    with run_push_service() as hers, run_push_service() as his:
        pages = [come_in(windows, invite(served, name)) for name in ("Ann", "Ben")]
        for page, service in zip(pages, (hers, his), strict=True):
            subscription = service.browser.subscription(f"http://127.0.0.1:{service.port}/send/abc")
            body = {"kind": "webpush", "subscription": subscription}
            call(page.context, served, "POST", "/channels", body)
        ann = close_page(pages[0], served.url)
        task = ring(ann.context, served, "Call mum")
        ann.deliver(hers.take())
        assert [each["title"] for each in ann.shown(1)] == ["Call mum"]
        ann.worker.evaluate(PRESS, "done")
        ann.deliver(hers.take())
        ann.shown(0)
        assert call(ann.context, served, "GET", f"/tasks/{task}")["status"] == "completed"

        # The link of the next one is opened where there is no session: a page of ours, which changes nothing by itself.
        task = ring(ann.context, served, "Pay <b>rent</b>")
        link = from_json(hers.take())["link"]
        phone = windows.open(urlsplit(link).path, viewport=PHONE)
        heading = phone.get_by_role("heading")
        expect(heading).to_have_text("Pay <b>rent</b>")
        expect(phone.get_by_role("button")).to_have_text(["Done", "10 min", "Tomorrow"])
        assert judge(phone, find_axe()) == []
        assert call(ann.context, served, "GET", f"/tasks/{task}")["version"] == 1
        phone.get_by_role("button", name="Tomorrow").click()
        expect(heading).to_have_text("That is done")
        [moved] = call(ann.context, served, "GET", f"/tasks/{task}")["reminders"]
        assert moved["sequence"] == 2
        phone.goto(link)
        expect(heading).to_have_text("This reminder has been moved since.")
        phone.goto(f"{link[:-4]}AAAA")
        expect(heading).to_have_text("This link is not one of ours.")
        assert his.taken == []


def test_the_page_says_in_words_why_nothing_arrives_and_what_to_do(
    windows: Windows, served: Served, watch: Watch
) -> None:
    page = come_in(windows, invite(served, "Cleo"))
    with run_push_service(status=410) as gone:
        for name, port in (("Gone", gone.port), ("Silent", 9)):
            body = {"kind": "webhook", "name": name, "address": f"http://127.0.0.1:{port}/hook"}
            call(page.context, served, "POST", "/channels", body)
        call(page.context, served, "POST", "/tasks", {"title": "x"})
        wait_for_problems(page, served, 2)
    page.get_by_role("button", name="me", exact=True).click()
    panel = page.locator("my-channels")
    channel = panel.locator("li")
    expect(channel.filter(has_text="Gone")).to_contain_text("This channel is switched off: answers 410: it is gone.")
    silent = channel.filter(has_text="Silent")
    expect(silent).to_contain_text("Nothing has arrived since")
    expect(silent).to_contain_text("the receiver cannot be reached. The next attempt is at")

    # A target of the operator is chosen by its name; no address is typed.
    panel.get_by_label("Or by").select_option("Another service")
    expect(panel.locator("form input")).to_have_count(0)
    panel.get_by_label("At").select_option("family")
    panel.get_by_role("button", name="Add").click()
    expect(foot(page)).to_contain_text("Added.")
    expect(channel.filter(has_text="family")).to_contain_text("Nothing was sent yet.")
    assert judge(page, find_axe(), "my-channels") == []

    cdp = page.context.new_cdp_session(page)
    here = cdp.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    refused = {"origin": served.url, "permission": {"name": "notifications"}, "setting": "denied"}
    cdp.send("Browser.setPermission", {**refused, "browserContextId": here})
    page.reload()
    page.get_by_role("button", name="me", exact=True).click()
    expect(panel).to_contain_text("allow them in its settings for this address")
    expect(panel.get_by_role("button", name="Ring here")).to_have_count(0)


def wait_for_problems(page: Page, served: Served, count: int) -> None:
    for _ in range(200):
        found = call(page.context, served, "GET", "/channels")["channels"]
        if sum("problem" in each for each in found) == count:
            return
        page.wait_for_timeout(25)
    raise AssertionError(found)
