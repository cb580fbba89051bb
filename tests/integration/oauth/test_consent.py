"""The consent page: what it says, who may answer it, and what an answer is good for."""

import re
from typing import Any

import pytest

from tests.integration.oauth.hall import ADDRESS, CALLBACK, DESCRIBED, Hall, Program, read_text
from todo.record.scopes import AGENT

PROMISES = ("oauth-consent",)

pytestmark = pytest.mark.anyio

LOCAL = "http://127.0.0.1:33418/callback"


async def ask(hall: Hall, program: Program, **changes: str | None) -> tuple[Any, str]:
    """Return a signed-in browser and the address of the consent page that it is led to."""
    browser = await hall.sign_in(await hall.house.join("Ann"))
    shown = await browser.open(program.address(**changes))
    assert shown.status_code == 302, shown.text
    assert shown.headers["location"].startswith(f"{ADDRESS}/consent/")
    return browser, shown.headers["location"]


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(hall: Hall) -> None:
    program = await hall.register()
    shown = await hall.stranger.get(program.address())
    assert shown.status_code == 303
    assert shown.headers["location"].startswith("/?next=/authorize%3Fresponse_type%3Dcode%26client_id%3D")
    # The page hands this to its address bar: nothing but our own path can be in it.
    assert re.fullmatch(r"/\?next=/authorize%3F[\w.%~-]*", shown.headers["location"])
    page = await hall.stranger.get(shown.headers["location"])
    assert page.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert not await hall.house.world.query("SELECT 1 FROM oauth_step")


async def test_it_names_the_program_its_source_where_answers_go_and_what_it_may(hall: Hall) -> None:
    hall.web.describe()
    browser, page = await ask(hall, Program(hall, DESCRIBED), scope="tasks:write")
    shown = await browser.open(page)
    said = read_text(shown.text)
    for part in ("Claude", "claude.example vouches for this name", "answers go to claude.example", "as Ann"):
        assert part in said, part
    assert "Read and change tasks" in said
    assert "delete" not in said, "it was not asked for"
    assert "the computer in front of you" not in said
    for part in ("script", "style=", "onclick"):
        assert part not in shown.text.lower().replace("stylesheet", "").replace("/page/style", "")
    policy = shown.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'self' https://claude.example;" in policy
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "same-origin"


async def test_it_warns_of_a_program_on_the_persons_computer_and_of_a_name_that_is_not_checked(hall: Hall) -> None:
    program = await hall.register(LOCAL, client_name='<b>Claude</b>\u202e "x"')
    browser, page = await ask(hall, program)
    shown = await browser.open(page)
    assert "<b>Claude" not in shown.text
    assert "\u202e" not in shown.text
    said = read_text(shown.text)
    assert "This name is not checked" in said
    assert "the computer in front of you" in said
    assert "answers go to 127.0.0.1" in said


@pytest.mark.parametrize(
    ("level", "allowed"),
    [
        ("tasks:read", {"tasks:read"}),
        ("tasks:write", {"tasks:read", "tasks:write"}),
        ("tasks:delete", set(AGENT)),
    ],
)
async def test_a_person_leaves_scopes_out(hall: Hall, level: str, allowed: set[str]) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await (await hall.register()).connect(browser, level)
    assert set(tokens["scope"].split()) == allowed
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    made = await hall.stranger.post("/api/tasks", json={"title": "Water"}, headers=headers)
    assert made.status_code == (201 if "tasks:write" in allowed else 403)


async def test_more_than_was_asked_for_is_not_given(hall: Hall) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await (await hall.register()).connect(browser, "tasks:delete", scope="tasks:read")
    assert tokens["scope"] == "tasks:read"


@pytest.mark.parametrize("scope", ["confirm", "admin", "tasks:read confirm", "tasks:write admin"])
async def test_a_persons_own_rights_are_given_to_no_program(hall: Hall, scope: str) -> None:
    admin = await hall.house.join("Ann", admin=True)
    answer = await (await hall.sign_in(admin)).agree((await hall.register()).address(scope=scope))
    assert answer["error"] == "invalid_scope"
    assert "never given" in answer["error_description"]
    assert (answer["state"], answer["iss"]) == ("st4te", ADDRESS)


async def test_scopes_of_others_are_passed_over_unless_there_is_nothing_else(hall: Hall) -> None:
    browser, program = await hall.sign_in(await hall.house.join("Ann")), await hall.register()
    answer = await browser.agree(program.address(scope="openid tasks:read offline_access"))
    assert (await program.exchange(answer["code"])).json()["scope"] == "tasks:read"
    answer = await browser.agree(program.address(scope="openid email"))
    assert answer["error"] == "invalid_scope"


