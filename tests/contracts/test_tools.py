"""The tools as a model sees them: names, schemas, annotations, cost, and answers equal in text and structure."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.surfaces import AGENTS, JSON, Surface, call, post_rpc
from tests.world import World

PROMISES = ("tools",)

pytestmark = pytest.mark.anyio

NAMES = (
    *("create_task", "find_tasks", "get_task", "update_task", "complete_task", "reopen_task", "delete_task"),
    *("set_reminder", "snooze_reminder", "cancel_reminder"),
    *("create_recurring_task", "update_recurring_task", "preview_occurrences"),
    *("plan_changes", "apply_plan", "undo"),
)
READS = {"find_tasks", "get_task", "preview_occurrences"}
DESTRUCTIVE = {"delete_task", "cancel_reminder", "apply_plan", "undo"}
IDEMPOTENT = {*READS, *DESTRUCTIVE, "complete_task", "reopen_task", "set_reminder"} - {"undo"}
BUDGET, BUDGET_WITH_OUTPUTS = 4_500, 7_500
SNAPSHOTS = Path(__file__).parent / "snapshots"
RENEW = "TODO_RENEW_SNAPSHOTS"


async def list_tools(world: World, surface: Surface = "modern") -> list[dict[str, Any]]:
    client = await world.connect("auto" if surface == "modern" else "legacy")
    listed = (await client.list_tools()).tools
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every object within a schema."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from walk(part)


async def test_both_revisions_list_the_same_tools_in_their_fixed_order(world: World) -> None:
    modern, legacy = [await list_tools(world, surface) for surface in AGENTS]
    assert tuple(tool["name"] for tool in modern) == NAMES
    assert modern == legacy
    assert modern == await list_tools(world)
    assert all(len(name) <= 40 for name in NAMES)


async def test_all_four_annotations_are_explicit_and_true(world: World) -> None:
    for tool in await list_tools(world):
        name = tool["name"]
        hints = {key: value for key, value in tool["annotations"].items() if key.endswith("Hint")}
        assert hints == {
            "readOnlyHint": name in READS,
            "destructiveHint": name in DESTRUCTIVE,
            "idempotentHint": name in IDEMPOTENT,
            "openWorldHint": False,
        }


@pytest.mark.parametrize("name", sorted(IDEMPOTENT - READS - {"delete_task", "apply_plan"}))
async def test_what_says_that_it_is_idempotent_changes_nothing_the_second_time(world: World, name: str) -> None:
    made = (
        await call(world, "rest", "create_task", {"title": "Milk", "due": "2026-11-27", "reminders": ["1h"]})
    ).answer
    task_id = made["task"]["id"]
    if name == "reopen_task":
        await call(world, "modern", "complete_task", {"task_id": task_id})
    arguments = {"task_id": task_id, **({"before": "2h"} if name == "set_reminder" else {})}
    assert (await call(world, "modern", name, arguments)).answer["events"]
    again = (await call(world, "modern", name, arguments)).answer
    assert again["events"] == []
    assert "nothing was changed" in again["message"]


async def test_schemas_are_plain_and_without_a_caller(world: World) -> None:
    for tool in await list_tools(world):
        names = set(tool["inputSchema"]["properties"])
        assert not {name for name in names for word in ("user", "tenant", "role", "owner") if word in name}
        assert ("request_id" in names) == (tool["name"] not in READS)
        whole = {"create_task", "plan_changes", "apply_plan", "undo"}
        assert ("expected_version" in names) == (tool["name"] not in {*READS, *whole})
        for part in walk([tool["inputSchema"], tool["outputSchema"]]):
            assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & part.keys()
            assert part.get("type") != "null"
            assert "null" not in part.get("type", "")
            assert not ("default" in part and part["default"] is None)
            assert "additionalProperties" not in part, "F6: converters for other models do not take it"


async def test_the_first_sentences_tell_the_tools_apart(world: World) -> None:
    sentences = [tool["description"].split(". ")[0] for tool in await list_tools(world)]
    assert len(set(sentences)) == len(NAMES)
    assert len({tool["title"] for tool in await list_tools(world)}) == len(NAMES)


async def test_the_list_fits_its_budget_with_and_without_output_schemas(world: World) -> None:
    tools = await list_tools(world)
    lean = [{key: value for key, value in tool.items() if key != "outputSchema"} for tool in tools]
    assert len(json.dumps(lean, separators=(",", ":"))) / 4 < BUDGET
    assert len(json.dumps(tools, separators=(",", ":"))) / 4 < BUDGET_WITH_OUTPUTS


async def test_all_writes_share_one_output_schema_with_an_open_task(world: World) -> None:
    schemas = [tool["outputSchema"] for tool in await list_tools(world) if tool["name"] not in READS]
    assert all(schema == schemas[0] for schema in schemas)
    assert schemas[0]["properties"]["task"] == {"type": "object"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_tool_is_as_its_snapshot_says(shared: World, name: str) -> None:
    [tool] = [tool for tool in await list_tools(shared) if tool["name"] == name]
    shown = json.dumps(tool, indent=2, ensure_ascii=False) + "\n"
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get(RENEW):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
    kept = path.read_text("utf-8") if path.exists() else ""
    assert shown == kept, f"{name} has changed for models; if that is meant: {RENEW}=1 pytest {Path(__file__).name}"


def test_each_snapshot_belongs_to_a_tool() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(NAMES)


@pytest.mark.parametrize("surface", AGENTS)
async def test_text_and_structure_are_equal_and_compact(world: World, surface: Surface) -> None:
    made = (await call(world, surface, "create_task", {"title": "Café 牛乳", "due": "2026-11-27"})).answer["task"]
    for tool, arguments in (
        ("create_task", {"title": "Café"}),
        ("find_tasks", {}),
        ("get_task", {"task_id": made["id"]}),
        ("complete_task", {"task_id": made["id"]}),
    ):
        result = (await post_rpc(world, surface, tool, json.dumps(arguments).encode())).json()["result"]
        [content] = result["content"]
        assert json.loads(content["text"]) == result["structuredContent"]
        compact = json.dumps(result["structuredContent"], separators=(",", ":"), ensure_ascii=False)
        assert content["text"] == compact
        assert "null" not in content["text"]


@pytest.mark.parametrize("surface", AGENTS)
async def test_instructions_begin_with_the_present_and_the_list_never_holds_it(world: World, surface: Surface) -> None:
    client = await world.connect("auto" if surface == "modern" else "legacy")
    assert client.instructions is not None
    assert client.instructions.startswith("Now is Mon 23 Nov 2026, 10:00 Europe/Berlin. ")
    before = await list_tools(world, surface)
    assert "Mon 23 Nov" not in json.dumps(before)
    await world.rest.patch("/me", json={"zone": "Asia/Tokyo"})
    world.clock.move(hours=7)
    later = await world.connect("auto" if surface == "modern" else "legacy")
    assert later.instructions is not None
    assert later.instructions.startswith("Now is Tue 24 Nov 2026, 01:00 Asia/Tokyo. ")
    assert await list_tools(world, surface) == before


@pytest.mark.parametrize("surface", AGENTS)
async def test_writes_searches_and_time_errors_tell_the_present(world: World, surface: Surface) -> None:
    present = "Mon 23 Nov 2026, 10:00 Europe/Berlin"
    made = (await call(world, surface, "create_task", {"title": "Milk"})).answer
    found = (await call(world, surface, "find_tasks", {})).answer
    past = await call(world, surface, "set_reminder", {"task_id": made["task"]["id"], "at": "2026-11-23T09:00"})
    wrong = await call(world, surface, "create_task", {"title": "Milk", "due": "tomorrow"})
    assert made["now"] == found["now"] == present
    assert present in past.sentence
    assert "Today is Mon 23 Nov 2026" in wrong.sentence


@pytest.mark.parametrize("surface", AGENTS)
async def test_a_refusal_is_a_tool_error_in_words_with_a_next_step_and_a_code(world: World, surface: Surface) -> None:
    response = await post_rpc(world, surface, "get_task", b'{"task_id": "nothing"}')
    result = response.json()["result"]
    assert result["isError"] is True
    hint = "Look the task up with find_tasks and use its id."
    sentence = f"There is no task with this id. {hint}"
    assert result["content"][0]["text"] == f"task_not_found: {sentence}"
    assert result["structuredContent"] == {"code": "task_not_found", "message": sentence, "hint": hint}


async def test_the_modern_list_may_be_cached_by_all_and_the_instructions_for_a_moment(world: World) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "checks", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }

    async def ask(method: str) -> dict[str, Any]:
        headers = {**JSON, "mcp-protocol-version": "2026-07-28", "mcp-method": method}
        frame = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}
        result: dict[str, Any] = (await world.http.post("/mcp", json=frame, headers=headers)).json()["result"]
        return result

    listed, discovered = await ask("tools/list"), await ask("server/discover")
    assert (listed["cacheScope"], listed["ttlMs"] >= 60_000) == ("private", True), (
        "which tools there are depends on the token"
    )
    assert (discovered["cacheScope"], discovered["ttlMs"] <= 60_000) == ("private", True)
