"""The tools as the agent has them: through an MCP client, as a stranger would."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from mcp import Client
from mcp.types import TextContent
from pydantic_core import to_json

from agent.messages import Tool
from todo.record.work import Who

Connect = Callable[[Who], AbstractAsyncContextManager[Client]]
"""Opens an MCP client whose calls are this caller's; no argument says who it is."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call gave: `text` for the model, `result` for people and programs; `failed` if nothing was done."""

    text: str
    result: dict[str, Any]
    failed: bool

    @property
    def code(self) -> str:
        """The refusal's code; empty for a success."""
        return str(self.result.get("code", "")) if self.failed else ""


def refuse_call(code: str, sentence: str) -> CallResult:
    """Return the outcome of a call that was not carried out."""
    return CallResult(f"{code}: {sentence}", {"code": code, "message": sentence}, failed=True)


async def list_tools(client: Client) -> list[Tool]:
    """Return all tools in the server's order; a call's `request_id` is ours to give, so no model is told of it."""
    tools: list[Tool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        for each in page.tools:
            schema = dict(each.input_schema)
            schema["properties"] = {
                name: value for name, value in schema.get("properties", {}).items() if name != "request_id"
            }
            writes = not (each.annotations is not None and each.annotations.read_only_hint)
            tools.append(Tool(each.name, each.description or "", schema, writes))
        cursor = page.next_cursor
        if cursor is None:
            return tools


async def call_tool(
    client: Client, tools: Sequence[Tool], name: str, arguments: dict[str, Any], request_id: str
) -> CallResult:
    """Call a tool under our `request_id`, whatever the model wrote there; nothing here raises for a bad call."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in tools)
        return refuse_call("unknown_tool", f"There is no tool {name[:60]!r}. There are: {known}.")
    given = {key: value for key, value in arguments.items() if key != "request_id"}
    if tool.writes:
        given["request_id"] = request_id
    answer = await client.call_tool(name, given)
    text = "".join(part.text for part in answer.content if isinstance(part, TextContent))
    structured = answer.structured_content if isinstance(answer.structured_content, dict) else {"message": text}
    return CallResult(text or to_json(structured).decode(), structured, bool(answer.is_error))
