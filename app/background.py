"""The background work of one process: simple loops around steps, run while it holds the lease."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from app.channels.sender import Sender
from app.identity import SCHEDULER
from app.retention.sweeper import Sweeper
from app.storage.port import Database
from app.storage.store import DatabaseStore
from app.storage.wakeup import Wakeup, wait_until
from events.embedded import EmbeddedBroker, has_open
from events.instants import read_instant
from events.lease import Lease
from events.outbox import has_pending
from events.ports import Clock
from events.redelivery import Redelivery
from events.relay import Relay
from todo import scheduler as scheduling
from todo.activity.feeds import newest_rows
from todo.errors import StorageUnavailable
from todo.requests.confirmations import newest_questions
from todo.tasks.search_index import index_step, wants_indexing

log = logging.getLogger(__name__)

RENEW_SECONDS = 0.6
LOOK_SECONDS = 0.15
POLL_SECONDS = 0.2
LISTEN_SECONDS = 5.0
TIDY_SECONDS = 0.5
"""The pause between two steps that remove what is old, so that all other work goes on between them."""

Step = Callable[[], Awaitable[int]]
Wait = Callable[[], Awaitable[float]]


@dataclass(slots=True)
class Background:
    """Relay, deliveries, scheduler, search index and channels; and the streams' wake-up from other processes."""

    database: Database
    store: DatabaseStore
    relay: Relay
    broker: EmbeddedBroker
    sender: Sender
    sweeper: Sweeper
    lease: Lease
    clock: Clock
    wakeup: Wakeup
    redelivery: Redelivery | None = None
    _leads: asyncio.Event = field(default_factory=asyncio.Event)
    _wakes: list[asyncio.Event] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, *, leading: bool = True) -> None:
        """Start the loops on the running event loop; without `leading` only the streams' wake-up."""
        self._tasks.append(asyncio.create_task(self._watch(), name="watch"))
        if not leading:
            return
        self.wakeup.listeners.append(self.wake)
        loops: list[tuple[str, Step, Wait, float]] = [
            ("relay", self.relay.step, self._until_broker_is_back, 0.004),
            ("deliveries", self._deliver, partial(self._retry_while, has_open), 0.0),
            ("scheduler", self._schedule, self._until_next_due, 0.0),
            ("index", self._index, self._rarely, 0.05),
            ("channels", self.sender.step, self._until_next_parcel, 0.0),
        ]
        if self.redelivery is not None:
            loops.append(("redelivery", self.redelivery.step, self._not_at_all, LISTEN_SECONDS))
        for name, step, wait, pause in loops:
            wake = asyncio.Event()
            if name == "channels":
                self.sender.wake = wake.set
            self._wakes.append(wake)
            self._tasks.append(asyncio.create_task(self._loop(name, step, wait, pause, wake), name=name))
        # Nothing wakes this one: what is old can wait.
        tidying = self._loop("tidying", self.sweeper.step, self._hourly, TIDY_SECONDS, asyncio.Event())
        self._tasks.append(asyncio.create_task(tidying, name="tidying"))
        self._tasks.append(asyncio.create_task(self._keep_lease(), name="lease"))

    async def stop(self) -> None:
        """Stop the loops and give the lease up, so that another process takes over at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StorageUnavailable):
            await self.sender.finish()
            await self.relay.finish()
            await self.database.write(self.lease.release)

    def wake(self) -> None:
        """Let every loop look for work now."""
        for wake in self._wakes:
            wake.set()

    @property
    def leads(self) -> bool:
        """Whether this process does the background work now."""
        return self._leads.is_set()

    async def _loop(self, name: str, step: Step, wait: Wait, pause: float, wake: asyncio.Event) -> None:
        while True:
            await self._leads.wait()
            wake.clear()
            try:
                done = await step()
                if done:
                    log.debug("%s: %d done", name, done)
                idle = await wait() if done == 0 else 0.0
            except StorageUnavailable as error:
                log.warning("%s waits: %s", name, error)
                done, idle = 0, 0.5
            except Exception:
                log.exception("%s failed; it goes on", name)
                done, idle = 0, 1.0
            if done == 0:
                await wait_until(wake, idle)
            if pause:
                # What is recorded within this moment travels in one batch.
                await asyncio.sleep(pause)

    async def _keep_lease(self) -> None:
        while True:
            try:
                if self._leads.is_set() or await self.database.read(self.lease.is_free):
                    held = await self.database.write(self.lease.acquire)
                else:
                    held = False
            except StorageUnavailable:
                held = False
            except Exception:
                # This loop must survive unforeseen errors: without it the process never leads again.
                log.exception("the lease could not be kept; it is tried again")
                held = False
            if held and not self._leads.is_set():
                if self.redelivery is not None:
                    self.redelivery.begin()
                self._leads.set()
                self.wake()
            elif not held:
                self._leads.clear()
            await asyncio.sleep(RENEW_SECONDS if held else LOOK_SECONDS)

    async def _watch(self) -> None:
        known: Sequence[int | str | None] = ()
        again = False
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                if not self.database.seen_from_outside():
                    continue
                news = await self.database.read(_read_newest)
            except StorageUnavailable:
                continue
            except Exception:
                log.exception("watching for other processes' changes failed; it goes on")
                continue
            # Once more after each change: on PostgreSQL a lower row number may have come a moment later.
            if news != known or again:
                again, known = news != known, news
                self.wakeup.notify()

    async def _deliver(self) -> int:
        delivered = await self.broker.step()
        if delivered:
            self.wakeup.notify()
        return delivered

    async def _schedule(self) -> int:
        if await self._until_next_due() > 0:
            return 0
        return await self.store.write(SCHEDULER, scheduling.step)

    async def _index(self) -> int:
        if not await self.database.read(wants_indexing):
            return 0
        return await self.store.write_apart(SCHEDULER, index_step)

    async def _until_next_due(self) -> float:
        at = await self.store.read(SCHEDULER, scheduling.next_step_at)
        if at is None:
            return self.database.longest_wait
        return min(max((read_instant(at) - self.clock.now()).total_seconds(), 0.0), self.database.longest_wait)

    async def _until_next_parcel(self) -> float:
        return await self.sender.wait_seconds(self.database.longest_wait)

    async def _until_broker_is_back(self) -> float:
        return self.relay.wait_seconds() or await self._retry_while(has_pending)

    async def _retry_while(self, waits: Callable[[Connection], bool]) -> float:
        return 1.0 if await self.database.read(waits) else self.database.longest_wait

    async def _not_at_all(self) -> float:
        return 0.0

    async def _hourly(self) -> float:
        return 3_600.0

    async def _rarely(self) -> float:
        return self.database.longest_wait


def _read_newest(connection: Connection) -> Sequence[int | str | None]:
    return (*newest_rows(connection), *newest_questions(connection))
