"""JSON that is nested thousands of levels deep, or one huge list, is refused on every surface; nothing falls over."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.event_path.dapr_worlds import open_dapr
from tests.world import World

PROMISES = ("nesting",)

pytestmark = pytest.mark.anyio

CLIENT = {"accept": "application/json, text/event-stream"}
DEPTHS = (1_000, 100_000)


def nest(depth: int, kind: str) -> str:
    return "[" * depth + "]" * depth if kind == "lists" else '{"a":' * depth + "1" + "}" * depth


def call_tool(arguments: str) -> str:
    return (
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_task","arguments":' + arguments + "}}"
    )


SURFACES: dict[str, tuple[str, str, dict[str, str]]] = {
    "REST": ("/api/tasks", '{"title":"x","tags":@}', {}),
    "REST, whole": ("/api/tasks", "@", {}),
    "a plan": ("/api/plans", '{"changes":@}', {}),
    "chat": ("/api/chat", '{"message":@}', {}),
    "OpenAI's": ("/v1/chat/completions", '{"model":"offline-commands","messages":@}', {}),
    "MCP": ("/mcp", call_tool('{"title":"x","tags":@}'), CLIENT),
    "MCP, whole": ("/mcp", "@", CLIENT),
    "MCP, a word of JSON": ("/mcp", call_tool('{"title":"x","tags":"@"}'), CLIENT),
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["lists", "objects"])
@pytest.mark.parametrize("surface", SURFACES)
async def test_deeply_nested_json_is_refused(shared: World, surface: str, kind: str, depth: int) -> None:
    path, frame, headers = SURFACES[surface]
    body = frame.replace("@", nest(depth, kind) if '"@"' not in frame else nest(depth, kind).replace('"', '\\"'))
    answer = await shared.http.post(path, content=body, headers={"content-type": "application/json", **headers})

    assert is_refused(answer), (answer.status_code, answer.text[:300])
    assert len(answer.text) < 2_000
    assert "[[[[" not in answer.text
    assert '{"a":{"a"' not in answer.text
    await look_whether_all_is_well(shared)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_huge_list_is_refused(shared: World, surface: str) -> None:
    path, frame, headers = SURFACES[surface]
    body = frame.replace("@", "[" + ",".join("1" * 100_000) + "]")
    answer = await shared.http.post(path, content=body, headers={"content-type": "application/json", **headers})

    assert is_refused(answer), (answer.status_code, answer.text[:300])
    assert len(answer.text) < 2_000
    await look_whether_all_is_well(shared)


def is_refused(answer: Any) -> bool:
    """Return whether an answer is a refusal: a 4xx, or what JSON-RPC says for one."""
    if 400 <= answer.status_code < 500:
        return True
    shown = json.loads(answer.text)
    return "error" in shown or shown["result"].get("isError") is True


async def look_whether_all_is_well(world: World) -> None:
    assert await world.query("SELECT count(*) FROM task") == [(0,)]
    assert (await world.rest.get("/tasks")).status_code == 200


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", ["lists", "objects"])
async def test_a_deeply_nested_event_is_dropped(tmp_path: Path, kind: str, depth: int) -> None:
    async with open_dapr(tmp_path) as dapr:
        for body in (nest(depth, kind), '{"specversion":"1.0","data":' + nest(depth, kind) + "}"):
            answer = await dapr.http.post("/events/task-created", content=body)
            assert answer.json() == {"status": "DROP"}
        buried = await dapr.http.post("/events/dead/task.created", content=nest(depth, kind))
        assert buried.json()["status"] in ("SUCCESS", "DROP")
        assert (await dapr.rest.get("/tasks")).status_code == 200
