"""The doctor: checks of this installation, each with one line and a remedy."""

import asyncio
import importlib.metadata
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.http.health import check_readiness
from app.migrations import HEAD
from app.retention.sizes import describe_size
from app.service import Service, open_service
from app.settings import Settings
from app.system import SystemClock
from events.ports import Clock
from events.redelivery import describe_silence
from events.sql import is_sqlite
from todo.errors import StorageUnavailable, TodoError

MOST_SKEW = 2.0
"""Seconds by which the database's clock may differ from the machine's."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: the check's name, whether it passed, and what was seen or is to be done."""

    check: str
    ok: bool
    detail: str


async def examine(settings: Settings, clock: Clock | None = None) -> list[dict[str, Any]]:
    """Return `[{check, ok, detail}]`; a failed check is a finding and raises nothing."""
    checks = [_check_zones()]
    if not settings.on_server:
        version = sqlite3.sqlite_version_info >= (3, 35)
        checks.append(Check("sqlite", version, f"version {sqlite3.sqlite_version}"))
    try:
        async with open_service(settings, clock) as service:
            damage = await service.database.read_apart(find_damage)
            checks.append(Check("database", not damage, damage or settings.database_place))
            checks.append(Check("schema", True, f"{HEAD}, which this version works with"))
            checks.append(Check("size", True, await service.database.read_apart(describe_size)))
            checks += _check_walls(service)
            checks += [each async for each in _examine_surroundings(settings, service.store.clock)]
            checks += [each async for each in _examine_service(service)]
    except TodoError as error:
        checks.append(Check("database", False, error.text))
    checks += [each async for each in _examine_model(settings)]
    return [asdict(check) for check in checks]


def find_damage(connection: Connection) -> str:
    """Return what SQLite finds wrong with its file, "" if nothing; PostgreSQL checks its own pages as they are read."""
    if not is_sqlite(connection):
        return ""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    return "" if found == "ok" else "The database file is damaged. Stop the service and restore a backup."


def _check_walls(service: Service) -> list[Check]:
    """Say what keeps people apart besides the queries; a person alone needs nothing."""
    if service.settings.auth == "local":
        return []
    wall = getattr(service.database, "wall", None)
    if wall is None:
        return [Check("second wall", True, "SQLite has none: its queries alone keep people apart")]
    return [Check("second wall", wall.stands, f"{'row-level security' if wall.stands else 'off'}: {wall.why}")]


async def _examine_surroundings(settings: Settings, clock: Clock) -> AsyncIterator[Check]:
    """Look at the disk under a file, and at the certificate before a public address."""
    from app.cli.surroundings import check_certificate, check_disk

    if not settings.on_server:
        yield Check(*check_disk(settings))
    if settings.url.startswith("https://"):
        yield Check(*await asyncio.to_thread(check_certificate, settings, clock))


async def _examine_service(service: Service) -> AsyncIterator[Check]:
    yield await _check_clock(service)
    ready, body = await check_readiness(service, with_broker=False)
    waiting = [reason for reason in body.get("degraded", body.get("reasons", [])) if "background work" not in reason]
    backlog = f"{body.get('backlog', 0)} waiting, none parked"
    yield Check("events", ready and not waiting, "; ".join(waiting) or backlog)
    held = await service.database.read(service.background.lease.is_held)
    detail = "done by a running process" if held else "no process does it: start `serve`, or reminders will not fire"
    yield Check("background", held, detail)
    if service.sidecar is None:
        yield Check("broker", True, "memory: embedded, as durable as the database")
        return
    if service.background.redelivery is not None:
        silent = describe_silence(await service.background.redelivery.find_silent())
        yield Check("reactions", not silent, silent or "what was published over a minute ago was reacted to")
    from app.cli.round_trip import examine_sidecar

    async for name, ok, detail in examine_sidecar(service, service.sidecar):
        yield Check(name, ok, detail)


async def _check_clock(service: Service) -> Check:
    def read(connection: Connection) -> float:
        return int(connection.execute(select(func.now_ms())).scalar_one()) / 1000

    try:
        before = service.store.clock.now().timestamp()
        theirs = await service.database.read(read)
        after = service.store.clock.now().timestamp()
    except StorageUnavailable as error:
        return Check("clock", False, error.text)
    skew = theirs - (before + after) / 2
    if abs(skew) <= MOST_SKEW:
        return Check("clock", True, f"the database's differs by {abs(skew):.1f} s")
    way = "ahead of" if skew > 0 else "behind"
    return Check("clock", False, f"the database's is {abs(skew):.1f} s {way} this machine's: set both by NTP")


async def _examine_model(settings: Settings) -> AsyncIterator[Check]:
    """Ask the model for its list, a stream and one tool call; some servers lack one of them."""
    if settings.model is None:
        unused = "; OPENAI_API_KEY is set, TODO_MODEL would use it" if settings.openai_api_key else ""
        yield Check("model", True, f"none set: the built-in commands answer{unused}")
        return
    from agent.messages import Finished, Message, ModelFailed, ModelRequest, Tool
    from app.assistant import build_agent

    model = build_agent(settings, settings.model)
    now = SystemClock().now()
    ping = Tool("ping", "Answers pong.", {"type": "object", "properties": {}})
    try:
        try:
            names = await model.list_models()
            known = settings.model in names
            yield Check("model", known, settings.model if known else f"the server lists {', '.join(names[:5])}")
        except ModelFailed as error:
            yield Check("model", False, str(error))
        for name, words, tools, force in (
            ("model stream", "Say hello.", [], None),
            ("model call", "Call ping.", [ping], "ping"),
        ):
            request = ModelRequest("You are being tested.", [Message("user", words)], tools, now)
            try:
                pieces = [piece async for piece in model.answer(request, force_tool=force)]
                end = pieces[-1] if pieces else None
                well = isinstance(end, Finished) and (force is None or [call.name for call in end.calls] == [force])
                wrong = "it did not make the call: a model with tools is needed" if force else "its stream was cut off"
                yield Check(name, well, "works" if well else wrong)
            except ModelFailed as error:
                yield Check(name, False, str(error))
    finally:
        await model.close()


def _check_zones() -> Check:
    from todo.text.when import prefer_shipped_zones, read_zone

    prefer_shipped_zones()
    release = importlib.metadata.version("tzdata")
    # A late change of rules: Morocco stays on UTC+0 in winter from 2026-09-20, in release 2026.4 and later.
    offset = datetime(2026, 12, 1, 12, tzinfo=UTC).astimezone(read_zone("Africa/Casablanca")).utcoffset()
    return Check("zones", offset is not None, f"tzdata {release}, shipped with the program")
