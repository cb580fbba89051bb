"""LangChain's adapters for MCP: each tool becomes a tool of LangChain's."""

import asyncio
import os
from typing import Any

from langchain_core.tools import ToolException
from langchain_mcp_adapters.client import MultiServerMCPClient
from steps import COMMAND, OVER, URL, play


async def main() -> None:
    http = {"transport": "streamable_http", "url": URL}
    stdio = {"transport": "stdio", "command": COMMAND[0], "args": COMMAND[1:], "env": dict(os.environ)}
    client = MultiServerMCPClient({"todo": http if OVER == "http" else stdio})
    tools = {tool.name: tool for tool in await client.get_tools()}

    async def list_tools() -> list[str]:
        return list(tools)

    async def call(name: str, arguments: dict[str, Any]) -> Any:
        try:
            return await tools[name].ainvoke(arguments)
        except ToolException as error:
            return error

    await play(list_tools, call)


asyncio.run(main())
