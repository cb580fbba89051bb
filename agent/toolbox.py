"""The tools of the agent, called through an MCP client as any outside client would."""

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
"""Opens an MCP client whose calls are made for this caller; no tool argument names the caller."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call: `text` for the model, `result` for people and programs; `failed` if nothing was done."""

    text: str
    result: dict[str, Any]
    failed: bool

    @property
    def code(self) -> str:
        """The refusal's code; empty if the call succeeded."""
        return str(self.result.get("code", "")) if self.failed else ""


def refuse_call(code: str, sentence: str) -> CallResult:
    """Return the result of a call that was not carried out."""
    return CallResult(f"{code}: {sentence}", {"code": code, "message": sentence}, failed=True)


async def list_tools(client: Client) -> list[Tool]:
    """Return all tools in the server's order, without the argument `request_id`, which the agent sets itself."""
    tools: list[Tool] = []
    cursor: str | None = None
    while True:
        # The client is shared by all callers, and each may see other tools.
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        for listed in page.tools:
            schema = dict(listed.input_schema)
            schema["properties"] = {
                name: value for name, value in schema.get("properties", {}).items() if name != "request_id"
            }
            writes = not (listed.annotations is not None and listed.annotations.read_only_hint)
            tools.append(Tool(listed.name, listed.description or "", schema, writes))
        cursor = page.next_cursor
        if cursor is None:
            return tools


async def call_tool(
    client: Client, tools: Sequence[Tool], name: str, arguments: dict[str, Any], request_id: str
) -> CallResult:
    """Call a tool with this `request_id`, even if the model wrote another; a bad call gives a refusal, no exception."""
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
