"""What browsers, probes and clients of other makes send to the port, and what they get."""

from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from sqlalchemy import text

from app.http.server import KEEP_ALIVE_SECONDS, build_server
from app.migrations import migrate_file
from app.settings import BadSettings, load_settings
from tests.world import URL, World, open_world
from todo.errors import InvalidArguments

pytestmark = pytest.mark.anyio

INSPECTOR = "http://localhost:6274"
JSON = {"content-type": "application/json"}
BOTH = {"accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


async def make(world: World) -> Any:
    return (await world.rest.post("/tasks", json={"title": "Milk"})).json()["task"]


@pytest.mark.on_both_databases(long="postgresql")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/notifications/%00/read"),
        ("GET", "/api/tasks/%00/history"),
        ("DELETE", "/api/tasks/%00/permanently"),
        ("POST", "/api/confirmations/%00"),
        ("GET", "/api/conversations/%00"),
        ("DELETE", "/api/conversations/x%00"),
        ("GET", "/confirm/%00"),
        ("GET", "/v1/models/%00"),
        ("GET", "/page/%00.js"),
    ],
)
async def test_x1_nul_in_a_path_is_404_on_each_database(world: World, method: str, path: str) -> None:
    body = {"decision": "accept"} if method == "POST" else {}
    response = await world.http.request(method, path, json=body)
    assert response.status_code == 404
    shown = response.json()
    assert shown.get("error", shown)["code"] in ("not_found", "model_not_found")


