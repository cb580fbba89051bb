"""Codes, tokens and connections: used once, by the right program, in time; and how all of it ends."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.access.people import set_disabled
from app.access.removal import remove_person
from app.migrations.schema import TABLES
from tests.integration.oauth.hall import RESOURCE, Browser, Hall, Kept, Program

PROMISES = ("oauth-tokens",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def get_code(hall: Hall, program: Program, browser: Browser | None = None) -> tuple[Browser, str]:
    """Let Ann agree; return her browser and the code."""
    browser = browser or await hall.sign_in(await hall.house.join("Ann"))
    answer = await browser.agree(program.address())
    return browser, answer["code"]


async def list_connections(browser: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await browser.api("GET", "/connections")).json()["connections"]
    return found


WRONG: dict[str, dict[str, str | None]] = {
    "another verifier": {"code_verifier": "w" * 43},
    "no verifier": {"code_verifier": None},
    "the challenge itself": {"code_verifier": ""},
    "another redirect": {"redirect_uri": "https://claude.example/api/callbac"},
    "no redirect": {"redirect_uri": None},
    "another resource": {"resource": "https://other.example/mcp"},
    "another grant": {"grant_type": "client_credentials"},
    "no grant": {"grant_type": None},
    "no client": {"client_id": None},
    "an unknown client": {"client_id": "somebody"},
    "a client that was never described": {"client_id": "https://claude.example/oauth/client.json"},
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_code_with_anything_off_gives_nothing(hall: Hall, what: str) -> None:
    program = await hall.register()
    browser, code = await get_code(hall, program)
    refused = await program.exchange(code, **WRONG[what])
    assert refused.status_code == (401 if "client" in what else 400)
    assert set(refused.json()) == {"error", "error_description"}
    if "client" in what:
        assert refused.json()["error"] == "invalid_client"
    assert refused.headers["cache-control"] == "no-store"
    assert await list_connections(browser) == []
    assert not hall.web.asked, "a stranger's request fetches nothing"


async def test_a_code_of_another_program_gives_nothing(hall: Hall) -> None:
    program, other = await hall.register(), await hall.register()
    browser, code = await get_code(hall, program)
    refused = await other.exchange(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await list_connections(browser) == []
    assert (await program.exchange(code)).status_code == 200


async def test_a_code_lasts_a_minute(hall: Hall) -> None:
    program = await hall.register()
    browser, code = await get_code(hall, program)
    hall.house.world.clock.move(seconds=60)
    refused = await program.exchange(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await list_connections(browser) == []


@pytest.mark.parametrize("thief", ["the same program", "another program"])
async def test_a_code_shown_twice_ends_what_it_gave(hall: Hall, thief: str) -> None:
    program = await hall.register()
    browser, code = await get_code(hall, program)
    tokens = (await program.exchange(code)).json()
    assert await hall.call(tokens["access_token"]) == 200
    again = program if thief == "the same program" else await hall.register()
    refused = await again.exchange(code, code_verifier="w" * 43)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await hall.call(tokens["access_token"]) == 401
    assert (await program.refresh(tokens["refresh_token"])).status_code in (400, 401)
    assert await list_connections(browser) == []


async def test_a_code_used_twice_at_once_gives_at_most_one_connection(hall: Hall) -> None:
    program = await hall.register()
    browser, code = await get_code(hall, program)
    answers = await asyncio.gather(*(program.exchange(code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers)[:1] == [200]
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert await list_connections(browser) == [], "the others have shown it a second time"


async def test_what_a_code_and_a_refresh_token_open_is_no_surface(hall: Hall) -> None:
    program = await hall.register()
    browser, code = await get_code(hall, program)
    page = (await browser.open(program.address())).headers["location"]
    question = page.rpartition("/")[2]
    assert await hall.call(code) == 401
    tokens = (await program.exchange(code)).json()
    for secret in (code, tokens["refresh_token"], question):
        assert await hall.call(secret) == 401
        assert (
            await hall.stranger.post("/mcp", json={}, headers={"authorization": f"Bearer {secret}"})
        ).status_code == 401
    async with hall.open_http() as http:
        for secret in (code, tokens["refresh_token"], tokens["access_token"], question):
            signed = await http.post("/api/session", json={"token": secret}, headers={"origin": "https://todo.example"})
            assert signed.status_code == 401, "no token of a program opens the page"


async def test_an_access_token_lasts_an_hour_and_is_no_person(hall: Hall) -> None:
    program = await hall.register()
    admin = await hall.house.join("Ann", admin=True)
    tokens = await program.connect(await hall.sign_in(admin))
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert tokens["access_token"].startswith("eta_")
    for path in ("/api/tokens", "/api/connections", "/api/people"):
        assert await hall.call(tokens["access_token"], path) == 403
    hall.house.world.clock.move(minutes=59)
    assert await hall.call(tokens["access_token"]) == 200
    hall.house.world.clock.move(minutes=1)
    assert await hall.call(tokens["access_token"]) == 401


@pytest.mark.parametrize("scopes", ["", "admin confirm tasks:read"])
async def test_a_row_that_says_too_much_makes_no_person_of_a_program(hall: Hall, scopes: str) -> None:
    program = await hall.register()
    tokens = await program.connect(await hall.sign_in(await hall.house.join("Ann", admin=True)))
    kinds = text("UPDATE credential SET scopes = :scopes WHERE kind IN ('access', 'connection')")
    await hall.house.world.service.database.write(
        lambda connection: connection.execute(kinds, {"scopes": scopes}).rowcount
    )
    hall.house.world.clock.move(seconds=1)
    assert await hall.call(tokens["access_token"]) == 200
    for path in ("/api/tokens", "/api/connections", "/api/people"):
        assert await hall.call(tokens["access_token"], path) == 403


async def test_a_refresh_token_is_new_each_time(hall: Hall) -> None:
    program = await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser)
    assert [each["expires_at"][:10] for each in await list_connections(browser)] == ["2026-12-23"]
    for _ in range(3):
        hall.house.world.clock.move(hours=2)
        assert await hall.call(tokens["access_token"]) == 401
        newer = (await program.refresh(tokens["refresh_token"])).json()
        assert newer["refresh_token"] != tokens["refresh_token"]
        assert await hall.call(newer["access_token"]) == 200
        tokens = newer
    [connection] = await list_connections(browser)
    assert connection["expires_at"] == "2026-12-23T15:00:00.000000Z"
    assert connection["last_used_at"] == "2026-11-23T15:00:00.000000Z"
    kept = await hall.house.world.query("SELECT count(*) FROM credential WHERE kind = 'access'")
    assert kept[0][0] == 1, "those that have expired go"


async def test_a_copied_refresh_token_ends_the_connection(hall: Hall) -> None:
    program = await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser)
    newer = (await program.refresh(tokens["refresh_token"])).json()
    hall.house.world.clock.move(seconds=10)
    raced = await program.refresh(tokens["refresh_token"])
    assert raced.status_code == 200, "hosts race for ten seconds"
    assert await hall.call(newer["access_token"]) == 200
    hall.house.world.clock.move(seconds=1)
    refused = await program.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    for each in (newer, raced.json()):
        assert await hall.call(each["access_token"]) == 401
        assert (await program.refresh(each["refresh_token"])).status_code in (400, 401)
    assert await list_connections(browser) == []


async def test_a_refresh_token_is_its_programs_alone_and_gives_no_more_than_before(hall: Hall) -> None:
    program, other = await hall.register(), await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser, "tasks:write")
    refused = await other.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    for scope in ("tasks:delete", "confirm", "admin tasks:read"):
        refused = await program.refresh(tokens["refresh_token"], scope=scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope"), scope
    refused = await program.refresh(tokens["refresh_token"], resource=f"{RESOURCE}x")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    narrow = (await program.refresh(tokens["refresh_token"], scope="tasks:read offline_access")).json()
    assert narrow["scope"] == "tasks:read"
    wide = (await program.refresh(narrow["refresh_token"])).json()
    assert wide["scope"] == "tasks:read tasks:write"


async def test_a_connection_that_is_not_used_for_thirty_days_ends(hall: Hall) -> None:
    program = await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser)
    hall.house.world.clock.move(days=30)
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    browser = await hall.sign_in(await hall.house.join("Ben"))
    assert await list_connections(browser) == []


async def test_a_person_ends_a_connection_and_everything_of_it(hall: Hall) -> None:
    program, other = await hall.register(), await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    ben = await hall.sign_in(await hall.house.join("Ben"))
    tokens, others, bens = await program.connect(browser), await other.connect(browser), await other.connect(ben)
    newest, oldest = await list_connections(browser)
    assert (await ben.api("DELETE", f"/connections/{oldest['id']}")).status_code == 404
    assert await hall.call(tokens["access_token"]) == 200
    assert (await browser.api("DELETE", f"/connections/{oldest['id']}")).status_code == 204
    assert await hall.call(tokens["access_token"]) == 401
    gone = await program.refresh(tokens["refresh_token"])
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client"), "so that it registers again"
    for each in (others, bens):
        assert await hall.call(each["access_token"]) == 200
    assert (await browser.api("DELETE", f"/connections/{oldest['id']}")).status_code == 404
    assert (await browser.api("DELETE", f"/connections/{newest['id']}")).status_code == 204
    assert (await other.refresh(others["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await other.refresh(bens["refresh_token"])).status_code == 200, "the program is Ben's, too"


async def test_a_stream_ends_with_its_connection(hall: Hall) -> None:
    program = await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser)
    door = hall.house.world.service.door
    assert door is not None
    caller = await door.admit(tokens["access_token"])
    assert caller is not None
    [connection] = await list_connections(browser)
    await browser.api("DELETE", f"/connections/{connection['id']}")
    assert await door.recheck(tokens["access_token"], caller) is None


async def test_a_program_revokes_a_token_or_the_connection(hall: Hall) -> None:
    program, other = await hall.register(), await hall.register()
    browser = await hall.sign_in(await hall.house.join("Ann"))
    tokens = await program.connect(browser)

    async def revoke(who: Program, token: str) -> int:
        form = {"client_id": who.client_id, "token": token}
        return (await hall.stranger.post("/revoke", data=form)).status_code

    for secret in (tokens["access_token"], tokens["refresh_token"]):
        assert await revoke(other, secret) == 200, "RFC 7009, section 2.2: it says nothing of it"
    assert await revoke(program, "etr_unknown") == 200
    assert await revoke(Program(hall, "unknown"), tokens["access_token"]) == 401
    assert await hall.call(tokens["access_token"]) == 200
    assert await revoke(program, tokens["access_token"]) == 200
    assert await hall.call(tokens["access_token"]) == 401
    newer = (await program.refresh(tokens["refresh_token"])).json()
    assert await hall.call(newer["access_token"]) == 200
    assert await revoke(program, newer["refresh_token"]) == 200
    assert await hall.call(newer["access_token"]) == 401
    assert await list_connections(browser) == []


async def test_a_disabled_and_a_removed_person_have_no_connections(hall: Hall) -> None:
    program = await hall.register()
    ann = await hall.house.join("Ann")
    browser = await hall.sign_in(ann)
    tokens = await program.connect(browser)
    _, code = await get_code(hall, program, browser)
    database, now = hall.house.world.service.database, hall.house.world.clock.now()
    await database.write(lambda it: set_disabled(it, "Ann", now, disabled=True))
    hall.house.world.clock.move(seconds=1)
    assert await hall.call(tokens["access_token"]) == 401
    assert (await program.exchange(code)).json()["error"] == "invalid_grant"
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await database.write(lambda it: set_disabled(it, "Ann", now, disabled=False))
    hall.house.world.clock.move(seconds=1)
    assert await hall.call(tokens["access_token"]) == 200
    await browser.open(program.address(prompt="consent"))
    await database.write(lambda it: remove_person(it, "Ann", TABLES))
    for table in ("oauth_step", "credential"):
        assert not await hall.house.world.query(f"SELECT 1 FROM {table}")  # noqa: S608  # our own names
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_the_official_client_refreshes_and_comes_back_after_its_connection_ended(hall: Hall) -> None:
    ann = await hall.house.join("Ann")
    browser, kept = await hall.sign_in(ann), Kept()
    client = await hall.join(browser, kept)
    await hall.house.world.call(client, "create_task", title="Water the plants")
    assert kept.tokens is not None
    assert kept.auth is not None
    first = kept.tokens.access_token
    hall.house.world.clock.move(hours=1)
    kept.auth.context.token_expiry_time = 1  # the client goes by the machine's clock
    assert (await hall.house.world.call(client, "find_tasks"))["total"] == 1
    assert kept.tokens.access_token != first
    assert len(await list_connections(browser)) == 1, "it was refreshed"
    [connection] = await list_connections(browser)
    await browser.api("DELETE", f"/connections/{connection['id']}")
    hall.house.world.clock.move(seconds=1)
    kept.auth.context.client_info = None  # what hosts do once they hear `invalid_client`
    assert (await hall.house.world.call(client, "find_tasks"))["total"] == 1
    assert len(await list_connections(browser)) == 1
