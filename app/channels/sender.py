"""The sender: takes what is due to channels, sends it outside of any transaction, and marks it afterwards."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from app.channels.carrier import Carrier, Outcome
from app.storage.port import Database
from events.instants import read_instant, write_instant
from events.ports import Clock
from todo.channels.queue import Parcel, end_channel, find_next, mark_failed, mark_sent, take_due

log = logging.getLogger(__name__)

MOST_AT_ONCE = 256
MOST_A_PERSON = 24
"""Attempts under way of all people and of one; a receiver that hangs takes none of another person's."""
GRACE_SECONDS = 1.0
"""How long the end of the process waits for attempts under way; those that are cut off are made again."""


@dataclass(slots=True)
class Sender:
    """Sends side by side, each attempt in a task of its own: one that hangs delays itself alone.

    A process that is killed between sending and marking leaves a lease behind, after which the same delivery goes out
    once more under the same id.
    """

    database: Database
    find_carrier: Callable[[str], Awaitable[Carrier | None]]
    clock: Clock
    link: Callable[[Parcel], Awaitable[str]]
    wake: Callable[[], None] = lambda: None
    """Lets the loop that steps look again: an attempt has ended, or something new is there."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _running: Counter[str] = field(default_factory=Counter)
    _people: Counter[str] = field(default_factory=Counter)
    _width: dict[str, int] = field(default_factory=dict)

    async def step(self) -> int:
        """Begin what is due, up to a bound; return how many attempts were begun."""
        room = MOST_AT_ONCE - len(self._tasks)
        if room <= 0 or not await self._is_due():
            return 0
        now, running, busy = self.clock.now(), dict(self._running), self._list_busy()
        taken = await self.database.write(lambda connection: take_due(connection, now, room, running, *busy))
        for parcel in taken:
            self._width[parcel.channel_id] = parcel.width
            self._running[parcel.channel_id] += 1
            self._people[parcel.user_id] += 1
            task = asyncio.create_task(self._carry(parcel), name=f"channel {parcel.kind}")
            self._tasks.add(task)
            task.add_done_callback(partial(self._end, parcel))
        return len(taken)

    async def wait_seconds(self, longest: float) -> float:
        """Return in how many seconds something is due, at most `longest`."""
        if len(self._tasks) >= MOST_AT_ONCE:
            return longest
        busy = self._list_busy()
        at = await self.database.read(lambda connection: find_next(connection, *busy))
        if at is None:
            return longest
        return min(max((read_instant(at) - self.clock.now()).total_seconds(), 0.0), longest)

    async def settle(self) -> None:
        """Wait until no attempt is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def finish(self) -> None:
        """Let the attempts under way end for a moment, then cut them off."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def attempt(self, parcel: Parcel) -> Outcome:
        """Make one attempt and mark its outcome."""
        outcome = await self._send(parcel)
        now = self.clock.now()
        if outcome.state == "sent":
            await self.database.write(lambda connection: mark_sent(connection, parcel, now))
        elif outcome.state == "ended":
            at = write_instant(now)
            await self.database.write(lambda connection: end_channel(connection, parcel.channel_id, outcome.why, at))
        else:
            for_good = outcome.state == "refused"
            await self.database.write(
                lambda connection: mark_failed(connection, parcel, outcome.why, now, for_good=for_good)
            )
        return outcome

    async def _send(self, parcel: Parcel) -> Outcome:
        try:
            carrier = await self.find_carrier(parcel.kind)
            if carrier is None:
                return Outcome("failed", "cannot be reached: this service is not set up for it")
            return await carrier.send(parcel, await self.link(parcel))
        except Exception as error:  # noqa: BLE001  # its text may hold an address or a secret: the kind says enough
            log.error("sending to a channel of kind %s failed: %s", parcel.kind, type(error).__name__)
            return Outcome("failed", "cannot be served: there is a fault in this service")

    async def _carry(self, parcel: Parcel) -> None:
        try:
            await self.attempt(parcel)
        except Exception as error:  # noqa: BLE001  # the lease ends by itself, and the delivery goes out again
            log.warning("a delivery to a channel could not be marked: %s", type(error).__name__)

    async def _is_due(self) -> bool:
        busy = self._list_busy()
        at = await self.database.read(lambda connection: find_next(connection, *busy))
        return at is not None and at <= write_instant(self.clock.now())

    def _list_busy(self) -> tuple[list[str], list[str]]:
        """Return the channels and the people that have as many attempts under way as they may."""
        return (
            [each for each, count in self._running.items() if count >= self._width.get(each, 1)],
            [each for each, count in self._people.items() if count >= MOST_A_PERSON],
        )

    def _end(self, parcel: Parcel, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        for counter, key in ((self._running, parcel.channel_id), (self._people, parcel.user_id)):
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]
        self.wake()
