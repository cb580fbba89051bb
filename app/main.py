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
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from sqlalchemy import Connection

from agent.conversation import Conversation
from agent.messages import ChatModel
from app.assistant import build_conversation
from app.background import Background
from app.bell import Bell
from app.bindings import build_binding_routes
from app.chat import build_chat_routes
from app.confirming import build_confirm_routes
from app.dapr_routes import AppToken, Reception, add_dapr_routes
from app.database import Database, SqliteDatabase
from app.health import add_health_routes
from app.identity import ensure_local_user, identify_http_agent
from app.limits import MCP_PATH, SMALL_BODY, Branch, Edge
from app.migrations import check_schema, migrate_file, migrate_server, require_head
from app.news import Listeners, tell_news
from app.openai_api import build_openai_routes
from app.pages import build_page_routes
from app.problems import install_problems
from app.rest.feeds import Streams, build_feed_routes
from app.rest.recurring import build_recurring_routes
from app.rest.safety import build_safety_routes
from app.rest.tasks import build_task_routes
from app.settings import Settings
from app.sidecar import Sidecar, open_sidecar
from app.store import DatabaseStore
from app.system import SystemClock, SystemIds, spread_pauses
from events.instants import write_instant
from events.lease import Lease
from events.memory import MemoryBroker
from events.ports import Clock, Ids, Publisher
from events.relay import Relay
from events.silence import SilenceWatch
from todo.reactions import REACTIONS
from todo.when import prefer_shipped_zones, read_zone, say_now
from todo.work import Who
from tools.server import build_server
from tools.tool import Identify

EMBEDDED_BATCH = 200
SIDECAR_BATCH = 1_000
"""Events that the relay takes at once: through a sidecar in as many calls of 200 side by side."""
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
    bus: Listeners
    watchers: Bell
    sidecar: Sidecar | None = None

    def build_mcp(self, identify: Identify) -> MCPServer[Any]:
        """Return an MCP server on this service's store."""

        async def tell_now(who: Who) -> str:
            return await self.store.read(who, lambda work: say_now(work.now, work.zone))

        def link(confirmation_id: str) -> str:
            return f"{self.settings.url}/confirm/{confirmation_id}"

        return build_server(self.store, identify, tell_now, read_version(), link, self.bus)


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
        bell, watchers = Bell(), Bell()
        bell.listeners.append(watchers.ring)
        store = DatabaseStore(database, clock, ids, bell, people, settings.guarded)
        broker = MemoryBroker(database, REACTIONS, clock, on_published=bell.ring)
        async with open_sidecar(settings) as sidecar:
            publisher: Publisher = broker
            batch = EMBEDDED_BATCH
            if sidecar is not None:
                from events.dapr import DaprPublisher

                publisher, batch = DaprPublisher(sidecar.client, sidecar.pubsub, sidecar.style), SIDECAR_BATCH
            relay = Relay(database, publisher, clock, batch, jitter=spread_pauses)
            silence = None if sidecar is None else SilenceWatch(database, REACTIONS, clock)
            lease = Lease(f"{os.getpid()}:{ids.new()}")
            background = Background(database, store, relay, broker, lease, clock, bell, silence)
            yield Service(settings, database, store, relay, broker, background, Listeners(), watchers, sidecar)
    finally:
        await database.close()


def build_app(service: Service, *, background: bool = True, models: dict[str, ChatModel] | None = None) -> FastAPI:
    """Return the HTTP application: the page at `/`, REST and chat under `/api`, OpenAI's shapes under `/v1`,
    MCP at `/mcp`, what Dapr calls, and health at the root.

    In the role `worker` it has only the last two, in the role `api` all but the background work. `background=False`
    leaves relay, deliveries and scheduler to whoever steps them. `models` take the place of those of the settings.
    """
    role = service.settings.role
    streams = Streams()
    service.watchers.listeners.append(streams.wake)
    mcp = service.build_mcp(identify_http_agent)
    hosts = _hosts_of(service.settings)
    conversation = build_conversation(service, models)
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

    def end_streams() -> None:
        streams.close()
        conversation.stop_all()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run(), tell_news(service):
            if background:
                service.background.start(leading=role != "api")
            if service.sidecar is not None and role != "api":
                await service.sidecar.check_routes(app)
            try:
                yield
            finally:
                end_streams()
                await conversation.close()
                if background:
                    await service.background.stop()

    app = FastAPI(
        title="Evolution Todo", description=DESCRIPTION, version=read_version(), lifespan=lifespan, redoc_url=None
    )
    app.state.end_streams = end_streams
    install_problems(app)
    if role != "worker":
        _add_surfaces(app, service, streams, conversation)
    app.include_router(build_binding_routes(service.store))
    if service.sidecar is not None and role != "api":
        # A reaction leaves no work behind: it wakes those who watch, not the loops. Measured on a busy machine, 100
        # changes/s on PostgreSQL: commit to a consumer's handler p50 84 ms with the loops woken, 21 ms so.
        reception = Reception(service.database, REACTIONS, service.store.clock, service.watchers.ring)
        add_dapr_routes(app, reception, service.sidecar.pubsub, service.sidecar.style)
    add_health_routes(app, service)

    if role != "worker":
        app.add_middleware(Branch, path=MCP_PATH, branch=mcp_app)
    if service.settings.app_api_token:
        app.add_middleware(AppToken, token=service.settings.app_api_token)
    app.add_middleware(Edge, hosts=frozenset(host.strip("[]") for host in hosts))
    return app


def _add_surfaces(app: FastAPI, service: Service, streams: Streams, conversation: Conversation) -> None:
    """Add what people and their programs call."""
    store = service.store
    app.include_router(build_task_routes(store), prefix="/api", tags=["tasks"])
    app.include_router(build_recurring_routes(store), prefix="/api", tags=["recurring tasks"])
    app.include_router(build_feed_routes(store, streams), prefix="/api", tags=["feeds"])
    app.include_router(build_safety_routes(store), prefix="/api", tags=["safety"])
    app.include_router(build_chat_routes(store, conversation), prefix="/api", tags=["chat"])
    app.include_router(build_openai_routes(conversation, store.clock), prefix="/v1", tags=["chat"])
    app.include_router(build_confirm_routes(store))
    app.include_router(build_page_routes())


def _hosts_of(settings: Settings) -> list[str]:
    from urllib.parse import urlsplit

    hosts = {"127.0.0.1", "localhost", "[::1]"}
    host = urlsplit(settings.url).hostname
    if host:
        hosts.add(f"[{host}]" if ":" in host else host)
    return sorted(hosts)
