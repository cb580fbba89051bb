"""The composition root of one process: database, store, relay, broker and MCP server, without HTTP."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

from mcp.server import MCPServer
from mcp.server._otel import OpenTelemetryMiddleware  # the SDK names it nowhere else
from sqlalchemy import Connection

from app.access.door import Door
from app.access.issuer import Issuer, IssuerAway, Login
from app.access.json_fetcher import FetchFailed, JsonFetcher
from app.access.page_login import LOGGED_IN, LoginRefused, PageLogin
from app.access.people import provision_login
from app.access.rates import Kind, Meter, Rate
from app.background import Background
from app.channels.keys import ServiceKeys
from app.channels.letters import Mailing
from app.channels.outfit import Outfit
from app.channels.sender import Sender
from app.dapr.sidecar import Sidecar, open_sidecar
from app.guarded_client import GuardedClient
from app.identity import ensure_local_user, note_wanted
from app.migrations import check_schema, migrate_file, migrate_server, require_head
from app.oauth.authority import Authority
from app.oauth.connections import Keys
from app.oauth.descriptions import Descriptions
from app.resource_updates import Subscribers, publish_updates
from app.retention.sweeper import Sweeper, list_rules
from app.settings import Settings
from app.storage.port import Database
from app.storage.sqlite_writer import SqliteDatabase
from app.storage.store import DatabaseStore, UserCache
from app.storage.wakeup import Wakeup
from app.system import SystemClock, SystemIds, draw_secret, spread_pauses
from app.tracing.choice import open_tracing
from app.tracing.port import Tracing
from app.watch.metrics import CallWatch, Metrics, WatchedPublisher, WriteWatch
from app.watch.state import State
from events.embedded import EmbeddedBroker
from events.instants import write_instant
from events.lease import Lease
from events.ports import Clock, Ids, Publisher
from events.redelivery import Redelivery
from events.relay import Relay
from todo.activity.reactions import REACTIONS
from todo.record.scopes import widen
from todo.record.work import Who
from todo.text.when import prefer_shipped_zones, read_zone, say_now
from tools.server import build_server
from tools.tool import Host, Identify

EMBEDDED_BATCH = 200
ISSUER_BYTES = 256 * 1024
DESCRIPTION_BYTES = 64 * 1024
MIGRATION_SECONDS = 3_600.0
SIDECAR_BATCH = 1_000
"""Events per batch of the relay; through a sidecar they go out as concurrent calls of 200 events."""


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one process on one database."""

    settings: Settings
    database: Database
    store: DatabaseStore
    relay: Relay
    broker: EmbeddedBroker
    background: Background
    bus: Subscribers
    feed_wakeup: Wakeup
    sender: Sender
    outfit: Outfit
    mailing: Mailing
    metrics: Metrics
    state: State
    sweeper: Sweeper
    tracing: Tracing
    sidecar: Sidecar | None = None
    door: Door | None = None
    """Who may come in; None in `local` mode, which serves one person on this machine."""
    meter: Meter | None = None
    """How much they may call; there wherever the door is."""
    authority: Authority | None = None
    """The authorization server, with `TODO_OAUTH=on`."""
    login: PageLogin | None = None
    """How people log in on the page by the outside issuer, where the service is a client of it."""

    def build_mcp(self, identify: Identify) -> MCPServer[Any]:
        """Return an MCP server on this service's store."""

        async def describe_now(who: Who) -> str:
            return await self.store.read(who, lambda work: say_now(work.now, work.zone))

        def link(confirmation_id: str) -> str:
            return f"{self.settings.url}/confirm/{confirmation_id}"

        async def admit(who: Who, *, writes: bool) -> None:
            if self.meter is not None:
                token = who.origin.removeprefix("token:") if who.origin.startswith("token:") else ""
                await self.meter.take(who.user_id, token, "writes" if writes else "reads")

        host = Host(self.store, identify, link, note_wanted, admit)
        server = build_server(host, describe_now, read_version(), self.bus)
        if self.tracing.trace is None:
            # Each call would make a span that leads nowhere.
            server.middleware[:] = [each for each in server.middleware if not isinstance(each, OpenTelemetryMiddleware)]
        return server

    def publish_updates(self) -> AbstractAsyncContextManager[None]:
        """Return a context that sends resource updates to MCP clients, whichever process made the change."""
        return publish_updates(self.database, self.bus, self.store.clock, self.feed_wakeup)


