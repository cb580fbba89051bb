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

Step = Callable[[], Awaitable[tuple[int, float]]]
"""Does a bounded part of the work; returns how much was done, and if nothing, in how many seconds to look again."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One kind of background work.

    A signal that there may be work is followed by `gather` seconds in which more may come, so that one look serves all;
    work that is due at a known time does not wait for it. After work it rests for `rest` seconds for the same reason.
    """

    name: str
    step: Step
    gather: float = 0.0
    rest: float = 0.0
    wake: asyncio.Event = field(default_factory=asyncio.Event)


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
        channels = Loop("channels", self._send, gather=0.02)
        self.sender.wake = channels.wake.set
        loops = [
            Loop("relay", self._relay, gather=0.004, rest=0.01),
            Loop("deliveries", self._deliver, gather=0.05),
            Loop("scheduler", self._schedule, gather=0.02, rest=0.03),
            Loop("index", self._index, gather=0.05, rest=0.05),
            channels,
        ]
        self._wakes += [loop.wake for loop in loops]
        # Nothing wakes the others: they look at what is old.
        if self.redelivery is not None:
            step = partial(_step_or_wait, self.redelivery.step, LISTEN_SECONDS)
            loops.append(Loop("redelivery", step, rest=LISTEN_SECONDS))
        loops.append(Loop("tidying", partial(_step_or_wait, self.sweeper.step, 3_600.0), rest=TIDY_SECONDS))
        self._tasks += [asyncio.create_task(self._run(loop), name=loop.name) for loop in loops]
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

    async def _run(self, loop: Loop) -> None:
        while True:
            await self._leads.wait()
            loop.wake.clear()
            try:
                done, idle = await loop.step()
            except StorageUnavailable as error:
                log.warning("%s waits: %s", loop.name, error)
                done, idle = 0, 0.5
            except Exception:
                log.exception("%s failed; it goes on", loop.name)
                done, idle = 0, 1.0
            if done:
                log.debug("%s: %d done", loop.name, done)
                await asyncio.sleep(loop.rest)
            elif await wait_until(loop.wake, idle):
                await asyncio.sleep(loop.gather)

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

    async def _relay(self) -> tuple[int, float]:
        done = await self.relay.step()
        return done, 0.0 if done else self.relay.wait_seconds() or await self._retry_while(has_pending)

    async def _deliver(self) -> tuple[int, float]:
        done = await self.broker.step()
        return done, 0.0 if done else await self._retry_while(has_open)

    async def _schedule(self) -> tuple[int, float]:
        at = await self.store.read(SCHEDULER, scheduling.next_step_at)
        idle = self._seconds_until(at)
        return (0, idle) if idle else (await self.store.write(SCHEDULER, scheduling.step), 0.0)

    async def _index(self) -> tuple[int, float]:
        if not await self.database.read(wants_indexing):
            return 0, self.database.longest_wait
        return await self.store.write_apart(SCHEDULER, index_step), 0.0

    async def _send(self) -> tuple[int, float]:
        idle = await self.sender.wait_seconds(self.database.longest_wait)
        return (0, idle) if idle else (await self.sender.step(), 0.0)

    def _seconds_until(self, at: str | None) -> float:
        if at is None:
            return self.database.longest_wait
        return min(max((read_instant(at) - self.clock.now()).total_seconds(), 0.0), self.database.longest_wait)

    async def _retry_while(self, waits: Callable[[Connection], bool]) -> float:
        return 1.0 if await self.database.read(waits) else self.database.longest_wait


async def _step_or_wait(step: Callable[[], Awaitable[int]], seconds: float) -> tuple[int, float]:
    return await step(), seconds


def _read_newest(connection: Connection) -> Sequence[int | str | None]:
    return (*newest_rows(connection), *newest_questions(connection))
