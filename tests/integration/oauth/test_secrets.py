"""The secrets of the authorization server are looked for in everything that comes out: answers, logs, events, rows."""

import logging
from pathlib import Path

import pytest

from app.migrations.schema import TABLES
from tests.integration.access.test_canaries import call_everything, list_lines
from tests.integration.oauth.hall import VERIFIER, open_hall

PROMISES = ("canaries",)

pytestmark = pytest.mark.anyio


async def test_no_secret_of_a_connection_comes_out_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_hall(tmp_path) as hall:
        browser = await hall.sign_in(await hall.house.join("Ann"))
        program = await hall.register(token_endpoint_auth_method="client_secret_post")  # noqa: S106  # the method's name
        page = (await browser.open(program.address())).headers["location"]
        shown = (await browser.open(page)).text
        code = str((await browser.decide(page)).headers["location"]).partition("code=")[2].partition("&")[0]
        tokens = (await program.exchange(code)).json()
        secrets = [program.secret, code, tokens["access_token"], tokens["refresh_token"]]
        refused = (await program.exchange(code[:-1] + ("B" if code.endswith("A") else "A"))).text
        refused += (await program.refresh(tokens["refresh_token"], client_secret="wrong")).text  # noqa: S106  # a wrong one
        refused += (await program.refresh(tokens["refresh_token"], scope="admin")).text
        answered = await call_everything(hall.house, tokens["access_token"])
        refused += await call_everything(hall.house, tokens["refresh_token"])
        listed = (await browser.api("GET", "/connections")).text
        await hall.house.world.tick(hours=1)
        rows = [str(await hall.house.world.query(f"SELECT * FROM {table.name}")) for table in TABLES]  # noqa: S608
        kept = "\n".join(list_lines(caplog))
    assert "zebra one" in answered, "the calls did something"
    for secret in (*secrets, page.rpartition("/")[2], VERIFIER):
        assert len(secret) > 40
        for place, text in (("answers", answered), ("refusals", refused), ("page", shown + listed), ("log", kept)):
            assert secret not in text, (place, secret)
        assert not [row for row in rows if secret in row], secret
