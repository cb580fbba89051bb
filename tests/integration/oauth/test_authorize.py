"""`/authorize`: what a request must have, where its answer may go, and what is refused without going anywhere."""

import pytest

from tests.integration.oauth.hall import ADDRESS, CALLBACK, DESCRIBED, RESOURCE, Hall, Program, challenge, read_text

PROMISES = ("oauth-requests",)

pytestmark = pytest.mark.anyio

REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "an empty challenge": ({"code_challenge": ""}, "invalid_request"),
    "a short challenge": ({"code_challenge": "c" * 42}, "invalid_request"),
    "no method, which is plain": ({"code_challenge_method": None}, "invalid_request"),
    "the method plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "another method": ({"code_challenge_method": "s256"}, "invalid_request"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "an implicit token": ({"response_type": "token"}, "unsupported_response_type"),
    "another resource": ({"resource": "https://other.example/mcp"}, "invalid_target"),
    "a resource one character off": ({"resource": f"{RESOURCE}s"}, "invalid_target"),
    "the origin alone": ({"resource": ADDRESS}, "invalid_target"),
    "a huge state": ({"state": "s" * 5_000}, "invalid_request"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_request_that_is_off_goes_back_with_its_error_and_no_code(hall: Hall, what: str) -> None:
    changes, error = REFUSED[what]
    browser = await hall.sign_in(await hall.house.join("Ann"))
    answer = await browser.agree((await hall.register()).address(**changes))
    assert answer["error"] == error
    assert "code" not in answer
    assert answer["iss"] == ADDRESS
    assert answer["state"] == changes.get("state", "st4te")
    assert not await hall.house.world.query("SELECT 1 FROM oauth_step")


async def test_an_answer_names_its_sender_and_keeps_the_state_to_the_letter(hall: Hall) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    program = await hall.register(f"{CALLBACK}?a=1&b=")
    for state in ("a b&c=d/é%20+#", "", None):
        answer = await browser.agree(program.address(state=state))
        assert answer["iss"] == ADDRESS
        assert answer.get("state") == (state or None)
        assert answer["a"] == "1"


OFF = {
    "a slash more": f"{CALLBACK}/",
    "a letter less": CALLBACK[:-1],
    "another case": CALLBACK.replace("callback", "Callback"),
    "a query more": f"{CALLBACK}?x=1",
    "a fragment": f"{CALLBACK}#x",
    "another port": CALLBACK.replace(".example/", ".example:8443/"),
    "the default port": CALLBACK.replace(".example/", ".example:443/"),
    "without TLS": CALLBACK.replace("https", "http"),
    "a host below": CALLBACK.replace("claude", "x.claude"),
    "a host behind": CALLBACK.replace(".example/", ".example.evil.example/"),
    "a user name": CALLBACK.replace("https://", "https://claude.example@evil.example/"),
    "a way around": CALLBACK.replace("/api/", "/x/../api/"),
    "a backslash": "https://evil.example\\@claude.example/api/callback",
    "a script": "javascript:alert(1)",
    "nothing": "",
    "nonsense": "//",
}


@pytest.mark.parametrize("what", OFF)
async def test_a_redirect_that_is_off_leads_nowhere(hall: Hall, what: str) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    shown = await browser.open((await hall.register()).address(redirect_uri=OFF[what]))
    assert shown.status_code == 400
    assert "location" not in shown.headers
    assert "cannot be connected" in read_text(shown.text)
    assert "evil" not in shown.text
    assert not await hall.house.world.query("SELECT 1 FROM oauth_step")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_on_loopback_any_port_will_do(hall: Hall, host: str) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    program = await hall.register(f"http://{host}:33418/callback")
    for port in (":33418", ":50123", ""):
        program.redirect = f"http://{host}{port}/callback"
        answer = await browser.agree(program.address())
        assert (await program.exchange(answer["code"])).status_code == 200, port
    for off in (f"http://{host}:1/other", "http://127.0.0.2:1/callback", f"https://{host}:33418/callback"):
        shown = await browser.open(program.address(redirect_uri=off))
        assert (shown.status_code, "location" in shown.headers) == (400, False), off


@pytest.mark.parametrize(
    "redirect", ["cursor://anysphere.cursor-mcp/oauth/callback", "vscode://vscode.github-authentication/did"]
)
async def test_editors_have_schemes_of_their_own(hall: Hall, redirect: str) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    program = await hall.register(redirect)
    page = (await browser.open(program.address())).headers["location"]
    scheme = redirect.partition(":")[0]
    assert f"form-action 'self' {scheme}:;" in (await browser.open(page)).headers["content-security-policy"]
    sent = (await browser.decide(page)).headers["location"]
    assert sent.startswith(f"{redirect}?code=")


async def test_the_only_address_of_a_program_may_be_left_out(hall: Hall) -> None:
    browser, program = await hall.sign_in(await hall.house.join("Ann")), await hall.register()
    answer = await browser.agree(program.address(redirect_uri=None))
    assert (await program.exchange(answer["code"], redirect_uri=None)).status_code == 200
    two = await hall.register(redirect_uris=[CALLBACK, f"{CALLBACK}2"])
    assert (await browser.open(two.address(redirect_uri=None))).status_code == 400


async def test_a_parameter_given_twice_and_an_unknown_program_are_refused(hall: Hall) -> None:
    browser, program = await hall.sign_in(await hall.house.join("Ann")), await hall.register()
    for address in (
        f"{program.address()}&redirect_uri=https://evil.example/",
        f"{program.address()}&code_challenge={challenge()}",
        Program(hall, "unknown").address(),
        Program(hall, "").address(),
        program.address(client_id=None),
        Program(hall, "x" * 9_000).address(),
        f"{ADDRESS}/authorize",
    ):
        shown = await browser.open(address)
        assert (shown.status_code, "location" in shown.headers) == (400, False)
        assert shown.headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert "begin again" in read_text(shown.text).lower()


async def test_a_description_that_is_gone_is_said_in_words(hall: Hall) -> None:
    browser = await hall.sign_in(await hall.house.join("Ann"))
    shown = await browser.open(Program(hall, DESCRIBED).address())
    assert shown.status_code == 400
    assert "The description of this program is not there: its server answered 404." in read_text(shown.text)


async def test_the_metadata_says_what_there_is(hall: Hall) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp"):
        about = (await hall.stranger.get(path)).json()
        assert about["issuer"] == ADDRESS
        assert about["authorization_endpoint"] == f"{ADDRESS}/authorize"
        assert "none" in about["token_endpoint_auth_methods_supported"]
        assert about["code_challenge_methods_supported"] == ["S256"]
        assert about["client_id_metadata_document_supported"] is True
        assert about["authorization_response_iss_parameter_supported"] is True
        assert about["scopes_supported"] == ["tasks:read", "tasks:write", "tasks:delete"]
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        about = (await hall.stranger.get(path)).json()
        assert (about["resource"], about["authorization_servers"]) == (RESOURCE, [ADDRESS])
