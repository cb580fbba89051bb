"""The news of resources: what the activity feed tells, and what time makes overdue, for those who listen over MCP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from sqlalchemy import func, select

from app.storage.port import Database
from app.storage.wakeup import Wakeup, wait_until
from events.instants import read_instant, write_instant
from events.ports import Clock
from events.sql import table_of
from todo.activity.feeds import next_deadline
from todo.errors import StorageUnavailable
from todo.record.models import Activity
from tools.resources import OVERDUE, tell_changed

_A = table_of(Activity)
_NEWEST = select(func.coalesce(func.max(_A.c.seq), 0))
MOST_ROWS = 500
_AFTER = select(_A.c.seq, _A.c.task_id).order_by(_A.c.seq).limit(MOST_ROWS)

LONGEST_SECONDS = 30.0
"""How late a task may be told that became overdue while the machine slept: such a sleep stops the waiting too."""
NOBODY_SECONDS = 1.0
"""How often the place in the feed is kept up while nobody listens."""


class Listeners(InMemorySubscriptionBus):
    """Those who listen to resources in this process; `some` is set while there are any."""

    def __init__(self) -> None:
        super().__init__()
        self.some = asyncio.Event()
        self._count = 0

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a listener and return what takes it off the list again, once."""
        unsubscribe = super().subscribe(listener)
        self._count += 1
        self.some.set()
        listening = True

        def leave() -> None:
            nonlocal listening
            unsubscribe()
            self._count -= listening
            listening = False
            if not self._count:
                self.some.clear()

        return leave


@dataclass(slots=True)
class ResourceUpdates:
    """Follows the activity feed of all users and publishes each task that it names; `wake` when there may be more.

    Where nothing happens it sleeps until the next deadline: then only the list of the overdue has changed.
    """

    database: Database
    bus: Listeners
    clock: Clock
    wait: Callable[[asyncio.Event, float], Awaitable[bool]] = wait_until
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look for news now."""
        self._more.set()

    async def follow(self) -> None:
        """Publish what comes from now on, until cancelled."""
        last = await self._find_newest()
        told, ahead = write_instant(self.clock.now()), 0.0
        while True:
            await self.wait(self._more, ahead)
            if not self.bus.some.is_set():
                # Nobody listens: the place in the feed is kept up once a second. Measured: a look at every wake-up
                # costs a create 25 us.
                await wait_until(self.bus.some, NOBODY_SECONDS)
            self._more.clear()
            ahead = LONGEST_SECONDS
            with contextlib.suppress(StorageUnavailable):
                newest = await self._find_newest()
                # Who has come while this was read hears of all since the look before.
                last = await self._tell_after(last) if self.bus.some.is_set() else newest
                told, ahead = await self._tell_passed(told)

    async def _find_newest(self) -> int:
        return int(await self.database.read(lambda connection: connection.execute(_NEWEST).scalar_one()))

    async def _tell_after(self, last: int) -> int:
        while True:
            rows = await self._read_after(last)
            await tell_changed(self._publish, list(dict.fromkeys(task_id for _, task_id in rows)))
            last = int(rows[-1][0]) if rows else last
            if len(rows) < MOST_ROWS:
                return last

    async def _read_after(self, last: int) -> list[tuple[int, str]]:
        return await self.database.read(
            lambda connection: [(row.seq, row.task_id) for row in connection.execute(_AFTER.where(_A.c.seq > last))]
        )

    async def _tell_passed(self, told: str) -> tuple[str, float]:
        """Tell of deadlines that have passed since an instant; return that of now, and for how long none passes."""
        now = self.clock.now()
        at = write_instant(now)
        first = await self.database.read(lambda connection: next_deadline(connection, told))
        if first is not None and first < at:
            await self._publish(OVERDUE)
            first = await self.database.read(lambda connection: next_deadline(connection, at))
        if first is None:
            return at, LONGEST_SECONDS
        # At its deadline a task is not overdue yet, but just after it.
        return at, min((read_instant(first) - now).total_seconds() + 0.001, LONGEST_SECONDS)

    async def _publish(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))


@asynccontextmanager
async def publish_updates(database: Database, bus: Listeners, clock: Clock, wakeup: Wakeup) -> AsyncIterator[None]:
    """Tell those who listen of what happens, in this process or another, while the context lasts."""
    news = ResourceUpdates(database, bus, clock)
    wakeup.listeners.append(news.wake)
    following = asyncio.create_task(news.follow(), name="news")
    try:
        yield
    finally:
        wakeup.listeners.remove(news.wake)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
