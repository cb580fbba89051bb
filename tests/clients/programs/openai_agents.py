"""OpenAI's Agents SDK: its MCP servers, and its converter of schemas in strict mode."""

import asyncio
import os
from typing import Any

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp, MCPUtil
from steps import COMMAND, OVER, URL, play


async def main() -> None:
    stdio = {"command": COMMAND[0], "args": COMMAND[1:], "env": dict(os.environ)}
    made = MCPServerStreamableHttp({"url": URL}) if OVER == "http" else MCPServerStdio(stdio)
    async with made as server:
        tools = await server.list_tools()

        async def list_tools() -> list[str]:
            strict = [MCPUtil.to_function_tool(tool, server, convert_schemas_to_strict=True) for tool in tools]
            return [tool.name for tool in strict if tool.strict_json_schema]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await server.call_tool(name, arguments)
            assert result.is_error == (name == "get_task"), result
            return result.content[0].text

        await play(list_tools, call)


asyncio.run(main())
