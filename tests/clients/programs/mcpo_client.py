"""mcpo: MCP tools as an OpenAPI server, called by plain HTTP."""

import asyncio
import os
import subprocess
import sys
import time
from typing import Any

import httpx
from steps import COMMAND, OVER, URL, play

PORT = os.environ["CLIENT_PORT"]


async def main() -> None:
    target = ["--server-type", "streamable-http", "--", URL] if OVER == "http" else ["--", *COMMAND]
    words = [sys.executable, "-c", "from mcpo import app; app()", "--host", "127.0.0.1", "--port", PORT, *target]
    proxy = subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: ASYNC220  # nothing else runs yet
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as http:
            deadline = time.monotonic() + 60
            while True:
                try:
                    described = (await http.get("/openapi.json")).json()
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.2)

            async def list_tools() -> list[str]:
                return [path.removeprefix("/") for path in described["paths"]]

            async def call(name: str, arguments: dict[str, Any]) -> Any:
                return (await http.post(f"/{name}", json=arguments)).text

            await play(list_tools, call)
    finally:
        proxy.terminate()
        proxy.wait()


asyncio.run(main())
