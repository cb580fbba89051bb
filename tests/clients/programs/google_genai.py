"""Google's GenAI SDK: its converter of MCP tools for Gemini, and the calls that it makes of them."""

import asyncio
import os
from typing import Any

from google.genai import _mcp_utils
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from steps import COMMAND, OVER, URL, play


def list_empty(schema: Any) -> list[Any]:
    """Return the parts of a converted schema that Gemini refuses: objects without properties, lists without items."""
    if schema is None:
        return []
    parts = [*(schema.properties or {}).values(), *([schema.items] if schema.items else [])]
    empty = (schema.type == "OBJECT" and not schema.properties) or (schema.type == "ARRAY" and not schema.items)
    return [each for part in parts for each in list_empty(part)] + ([schema] if empty else [])


async def main() -> None:
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=dict(os.environ))
    async with Client(streamable_http_client(URL) if OVER == "http" else server) as client:

        async def list_tools() -> list[str]:
            converted = [_mcp_utils.mcp_to_gemini_tool(tool) for tool in (await client.list_tools()).tools]
            declared = [each for tool in converted for each in tool.function_declarations]
            return [each.name for each in declared if not list_empty(each.parameters)]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return (await client.call_tool(name, arguments)).content[0].text

        await play(list_tools, call)


asyncio.run(main())
