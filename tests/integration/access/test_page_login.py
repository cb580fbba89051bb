"""Logging in on the page by an outside issuer: who comes in, in which browser, and everything that must not let in."""

import logging
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.access.people import link_login
from app.system import SystemClock
from tests.integration.access.house import House, Person, open_house
from tests.integration.access.test_canaries import list_lines
from tests.issuer import CLIENT, SECRET, OutsideIssuer, serve_issuer
from tests.world import URL, World

PROMISES = ("page-login",)

pytestmark = pytest.mark.anyio

BACK = f"{URL}/login/callback"
OTHER = rsa.generate_private_key(65537, 2048)


@dataclass
class Porch:
    """A house whose people may log in by the issuer."""

    house: House
    issuer: OutsideIssuer
    ann: Person

    async def leave(self, browser: httpx2.AsyncClient, wanted: str = "") -> str:
        """Begin to log in; return the issuer's address that the browser is led to."""
        response = await browser.get("/login", params={"next": wanted} if wanted else None)
        assert response.status_code == 303, response.text
        return str(response.headers["location"])

    async def enter(self, browser: httpx2.AsyncClient, wanted: str = "") -> httpx2.Response:
        """Log in at the issuer and come back."""
        return await browser.get(self.issuer.log_in(await self.leave(browser, wanted)))

    async def name(self, browser: httpx2.AsyncClient) -> str:
        """Return whose session a browser has, "" for none."""
        return str((await browser.get("/api/session")).json().get("name", ""))


@asynccontextmanager
async def open_porch(folder: Path, **settings: Any) -> AsyncIterator[Porch]:
    """Open a house that is the issuer's client; Ann is known to both."""
    with serve_issuer(SystemClock().now) as issuer:
        given = {
            "oidc_issuer": issuer.url,
            "oidc_audience": f"{URL}/mcp",
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            **settings,
        }
        async with open_house(folder, **given) as house:
            issuer.now = house.world.clock.now
            issuer.redirect = f"{house.world.service.settings.url}/login/callback"
            ann = await house.join("Ann")
            now = house.world.clock.now()
            await house.world.service.database.write(lambda it: link_login(it, "Ann", issuer.url, "ann-1", now))
            yield Porch(house, issuer, ann)


