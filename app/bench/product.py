"""The whole product as a process under measurement, with extra routes that drive the measurement."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from pydantic_core import to_json
from sqlalchemy import Connection, text
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.app import build_app
from app.http.server import bind
from app.identity import LOCAL_PERSON
from app.runtime import calm_collector, run_program
from app.service import Service, migrate_database, open_service
from app.settings import load_settings
from events.catalog import EventType, TaskEvent
from events.instants import write_instant
from events.outbox import count_backlog, has_pending, record_events
from todo.errors import StorageUnavailable
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

CHUNK = 500


class Measured:
    """ASGI application: the product plus the routes `/bench/…`."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not scope["path"].startswith("/bench/") if scope["type"] == "http" else True:
            await self._app(scope, receive, send)
            return
        given = {name: float(value) for name, value in parse_qsl(scope["query_string"].decode())}
        work: dict[str, Callable[..., Any]] = {
            "/bench/pace": self.pace,
            "/bench/fill": self.fill,
            "/bench/backlog": self.count,
            "/bench/gone": self.is_gone,
            "/bench/clear": self.clear,
        }
        answer = to_json(await work[scope["path"]](**given))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def pace(self, rate: float, seconds: float) -> dict[str, float]:
        """Create tasks at a steady pace; return the commit time of each event's transaction.

        Creates that the database refuses are missing from the result; the caller knows the expected number.
        """
        committed: dict[str, float] = {}

        async def create() -> None:
            request = CreateTask(title="Water the plants", due="2031-05-04T17:00", tags=["home"])
            with suppress(StorageUnavailable):
                answer = await self._service.store.write(LOCAL_PERSON, lambda work: create_task(work, request))
                committed[answer["events"][0]["id"]] = perf_counter()

        loop = asyncio.get_running_loop()
        since = loop.time()
        tasks = []
        for index in range(int(rate * seconds)):
            await asyncio.sleep(max(since + index / rate - loop.time(), 0))
            tasks.append(asyncio.create_task(create()))
        await asyncio.gather(*tasks)
        return committed

    async def fill(self, count: float, tasks: float) -> int:
        """Record events as after a long outage, oldest first, cycling through `tasks` tasks."""
        made = 0
        for chunk in _cut(self._make_events(int(count), int(tasks))):
            await self._service.database.write(partial(_record, events=chunk))
            made += len(chunk)
            await asyncio.sleep(0)
        return made

    def _make_events(self, count: int, tasks: int) -> Iterator[TaskEvent]:
        ids, now = self._service.store.ids, write_instant(self._service.store.clock.now())
        names = [ids.new() for _ in range(tasks)]
        for index in range(count):
            version = index // tasks + 1
            task_id = names[index % tasks]
            kind = EventType.TASK_CREATED if version == 1 else EventType.TASK_UPDATED
            task = {"id": task_id, "title": f"Call the plumber {index}", "status": "open", "version": version}
            data = {
                "version": version,
                "task": {**task, "notes": "x" * 200, "priority": "none", "tags": ["home"], "created_at": now},
                "changes": {},
                "actor": {"kind": "person", "surface": "rest"},
                "change_id": ids.new(),
            }
            yield TaskEvent(
                event_id=ids.new(), event_type=kind, timestamp=now, user_id="local", task_id=task_id, data=data
            )

    async def count(self) -> int:
        """Return the number of pending events."""
        pending, _ = await self._service.database.read(count_backlog)
        return pending

    async def is_gone(self) -> bool:
        """Return whether no event is pending: a cheap check for polling."""
        return not await self._service.database.read(has_pending)

    async def clear(self) -> None:
        """Delete the pending events."""
        await self._service.database.write(
            lambda connection: connection.execute(text("DELETE FROM outbox_entry WHERE published_at IS NULL"))
        )


def _cut(events: Iterator[TaskEvent]) -> Iterator[list[TaskEvent]]:
    chunk: list[TaskEvent] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _record(connection: Connection, events: list[TaskEvent]) -> None:
    for event in events:
        record_events(connection, [event])


async def serve() -> None:
    """Serve until a signal ends it."""
    settings = load_settings()
    await migrate_database(settings)
    listener = bind("127.0.0.1", settings.port)
    async with open_service(settings) as service:
        app = Measured(build_app(service), service)
        calm_collector()
        print(json.dumps({"port": settings.port}), flush=True)
        config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=3)
        await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    run_program(serve())
