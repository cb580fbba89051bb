"""The servers under load, each a process: two no-op servers, and ours with and without its background work."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from mcp.server import MCPServer
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel
from starlette.types import ASGIApp

from app.http.app import build_app
from app.http.server import bind
from app.runtime import calm_collector, run_program
from app.service import open_service
from app.settings import load_settings


class Title(BaseModel):
    """The body of the no-op route."""

    title: str


def make_bare_mcp() -> MCPServer[None]:
    """Return an MCP server with one no-op tool that takes a title."""
    server: MCPServer[None] = MCPServer("bare", log_level="WARNING")

    @server.tool()
    async def do_nothing(title: str) -> CallToolResult:
        """Do nothing."""
        answer = {"title": title}
        text = TextContent(type="text", text=json.dumps(answer))
        return CallToolResult(content=[text], structured_content=answer)

    return server


def build_bare_mcp() -> ASGIApp:
    """Return that server over HTTP."""
    return make_bare_mcp().streamable_http_app(json_response=True, stateless_http=True)


def build_bare_rest() -> ASGIApp:
    """Return a FastAPI application with one no-op POST route that takes a title."""
    app = FastAPI()

    @app.post("/nothing")
    async def do_nothing(body: Title) -> Title:
        return body

    return app


@asynccontextmanager
async def open_app(kind: str) -> AsyncIterator[ASGIApp]:
    """Open `bare-mcp`, `bare-rest`, `held` (ours, events stay in the outbox) or `whole` (ours, as served)."""
    if kind == "bare-mcp":
        yield build_bare_mcp()
    elif kind == "bare-rest":
        yield build_bare_rest()
    else:
        async with open_service(load_settings()) as service:
            yield build_app(service, background=kind == "whole")


async def serve(kind: str) -> None:
    """Serve one kind of server until a signal ends it."""
    listener = bind("127.0.0.1", 0)
    async with open_app(kind) as app:
        calm_collector()
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    run_program(serve(sys.argv[1]))
