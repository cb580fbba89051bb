"""Several people on one page's service: the closed door, invitations, tokens, and each one's own list."""

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from app.access.credentials import create_credential
from app.access.grants import grant_invitation
from app.access.people import add_person, adopt_local
from app.system import SystemClock, SystemIds, draw_secret
from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.sheet import add, row

PROMISES = ("people-page",)


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"auth": "token"}


@pytest.fixture
def expected_complaints() -> list[str]:
    return ["401"]  # what a closed door answers, in the browser's own words


def invite(served: Served, name: str, *, admin: bool = False) -> str:
    """Add a person and return the path of their invitation."""
    ids, now = SystemIds(), SystemClock().now()
    user_id = served.write(lambda it: add_person(it, name, "Europe/Berlin", ids, now, admin=admin))
    made = served.write(lambda it: create_credential(it, grant_invitation(user_id, now), now, ids, draw_secret))
    return f"/#invitation={made.secret}"


def come_in(windows: Windows, path: str, **looks: Any) -> Page:
    page = windows.open(path, **looks)
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("textbox", name="Add a task")).to_be_visible()
    wait_ready(page)
    return page


def test_an_invitation_lets_one_person_in_once(windows: Windows, served: Served) -> None:
    path = invite(served, "Ann")
    page = come_in(windows, path, viewport=PHONE)
    assert "invitation" not in page.url
    add(page, "Water the plants")
    expect(row(page, "Water the plants")).to_be_visible()
    page.reload()
    expect(row(page, "Water the plants")).to_be_visible()
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    second = windows.open(path)
    second.get_by_role("button", name="Come in").click()
    expect(second.get_by_role("alert")).to_contain_text("used")
    expect(second.get_by_label("Your token")).to_be_visible()


def test_two_people_have_two_pages(windows: Windows, served: Served) -> None:
    ann, ben = (come_in(windows, invite(served, name)) for name in ("Ann", "Ben"))
    add(ann, "Ann's secret")
    add(ben, "Ben's plan")
    expect(row(ann, "Ann's secret")).to_be_visible()
    expect(row(ben, "Ben's plan")).to_be_visible()
    ben.reload()
    expect(row(ben, "Ben's plan")).to_be_visible()
    expect(row(ben, "Ann's secret")).to_have_count(0)
    expect(row(ann, "Ben's plan")).to_have_count(0)


def test_the_closed_door_shows_nothing_but_a_way_in(windows: Windows, served: Served) -> None:
    served.write(lambda it: adopt_local(it, "Ann"))
    several: tuple[dict[str, Any], ...] = ({}, {"viewport": PHONE, "color_scheme": "dark"})
    for looks in several:
        page = windows.open(**looks)
        expect(page.get_by_label("Your token")).to_be_focused()
        expect(page.locator("body > main")).to_be_hidden()
        assert judge(page, find_axe()) == []
    page.get_by_label("Your token").fill("etp_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("unknown")


def test_a_token_is_made_used_and_revoked(windows: Windows, served: Served) -> None:
    page = come_in(windows, invite(served, "Ann"))
    add(page, "Water the plants")
    page.get_by_role("button", name="me", exact=True).click()
    expect(page.get_by_label("For", exact=True)).to_be_visible()
    expect(page.get_by_label("It sees")).to_have_count(0)
    page.get_by_label("For", exact=True).fill("my laptop")
    page.get_by_label("It may").select_option("only read tasks")
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_label("The new token").input_value()
    assert token.startswith("etp_")
    assert judge(page, find_axe()) == []
    headers = {"Authorization": f"Bearer {token}"}
    tasks = httpx2.get(f"{served.url}/api/tasks", headers=headers).json()["tasks"]
    assert [task["title"] for task in tasks] == ["Water the plants"]
    assert httpx2.post(f"{served.url}/api/undo", headers=headers).status_code == 403
    page.get_by_role("button", name="Revoke my laptop").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert httpx2.get(f"{served.url}/api/tasks", headers=headers).status_code == 401
    make_bound_token(page, served)


def make_bound_token(page: Page, served: Served) -> None:
    """Make a list and a token for it alone, which then opens a page of its own."""
    cookie = page.context.cookies()[0]
    own = {"Cookie": f"{cookie['name']}={cookie['value']}", "Origin": served.url, "X-Todo-Page": "1"}
    made = httpx2.post(f"{served.url}/api/tasks", json={"title": "Call Ben", "list": "Work"}, headers=own)
    assert made.status_code == 201
    page.reload()
    wait_ready(page)
    page.get_by_role("button", name="me", exact=True).click()
    page.get_by_label("For", exact=True).fill("agent")
    page.get_by_label("It sees").select_option("Work")
    page.get_by_role("button", name="Make a token").click()
    headers = {"Authorization": f"Bearer {page.get_by_label('The new token').input_value()}"}
    expect(page.get_by_text("read, change and delete tasks, only in Work")).to_be_visible()
    assert judge(page, find_axe()) == []
    tasks = httpx2.get(f"{served.url}/api/tasks", headers=headers).json()["tasks"]
    assert [task["title"] for task in tasks] == ["Call Ben"]


def test_an_admin_invites_and_disables(windows: Windows, served: Served) -> None:
    page = come_in(windows, invite(served, "Ann", admin=True))
    page.get_by_role("button", name="me", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Ben")
    page.get_by_role("button", name="Add a person").click()
    link = page.get_by_label("The invitation for Ben").input_value()
    ben = come_in(windows, link.removeprefix(served.url))
    add(ben, "Ben's plan")
    page.get_by_role("button", name="Disable Ben").click()
    expect(page.get_by_role("button", name="Enable Ben")).to_be_visible()
    expect(ben.get_by_label("Your token")).to_be_visible()


def test_signing_out_ends_this_browser_or_all(windows: Windows, served: Served) -> None:
    page = come_in(windows, invite(served, "Ann"))
    page.get_by_role("button", name="me", exact=True).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("Your token")).to_be_visible()
    assert page.context.cookies() == []


def test_a_link_to_a_page_of_ours_goes_on_after_signing_in(windows: Windows, served: Served) -> None:
    secret = invite(served, "Ann").partition("=")[2]
    page = windows.open("/docs")
    expect(page).to_have_url(re.compile(r"/\?next=/docs$"))
    page.get_by_label("Your token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{served.url}/docs")
    for wanted in ("//evil.example/", "https://evil.example/", "/docs/../evil"):
        page.context.clear_cookies()
        page.goto(f"{served.url}/?next={wanted}")
        page.get_by_label("Your token").fill(invite(served, f"P{len(wanted)}").partition("=")[2])
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{served.url}/")
