"""A person connects a program in the browser: they sign in first, see what it asks for, and end it on the page."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.axe import find_axe, judge
from tests.browser.conftest import DESKTOP, PHONE, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.test_people import invite

PROMISES = ("oauth-page",)
WHOLE_BROWSER = True

CALLBACK = "https://claude.example/api/callback"
LOCAL = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"auth": "token", "oauth": "on"}


@pytest.fixture
def expected_complaints() -> list[str]:
    return ["401"]  # what a closed door answers, in the browser's own words


def register(served: Served, redirect: str = CALLBACK) -> str:
    body = {"client_name": "Claude", "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
    client_id: str = httpx2.post(f"{served.url}/register", json=body).json()["client_id"]
    return client_id


def ask(client_id: str, redirect: str = CALLBACK) -> str:
    """Return the path of a program's request to connect."""
    challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "a b/c",
        "scope": "tasks:read tasks:write tasks:delete",
    }
    return f"/authorize?{urlencode(query)}"


def take_answers(page: Page, host: str = "claude.example") -> list[str]:
    """Stand in for the program's site; return the addresses that the browser was sent to."""
    seen: list[str] = []

    def answer(route: Route) -> None:
        seen.append(route.request.url)
        route.fulfill(body="You can close this window.", content_type="text/plain")

    page.route(re.compile(rf"^https?://{re.escape(host)}/.*callback"), answer)
    return seen


def expect_foreign(windows: Windows, prefix: str) -> None:
    """Take the requests to a program's own site out of what the watch complains of; there must be some."""
    foreign = windows.watch.foreign
    expected = [each for each in foreign if each.startswith(prefix)]
    assert expected
    windows.watch.foreign = [each for each in foreign if each not in expected]


@contextmanager
def serve_frame(address: str) -> Iterator[str]:
    """Serve another site's page that shows an address in a frame; yields the page's own address.

    A real server: the browser lets no page that a test made up show a frame from this machine.
    """

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server looks for
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<link rel="icon" href="data:,"><iframe src="{address}"></iframe>'.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_program_is_connected_on_a_phone_used_and_ended(windows: Windows, served: Served) -> None:
    client_id, secret = register(served), invite(served, "Ann").partition("=")[2]
    page = windows.open(ask(client_id), viewport=PHONE)
    page.get_by_label("Your token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Connect Claude?")).to_be_visible()
    expect(page.get_by_role("button", name="Refuse")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Read and change tasks", exact=True).check()
    seen = take_answers(page)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("You can close this window.")).to_be_visible()
    [answer] = [parse_qs(urlsplit(each).query) for each in seen]
    assert (answer["state"], answer["iss"]) == (["a b/c"], [served.url])
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": answer["code"][0],
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    tokens = httpx2.post(f"{served.url}/token", data=form).json()
    assert tokens["scope"] == "tasks:read tasks:write"
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx2.get(f"{served.url}/api/tasks", headers=headers).status_code == 200
    page.goto(served.url)
    wait_ready(page)
    page.get_by_role("button", name="me", exact=True).click()
    expect(page.get_by_text("claude.example, read and change tasks")).to_be_visible()
    expect(page.get_by_text(f"give it the address {served.url}/mcp")).to_be_visible()
    assert judge(page, find_axe()) == []
    page.get_by_role("button", name="End Claude").click()
    expect(page.get_by_role("button", name="End Claude")).to_have_count(0)
    assert httpx2.get(f"{served.url}/api/tasks", headers=headers).status_code == 401
    expect_foreign(windows, CALLBACK)


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_consent_page_reads_well_everywhere(
    windows: Windows, served: Served, look: str, size: str, artefacts: Any
) -> None:
    secret = invite(served, "Ann").partition("=")[2]
    viewport = PHONE if size == "phone" else DESKTOP
    page = windows.open(ask(register(served, LOCAL), LOCAL), viewport=viewport, color_scheme=look)
    page.get_by_label("Your token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("the computer in front of you")).to_be_visible()
    assert judge(page, find_axe()) == []
    page.screenshot(path=artefacts / f"consent-{size}-{look}.png")
    seen = take_answers(page, "127.0.0.1:9")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You can close this window.")).to_be_visible()
    [answer] = [parse_qs(urlsplit(each).query) for each in seen]
    assert answer["error"] == ["access_denied"]
    expect_foreign(windows, LOCAL)


def test_a_page_of_ours_is_shown_in_no_frame(windows: Windows, served: Served) -> None:
    windows.watch.allow("frame-ancestors|Refused to frame|ERR_BLOCKED_BY_RESPONSE|X-Frame|chrome-error|Framing")
    secret = invite(served, "Ann").partition("=")[2]
    page = windows.open(ask(register(served)))
    page.get_by_label("Your token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Connect Claude?")).to_be_visible()
    with serve_frame(page.url) as evil:
        with page.expect_event("framenavigated", lambda it: it.parent_frame and it.url != "about:blank") as navigated:
            page.goto(evil)
        assert not navigated.value.url.startswith(served.url), "the browser shows its own page of an error instead"
    expect_foreign(windows, evil)
