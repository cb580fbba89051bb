"""Bad bodies, headers and paths: the protocol's own answers, and preconditions that do not hold."""

import dataclasses
from typing import Any

import pytest

from tests.contracts.surfaces import (
    AGENTS,
    JSON,
    SURFACES,
    Surface,
    assert_says_little_and_clearly,
    call,
    count_stored,
    make_foreign_task,
    post_rpc,
    read_rest,
    read_rpc,
)
from tests.world import World
from tools.tool import UseCaseTool

pytestmark = pytest.mark.anyio

LEGACY = {**JSON, "mcp-protocol-version": "2025-11-25"}
MODERN = {**JSON, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "create_task"}
MISSING = "01930000-0000-7000-8000-ffffffffffff"


async def make_task(world: World, **arguments: Any) -> dict[str, Any]:
    task: dict[str, Any] = (await world.rest.post("/tasks", json={"title": "Milk", **arguments})).json()["task"]
    return task


async def test_a_body_of_300_kib_is_413_on_both_paths_whether_or_not_its_length_is_told(world: World) -> None:
    large = b'{"title": "%b"}' % (b"x" * 300 * 1024)

    async def in_pieces() -> Any:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    for path, headers in (("/api/tasks", JSON), ("/mcp", LEGACY), ("/mcp", MODERN)):
        for content in (large, in_pieces()):
            reply = read_rest(await world.http.post(path, content=content, headers=headers))
            assert (reply.status, reply.code) == (413, "too_large")
            assert_says_little_and_clearly(reply)
    assert set((await count_stored(world)).values()) == {0}


async def test_a_body_just_under_256_kib_is_read(world: World) -> None:
    body = b'{"title": "Milk"%b}' % (b" " * (256 * 1024 - 17))
    assert (await world.rest.post("/tasks", content=body, headers=JSON)).status_code == 201
    assert (await world.rest.post("/tasks", content=body + b" ", headers=JSON)).status_code == 413


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", ""])
async def test_a_told_length_that_is_no_number_is_413(shared: World, length: str) -> None:
    reply = read_rest(await shared.rest.post("/tasks", content=b"{}", headers={**JSON, "content-length": length}))
    assert reply.status == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_a_body_of_another_content_type_is_415_on_both_paths(shared: World, kind: str) -> None:
    for path, headers in (("/api/tasks", JSON), ("/mcp", LEGACY), ("/mcp", MODERN)):
        sent = {**headers, "content-type": kind}
        reply = read_rest(await shared.http.post(path, content=b'{"title": "Milk"}', headers=sent))
        assert (reply.status, reply.code) == (415, "unsupported_media_type")
    assert set((await count_stored(shared)).values()) == {0}


async def test_only_patch_takes_a_merge_patch(world: World) -> None:
    task = await make_task(world)
    headers = {"content-type": "application/merge-patch+json; charset=utf-8"}
    patched = await world.rest.patch(f"/tasks/{task['id']}", content=b'{"title": "Tea"}', headers=headers)
    assert patched.json()["task"]["title"] == "Tea"
    assert (await world.rest.post("/tasks", content=b'{"title": "Tea"}', headers=headers)).status_code == 415


@pytest.mark.parametrize(
    "body", [b"{", b"title=Milk", b"\xff\xfe", b'{"title": "a"} x', b'{"title": "\xff"}', b"{'a': 1}"]
)
async def test_what_is_no_json_gets_the_protocols_own_answer(shared: World, body: bytes) -> None:
    reply = read_rest(await shared.rest.post("/tasks", content=body, headers=JSON))
    assert (reply.status, reply.code) == (400, "bad_json")
    assert_says_little_and_clearly(reply)
    for headers in (LEGACY, MODERN):
        rpc = read_rpc(await shared.http.post("/mcp", content=body, headers=headers))
        assert rpc.code == "-32700"
    assert set((await count_stored(shared)).values()) == {0}


@pytest.mark.parametrize("body", [b"[]", b'"Milk"', b"null", b"7", b'[{"title": "Milk"}]'])
async def test_what_is_no_object_where_one_must_stand_gets_the_protocols_own_answer(shared: World, body: bytes) -> None:
    reply = read_rest(await shared.rest.post("/tasks", content=body, headers=JSON))
    assert (reply.status, reply.code) == (400, "bad_json")
    for surface in AGENTS:
        if body != b"null":
            assert read_rpc(await post_rpc(shared, surface, "create_task", body)).code == "-32602"
    for headers in (LEGACY, MODERN):
        rpc = read_rpc(await shared.http.post("/mcp", content=body, headers=headers))
        assert rpc.code in ("-32600", "-32602")
        assert "pydantic" not in rpc.text
        assert len(rpc.text) < 300
    assert set((await count_stored(shared)).values()) == {0}