@pytest.mark.database("postgresql")
async def test_x1_what_postgresql_cannot_store_is_refused_wherever_it_comes_in(world: World) -> None:
    with pytest.raises(InvalidArguments, match="cannot be stored"):
        await world.service.database.read(
            lambda connection: connection.execute(text("SELECT CAST(:x AS TEXT)"), {"x": "a\0b"}).close()
        )


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:9",
        "http://localhost",
        "ftp://localhost",
        "ftp://localhost:8000",
        "https://localhost:8000",
        "http://127.0.0.1:1.evil.example",
        "http://127.0.0.1:8000.evil.example",
        "http://127.0.0.1:8000/",
        "http://user@127.0.0.1:8000",
        "http://[::1]:9",
        "http://127.0.0.1:99999",
        "null",
        "",
        INSPECTOR,
    ],
)
async def test_x6_pages_of_other_ports_and_schemes_may_not_call(world: World, origin: str) -> None:
    task = await make(world)
    headers = {"origin": origin, "content-type": "text/plain"}
    for path in ("/api/undo", f"/api/tasks/{task['id']}/complete", "/api/dead-letters/replay", "/mcp"):
        response = await world.http.post(path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert (await world.rest.get(f"/tasks/{task['id']}")).json()["status"] == "open"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost:49152"])
async def test_x6_the_own_pages_may_call_on_the_port_that_they_are_on(world: World, host: str) -> None:
    response = await world.rest.get("/tasks", headers={"origin": f"http://{host}", "host": host})
    assert response.status_code == 200


async def test_x6_the_public_address_may_call_through_a_proxy(tmp_path: Path) -> None:
    async with open_world(tmp_path, public_url="https://todo.example/") as world:
        for host in ("todo.example", "127.0.0.1:8000"):
            headers = {"origin": "https://todo.example", "host": host}
            assert (await world.rest.get("/tasks", headers=headers)).status_code == 200
        refused = await world.rest.get("/tasks", headers={"origin": "https://todo.example:444"})
        assert refused.status_code == 403


async def test_x6_the_page_of_the_api_loads_nothing_foreign(world: World) -> None:
    response = await world.http.get("/docs")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert "://" not in response.text.replace("&#x27;", "").split("<main>")[0]
    described = (await world.http.get("/openapi.json")).json()
    for path in described["paths"]:
        assert path in response.text


@pytest.mark.parametrize("path", ["/mcp/", "//mcp", "/mcp//", "///mcp/"])
async def test_f4_mcp_is_served_whatever_slashes_surround_it(world: World, path: str) -> None:
    response = await world.http.post(f"{URL}{path}", json=INITIALIZE, headers=BOTH)
    assert response.status_code == 200
    assert response.json()["result"]["serverInfo"]["name"] == "evolution-todo"
    for method in ("GET", "DELETE", "PUT"):
        plain = await world.http.request(method, "/mcp", headers=BOTH)
        same = await world.http.request(method, f"{URL}{path}", headers=BOTH)
        assert (same.status_code, same.text) == (plain.status_code, plain.text)


@pytest.mark.parametrize("accept", [None, "text/event-stream", "*/*", "application/*", "application/json"])
async def test_f16_what_a_client_accepts_is_read_as_it_is_meant(world: World, accept: str | None) -> None:
    request = world.http.build_request("POST", "/mcp", json=INITIALIZE, headers={"accept": accept} if accept else {})
    if accept is None:
        del request.headers["accept"]
    response = await world.http.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert (await world.http.post("/mcp", json=INITIALIZE, headers={"accept": "text/html"})).status_code == 406


@pytest.mark.parametrize("extra", [{}, {"last-event-id": "1"}, {"mcp-protocol-version": "2025-11-25"}])
async def test_f14_f15_there_is_no_stream_without_a_session(world: World, extra: dict[str, str]) -> None:
    response = await world.http.get("/mcp", headers={"accept": "text/event-stream", **extra})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/api/tasks", "/api/me", "/docs", "/"])
async def test_f12_head_answers_as_get_without_the_body(world: World, path: str) -> None:
    got, head = await world.http.get(path), await world.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type"):
        assert head.headers[name] == got.headers[name]


async def test_f12_allow_names_every_method_of_a_path(world: World) -> None:
    for path, allowed in (("/api/tasks", "GET, HEAD, POST"), ("/api/tasks/x", "DELETE, GET, HEAD, PATCH")):
        response = await world.http.put(path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert (await world.http.head("/api/undo")).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/v1/responses", {}, 404, "not_found"),
        ("GET", "/v1", {}, 404, "not_found"),
        ("POST", "/v1/embeddings/x", {}, 404, "not_found"),
        ("DELETE", "/v1/models", {}, 405, "method_not_allowed"),
        ("GET", "/v1/chat/completions", {}, 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", {"host": "evil.example"}, 421, "foreign_host"),
        ("POST", "/v1/chat/completions", {"origin": "http://evil.example"}, 403, "forbidden"),
    ],
)
async def test_f13_refusals_under_v1_have_the_shape_of_openai(
    world: World, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = await world.http.request(method, path, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, None)
    if status in (404, 405):
        assert "/v1/chat/completions and /v1/models are served" in error["message"]


async def test_f17_pages_of_allowed_origins_call_mcp_and_v1_and_read_the_answer(tmp_path: Path) -> None:
    asks = {
        "origin": INSPECTOR,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,mcp-protocol-version",
    }
    async with open_world(tmp_path, allowed_origins=INSPECTOR) as world:
        for path in ("/mcp", "/v1/chat/completions"):
            preflight = await world.http.options(path, headers=asks)
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-origin"] == INSPECTOR
            assert "mcp-protocol-version" in preflight.headers["access-control-allow-headers"]
            other = await world.http.options(path, headers={**asks, "origin": "http://localhost:6275"})
            assert (other.status_code, other.headers.get("access-control-allow-origin")) == (403, None)
        called = await world.http.post("/mcp", json=INITIALIZE, headers={**BOTH, "origin": INSPECTOR})
        assert (called.status_code, called.headers["access-control-allow-origin"]) == (200, INSPECTOR)
        assert (await world.http.get("/v1/models")).headers.get("access-control-allow-origin") is None
        refused = await world.rest.get("/tasks", headers={"origin": INSPECTOR})
        assert refused.status_code == 403, "the page's own routes are for the page"


async def test_f19_connections_stay_open_longer_than_clients_keep_them(world: World) -> None:
    assert build_server(world.service).config.timeout_keep_alive == KEEP_ALIVE_SECONDS >= 65


@pytest.mark.parametrize("host", ["todo.lan:8000", "host.docker.internal:8000", "", "a b"])
async def test_f20_a_foreign_host_is_sent_to_the_setting(world: World, host: str) -> None:
    response = await world.http.get("/healthz", headers={"host": host})
    assert response.status_code == 421
    assert "TODO_PUBLIC_URL" in response.json()["detail"]


def test_f18_a_public_address_has_no_path(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path, public_url="https://example.com/").url == "https://example.com"
    for bad in ("ftp://x", "example.com", "https://h/todo", "https://h?x", "https://u:p@h", "https://", "http://h:x"):
        with pytest.raises(BadSettings, match="TODO_PUBLIC_URL: an address such as"):
            load_settings(data_dir=tmp_path, public_url=bad)
    with pytest.raises(BadSettings, match="TODO_ALLOWED_ORIGINS"):
        load_settings(data_dir=tmp_path, allowed_origins="localhost:6274")


@pytest.mark.parametrize(
    "title", ["\u200b", "\ufeff", "\u3164", "\u00ad", "\U000e0041", "\u2800\u115f", "\u0301", " \u200d "]
)
async def test_x8_a_title_of_which_nothing_can_be_seen_is_empty(world: World, title: str) -> None:
    task = await make(world)
    replies = [
        await world.rest.post("/tasks", json={"title": title}),
        await world.rest.patch(f"/tasks/{task['id']}", json={"title": title}),
        await world.rest.post("/tasks", json={"title": "Milk", "tags": [title]}),
        await world.rest.post("/recurring-tasks", json={"title": title, "rule": "FREQ=DAILY"}),
    ]
    assert {(each.status_code, each.json()["code"]) for each in replies} == {(422, "invalid_arguments")}
    assert await world.query("SELECT title FROM task") == [("Milk",)]
    assert (await world.rest.post("/tasks", json={"title": f"a{title}"})).status_code == 201
    assert (await world.rest.post("/tasks", json={"title": "\U0001f95b"})).status_code == 201


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("name", "arguments"), [("none", {}), ("plan_my_day", {"x": "y"}), ("weekly_review", {"tag": "a"}), ("", {})]
)
async def test_x4_a_prompt_that_does_not_exist_is_invalid_params_without_a_traceback(
    world: World, mode: str, name: str, arguments: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client = await world.connect(mode)
    with pytest.raises(MCPError) as refused:
        await client.get_prompt(name, arguments)
    assert refused.value.code == INVALID_PARAMS
    assert caplog.records == []
    assert (await client.get_prompt("plan_my_day", {"tag": "a"})).messages


@pytest.mark.parametrize("version", [None, "2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("named", [{"mcp-method": "tools/list"}, {"mcp-name": "find_tasks"}])
async def test_x5_headers_that_name_another_call_are_refused(
    world: World, version: str | None, named: dict[str, str]
) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "create_task", "arguments": {"title": "Hidden"}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {**BOTH, "mcp-method": "tools/call", "mcp-name": "create_task", **named}
    if version:
        headers["mcp-protocol-version"] = version
    response = await world.http.post("/mcp", json=body, headers=headers)
    assert "error" in response.json()
    assert await world.query("SELECT title FROM task") == []


def test_x6_only_its_owner_reads_a_database_that_we_make(tmp_path: Path) -> None:
    path = tmp_path / "new" / "todo.db"
    assert migrate_file(path)
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("wish", [{"type": "json_schema", "json_schema": {}}, {"type": "json_object"}, "json", {}])
async def test_f22_a_form_of_answer_that_we_do_not_give_is_refused(world: World, wish: Any) -> None:
    asked = {"model": "offline-commands", "messages": [{"role": "user", "content": "help"}]}
    refused = await world.http.post("/v1/chat/completions", json={**asked, "response_format": wish})
    assert refused.status_code == 400
    assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == (
        "unsupported_value",
        "response_format",
    )
    for plain in (None, {"type": "text"}):
        answered = await world.http.post("/v1/chat/completions", json={**asked, "response_format": plain})
        assert answered.status_code == 200
