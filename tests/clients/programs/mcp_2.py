"""The Python SDK of MCP, version 2."""

import asyncio
import os
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from steps import COMMAND, OVER, URL, play


async def main() -> None:
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=dict(os.environ))
    async with Client(streamable_http_client(URL) if OVER == "http" else server) as client:

        async def list_tools() -> list[str]:
            return [tool.name for tool in (await client.list_tools()).tools]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await client.call_tool(name, arguments)
            assert result.is_error == (name == "get_task"), result
            return result.content[0].text

        await play(list_tools, call)


asyncio.run(main())
