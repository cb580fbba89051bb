"""The installed page: offline it shows and keeps, and its worker shows what is pushed while no page is open."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece  # type: ignore[import-untyped]  # it ships no types
import httpx2
import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, Route, Worker, expect

from tests.browser.conftest import Watch, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import add, foot, row
from tests.contracts.test_client_config import read_link
from tests.integration.channels.receivers import Browser

PROMISES = ("page-offline", "page-push")
WHOLE_BROWSER = True

ACTIVE = "navigator.serviceWorker.ready.then((worker) => worker.active.state === 'activated')"
SHOWN = """self.registration.getNotifications().then((all) => all.map(
  ({ title, body, tag, actions }) => ({ title, body, tag, actions })))"""
PRESS = """async (action) => {
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
}"""


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"channels_allow": "http,private"}


def wait_installed(page: Page) -> None:
    page.wait_for_function(ACTIVE)
    page.wait_for_function("caches.open('page').then((cache) => cache.keys()).then((keys) => keys.length > 40)")


def test_the_page_can_be_installed(page: Page) -> None:
    wait_installed(page)
    cdp = page.context.new_cdp_session(page)
    manifest = cdp.send("Page.getAppManifest")
    assert manifest["errors"] == []
    errors = [each["errorId"] for each in cdp.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    # The windows of these tests are all private ones.
    assert set(errors) <= {"in-incognito"}


def test_offline_it_shows_the_last_list_and_keeps_what_is_added(windows: Windows, served: Served, watch: Watch) -> None:
    watch.allow("ERR_CONNECTION_REFUSED|ERR_FAILED|Failed to load resource")
    served.add("Buy milk")
    page = windows.open()
    wait_installed(page)
    page.wait_for_function("caches.open('kept').then((cache) => cache.match('/kept/list'))")
    served.stop()
    page.reload()
    expect(row(page, "Buy milk")).to_be_visible()
    expect(foot(page)).to_contain_text("Connection lost. What you see is the last known, from today")

    add(page, "Call mum")
    add(page, "Pay rent")
    expect(row(page, "Call mum")).to_have_class("row waiting open")
    expect(foot(page)).to_contain_text("2 new tasks wait here until then")
    page.reload()
    expect(row(page, "Pay rent")).to_be_visible()

    served.start()
    expect(page.locator("task-row.waiting")).to_have_count(0)
    expect(foot(page)).to_contain_text("2 tasks from before the connection was back: added.")
    titles = [task["title"] for task in served.rest("GET", "/tasks")["tasks"]]
    assert sorted(titles) == ["Buy milk", "Call mum", "Pay rent"]


MOST_FRAMES = 600
"""In which the page makes its second try, some seconds at most."""
MOST = """(title) => {
  const rows = () => [...document.querySelectorAll("task-row .title")];
  const count = () => rows().filter((each) => each.textContent === title).length;
  window.most = 0;
  new MutationObserver(() => (window.most = Math.max(window.most, count()))).observe(document.body, {
    childList: true, subtree: true,
  });
}"""
"""Keeps in mind how many rows of a title were there at once."""


def test_an_add_whose_answer_was_lost_is_shown_and_added_once(windows: Windows, served: Served, watch: Watch) -> None:
    watch.allow("ERR_FAILED|ERR_INTERNET|Failed to load resource")
    page = windows.open()
    lost: list[str] = []
    held: list[Route] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            lost.append(route.request.headers["idempotency-key"])
            route.fetch()
            held.append(route) if len(lost) == 2 else route.abort()
        else:
            route.continue_()

    page.route("**/api/tasks", lose)
    page.evaluate(MOST, "Call mum")
    add(page, "Call mum")
    # The news of it come before the page gives its answer up.
    expect(row(page, "Call mum")).to_have_class("row open")
    for _ in range(MOST_FRAMES):
        if held:
            break
        page.evaluate("new Promise(requestAnimationFrame)")
    with page.expect_response("**/api/requests?*"):
        held[0].abort()
    expect(foot(page)).to_contain_text("You added “Call mum”")
    assert page.evaluate("window.most") == 1
    # One that waited here while the network was away: the answer to its delivery is lost, and to each repeat of it.
    page.evaluate(MOST, "Pay rent")
    page.context.set_offline(True)
    add(page, "Pay rent")
    expect(row(page, "Pay rent")).to_have_class("row waiting open")
    page.context.set_offline(False)
    expect(row(page, "Pay rent")).to_have_class("row open", timeout=15_000)
    expect(foot(page)).to_contain_text("You added “Pay rent”")
    assert page.evaluate("window.most") == 1
    assert sorted(task["title"] for task in served.rest("GET", "/tasks")["tasks"]) == ["Call mum", "Pay rent"]
    assert (len(lost) >= 4, len(set(lost))) == (True, 2)
    assert page.evaluate("import('/page/data/kept.js').then((kept) => kept.readWaiting())") == []


@dataclass
class PushService:
    """A push service of the test: takes encrypted messages, and passes on what the browser's keys open."""

    browser: Browser = field(default_factory=Browser)
    taken: list[bytes] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    port: int = 0

    def take(self) -> str:
        """Return the next message as the browser gets it, decrypted."""
        assert self.came.acquire(timeout=20), "no push came"
        content = self.taken.pop(0)
        keys = {"private_key": self.browser.key, "auth_secret": self.browser.secret}
        return str(http_ece.decrypt(content, version="aes128gcm", **keys).decode())