@pytest.fixture
async def porch(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[Porch]:
    async with open_porch(tmp_path) as opened:
        yield opened


@pytest.mark.on_both_databases
async def test_a_person_logs_in_by_the_issuer_and_has_the_page(porch: Porch) -> None:
    async with porch.house.browser() as browser:
        offered = (await browser.get("/api/session")).json()
        assert offered["login"] == {"name": "127.0.0.1", "address": f"{URL}/login"}
        back = await porch.enter(browser)
        assert (back.status_code, back.headers["location"]) == (303, "/")
        assert back.headers["cache-control"] == "no-store"
        [session] = [each for each in back.headers.get_list("set-cookie") if each.startswith("todo_session=")]
        assert "HttpOnly" in session
        assert "SameSite=lax" in session
        seen = (await browser.get("/api/session")).json()
        assert (seen["name"], "confirm" in seen["scopes"], "login" in seen) == ("Ann", True, False)
        made = await browser.post("/api/tasks", json={"title": "By the issuer"})
        assert made.status_code == 201
        assert await porch.ann.titles() == {"By the issuer"}
        assert (await browser.delete("/api/session")).status_code == 204
        assert await porch.name(browser) == ""
    [form] = porch.issuer.forms
    assert form["grant_type"] == "authorization_code"
    assert "client_secret" not in form


async def test_the_page_waits_where_the_person_wanted_to_go(porch: Porch) -> None:
    for wanted in ("/docs", "/confirm/abc-1", "/consent/abc", "/authorize?client_id=a%20b&state=x%2Fy"):
        async with porch.house.browser() as browser:
            assert (await porch.enter(browser, wanted)).headers["location"] == wanted


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/docs",
    "/\\evil.example",
    "/docs/../../evil",
    "/docs?next=//evil.example",
    "/docs\n",
    "/authorize?a\r\nSet-Cookie: x=1",
    "javascript:alert(1)",
    "/api/session",
    "/login",
    "/authorize?" + "x" * 3_000,
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_nothing_leads_elsewhere_after_logging_in(porch: Porch, wanted: str) -> None:
    async with porch.house.browser() as browser:
        assert (await porch.enter(browser, wanted)).headers["location"] == "/"
    async with porch.house.browser() as browser:
        callback = porch.issuer.log_in(await porch.leave(browser))
        # A browser can send any cookie; it still goes nowhere else.
        way = urlsafe_b64encode(wanted.encode()).decode().rstrip("=")
        browser.cookies.set("todo_login", f"{browser.cookies['todo_login'].partition('.')[0]}.{way}", "127.0.0.1", "/")
        answered = await browser.get(callback)
        assert answered.status_code == 303
        assert answered.headers["location"] in ("/", wanted if wanted.startswith("/authorize?xx") else "/")


@pytest.mark.on_both_databases
async def test_a_session_that_was_planted_is_ended_and_not_taken_over(porch: Porch) -> None:
    """Session fixation: who knows the cookie from before knows nothing afterwards."""
    mallory = await porch.house.join("Mallory")
    async with porch.house.browser() as thief, porch.house.browser() as browser:
        await thief.post("/api/session", json={"token": await porch.house.invite(mallory)})
        planted = thief.cookies["todo_session"]
        browser.cookies.set("todo_session", planted, "127.0.0.1", "/")
        await porch.enter(browser)
        assert browser.cookies["todo_session"] != planted
        assert await porch.name(browser) == "Ann"
        assert await porch.name(thief) == ""
    for made_up in ("ets_made-up", "x"):
        async with porch.house.browser() as browser:
            browser.cookies.set("todo_session", made_up, "127.0.0.1", "/")
            await porch.enter(browser)
            assert browser.cookies["todo_session"] != made_up


async def test_an_answer_that_another_browser_asked_for_signs_in_no_one(porch: Porch) -> None:
    """Login CSRF: Mallory's answer, opened in Ann's browser, leaves Ann as she was."""
    mallory = await porch.house.join("Mallory")
    now = porch.house.world.clock.now()
    await porch.house.world.service.database.write(
        lambda it: link_login(it, "Mallory", porch.issuer.url, "mallory-1", now)
    )
    async with porch.house.browser() as thief, porch.house.browser() as browser, porch.house.browser() as fresh:
        await porch.enter(browser)
        own = await porch.leave(browser)
        porch.issuer.subject = "mallory-1"
        trap = porch.issuer.log_in(await porch.leave(thief))
        for victim, name in ((browser, "Ann"), (fresh, "")):
            shown = await victim.get(trap)
            assert (shown.status_code, shown.headers.get_list("set-cookie")) == (400, [])
            assert "You are not signed in" in shown.text
            assert await porch.name(victim) == name
        assert porch.issuer.forms[1:] == [], "the code was not even shown to the issuer"
        # What Ann began herself goes on.
        porch.issuer.subject = "ann-1"
        assert (await browser.get(porch.issuer.log_in(own))).status_code == 303
        assert (await thief.get(trap)).status_code == 303
        assert await porch.name(thief) == mallory.name


async def test_an_answer_is_good_once_and_for_the_last_attempt_alone(porch: Porch) -> None:
    async with porch.house.browser() as browser:
        first = porch.issuer.log_in(await porch.leave(browser))
        second = porch.issuer.log_in(await porch.leave(browser))
        assert (await browser.get(first)).status_code == 400
        kept = browser.cookies["todo_login"]
        assert (await browser.get(second)).status_code == 303
        assert "todo_login" not in browser.cookies
        assert (await browser.get(second)).status_code == 400
        async with porch.house.browser() as copy:
            copy.cookies.set("todo_login", kept, "127.0.0.1", "/")
            assert (await copy.get(second)).status_code == 401, "the issuer takes a code once"
            assert await porch.name(copy) == ""


BENT: dict[str, tuple[int, Callable[[Porch], Any]]] = {
    "another nonce": (401, lambda it: it.issuer.claims.update(nonce="x" * 43)),
    "no nonce": (401, lambda it: it.issuer.claims.update(nonce=None)),
    "another client": (401, lambda it: it.issuer.claims.update(aud="mail")),
    "the resource as audience": (401, lambda it: it.issuer.claims.update(aud=f"{URL}/mcp")),
    "two audiences without a party": (401, lambda it: it.issuer.claims.update(aud=[CLIENT, "mail"])),
    "another party": (401, lambda it: it.issuer.claims.update(aud=[CLIENT, "mail"], azp="mail")),
    "another issuer": (401, lambda it: it.issuer.claims.update(iss="http://127.0.0.1:9/realms/home")),
    "no subject": (401, lambda it: it.issuer.claims.update(sub=None)),
    "a subject with a line break": (401, lambda it: it.issuer.claims.update(sub="ann-1\n")),
    "ended": (401, lambda it: it.issuer.claims.update(exp=it.issuer.now() - timedelta(seconds=60))),
    "made in the future": (401, lambda it: it.issuer.claims.update(iat=it.issuer.now() + timedelta(seconds=61))),
    "without its time": (401, lambda it: it.issuer.claims.update(iat=None)),
    "signed by another": (401, lambda it: setattr(it.issuer, "key", OTHER)),
    "signed with the client's secret": (401, lambda it: it.issuer.sign_by(SECRET.ljust(64), "HS256")),
    "not signed": (401, lambda it: it.issuer.sign_by(None, "none")),
    "an access token": (401, lambda it: it.issuer.header.update(typ="at+jwt")),
    "a wrong secret": (401, lambda it: setattr(it.issuer, "secret", "other")),
    "a code that is refused": (401, lambda it: setattr(it.issuer, "token_status", 400)),
    "an issuer that fails": (503, lambda it: setattr(it.issuer, "token_status", 500)),
    "a person who says no": (401, lambda it: it.issuer.answer.update(code=None, error="access_denied")),
    "an issuer that says no": (401, lambda it: it.issuer.answer.update(code=None, error="<b>server_error</b>")),
    "no code": (401, lambda it: it.issuer.answer.update(code=None)),
    "a made-up code": (401, lambda it: it.issuer.answer.update(code="code-99")),
    "an endless code": (401, lambda it: it.issuer.answer.update(code="x" * 5_000)),
    "an answer of another issuer": (401, lambda it: it.issuer.answer.update(iss="https://evil.example")),
    "an answer without its sender": (401, lambda it: it.issuer.answer.update(iss=None)),
    "no state": (400, lambda it: it.issuer.answer.update(state=None)),
    "a state one character off": (400, lambda it: it.issuer.answer.update(state="A" * 43)),
    "a state that is no ASCII": (400, lambda it: it.issuer.answer.update(state="é")),
    "a person who is unknown": (403, lambda it: setattr(it.issuer, "subject", "ben-1")),
}


@pytest.mark.parametrize("what", BENT)
async def test_an_answer_that_is_off_in_one_thing_signs_in_no_one(
    porch: Porch, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    status, bend = BENT[what]
    bend(porch)
    async with porch.house.browser() as browser:
        shown = await porch.enter(browser)
        assert shown.status_code == status, shown.text
        assert "<h1>You are not" in shown.text
        assert "server_error" not in shown.text
        assert await porch.name(browser) == ""
        sessions = await porch.house.world.query("SELECT count(*) FROM credential WHERE kind = 'session'")
        assert sessions[0][0] == 0
        assert SECRET not in "\n".join([shown.text, *list_lines(caplog)])


async def test_an_unknown_person_learns_what_the_operator_needs(porch: Porch) -> None:
    porch.issuer.subject = "<b>ben's id</b>"
    async with porch.house.browser() as browser:
        shown = await porch.enter(browser)
    assert shown.status_code == 403
    assert "<b>" not in shown.text
    assert "person link NAME &#x27;&lt;b&gt;ben&#x27;&quot;&#x27;&quot;&#x27;s id&lt;/b&gt;&#x27;" in shown.text


async def test_the_good_answer_beside_them_signs_in(porch: Porch) -> None:
    porch.issuer.claims |= {"aud": [CLIENT, "mail"], "azp": CLIENT, "exp": porch.issuer.now() - timedelta(seconds=59)}
    porch.issuer.about |= {"authorization_response_iss_parameter_supported": None}
    porch.issuer.answer |= {"iss": None}
    async with porch.house.browser() as browser:
        assert (await porch.enter(browser)).status_code == 303


async def test_a_parameter_that_comes_twice_is_no_answer(porch: Porch) -> None:
    async with porch.house.browser() as browser:
        callback = porch.issuer.log_in(await porch.leave(browser))
        assert (await browser.get(f"{callback}&code=other")).status_code == 400
        assert (await browser.get(callback)).status_code == 303


async def test_the_secret_goes_the_way_that_the_issuer_takes(tmp_path: Path) -> None:
    for methods, secret, by_header in (
        (None, SECRET, True),
        (["client_secret_post"], SECRET, False),
        (["client_secret_basic", "client_secret_post"], SECRET, True),
        (["none"], "", False),
    ):
        folder = tmp_path / str(methods)
        async with open_porch(folder, oidc_client_secret=secret or None) as porch, porch.house.browser() as browser:
            porch.issuer.secret = secret
            porch.issuer.about["token_endpoint_auth_methods_supported"] = methods
            assert (await porch.enter(browser)).status_code == 303
            assert porch.issuer.by_header == [by_header]


async def test_an_issuer_without_a_safe_address_is_not_followed(porch: Porch) -> None:
    porch.issuer.about["authorization_endpoint"] = "http://id.example/auth"
    async with porch.house.browser() as browser:
        shown = await browser.get("/login")
        assert (shown.status_code, "location" in shown.headers) == (503, False)


async def test_a_disabled_person_stays_outside(porch: Porch) -> None:
    admin = await porch.house.join("Root", scopes="admin tasks:read", admin=True)
    async with porch.house.browser() as browser:
        await porch.enter(browser)
        assert (await admin.rest("PATCH", "/people/Ann", json={"disabled": True})).status_code == 200
        assert await porch.name(browser) == ""
        assert (await porch.enter(browser)).status_code == 403
        assert await porch.name(browser) == ""


@pytest.mark.on_both_databases
async def test_unknown_people_become_new_ones_where_the_operator_wants_it(tmp_path: Path, storage: str) -> None:
    async with open_porch(tmp_path, oidc_provision=True) as porch:
        for subject, called, name in (
            ("ben-1", "Ben", "Ben"),
            ("eve-1", "ann", "ann "),  # the name is taken: a mark keeps them apart
            ("kim-1", None, "kim-1 "),
            ("leo-1", "!!!", "!!! "),
        ):
            porch.issuer.subject = subject
            porch.issuer.claims["preferred_username"] = called
            async with porch.house.browser() as browser:
                assert (await porch.enter(browser)).status_code == 303
                shown = await porch.name(browser)
                assert shown == name or (name.endswith(" ") and shown.startswith(name)), shown
                assert (await browser.get("/api/tasks")).json()["tasks"] == []
            async with porch.house.browser() as browser:
                await porch.enter(browser)
                assert await porch.name(browser) == shown
        assert len(await porch.house.world.query("SELECT * FROM person")) == 5


async def test_an_address_that_fails_too_often_waits(porch: Porch) -> None:
    porch.issuer.claims["nonce"] = "x" * 43
    statuses = []
    async with porch.house.browser() as browser:
        for _ in range(31):
            response = await porch.enter(browser)
            statuses.append(response.status_code)
        assert statuses == [401] * 30 + [429]
        assert int(response.headers["retry-after"]) >= 1
        asked = len(porch.issuer.forms)
        assert asked == 30


async def test_with_https_the_attempt_is_bound_to_this_host(tmp_path: Path) -> None:
    address = "https://todo.example"
    async with open_porch(tmp_path, public_url=address) as porch:
        transport = porch.house.world.http._transport
        async with httpx2.AsyncClient(transport=transport, base_url=address) as browser:
            left = await browser.get("/login")
            [cookie] = left.headers.get_list("set-cookie")
            assert cookie.startswith("__Host-todo-login=")
            for mark in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
                assert mark in cookie
            assert "Domain" not in cookie
            asked = dict(parse_qsl(urlsplit(left.headers["location"]).query))
            assert asked["redirect_uri"] == f"{address}/login/callback"
            assert cookie.split("=")[1].split(".")[0] not in left.headers["location"]
            back = await browser.get(porch.issuer.log_in(left.headers["location"]))
            assert any(each.startswith("__Host-todo=") for each in back.headers.get_list("set-cookie"))


async def test_without_a_client_id_there_is_no_such_way(tmp_path: Path) -> None:
    unset = {"oidc_client_id": None, "oidc_client_secret": None}
    async with open_porch(tmp_path, **unset) as porch, porch.house.browser({}) as browser:
        assert "login" not in (await browser.get("/api/session")).json()
        assert (await browser.get("/login")).status_code == 404
        assert (await browser.get("/login/callback?code=x&state=y")).status_code == 404


async def test_one_person_alone_logs_in_nowhere(world: World) -> None:
    assert (await world.rest.get("/session")).json() == {"auth": "local", "signed_in": True}
    assert (await world.http.get("/login")).status_code == 404
