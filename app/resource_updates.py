"""Resource updates for MCP subscribers: tasks named by the activity feed, and the list of overdue tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from sqlalchemy import Connection, select

from app.storage.port import Database
from app.storage.wakeup import Wakeup, wait_until
from events.instants import read_instant, write_instant
from events.ports import Clock
from events.positions import Position, advance, find_end
from events.sql import table_of
from todo.activity.feeds import next_deadline
from todo.errors import StorageUnavailable
from todo.record.bounds import Bounds
from todo.record.models import Activity, Task
from tools.resources import CALLER, LISTS, OVERDUE, name_task, tell_changed

_A = table_of(Activity)
_T = table_of(Task)
MOST_ROWS = 500
_AFTER = select(_A.c.seq, _A.c.task_id).order_by(_A.c.seq).limit(MOST_ROWS)

LONGEST_SECONDS = 30.0
"""The longest sleep. A suspended machine suspends the wait too, so a new overdue task is reported this late at most."""
NO_SUBSCRIBER_SECONDS = 1.0
"""How often the position in the feed is advanced while there are no subscribers."""


class Subscribers(InMemorySubscriptionBus):
    """The subscribers to resources in this process; the event `some` is set while there are any.

    One with a token for lists hears only of tasks in them. `lists` holds, while changes are published, in which list
    each task is now; `some_bound` says that this has to be known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.some = asyncio.Event()
        self._count = 0
        self.some_bound = False
        self.lists: dict[str, str | None] | None = None

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a subscriber; return the function that unsubscribes it, which may be called twice."""
        who = CALLER.get(None)
        bounds = None if who is None else who.bounds
        unsubscribe = super().subscribe(listener if bounds is None else self._keep_inside(listener, bounds))
        self.some_bound = self.some_bound or bounds is not None
        self._count += 1
        self.some.set()
        subscribed = True

        def leave() -> None:
            nonlocal subscribed
            unsubscribe()
            self._count -= subscribed
            subscribed = False
            if not self._count:
                self.some.clear()

        return leave

    def _keep_inside(self, listener: Callable[[ServerEvent], None], bounds: Bounds) -> Callable[[ServerEvent], None]:
        def hear(event: ServerEvent) -> None:
            if self.lists is None or not isinstance(event, ResourceUpdated) or self._is_inside(event.uri, bounds):
                listener(event)

        return hear

    def _is_inside(self, uri: str, bounds: Bounds) -> bool:
        """Return whether a resource is a task in these lists, or a list with one of the tasks that have changed."""
        known = self.lists or {}
        named = [task_id for task_id in known if uri in LISTS or uri == name_task(task_id)]
        return any(bounds.hold(known[task_id]) for task_id in named)


@dataclass(slots=True)
class ResourceUpdates:
    """Follows the activity feed of all users and publishes each task that it names; `wake` makes it look again.

    While nothing happens it sleeps until the next deadline, which changes only the list of overdue tasks.
    """

    database: Database
    bus: Subscribers
    clock: Clock
    wait: Callable[[asyncio.Event, float], Awaitable[bool]] = wait_until
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look for new activity now."""
        self._more.set()

    async def follow(self) -> None:
        """Publish updates from now on, until cancelled."""
        last = await self._find_end()
        checked_until, pause = write_instant(self.clock.now()), 0.0
        while True:
            await self.wait(self._more, pause)
            if not self.bus.some.is_set():
                # Without subscribers the position advances once a second. Measured: a look at every wake-up costs a
                # create 25 us.
                await wait_until(self.bus.some, NO_SUBSCRIBER_SECONDS)
            self._more.clear()
            pause = LONGEST_SECONDS
            with contextlib.suppress(StorageUnavailable):
                newest = await self._find_end()
                # A subscriber that came during this read gets everything since the previous look.
                last = await self._publish_after(last) if self.bus.some.is_set() else newest
                checked_until, pause = await self._publish_overdue(checked_until)

    async def _find_end(self) -> Position:
        return await self.database.read(lambda connection: find_end(connection, _A.c.seq))

    async def _publish_after(self, last: Position) -> Position:
        while True:
            last, task_ids = await self.database.read(partial(_read_after, last))
            changed = list(dict.fromkeys(task_ids))
            if changed and self.bus.some_bound:
                self.bus.lists = await self.database.read(partial(_read_lists, changed))
            try:
                await tell_changed(self._publish, changed)
            finally:
                self.bus.lists = None
            if len(task_ids) < MOST_ROWS:
                return last

    async def _publish_overdue(self, since: str) -> tuple[str, float]:
        """Publish the overdue list if a deadline has passed since then; return now and the seconds to the next."""
        now = self.clock.now()
        at = write_instant(now)
        first = await self.database.read(lambda connection: next_deadline(connection, since))
        if first is not None and first < at:
            await self._publish(OVERDUE)
            first = await self.database.read(lambda connection: next_deadline(connection, at))
        if first is None:
            return at, LONGEST_SECONDS
        # A task is overdue just after its deadline, not at it.
        return at, min((read_instant(first) - now).total_seconds() + 0.001, LONGEST_SECONDS)

    async def _publish(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))


def _read_after(last: Position, connection: Connection) -> tuple[Position, list[str]]:
    rows = connection.execute(_AFTER.where(last.ahead(_A.c.seq))).all()
    return advance(connection, _A.c.seq, last, [row.seq for row in rows]), [row.task_id for row in rows]


def _read_lists(task_ids: list[str], connection: Connection) -> dict[str, str | None]:
    rows = connection.execute(select(_T.c.id, _T.c.list_id).where(_T.c.id.in_(task_ids)))
    return {row.id: row.list_id for row in rows}


@asynccontextmanager
async def publish_updates(database: Database, bus: Subscribers, clock: Clock, wakeup: Wakeup) -> AsyncIterator[None]:
    """Publish updates of changes in this process or another while the context lasts."""
    updates = ResourceUpdates(database, bus, clock)
    wakeup.listeners.append(updates.wake)
    following = asyncio.create_task(updates.follow(), name="resource updates")
    try:
        yield
    finally:
        wakeup.listeners.remove(updates.wake)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
