"""The composition root: one place that knows every part and puts them together."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from fastapi.responses import Response
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic_core import to_json
from sqlalchemy import Connection

from app.background import Background
from app.bell import Bell
from app.bindings import build_binding_routes
from app.database import Database, SqliteDatabase
from app.identity import ensure_local_user, identify_http_agent
from app.limits import MCP_PATH, SMALL_BODY, Branch, Edge
from app.migrations import HEAD, check_schema, migrate_file, migrate_server, require_head
from app.problems import install_problems
from app.rest.feeds import Streams, build_feed_routes
from app.rest.recurring import build_recurring_routes
from app.rest.tasks import build_task_routes
from app.settings import Settings
from app.store import DatabaseStore
from app.system import SystemClock, SystemIds
from events.instants import write_instant
from events.lease import Lease
from events.memory import MemoryBroker, count_deliveries
from events.outbox import count_backlog
from events.ports import Clock, Ids
from events.relay import Relay
from todo.errors import StorageUnavailable
from todo.reactions import REACTIONS
from todo.when import prefer_shipped_zones, read_zone, say_now
from todo.work import Who
from tools.server import build_server
from tools.tool import Identify

DESCRIPTION = (
    "Tasks, reminders and recurring tasks: every change is saved once, published once, and reacted to the same from "
    "everywhere."
)


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one process on one database, put together."""

    settings: Settings
    database: Database
    store: DatabaseStore
    relay: Relay
    broker: MemoryBroker
    background: Background

    def build_mcp(self, identify: Identify) -> MCPServer[Any]:
        """Return an MCP server on this service's store."""

        async def tell_now(who: Who) -> str:
            return await self.store.read(who, lambda work: say_now(work.now, work.zone))

        return build_server(self.store, identify, tell_now, read_version())


def read_version() -> str:
    """Return the product's version."""
    try:
        return installed_version("evolution-todo")
    except PackageNotFoundError:
        return "0.1.0"


People = dict[str, tuple[ZoneInfo, str]]


async def open_database(settings: Settings) -> tuple[Database, People | None]:
    """Open the database that is set, at this version's schema, and return what may be remembered of people beside it.

    A file is migrated by whoever opens it, a server's database only by `migrate`. Raises `StorageUnavailable`.
    """
    if settings.on_server:
        from app.postgres import PostgresDatabase

        server = PostgresDatabase(settings.database_url, check=check_schema)
        try:
            await server.open()
            await server.read(require_head)
        except BaseException:
            await server.close()
            raise
        return server, None
    await asyncio.to_thread(migrate_file, settings.database_path)
    people: People = {}

    def check(connection: Connection) -> None:
        """Stop trusting what is remembered, and stop writing to a newer schema, when another process has written."""
        people.clear()
        check_schema(connection)

    file = SqliteDatabase(settings.database_path, check=check)
    await file.open()
    return file, people


async def migrate_database(settings: Settings) -> bool:
    """Bring the database that is set to this version's schema; return whether anything was done."""
    if not settings.on_server:
        return await asyncio.to_thread(migrate_file, settings.database_path)
    from app.postgres import PostgresDatabase

    server = PostgresDatabase(settings.database_url)
    try:
        await server.open()
        return await server.write(migrate_server)
    finally:
        await server.close()


@asynccontextmanager
async def open_service(
    settings: Settings, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[Service]:
    """Open the database, migrated, and put the parts together; nothing runs in the background yet."""
    prefer_shipped_zones()
    clock, ids = clock or SystemClock(), ids or SystemIds()
    database, people = await open_database(settings)
    try:
        at = write_instant(clock.now())
        await database.write(lambda connection: ensure_local_user(connection, read_zone(settings.zone).key, at))
        bell = Bell()
        store = DatabaseStore(database, clock, ids, bell, people)
        broker = MemoryBroker(database, REACTIONS, clock, on_published=bell.ring)
        relay = Relay(database, broker, clock)
        background = Background(database, store, relay, broker, Lease(f"{os.getpid()}:{ids.new()}"), clock, bell)
        yield Service(settings, database, store, relay, broker, background)
    finally:
        await database.close()


def build_app(service: Service, *, background: bool = True) -> FastAPI:
    """Return the HTTP application: REST under `/api`, MCP at `/mcp`, health at the root.

    `background=False` leaves relay, deliveries and scheduler to whoever steps them.
    """
    streams = Streams()
    service.background.bell.listeners.append(streams.wake)
    mcp = service.build_mcp(identify_http_agent)
    hosts = _hosts_of(service.settings)
    mcp_app = mcp.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=SMALL_BODY,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
            allowed_origins=[
                f"{scheme}://{host}{port}" for scheme in ("http", "https") for host in hosts for port in ("", ":*")
            ],
        ),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            if background:
                service.background.start()
            try:
                yield
            finally:
                streams.close()
                if background:
                    await service.background.stop()

    app = FastAPI(
        title="Evolution Todo", description=DESCRIPTION, version=read_version(), lifespan=lifespan, redoc_url=None
    )
    install_problems(app)
    app.include_router(build_task_routes(service.store), prefix="/api", tags=["tasks"])
    app.include_router(build_recurring_routes(service.store), prefix="/api", tags=["recurring tasks"])
    app.include_router(build_feed_routes(service.store, streams), prefix="/api", tags=["feeds"])

    app.include_router(build_binding_routes(service.store))

    @app.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        ready, body = await check_readiness(service)
        return Response(to_json(body), 200 if ready else 503, media_type="application/json")

    app.add_middleware(Branch, path=MCP_PATH, branch=mcp_app)
    app.add_middleware(Edge, hosts=frozenset(host.strip("[]") for host in hosts))
    return app


async def check_readiness(service: Service) -> tuple[bool, dict[str, Any]]:
    """Return whether database and schema can be used, and what is degraded beside them."""
    try:
        (pending, parked), (open_, dead), held = await service.database.read(
            lambda connection: (
                count_backlog(connection),
                count_deliveries(connection),
                service.background.lease.is_held(connection),
            )
        )
    except StorageUnavailable as error:
        return False, {"status": "unavailable", "reasons": [error.text]}
    reasons = []
    if parked:
        reasons.append(f"{parked} events were refused for good and wait: evolution-todo events replay --parked")
    if dead:
        reasons.append(f"{dead} reactions failed for good and wait: POST /api/dead-letters/replay")
    if not held:
        reasons.append("nobody does the background work yet")
    body: dict[str, Any] = {"status": "degraded" if reasons else "ready", "schema": HEAD, "backlog": pending + open_}
    if reasons:
        body["degraded"] = reasons
    return True, body


def _hosts_of(settings: Settings) -> list[str]:
    from urllib.parse import urlsplit

    hosts = {"127.0.0.1", "localhost", "[::1]"}
    host = urlsplit(settings.url).hostname
    if host:
        hosts.add(f"[{host}]" if ":" in host else host)
    return sorted(hosts)
