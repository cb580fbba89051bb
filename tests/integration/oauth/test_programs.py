"""Programs: those that register themselves, those that a URL describes, and what is fetched for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.access.json_fetcher import JsonFetcher
from tests.integration.oauth.hall import CALLBACK, DESCRIBED, Browser, Hall, Program, put_in_place, read_text

PROMISES = ("oauth-programs",)

pytestmark = pytest.mark.anyio

BAD_REDIRECTS = (
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://x.example/",
    "http://claude.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://localhost.evil.example/callback",
    "http://10.0.0.1/callback",
    "https://claude.example/callback#fragment",
    "https://user@claude.example/callback",
    "https://user:word@claude.example/callback",
    "myapp://callback",
    "com.example.app:/callback",
    "https://claude.example/" + "x" * 2_000,
    "blob:https://claude.example/x",
)


@pytest.mark.parametrize("redirect", BAD_REDIRECTS, ids=lambda each: each[:40])
async def test_a_redirect_that_nobody_may_have_is_not_registered(hall: Hall, redirect: str) -> None:
    body = {"client_name": "Claude", "redirect_uris": [CALLBACK, redirect]}
    refused = await hall.stranger.post("/register", json=body)
    assert refused.status_code == 400
    assert refused.json()["error"] in ("invalid_redirect_uri", "invalid_client_metadata")
    assert not await hall.house.world.query("SELECT 1 FROM oauth_client")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"redirect_uris": []}',
        b'{"redirect_uris": "https://claude.example/"}',
        b'{"redirect_uris": ["https://claude.example/"], "token_endpoint_auth_method": "private_key_jwt"}',
        b'{"redirect_uris": ["https://claude.example/"], "grant_types": ["implicit"]}',
        b'{"redirect_uris": [%s]}' % b",".join(b'"https://claude.example/%d"' % each for each in range(21)),
    ],
)
async def test_what_describes_no_program_is_not_registered(hall: Hall, body: bytes) -> None:
    refused = await hall.stranger.post("/register", content=body)
    assert (refused.status_code, set(refused.json())) == (400, {"error", "error_description"})
    assert not await hall.house.world.query("SELECT 1 FROM oauth_client")


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", None])
async def test_a_program_with_a_secret_must_show_it(hall: Hall, method: str | None) -> None:
    program = await hall.register(token_endpoint_auth_method=method)
    browser = await hall.sign_in(await hall.house.join("Ann"))
    code = (await browser.agree(program.address()))["code"]
    secret, program.secret = program.secret, ""
    for wrong in ("", "x", secret[:-1]):
        refused = await program.exchange(code, client_secret=wrong or None)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    if method == "client_secret_basic":
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
        good = await hall.stranger.post("/token", data=form, auth=(program.client_id, secret))
    else:
        good = await program.exchange(code, client_secret=secret)
    assert good.status_code == 200, good.text
    rows = str(await hall.house.world.query("SELECT * FROM oauth_client"))
    assert secret not in rows


async def test_registered_programs_are_bounded_and_forgotten_if_they_are_never_used(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.oauth.provider.MOST_UNUSED", 3)
    used = await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await used.connect(browser)
    for _ in range(3):
        await hall.register()
    full = await hall.stranger.post("/register", json={"client_name": "x", "redirect_uris": [CALLBACK]})
    assert (full.status_code, "Try again in an hour" in full.text) == (400, True)
    hall.house.world.clock.move(hours=1)
    await hall.register()
    assert len(await hall.house.world.query("SELECT 1 FROM oauth_client")) == 2, "the used one and the new one"
    hall.house.world.clock.move(hours=23)
    await hall.register()
    assert len(await hall.house.world.query("SELECT 1 FROM oauth_client")) == 3
    hall.house.world.clock.move(hours=1)
    await hall.register()
    assert len(await hall.house.world.query("SELECT 1 FROM oauth_client")) == 3, "a day is enough without being full"
    assert (await used.refresh(tokens["refresh_token"])).status_code == 200
    hall.house.world.clock.move(days=31)
    await hall.register()
    assert len(await hall.house.world.query("SELECT 1 FROM oauth_client")) == 1, "without a connection it goes"


async def test_strangers_register_and_ask_for_tokens_at_a_bounded_rate(hall: Hall) -> None:
    body = {"client_name": "x", "redirect_uris": ["javascript:1"]}
    answers = [await hall.stranger.post("/register", json=body) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [400] * 20 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 30
    hall.house.world.clock.move(seconds=30)
    assert (await hall.stranger.post("/register", json=body)).status_code == 400
    statuses = [(await hall.stranger.post("/token", data={})).status_code for _ in range(125)]
    assert statuses.count(429) == 5
    assert set(statuses) == {400, 429}


async def test_a_form_is_a_form_and_names_each_thing_once(hall: Hall) -> None:
    program = await hall.register()
    for options in (
        {"json": {"grant_type": "authorization_code"}},
        {"content": b"grant_type=authorization_code&grant_type=refresh_token", "headers": FORM},
        {"content": b"grant_type=\xff", "headers": FORM},
        {"content": b"&".join(b"a%d=1" % each for each in range(60)), "headers": FORM},
        {"files": {"grant_type": (None, "authorization_code")}},
    ):
        refused = await hall.stranger.post("/token", **options)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request"), options
    assert (await hall.stranger.get("/token")).status_code == 405
    assert program.client_id


FORM = {"content-type": "application/x-www-form-urlencoded"}


async def open_described(hall: Hall, client_id: str = DESCRIBED, browser: Browser | None = None) -> httpx2.Response:
    """Let a signed-in person open the request of a described program."""
    browser = browser or await hall.sign_in(await hall.house.join("Ann"))
    return await browser.open(Program(hall, client_id).address())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # an address that must be refused
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
async def test_nothing_is_fetched_from_an_address_that_is_not_public(hall: Hall, address: str) -> None:
    hall.web.describe()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    for addresses in ([address], ["93.184.215.14", address]):
        hall.web.addresses["claude.example"] = addresses
        shown = await open_described(hall, browser=browser)
        assert shown.status_code == 400
        assert "is not at a public address" in read_text(shown.text)
    assert hall.web.asked == []
    hall.web.addresses["claude.example"] = ["93.184.215.14"]
    assert (await open_described(hall, browser=browser)).status_code == 302


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "2130706433", "localhost"])
async def test_an_address_instead_of_a_name_is_checked_alike(hall: Hall, host: str) -> None:
    numeric = {"2130706433": "127.0.0.1", "localhost": "127.0.0.1"}
    hall.web.addresses = {host.strip("[]"): [numeric.get(host, host.strip("[]"))]}
    shown = await open_described(hall, f"https://{host}/client.json")
    assert (shown.status_code, hall.web.asked) == (400, [])


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_name(hall: Hall) -> None:
    hall.web.describe()
    assert (await open_described(hall)).status_code == 302
    [request] = hall.web.asked
    assert (request.url.host, request.url.port or 443) == ("93.184.215.14", 443)
    assert request.headers["host"] == "claude.example"
    assert request.extensions["sni_hostname"] == "claude.example"
    assert hall.web.resolved == ["claude.example"], "once, so that the name cannot change in between"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


BAD_DOCUMENTS: dict[str, dict[str, Any]] = {
    "another client": {"client_id": f"{DESCRIBED}x"},
    "no client": {"client_id": None},
    "a secret": {"client_secret": "x"},
    "a method with a secret": {"token_endpoint_auth_method": "client_secret_post"},
    "a key": {"token_endpoint_auth_method": "private_key_jwt"},
    "no redirects": {"redirect_uris": []},
    "redirects that are none": {"redirect_uris": "https://claude.example/"},
    "only bad redirects": {"redirect_uris": ["javascript:1", "http://claude.example/", 7, None]},
}


@pytest.mark.parametrize("what", BAD_DOCUMENTS)
async def test_a_description_that_does_not_hold_is_refused(hall: Hall, what: str) -> None:
    hall.web.describe(**BAD_DOCUMENTS[what])
    shown = await open_described(hall)
    assert (shown.status_code, "cannot be connected" in shown.text) == (400, True)
    assert not await hall.house.world.query("SELECT 1 FROM oauth_client")
    assert len(hall.web.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"1", b'{"client_id": ' + b"[" * 5_000, b"\xff"])
async def test_a_description_that_is_no_document_is_refused(hall: Hall, body: bytes) -> None:
    hall.web.documents[DESCRIBED] = body
    assert (await open_described(hall)).status_code == 400
    assert not await hall.house.world.query("SELECT 1 FROM oauth_client")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 404, 500])
async def test_no_redirect_is_followed_and_no_error_is_read(hall: Hall, status: int) -> None:
    hall.web.describe()
    hall.web.status, hall.web.headers = status, {"location": "https://claude.example/other.json"}
    shown = await open_described(hall)
    assert (shown.status_code, len(hall.web.asked)) == (400, 1)


async def test_a_huge_description_is_cut_off(hall: Hall) -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 16_384
            yield b" " * 16_384

    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=flood()))
    put_in_place(hall.descriptions, JsonFetcher(True, 64 * 1024, hall.web.resolve, answer))
    shown = await open_described(hall)
    assert (shown.status_code, "is too large" in shown.text) == (400, True)
    assert sent < 200_000


async def test_a_description_that_comes_slowly_is_given_up(hall: Hall) -> None:
    ended = asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b" "
                await asyncio.Event().wait()
        finally:
            ended.set()

    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=drip()))
    put_in_place(hall.descriptions, JsonFetcher(True, 64 * 1024, hall.web.resolve, answer, seconds=0.05))
    shown = await open_described(hall)
    assert (shown.status_code, "takes too long" in shown.text) == (400, True)
    assert ended.is_set(), "the connection is closed"
    assert JsonFetcher(True, 1).seconds == 5


@pytest.mark.parametrize(
    "client_id",
    [
        "http://claude.example/client.json",
        "https://claude.example",
        "https://claude.example/",
        "https://claude.example/a/../client.json",
        "https://claude.example/client.json#x",
        "https://user@claude.example/client.json",
        "https:///client.json",
        "https://claude.example:x/client.json",
        "https://claude.example\\@evil.example/client.json",
        "https://claude.example/" + "x" * 500,
    ],
)
async def test_an_id_that_is_no_address_of_a_description_is_not_fetched(hall: Hall, client_id: str) -> None:
    hall.web.documents[client_id] = hall.web.describe(client_id=client_id)
    shown = await open_described(hall, client_id)
    assert (shown.status_code, hall.web.asked, hall.web.resolved) == (400, [], [])


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("", 3600),
        ("max-age=60", 300),
        ("no-store", 300),
        ("private, max-age=7200", 7200),
        ("max-age=99999999", 86_400),
        ("max-age=x", 3600),
    ],
)
async def test_a_description_is_kept_as_its_headers_say_within_bounds(hall: Hall, control: str, kept: int) -> None:
    hall.web.describe()
    hall.web.headers = {"cache-control": control} if control else {}
    browser = await hall.sign_in(await hall.house.join("Ann"))
    for ahead, asked in ((0, 1), (kept - 1, 1), (1, 2)):
        hall.house.world.clock.move(seconds=ahead)
        assert (await open_described(hall, browser=browser)).status_code == 302
        assert len(hall.web.asked) == asked, ahead


async def test_a_description_that_has_changed_counts(hall: Hall) -> None:
    hall.web.describe()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    program = Program(hall, DESCRIBED)
    tokens = await program.connect(browser)
    hall.web.describe(redirect_uris=["https://claude.example/new"])
    hall.house.world.clock.move(hours=1)
    assert (await browser.open(program.address())).status_code == 400
    assert (await program.refresh(tokens["refresh_token"])).status_code == 200


async def test_who_is_not_signed_in_makes_the_service_fetch_nothing(hall: Hall) -> None:
    hall.web.describe()
    program = Program(hall, DESCRIBED)
    await hall.stranger.get(program.address())
    await program.exchange("etc_x")
    await hall.stranger.post("/revoke", data={"client_id": DESCRIBED, "token": "x"})
    assert (hall.web.asked, hall.web.resolved) == ([], [])
