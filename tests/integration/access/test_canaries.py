"""Secrets are planted everywhere, and looked for in everything that comes out: answers, logs, events, rows."""

import logging
from pathlib import Path
from typing import Any

import pytest

from app.log_lines import JsonLines
from app.migrations.schema import TABLES
from tests.integration.access.house import House, open_house

PROMISES = ("canaries",)

pytestmark = pytest.mark.anyio

MARK = "zebra"
PLANTED = {
    "openai_api_key": "canary-model-key",
    "app_api_token": "canary-from-dapr",
    "dapr_api_token": "canary-to-dapr",
    "kafka_password": "canary-kafka",
    "oidc_client_secret": "canary-issuer",
}
LOGIN = {
    "kafka_username": "todo",
    "kafka_mechanism": "PLAIN",
    "kafka_brokers": "127.0.0.1:9",
    "oidc_issuer": "http://127.0.0.1:9",
    "oidc_audience": "http://127.0.0.1:8000/mcp",
    "oidc_client_id": "todo",
}


async def call_everything(house: House, token: str) -> str:
    """Make good, bad and broken calls with a token on every surface; return all that was answered."""
    bearer = {"authorization": f"Bearer {token}"}
    rest, http = house.world.rest, house.world.http
    texts = []
    attempts: list[tuple[Any, str, str, dict[str, Any]]] = [
        (rest, "POST", "/tasks", {"json": {"title": f"{MARK} one"}}),
        (rest, "POST", "/tasks", {"json": {"title": f"{MARK} two", "due": "nonsense"}}),
        (rest, "POST", "/tasks", {"json": {"title": MARK, "authorization": "x"}}),
        (rest, "POST", "/tasks", {"content": b"{", "headers": {"content-type": "application/json"}}),
        (rest, "GET", "/tasks?limit=x", {}),
        (rest, "GET", "/tasks", {}),
        (rest, "GET", "/changes", {}),
        (rest, "GET", "/activity", {}),
        (rest, "GET", "/tokens", {}),
        (rest, "GET", "/me", {}),
        (rest, "POST", "/chat", {"json": {"message": f"add {MARK} three"}}),
        (rest, "GET", "/people", {}),
        (http, "GET", "/readyz", {}),
        (http, "GET", "/openapi.json", {}),
        (http, "POST", "/bindings/recurring-scheduler", {}),
        (http, "GET", "/v1/models", {}),
        (http, "GET", "/login", {}),
        (http, "GET", "/login/callback?code=x&state=y", {}),
        (http, "POST", "/v1/chat/completions", {"json": {"model": "gpt", "messages": []}}),
        (http, "POST", "/mcp", {"json": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}}),
        (http, "POST", "/mcp", {"json": []}),
        (http, "GET", f"/api/tasks/{token}", {}),
        (http, "GET", "/no/such/route", {}),
    ]
    for client, method, path, options in attempts:
        given = {**bearer, **options.pop("headers", {})}
        response = await client.request(method, path, headers=given, **options)
        texts.append(f"{response.headers} {response.text}")
    return "\n".join(texts)


def list_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, without the test's own HTTP client, which writes the addresses that it asks for."""
    return [
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    ]


def list_json(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the same as lines of JSON, those of libraries too."""
    lines = JsonLines()
    return [lines.format(record) for record in caplog.records]


async def test_no_secret_comes_out_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted: dict[str, Any] = {}
    for name, secret in PLANTED.items():
        planted[name.upper() if name in ("openai_api_key", "app_api_token", "dapr_api_token") else name] = secret
    async with open_house(tmp_path, log="json", **planted, **LOGIN) as house:
        ann = await house.join("Ann", scopes="tasks:delete confirm")
        answered = await call_everything(house, ann.token)
        refused = await call_everything(house, ann.token[:-1] + ("A" if ann.token[-1] != "A" else "B"))
        async with house.browser() as browser:
            await browser.post("/api/session", json={"token": await house.invite(ann)})
            [session] = dict(browser.cookies).values()
            shown = (await browser.get("/api/session")).text + (await browser.get("/api/tokens")).text
        await house.world.tick(hours=1)
        rows = [str(await house.world.query(f"SELECT * FROM {table.name}")) for table in TABLES]  # noqa: S608
        kept = "\n".join(list_lines(caplog) + list_json(caplog))
        assert MARK in answered, "the calls did something"
        for secret in (*PLANTED.values(), ann.token, ann.token[4:30], session):
            for place, text in (("answers", answered), ("refusals", refused), ("page", shown), ("log", kept)):
                assert secret not in text, (place, secret)
            assert not [row for row in rows if secret in row], secret
        assert repr(house.world.service.settings).count("canary") == 0


async def test_a_persons_words_are_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with open_house(tmp_path) as house:
        ann = await house.join("Ann", scopes="tasks:delete confirm")
        await call_everything(house, ann.token)
        await house.world.tick(hours=1)
    assert not [line for line in list_lines(caplog) + list_json(caplog) if MARK in line]
