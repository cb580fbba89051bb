"""One call through any surface: REST, and MCP in both revisions through the whole HTTP stack, as raw bytes."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from sqlalchemy import insert

from events.sql import table_of
from tests.contracts.named import list_unnamed
from tests.world import World
from todo.record.models import User
from todo.record.scopes import EVERYTHING
from todo.record.work import Who
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

Surface = Literal["rest", "modern", "legacy"]
SURFACES: tuple[Surface, ...] = ("rest", "modern", "legacy")
AGENTS: tuple[Surface, ...] = ("modern", "legacy")

STORED = ("task", "recurrence", "plan", "reminder", "change", "outbox_entry", "request_entry")
_RAW = re.compile(r'"@raw:(.*?)@"')
_PREFIX = "io.modelcontextprotocol/"
ROUTES = {
    "create_task": ("POST", "/tasks"),
    "find_tasks": ("GET", "/tasks"),
    "get_task": ("GET", "/tasks/{task_id}"),
    "update_task": ("PATCH", "/tasks/{task_id}"),
    "complete_task": ("POST", "/tasks/{task_id}/complete"),
    "reopen_task": ("POST", "/tasks/{task_id}/reopen"),
    "delete_task": ("DELETE", "/tasks/{task_id}"),
    "set_reminder": ("POST", "/tasks/{task_id}/reminders"),
    "snooze_reminder": ("POST", "/reminders/{reminder_id}/snooze"),
    "cancel_reminder": ("DELETE", "/reminders/{reminder_id}"),
    "create_recurring_task": ("POST", "/recurring-tasks"),
    "update_recurring_task": ("PATCH", "/recurring-tasks/{task_id}"),
    "preview_occurrences": ("POST", "/recurring-tasks/preview"),
    "plan_changes": ("POST", "/plans"),
    "apply_plan": ("POST", "/plans/{plan_id}/apply"),
    "undo": ("POST", "/undo"),
}
LEAKS = re.compile(
    r"traceback|sqlite|postgres|asyncpg|pydantic|select |sqlalchemy|/site-packages|\.py\b", re.IGNORECASE
)
LONG = "x"
"""Over-long inputs repeat this character, so that an answer that echoes one is found."""
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Reply:
    """A response: the HTTP status, the whole body, and the answer or refusal parsed from it."""

    status: int
    text: str
    answer: dict[str, Any]
    code: str = ""
    sentence: str = ""


def raw(literal: str) -> str:
    """Return a placeholder for JSON text that no JSON writer produces: NaN, 1e999, half a surrogate pair."""
    return f"@raw:{literal}@"


def write_json(value: object) -> bytes:
    """Return JSON text with its placeholders replaced."""
    written = json.dumps(value)
    return _RAW.sub(lambda match: str(json.loads(f'"{match[1]}"')), written).encode()


async def call(
    world: World, surface: Surface, tool: str, arguments: dict[str, Any], client: str = "checks", agent_id: Any = 7
) -> Reply:
    """Call a tool, or its REST route, with arguments in the tool's form."""
    if surface == "rest":
        return await _call_rest(world, tool, dict(arguments))
    reply = read_rpc(await post_rpc(world, surface, tool, write_json(arguments), client, agent_id))
    if reply.answer:
        assert list_unnamed(tool, reply.answer) == []
    return reply


async def post_rpc(
    world: World, surface: Surface, tool: str, arguments: bytes, client: str = "checks", agent_id: Any = 7
) -> httpx2.Response:
    """Post one `tools/call` whose arguments are given as bytes."""
    meta = {}
    headers = {**JSON, "mcp-protocol-version": "2025-11-25"}
    if surface == "modern":
        headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": tool}
        meta = {
            f"{_PREFIX}protocolVersion": "2026-07-28",
            f"{_PREFIX}clientInfo": {"name": client, "version": "1"},
            f"{_PREFIX}clientCapabilities": {},
        }
    params = {"name": tool, "arguments": "@@", "_meta": meta}
    frame = json.dumps({"jsonrpc": "2.0", "id": agent_id, "method": "tools/call", "params": params}).encode()
    return await world.http.post("/mcp", content=frame.replace(b'"@@"', arguments), headers=headers)


def read_rpc(response: httpx2.Response) -> Reply:
    """Read the answer of an MCP call; a protocol error's code is its number as text."""
    body = response.json()
    if "error" in body:
        return Reply(response.status_code, response.text, {}, str(body["error"]["code"]), body["error"]["message"])
    if "result" not in body:
        return Reply(response.status_code, response.text, {}, body["code"], body["detail"])
    result = body["result"]
    answer = result["structuredContent"]
    if not result.get("isError"):
        assert json.loads(result["content"][0]["text"]) == answer
        return Reply(response.status_code, response.text, answer)
    said = result["content"][0]["text"]
    assert said == f"{answer['code']}: {answer['message']}"
    return Reply(response.status_code, response.text, answer, answer["code"], answer["message"])


async def _call_rest(world: World, tool: str, arguments: dict[str, Any]) -> Reply:
    method, path = ROUTES[tool]
    for name in ("task_id", "reminder_id", "plan_id"):
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", str(arguments.pop(name)))
    headers = dict(JSON)
    if "request_id" in arguments:
        headers["Idempotency-Key"] = arguments.pop("request_id")
    if "expected_version" in arguments:
        headers["If-Match"] = f'"{arguments.pop("expected_version")}"'
    for name in arguments.pop("clear", []):
        arguments[name] = None
    if method == "GET":
        return read_rest(await world.rest.get(path, params=arguments))
    return read_rest(await world.rest.request(method, path, content=write_json(arguments), headers=headers))


def read_rest(response: httpx2.Response) -> Reply:
    """Read a REST answer; a refusal must be a whole problem."""
    body = response.json()
    if response.is_success:
        return Reply(response.status_code, response.text, body)
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == response.status_code
    return Reply(response.status_code, response.text, body, body["code"], body["detail"])


async def count_stored(world: World) -> dict[str, int]:
    """Return the row count of each table that a write would touch."""
    return {table: (await world.query(f'SELECT count(*) FROM "{table}"'))[0][0] for table in STORED}  # noqa: S608  # names of ours


async def make_foreign_task(world: World) -> str:
    """Create a task that belongs to another person and return its id."""
    other_user = {"id": "other", "zone": "UTC", "day_start": "09:00", "created_at": "2026-11-01T00:00:00.000000Z"}
    await world.service.database.write(lambda connection: connection.execute(insert(table_of(User)), other_user))
    other = Who("other", "person", "rest", "", "rest", scopes=EVERYTHING)
    made = await world.service.store.write(other, lambda work: create_task(work, CreateTask(title="Their secret")))
    return str(made["task"]["id"])


def assert_says_little_and_clearly(reply: Reply) -> None:
    assert not LEAKS.search(reply.text), reply.text
    assert LONG * 100 not in reply.text
    assert "Their secret" not in reply.text
    assert 10 < len(reply.sentence) < 600
    assert reply.sentence.isprintable()
