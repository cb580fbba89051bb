"""The Python SDK of MCP, version 1."""

import asyncio
import os
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from steps import COMMAND, OVER, URL, play


async def main() -> None:
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=dict(os.environ))
    over: Any = streamablehttp_client(URL) if OVER == "http" else stdio_client(server)
    async with over as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()

        async def list_tools() -> list[str]:
            return [tool.name for tool in (await session.list_tools()).tools]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await session.call_tool(name, arguments)
            assert result.isError == (name == "get_task"), result
            return result.content[0].text

        await play(list_tools, call)


asyncio.run(main())
