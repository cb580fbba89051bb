"""FastMCP's client."""

import asyncio
import os
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError
from steps import COMMAND, OVER, URL, play


async def main() -> None:
    stdio = StdioTransport(COMMAND[0], COMMAND[1:], env=dict(os.environ))
    async with Client(StreamableHttpTransport(URL) if OVER == "http" else stdio) as client:

        async def list_tools() -> list[str]:
            return [tool.name for tool in await client.list_tools()]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            try:
                return (await client.call_tool(name, arguments)).structured_content
            except ToolError as error:
                return error

        await play(list_tools, call)


asyncio.run(main())
