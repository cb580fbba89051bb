"""What comes in over standard input is answered line by line, also when the input ends at once."""

import json
import os
from typing import Any

import anyio
import pytest

from app.identity import StdioIdentity
from tests.world import World
from tools.stdio import EndableInput, gather_output, serve_lines

pytestmark = pytest.mark.anyio

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


async def pipe(world: World, *lines: Any) -> list[dict[str, Any]]:
    """Send lines to a server whose input ends after them; return its answers."""
    down, up = os.pipe(), os.pipe()
    with os.fdopen(down[1], "w") as sent:
        sent.write("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    server = world.service.build_mcp(StdioIdentity("test"))
    with anyio.fail_after(60):
        async with gather_output(up[1]) as output:
            await serve_lines(server, EndableInput(down[0]), output)
    os.close(down[0])
    os.close(up[1])
    with os.fdopen(up[0]) as answered:
        return [json.loads(line) for line in answered]


@pytest.mark.parametrize("count", [1, 3, 12])
async def test_f3_what_is_saved_is_answered_before_the_end(world: World, count: int) -> None:
    calls = [call(number, "create_task", title=f"piped {number}") for number in range(2, count + 2)]
    answers = await pipe(world, INITIALIZE, INITIALIZED, *calls, call(99, "find_tasks"))
    assert sorted(each["id"] for each in answers) == [1, *range(2, count + 2), 99]
    assert all("result" in each for each in answers)
    assert await world.query("SELECT count(*) FROM task") == [(count,)]


@pytest.mark.parametrize(
    ("line", "known", "code"),
    [
        (json.dumps(call(2, "create_task", title="\ud800")), 2, -32600),
        (json.dumps({**call(2, "find_tasks"), "id": "two", "params": "\ud800"}), "two", -32600),
        ("garbage", None, -32700),
        ("{", None, -32700),
        ("[]", None, -32600),
        ("7", None, -32600),
        ('{"jsonrpc":"2.0","id":5}', 5, -32600),
        ('{"jsonrpc":"2.0","id":true}', None, -32600),
        ("[" * 3_000 + "]" * 3_000, None, -32700),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_x3_a_line_that_is_no_message_is_answered(world: World, line: str, known: Any, code: int) -> None:
    answers = await pipe(world, INITIALIZE, INITIALIZED, line, call(9, "find_tasks"))
    by_id = {each["id"]: each for each in answers}
    assert by_id.keys() == {1, known, 9}
    assert by_id[known]["error"]["code"] == code
    assert "result" in by_id[9]
    assert await world.query("SELECT count(*) FROM task") == [(0,)]