@contextmanager
def run_push_service(status: int = 201) -> Iterator[PushService]:
    service = PushService()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.taken.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.end_headers()
            service.came.release()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Device:
    """A browser without an open page: only the service worker is left."""

    context: BrowserContext
    blank: Page
    cdp: CDPSession
    worker: Worker
    registrations: list[str]
    origin: str

    def deliver(self, message: str) -> None:
        push = {"origin": self.origin, "registrationId": self.registrations[0], "data": message}
        self.cdp.send("ServiceWorker.deliverPushMessage", push)

    def shown(self, count: int) -> list[dict[str, Any]]:
        """Return what is shown, once it is so many."""
        for _ in range(200):
            found: list[dict[str, Any]] = self.worker.evaluate(SHOWN)
            if len(found) == count:
                return found
            self.blank.wait_for_timeout(25)
        raise AssertionError(f"{found} and not {count}")


def close_page(page: Page, url: str) -> Device:
    context = page.context
    context.grant_permissions(["notifications"], origin=url)
    wait_installed(page)
    blank = context.new_page()
    cdp = context.new_cdp_session(blank)
    found: list[str] = []
    cdp.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(_ids(event)))
    cdp.send("ServiceWorker.enable")
    # Such a close does not wait for its end, and what follows has to be sure of it.
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    for _ in range(200):
        if found:
            break
        blank.wait_for_timeout(25)
    [worker] = context.service_workers
    return Device(context, blank, cdp, worker, found, f"{url}/")


def _ids(event: dict[str, Any]) -> list[str]:
    return [each["registrationId"] for each in event["registrations"] if not each["isDeleted"]]


def test_a_push_rings_with_the_page_closed_and_its_button_completes_the_task(page: Page, served: Served) -> None:
    with run_push_service() as service:
        subscription = service.browser.subscription(f"http://127.0.0.1:{service.port}/send/abc")
        served.rest("POST", "/channels", {"kind": "webpush", "subscription": subscription})
        device = close_page(page, served.url)
        task = served.add("Call mum", reminders=[served.soon(2)])
        device.deliver(service.take())
        [shown] = device.shown(1)
        assert shown["title"] == "Call mum"
        assert [each["title"] for each in shown["actions"]][:2] == ["Done", "10 min"]

        device.worker.evaluate(PRESS, "done")

        # The service takes back what it has shown, as it would on another device.
        clear = service.take()
        assert served.rest("GET", f"/tasks/{task['id']}")["status"] == "completed"
        device.deliver(clear)
        device.shown(0)


def test_a_button_that_does_not_work_says_so(page: Page, served: Served) -> None:
    device = close_page(page, served.url)
    link = f"{served.url}/act/1-{'A' * 32}"
    device.deliver(f'{{"type": "ring", "tag": "todo-1", "title": "Old", "body": "", "link": "{link}", "actions": []}}')
    device.shown(1)
    device.worker.evaluate(PRESS, "done")
    for _ in range(200):
        if (found := device.shown(1))[0]["body"]:
            break
        device.blank.wait_for_timeout(25)
    assert "not one of ours" in found[0]["body"]


def test_channels_are_added_tried_and_removed_on_the_page(page: Page, served: Served, watch: Watch) -> None:
    with run_push_service() as service:
        page.get_by_role("button", name="me", exact=True).click()
        panel = page.locator("my-channels")
        expect(panel).to_contain_text("Nowhere but on this page yet.")
        panel.get_by_label("Or by").select_option("webhook")
        panel.get_by_label("At").fill(f"http://127.0.0.1:{service.port}/hook?key=secret")
        panel.get_by_role("button", name="Add").click()
        expect(panel).to_contain_text("shown only now")
        assert panel.get_by_label("The signing secret").input_value().startswith("whsec_")
        expect(panel.locator("li")).not_to_contain_text("secret")
        panel.get_by_role("button", name="Test: Webhook").click()
        expect(panel).to_contain_text("Last arrived today")
        panel.get_by_role("button", name="Switch off: Webhook").click()
        expect(panel).to_contain_text("Switched off.")
        panel.get_by_role("button", name="Delete: Webhook").click()
        expect(panel).to_contain_text("Nowhere but on this page yet.")


def test_a_channel_says_why_nothing_arrives(page: Page, served: Served) -> None:
    served.rest("POST", "/channels", {"kind": "webhook", "address": "http://127.0.0.1:9/hook"})
    page.get_by_role("button", name="me", exact=True).click()
    panel = page.locator("my-channels")
    panel.get_by_role("button", name="Test: Webhook").click()
    expect(foot(page)).to_contain_text("Nothing arrived: the receiver cannot be reached")


def test_a_calendar_is_made_and_ended_on_the_page(page: Page, served: Served, watch: Watch) -> None:
    watch.allow("404")
    served.add("Pay rent", due=served.local_day(1))
    page.get_by_role("button", name="me", exact=True).click()
    panel = page.locator("my-calendars")
    panel.get_by_role("button", name="Make an address").click()
    address = panel.get_by_label("The address").input_value()
    assert "SUMMARY:Pay rent" in httpx2.get(address).text
    panel.get_by_role("button", name="End Tasks").click()
    expect(panel.locator("li")).to_have_count(0)
    assert httpx2.get(address).status_code == 404


def test_a_sign_out_leaves_nothing_behind(windows: Windows, served: Served) -> None:
    page = windows.open()
    page.wait_for_function("caches.open('kept').then((cache) => cache.match('/kept/list'))")
    page.evaluate("import('/page/data/kept.js').then((kept) => kept.forget())")
    assert page.evaluate("caches.has('kept')") is False
    wait_ready(page)


def test_an_editor_is_one_click_away(page: Page, served: Served) -> None:
    page.get_by_role("button", name="me", exact=True).click()
    links = page.locator("my-clients a")
    expect(links).to_have_text(["Add to VS Code", "Add to Cursor", "Add to LM Studio"])
    for link in links.all():
        assert read_link(str(link.get_attribute("href")))["url"] == f"{served.url}/mcp"