@pytest.mark.parametrize("surface", AGENTS)
@pytest.mark.parametrize("name", ["create_tasks", "", "x" * 5_000, "create_task\0", "__class__", "CREATE_TASK"])
async def test_an_unknown_tool_is_minus_32602_and_not_echoed_at_length(
    world: World, surface: Surface, name: str
) -> None:
    client = await world.connect("auto" if surface == "modern" else "legacy")
    with pytest.raises(Exception, match=r".*") as refused:
        await client.call_tool(name, {"title": "Milk"})
    assert refused.value.error.code == -32602  # type: ignore[attr-defined]  # raised by MCPError
    assert "x" * 100 not in str(refused.value)
    assert set((await count_stored(world)).values()) == {0}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("tool", ["get_task", "update_task", "complete_task", "reopen_task", "delete_task"])
async def test_anothers_task_and_a_missing_one_look_the_same_to_the_byte(
    world: World, surface: Surface, tool: str
) -> None:
    foreign = await make_foreign_task(world)
    replies = {
        (await call(world, surface, tool, {"task_id": task_id})).text for task_id in (foreign, MISSING, "nothing")
    }
    assert len(replies) == 1


@pytest.mark.parametrize("surface", SURFACES)
async def test_anothers_task_is_neither_found_nor_reminded_of(world: World, surface: Surface) -> None:
    foreign = await make_foreign_task(world)
    found = await call(world, surface, "find_tasks", {"status": "all", "text": "secret"})
    assert (found.answer["tasks"], found.answer["total"]) == ([], 0)
    stored = await count_stored(world)
    reply = await call(world, surface, "set_reminder", {"task_id": foreign, "at": "2026-12-01"})
    assert reply.code == "task_not_found"
    assert await count_stored(world) == stored


async def test_an_id_of_no_form_names_tasks_whose_title_is_near(world: World) -> None:
    task = await make_task(world)
    for surface in SURFACES:
        reply = await call(world, surface, "complete_task", {"task_id": "milk"})
        assert reply.code == "task_not_found"
        assert task["id"] in reply.sentence


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"1"', 412), ('"0"', 412), ('"99", "1"', 412), ('"abc"', 412), ('""', 412), ('"-1"', 412), ("*", 200),
        ('"2"', 200), ('"1", "2"', 200), ('"1","2","abc"', 200), ('W/"2"', 400), ('"2", W/"1"', 400), ("2", 400),
        ('"2', 400), ('"1" "2"', 400), ("*, *", 400), ('"' + "9" * 400 + '"', 412),
    ],
)  # fmt: skip
async def test_if_match_holds_refuses_or_cannot_be_read(world: World, header: str, status: int) -> None:
    task = await make_task(world)
    await world.rest.patch(f"/tasks/{task['id']}", json={"title": "Tea"})
    stored = await count_stored(world)

    response = await world.rest.patch(f"/tasks/{task['id']}", json={"notes": "new"}, headers={"If-Match": header})

    reply = read_rest(response)
    assert (reply.status, reply.code) == (status, {200: "", 400: "bad_request", 412: "version_conflict"}[status])
    if status != 200:
        assert await count_stored(world) == stored
    assert ("strong tags only" in reply.sentence) == ("W/" in header)


async def test_a_stale_version_is_409_without_a_precondition_and_names_fields_and_who_changed_them(
    world: World,
) -> None:
    task = await make_task(world)
    await call(world, "modern", "update_task", {"task_id": task["id"], "priority": "high"}, client="an-ide")
    for surface in AGENTS:
        reply = await call(world, surface, "delete_task", {"task_id": task["id"], "expected_version": 1})
        assert reply.code == "version_conflict"
        assert reply.answer["fields"] == {"priority": "an-ide (an assistant)"}
        assert 'priority from "none" to "high" by an-ide (an assistant)' in reply.sentence


@pytest.mark.parametrize(("name", "header"), [("request_id", "Idempotency-Key"), ("expected_version", "If-Match")])
async def test_what_is_a_header_on_rest_is_refused_in_a_body_with_the_headers_name(
    world: World, name: str, header: str
) -> None:
    task = await make_task(world)
    stored = await count_stored(world)
    for method, path in (("POST", "/tasks"), ("PATCH", f"/tasks/{task['id']}"), ("DELETE", f"/tasks/{task['id']}")):
        reply = read_rest(await world.rest.request(method, path, json={"title": "Tea", name: "1"}))
        assert (reply.status, reply.code) == (422, "invalid_arguments")
        assert header in reply.sentence
    assert await count_stored(world) == stored


