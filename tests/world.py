"""The `World` of tests: one service on a database, a movable clock and counted ids, with every surface and no sleep."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from pydantic_core import from_json
from sqlalchemy import text

from app.http.app import build_app
from app.identity import SCHEDULER, StdioIdentity
from app.service import Service, open_service
from app.settings import Settings, load_settings
from app.testing.service import make_template
from tests.clock import CountedIds, MovableClock
from tests.storage import STORAGE
from todo.scheduler import step
from todo.tasks.search_index import index_step

URL = "http://127.0.0.1:8000"


@dataclass
class World:
    """One service with its surfaces, driven by hand."""

    service: Service
    clock: MovableClock
    ids: CountedIds
    rest: httpx2.AsyncClient
    http: httpx2.AsyncClient
    _stack: AsyncExitStack = field(repr=False)

    async def connect(self, mode: str = "auto", **options: Any) -> Client:
        """Return an MCP client over the whole HTTP stack: `auto` is 2026-07-28, `legacy` 2025-11-25."""
        transport = streamable_http_client(f"{URL}/mcp", http_client=self.http)
        return await self._stack.enter_async_context(Client(transport, mode=mode, **options))

    async def connect_stdio(self, mode: str = "auto") -> Client:
        """Return an MCP client over the stdio transport's own framing, on pipes in this process."""
        return await self._stack.enter_async_context(Client(self._pipe(), mode=mode))

    @asynccontextmanager
    async def _pipe(self) -> AsyncIterator[Any]:
        down, up = os.pipe(), os.pipe()
        files = [anyio.wrap_file(os.fdopen(end, kind)) for end, kind in zip((*down, *up), "rwrw", strict=True)]
        server = self.service.build_mcp(StdioIdentity("test"))._lowlevel_server

        async def serve() -> None:
            async with stdio_server(stdin=files[0], stdout=files[3]) as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())
            await files[3].aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            async with stdio_server(stdin=files[2], stdout=files[1]) as client:
                yield client
                # Like a client that ends: the server sees the end of its input and ends too.
                await files[1].aclose()
        await files[0].aclose()
        await files[2].aclose()

    async def settle(self) -> None:
        """Publish and deliver until nothing waits."""
        while await self.service.relay.step() + await self.service.broker.step():
            pass

    async def send(self) -> None:
        """Send to channels what is due, until nothing is."""
        while await self.service.sender.step():
            await self.service.sender.settle()

    async def tick(self, **ahead: float) -> None:
        """Move the clock, let the scheduler do what is due, and settle."""
        self.clock.move(**ahead)
        while await self.service.store.write(SCHEDULER, step):
            pass
        await self.settle()

    async def sweep(self) -> None:
        """Remove what is old from every table."""
        while await self.service.sweeper.step():
            pass

    async def index(self) -> None:
        """Bring the search index up to date."""
        while await self.service.store.write_apart(SCHEDULER, index_step):
            pass

    async def events(self) -> list[dict[str, Any]]:
        """Return every CloudEvent in the outbox, in order."""
        rows = await self.query("SELECT payload FROM outbox_entry ORDER BY seq")
        return [from_json(row[0]) for row in rows]

    async def query(self, statement: str, **parameters: Any) -> list[Any]:
        """Return the rows of an SQL statement."""
        return await self.service.database.read(
            lambda connection: list(connection.execute(text(statement), parameters))
        )

    async def call(self, client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed and return its structured answer."""
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        answer: dict[str, Any] = result.structured_content
        return answer


def make_settings(folder: Path, **overrides: Any) -> Settings:
    return load_settings(**{"data_dir": folder, "zone": "Europe/Berlin", **overrides})


async def lay_out_settings(folder: Path, **overrides: Any) -> Settings:
    """Return the settings for a folder; on PostgreSQL, create its database first."""
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster is not None
        overrides["database_url"] = await STORAGE.cluster.open_for(folder)
    return make_settings(folder, **overrides)


@asynccontextmanager
async def open_world(folder: Path, **overrides: Any) -> AsyncIterator[World]:
    """Open a world on a folder, with these settings changed; opening the folder again is a restart."""
    clock, ids = MovableClock(), CountedIds()
    async with AsyncExitStack() as stack:
        settings = await lay_out_settings(folder, **overrides)
        if not settings.on_server and not settings.database_path.exists():
            settings.database_path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(make_template(), settings.database_path)
        service = await stack.enter_async_context(open_service(settings, clock, ids))
        app = build_app(service, background=False)
        await stack.enter_async_context(app.router.lifespan_context(app))
        http = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL)
        )
        rest = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=f"{URL}/api")
        )
        yield World(service, clock, ids, rest, http, stack)
