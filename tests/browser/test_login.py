"""A person logs in by the operator's issuer in the browser, on a phone, and comes to where they wanted to go."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from app.access.people import add_person, link_login
from app.system import SystemClock, SystemIds
from tests.browser.axe import find_axe, judge
from tests.browser.conftest import PHONE, Windows, wait_ready
from tests.browser.served import Served
from tests.browser.test_connections import ask, expect_foreign, register
from tests.issuer import CLIENT, SECRET, OutsideIssuer, serve_issuer

PROMISES = ("page-login",)


@pytest.fixture
def issuer() -> Iterator[OutsideIssuer]:
    with serve_issuer(SystemClock().now) as served:
        yield served


@pytest.fixture
def settings(issuer: OutsideIssuer) -> dict[str, Any]:
    return {
        "auth": "token",
        "oauth": "on",
        "oidc_issuer": issuer.url,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
    }


@pytest.fixture
def expected_complaints() -> list[str]:
    return ["401", "403"]  # what a closed door answers, in the browser's own words


def test_a_person_logs_in_by_the_issuer_on_a_phone(windows: Windows, served: Served, issuer: OutsideIssuer) -> None:
    issuer.redirect = f"{served.url}/login/callback"
    page = windows.open(viewport=PHONE)
    link = page.get_by_role("link", name="Log in with 127.0.0.1")
    expect(link).to_be_visible()
    assert judge(page, find_axe()) == []
    link.click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("heading", name="You are not known here")).to_be_visible()
    assert judge(page, find_axe()) == []
    ids, now = SystemIds(), SystemClock().now()
    served.write(lambda it: add_person(it, "Ann", "Europe/Berlin", ids, now))
    served.write(lambda it: link_login(it, "Ann", issuer.url, "ann-1", now))
    page.get_by_role("link", name="Log in again").click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("textbox", name="Add a task")).to_be_visible()
    wait_ready(page)
    assert page.url == f"{served.url}/"
    page.reload()
    expect(page.get_by_role("textbox", name="Add a task")).to_be_visible()
    expect_foreign(windows, issuer.url)


def test_a_person_who_connects_a_program_logs_in_on_the_way(
    windows: Windows, served: Served, issuer: OutsideIssuer
) -> None:
    issuer.redirect = f"{served.url}/login/callback"
    ids, now = SystemIds(), SystemClock().now()
    served.write(lambda it: add_person(it, "Ann", "Europe/Berlin", ids, now))
    served.write(lambda it: link_login(it, "Ann", issuer.url, "ann-1", now))
    page = windows.open(ask(register(served)))
    page.get_by_role("link", name="Log in with 127.0.0.1").click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("heading", name="Connect Claude?")).to_be_visible()
    expect_foreign(windows, issuer.url)


def test_an_answer_from_another_browser_is_refused_in_words(
    windows: Windows, served: Served, issuer: OutsideIssuer
) -> None:
    windows.watch.allow("400")
    page = windows.open("/login/callback?code=theirs&state=theirs")
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    page.get_by_role("link", name="Sign in another way").click()
    expect(page.get_by_label("Your token")).to_be_visible()