async def test_a_reused_idempotency_key_is_422(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    await world.rest.post("/tasks", json={"title": "Milk"}, headers=headers)
    reply = read_rest(await world.rest.post("/tasks", json={"title": "Tea"}, headers=headers))
    assert (reply.status, reply.code) == (422, "request_id_reused")
    assert (await count_stored(world))["task"] == 1


async def test_an_id_in_the_body_never_stands_against_the_paths(world: World) -> None:
    task, other = await make_task(world), await make_task(world)
    reply = read_rest(await world.rest.post(f"/tasks/{task['id']}/complete", json={"task_id": other["id"]}))
    assert (reply.status, reply.code) == (422, "invalid_arguments")
    reply = read_rest(await world.rest.get(f"/tasks/{task['id']}", params={"task_id": other["id"]}))
    assert reply.code == "invalid_arguments"
    reply = read_rest(await world.rest.get(f"/tasks/{task['id']}%00"))
    assert reply.code == "invalid_arguments"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"zone": "Europe/Berlim"}, "invalid_time"), ({"zone": "../../etc/passwd"}, "invalid_time"),
        ({"zone": "x" * 65}, "invalid_arguments"), ({"zone": "a\0"}, "invalid_arguments"),
        ({"zone": ["a", "b"]}, "invalid_arguments"), ({"day_start": "25:00"}, "invalid_arguments"),
        ({"day_start": "9:00"}, "invalid_arguments"), ({"user_id": "other"}, "invalid_arguments"),
    ],
)  # fmt: skip
async def test_bad_settings_change_nothing(shared: World, body: dict[str, Any], code: str) -> None:
    before = (await shared.rest.get("/me")).json()
    reply = read_rest(await shared.rest.patch("/me", json=body))
    assert (reply.status, reply.code) == (422, code)
    assert_says_little_and_clearly(reply)
    assert (await shared.rest.get("/me")).json() == before


@pytest.mark.parametrize(
    "path",
    [
        "/statistics?from=2026-02-30", "/statistics?until=0001-01-01", "/statistics?from=2026-W48-1",
        "/statistics?from=2026-11-01&from=2026-11-02", "/statistics?form=2026-11-01", "/statistics?until=9999-12-31",
        "/statistics?from=1990-01-01", "/statistics?from=2026-11-02&until=2026-11-01", "/statistics?from=%00",
        "/statistics?from=2026-11-01T10:00",
        "/activity?limit=0", "/activity?limit=1e2", "/activity?limit=%D9%A1", "/activity?cursor=x", "/activity?page=2",
        "/activity?cursor=99999999999999999999999", "/activity?limit=1&limit=2", "/notifications?limit=201",
        "/notifications?limit=-1", "/notifications?cursor=1", "/tasks?limit=0", "/tasks?limit=51", "/tasks?stat=open",
        "/tasks?user_id=other", "/tasks?due_from=2026-02-30", "/tasks?has_reminder=maybe",
    ],
)  # fmt: skip
async def test_a_bad_query_is_422_with_a_sentence(shared: World, path: str) -> None:
    reply = read_rest(await shared.rest.get(path))
    assert reply.status == 422
    assert reply.code in ("invalid_arguments", "invalid_time")
    assert_says_little_and_clearly(reply)


async def test_a_null_for_a_title_is_refused_in_words_that_rest_knows(world: World) -> None:
    task = await make_task(world)
    reply = read_rest(await world.rest.patch(f"/tasks/{task['id']}", json={"title": None}))
    assert (reply.status, reply.code) == (422, "invalid_arguments")
    assert "title cannot be emptied" in reply.sentence
    reply = read_rest(await world.rest.patch(f"/tasks/{task['id']}", json={"titel": None}))
    assert 'did you mean "title"' in reply.sentence


@pytest.mark.parametrize("surface", AGENTS)
async def test_a_fault_of_our_own_says_nothing_of_itself(
    world: World, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> Any:
        raise RuntimeError("SELECT secret FROM task")

    run = UseCaseTool.run

    async def run_broken(tool: UseCaseTool, *given: Any, **named: Any) -> Any:
        spec = tool._call._spec
        tool._call._spec = dataclasses.replace(spec, operation=dataclasses.replace(spec.operation, use_case=break_down))
        return await run(tool, *given, **named)

    monkeypatch.setattr(UseCaseTool, "run", run_broken)
    reply = await call(world, surface, "create_task", {"title": "Milk"})
    assert reply.code == "internal_error"
    assert "SELECT" not in reply.text
    assert set((await count_stored(world)).values()) == {0}
