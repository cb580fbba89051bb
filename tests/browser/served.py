"""The real server on a loopback port, in a thread beside the browser, with its own data."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.types import Implementation
from pydantic_core import from_json
from sqlalchemy import Connection, select

from app.http.server import serve_aside
from app.service import Service, open_database
from app.system import SystemClock
from events.outbox import OutboxEntry
from events.sql import table_of
from infra.live.ports import find_free_port
from tests.postgres import run_aside
from tests.world import lay_out_settings

T = TypeVar("T")
_OUTBOX = table_of(OutboxEntry)


@dataclass
class RunningClock:
    """A clock that runs like the machine's, from an instant that a test chooses, and is moved ahead by it."""

    ahead: timedelta

    @classmethod
    def begin(cls, at: datetime) -> "RunningClock":
        return cls(at - SystemClock().now())

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    def move(self, **ahead: float) -> None:
        self.ahead += timedelta(**ahead)


async def let_go(loop: asyncio.AbstractEventLoop) -> None:
    """End each connection that came in the last moment: a process's end would, but here the process goes on."""
    for _ in range(3):
        open_ones = list(getattr(loop, "_transports", {}).values())
        for transport in open_ones:
            transport.abort()
        await asyncio.sleep(0)


class Served:
    """One server that can be stopped and started again on the same data and port."""

    def __init__(self, folder: Path, clock: RunningClock | None = None, **overrides: Any) -> None:
        self._folder = folder
        self._clock = clock
        self._service: Service | None = None
        self._overrides = overrides
        self._port = find_free_port()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        if overrides.get("oauth") == "on":
            self._overrides = {**overrides, "public_url": self.url}
        self.http = httpx2.Client(base_url=f"{self.url}/api", timeout=10)

    def start(self) -> None:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.result(20)

    def stop(self) -> None:
        if self._thread is None or self._loop is None or self._end is None:
            return
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        self._thread = None

    async def _serve(self, ready: Future[None]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            settings = await lay_out_settings(self._folder, port=self._port, **self._overrides)
            async with serve_aside(settings, self._clock) as (_, self._service):
                ready.set_result(None)
                await self._end.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
                return
            raise
        finally:
            await let_go(self._loop)

    def write(self, use_case: Callable[[Connection], T]) -> T:
        """Run a use case on the database, as the operator's commands do beside the server."""

        async def run() -> T:
            database, _ = await open_database(await lay_out_settings(self._folder))
            try:
                return await database.write(use_case)
            finally:
                await database.close()

        return run_aside(run())

    def move(self, **ahead: float) -> None:
        """Move the service's clock ahead; what is due by then happens at once."""
        assert self._clock is not None
        assert self._loop is not None
        assert self._service is not None
        self._clock.move(**ahead)
        self._loop.call_soon_threadsafe(self._service.background.wake)

    def published(self) -> list[dict[str, Any]]:
        """Return every event that the relay has published, in order of their recording."""
        assert self._loop is not None
        assert self._service is not None
        statement = select(_OUTBOX.c.payload).where(_OUTBOX.c.published_at.is_not(None)).order_by(_OUTBOX.c.seq)
        reading = self._service.database.read(lambda connection: list(connection.execute(statement).scalars()))
        return [from_json(each) for each in asyncio.run_coroutine_threadsafe(reading, self._loop).result(10)]

    def rest(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call REST as another program of the same person; it must succeed."""
        response = self.http.request(method, path, json=body)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def add(self, title: str, **fields: Any) -> dict[str, Any]:
        """Add a task over REST and return it."""
        task: dict[str, Any] = self.rest("POST", "/tasks", {"title": title, **fields})["task"]
        return task

    def find(self, title: str) -> dict[str, Any]:
        """Return the one task of this title, in any state."""
        tasks = self.rest("GET", "/tasks?status=all&limit=50")["tasks"]
        [task] = [each for each in tasks if each["title"] == title]
        found: dict[str, Any] = task
        return found

    def tool(self, name: str, *, client: str = "Claude", **arguments: Any) -> Any:
        """Call a tool as an agent that says its name; return the result, refused or not."""

        async def call() -> Any:
            async with Client(f"{self.url}/mcp", client_info=Implementation(name=client, version="1")) as agent:
                return await agent.call_tool(name, arguments)

        return run_aside(call())

    def soon(self, seconds: float) -> str:
        """Return the instant in some seconds."""
        now = datetime.fromisoformat(self.rest("GET", "/me")["instant"])
        return (now + timedelta(seconds=seconds)).isoformat()

    def local_day(self, ahead: int = 0) -> str:
        """Return a date, counted from the person's today."""
        from zoneinfo import ZoneInfo

        me = self.rest("GET", "/me")
        now = datetime.fromisoformat(me["instant"]).astimezone(ZoneInfo(me["zone"]))
        return str(now.date() + timedelta(days=ahead))


@contextmanager
def open_served(folder: Path, clock: RunningClock | None = None, **overrides: Any) -> Iterator[Served]:
    """Serve on a folder until the end."""
    server = Served(folder, clock, **overrides)
    server.start()
    try:
        yield server
    finally:
        server.http.close()
        server.stop()