@cache
def read_version() -> str:
    """Return the product's version."""
    try:
        return installed_version("evolution-todo")
    except PackageNotFoundError:
        return "0.1.0"


def build_door(settings: Settings, database: Database, clock: Clock, ids: Ids) -> Door:
    """Return the door of a service of several people, with the outside issuer if one is set."""
    if settings.oidc_issuer is None:
        return Door(database, clock)
    fetcher = JsonFetcher(is_guarded=False, most_bytes=ISSUER_BYTES)

    async def fetch_json(address: str) -> Any:
        try:
            return (await fetcher.fetch(address)).body
        except FetchFailed as failure:
            raise IssuerAway(f"The issuer's document {failure}.", "Try again in a minute.") from None

    scopes = widen((settings.oidc_scopes or "").replace(",", " ").split())
    audience = settings.oidc_audience or f"{settings.url}/mcp"
    issuer = Issuer(settings.oidc_issuer, audience, fetch_json, clock, scopes)

    def provision(connection: Connection, login: Login) -> None:
        provision_login(connection, login, settings.zone, ids, clock.now())

    return Door(database, clock, issuer, provision if settings.oidc_provision else None)


def build_login(settings: Settings, door: Door) -> PageLogin | None:
    """Return how people log in by the outside issuer; None unless the service is a client of it."""
    if door.issuer is None or settings.oidc_client_id is None:
        return None
    fetcher = JsonFetcher(is_guarded=False, most_bytes=ISSUER_BYTES)

    async def exchange(address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        try:
            return (await fetcher.fetch(address, form, headers)).body
        except FetchFailed as failure:
            if 400 <= failure.status < 500:
                # 401 says that the client's id or secret is wrong, which the operator has to mend.
                logging.getLogger(__name__).warning("the issuer gave no token for a code: %s", failure.status)
                raise LoginRefused("The issuer could not log you in.", "Begin again, or ask the operator.") from None
            raise IssuerAway(f"The issuer's answer {failure}.", "Try again in a minute.") from None

    redirect = f"{settings.url}{LOGGED_IN}"
    return PageLogin(door.issuer, settings.oidc_client_id, settings.oidc_client_secret or "", redirect, exchange)


def build_authority(settings: Settings, database: Database, clock: Clock, ids: Ids, door: Door) -> Authority:
    """Return the authorization server of a service of several people."""
    fetcher = JsonFetcher(is_guarded=True, most_bytes=DESCRIPTION_BYTES)
    return Authority(
        settings.url,
        f"{settings.url}/mcp",
        database,
        clock,
        Keys(ids, draw_secret),
        Descriptions(database, clock, fetcher),
        door,
    )


def build_meter(settings: Settings, database: Database, clock: Clock) -> Meter:
    """Return the rates of a service of several people."""
    rates: dict[Kind, Rate] = {
        "writes": Rate(settings.rate_writes, 60),
        "reads": Rate(settings.rate_reads, 60),
        "turns": Rate(settings.rate_turns, 3_600),
    }
    return Meter(database, clock, rates)


async def open_database(settings: Settings) -> tuple[Database, UserCache | None]:
    """Open the configured database at this version's schema; return it with the `user_cache`, None on PostgreSQL.

    Opening a file migrates it; a server's database is migrated only by `migrate`. Raises `StorageUnavailable`.
    """
    if settings.on_server:
        from app.storage.postgres import PostgresDatabase

        server = PostgresDatabase(settings.database_url, check=check_schema, is_walled=settings.auth != "local")
        try:
            await server.open()
            await server.read(require_head)
        except BaseException:
            await server.close()
            raise
        return server, None
    await asyncio.to_thread(migrate_file, settings.database_path)
    user_cache: UserCache = {}

    def check(connection: Connection) -> None:
        """After a write by another process, clear the cache and refuse to write to a newer schema."""
        user_cache.clear()
        check_schema(connection)

    file = SqliteDatabase(settings.database_path, check=check)
    await file.open()
    return file, user_cache


async def migrate_database(settings: Settings) -> bool:
    """Migrate the configured database to this version's schema; return whether it changed."""
    if not settings.on_server:
        return await asyncio.to_thread(migrate_file, settings.database_path)
    from app.storage.postgres import PostgresDatabase

    server = PostgresDatabase(settings.database_url, long_limit=MIGRATION_SECONDS)
    try:
        await server.open()
        return await server.write_apart(migrate_server)
    finally:
        await server.close()


@asynccontextmanager
async def open_service(
    settings: Settings, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[Service]:
    """Open the database and compose the parts; background work is not started."""
    prefer_shipped_zones()
    clock, ids = clock or SystemClock(), ids or SystemIds()
    database, user_cache = await open_database(settings)
    try:
        if settings.auth == "local":
            at = write_instant(clock.now())
            await database.write(lambda connection: ensure_local_user(connection, read_zone(settings.zone).key, at))
        door = None if settings.auth == "local" else build_door(settings, database, clock, ids)
        wakeup, feed_wakeup = Wakeup(), Wakeup()
        wakeup.listeners.append(feed_wakeup.notify)
        metrics = Metrics()
        tracing = open_tracing(settings, clock, read_version())
        call = tracing.follow_calls(partial(CallWatch, metrics))
        write = tracing.follow_writes(partial(WriteWatch, metrics))
        store = DatabaseStore(
            *(database, clock, ids, wakeup, user_cache, settings.guarded),
            watch=call,
            watch_write=write,
            trace=tracing.trace,
        )
        consumers = tracing.follow_consumers(REACTIONS)
        broker = EmbeddedBroker(database, consumers, clock, on_delivered=wakeup.notify)
        async with open_sidecar(settings) as sidecar:
            publisher: Publisher = broker
            batch = EMBEDDED_BATCH
            if sidecar is not None:
                from events.dapr import DaprPublisher

                publisher, batch = DaprPublisher(sidecar.client, sidecar.pubsub, sidecar.style), SIDECAR_BATCH
            watched = WatchedPublisher(tracing.follow_publisher(publisher), metrics)
            relay = Relay(database, watched, clock, batch, jitter=spread_pauses)
            redelivery = None if sidecar is None else Redelivery(database, REACTIONS, clock, relay.take_earliest_mark)
            lease = Lease(f"{os.getpid()}:{ids.new()}")
            client = GuardedClient(allowed=settings.channels_allowed)
            outfit = Outfit(settings, clock, ServiceKeys(database), client)
            find = tracing.follow_carriers(outfit.find)
            sender = Sender(database, find, clock, outfit.link, metrics.note_attempt, on_failure=feed_wakeup.notify)
            mailing = Mailing(store, sender, outfit, draw_secret)
            sweeper = Sweeper(
                database, clock, list_rules(settings, [each.name for each in REACTIONS]), metrics.note_removed
            )
            background = Background(database, store, relay, broker, sender, sweeper, lease, clock, wakeup, redelivery)
            bus, meter = Subscribers(), None if door is None else build_meter(settings, database, clock)
            authority = None
            if door is not None and settings.oauth == "on":
                authority = build_authority(settings, database, clock, ids, door)
            login = None if door is None else build_login(settings, door)
            folder = None if settings.on_server else settings.database_path.parent
            state = State(database, clock, lease.is_held, folder)
            metrics.registry.register(state)
            seen = (mailing, metrics, state, sweeper, tracing)
            parts = (database, store, relay, broker, background, bus, feed_wakeup, sender, outfit, *seen)
            try:
                yield Service(settings, *parts, sidecar, door, meter, authority, login)
            finally:
                await mailing.close()
                await sender.finish()
                await outfit.client.close()
                await tracing.close()
    finally:
        await database.close()