async def test_a_refusal_goes_back_and_leaves_nothing(hall: Hall) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    answer = await browser.agree((await hall.register()).address(), decision="reject")
    assert answer == {"error": "access_denied", "state": "st4te", "iss": ADDRESS}
    assert (await browser.api("GET", "/connections")).json()["connections"] == []
    assert not await hall.house.world.query("SELECT 1 FROM oauth_step")


async def test_the_form_must_come_from_the_page_itself(hall: Hall) -> None:
    browser, page = await ask(hall, await hall.register())
    for origin in ("", "https://evil.example", "null", "https://todo.example.evil.example", "http://todo.example"):
        answered = await browser.decide(page, origin=origin)
        assert answered.status_code == 403, origin
    assert (await browser.decide(page)).status_code == 303


async def test_a_question_is_answered_once_and_within_ten_minutes(hall: Hall) -> None:
    browser, page = await ask(hall, await hall.register())
    assert (await browser.decide(page, scope="tasks:read")).status_code == 303
    assert (await browser.decide(page, scope="tasks:read")).status_code == 404
    assert (await browser.open(page)).status_code == 404
    late = (await browser.open((await hall.register()).address())).headers["location"]
    hall.house.world.clock.move(minutes=10)
    assert (await browser.open(late)).status_code == 404
    assert (await browser.decide(late)).status_code == 404
    assert len(await hall.house.world.query("SELECT 1 FROM oauth_step WHERE kind = 'code'")) == 1, "the first one's"


async def test_a_question_belongs_to_the_session_in_which_it_was_asked(hall: Hall) -> None:
    ann = await hall.house.join("Ann")
    first, second = await hall.sign_in(ann), await hall.sign_in(ann)
    ben = await hall.sign_in(await hall.house.join("Ben"))
    page = (await first.open((await hall.register()).address())).headers["location"]
    for other in (second, ben):
        assert (await other.open(page)).status_code == 404
        assert (await other.decide(page)).status_code == 404
    shown = await hall.stranger.get(page)
    assert (shown.status_code, shown.headers["location"].startswith("/?next=/consent/")) == (303, True)
    assert (await hall.stranger.post(page, headers={"origin": ADDRESS})).status_code == 401
    await first.api("DELETE", "/session")
    assert (await first.decide(page)).status_code == 401


async def test_a_token_connects_no_programs(hall: Hall) -> None:
    owner = await hall.house.join("Ann", scopes="tasks:delete confirm")
    program = await hall.register()
    headers = {"authorization": f"Bearer {owner.token}", "origin": ADDRESS}
    assert (await hall.stranger.get(program.address(), headers=headers)).status_code == 403
    browser = await hall.sign_in(owner)
    page = (await browser.open(program.address())).headers["location"]
    assert (await hall.stranger.get(page, headers=headers)).status_code == 403
    assert (await hall.stranger.post(page, headers=headers)).status_code == 403
    async with hall.open_http() as http:
        weak = await hall.house.give_token(owner.user_id, scopes="tasks:write")
        await http.post("/api/session", json={"token": weak.secret}, headers={"origin": ADDRESS})
        refused = await http.get(program.address())
        assert (refused.status_code, "may not connect programs" in refused.text) == (403, True)


async def test_a_program_is_asked_for_once(hall: Hall) -> None:
    browser, program = await hall.sign_in(await hall.house.join("Ann")), await hall.register()
    await program.connect(browser, "tasks:write")
    for scope in ("tasks:read tasks:write", "tasks:read", "tasks:write"):
        again = await browser.open(program.address(scope=scope))
        assert again.headers["location"].startswith(f"{CALLBACK}?code="), scope
    for asked in ({"scope": "tasks:delete"}, {"prompt": "consent"}):
        more = await browser.open(program.address(**asked))
        assert more.headers["location"].startswith(f"{ADDRESS}/consent/"), asked
    ben = await hall.sign_in(await hall.house.join("Ben"))
    assert "/consent/" in (await ben.open(program.address())).headers["location"]
    for connection in (await browser.api("GET", "/connections")).json()["connections"]:
        await browser.api("DELETE", f"/connections/{connection['id']}")
    assert (await browser.open(program.address())).status_code == 400, "it registers again, and is asked for again"


async def test_a_described_program_on_the_persons_computer_is_asked_for_each_time(hall: Hall) -> None:
    hall.web.describe(redirect_uris=[LOCAL])
    browser, program = await hall.sign_in(await hall.house.join("Ann")), Program(hall, DESCRIBED, redirect=LOCAL)
    await program.connect(browser)
    again = await browser.open(program.address())
    assert again.headers["location"].startswith(f"{ADDRESS}/consent/")
