"""The sender: takes what is due to channels, sends it outside of any transaction, and marks it afterwards."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from app.channels.carrier import Carrier, Outcome
from app.storage.port import Database
from events.instants import read_instant, write_instant
from events.ports import Clock
from todo.channels.queue import (
    Busy,
    Parcel,
    end_channel,
    find_next,
    give_back,
    give_up,
    mark_failed,
    mark_sent,
    mark_well,
    take_due,
)

log = logging.getLogger(__name__)

MOST_AT_ONCE = 256
"""Channels that are sent to at once; a person has at most twenty and a receiver at most 32, so that those that hang
leave room for all others."""
BEGUN_WITHIN = timedelta(seconds=10)
"""How long after they were taken the deliveries of a channel are begun; their lease lasts longer than any attempt."""
GRACE_SECONDS = 1.0
"""How long the end of the process waits for attempts under way; those that are cut off are made again."""


@dataclass(slots=True)
class Sender:
    """Sends to many channels side by side, and to each one after the other: one that hangs delays itself alone.

    A process that is killed between sending and marking leaves a lease behind, after which the same delivery goes out
    once more under the same id.
    """

    database: Database
    find_carrier: Callable[[str], Awaitable[Carrier | None]]
    clock: Clock
    link: Callable[[Parcel], Awaitable[str]]
    note: Callable[[str, str], None] = lambda _kind, _outcome: None
    """Counts an attempt, by the channel's kind and what became of it."""
    wake: Callable[[], None] = lambda: None
    """Lets the loop that steps look again: an attempt has ended, or something new is there."""
    on_failure: Callable[[], None] = lambda: None
    """Lets open pages look: a failure may be the one of which its person hears."""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _receivers: dict[str, str] = field(default_factory=dict)
    """The receiver of each channel that is sent to now."""

    async def step(self) -> int:
        """Begin what is due, up to a bound; return how many deliveries were taken."""
        room = MOST_AT_ONCE - len(self._tasks)
        if room <= 0 or not await self._is_due():
            return 0
        now, busy = self.clock.now(), Busy(self._receivers)
        batches = await self.database.write(lambda connection: take_due(connection, now, room, busy))
        for batch in batches:
            channel_id = batch[0].channel_id
            task = asyncio.create_task(self._carry(batch), name=f"channel {batch[0].kind}")
            self._tasks[channel_id] = task
            self._receivers[channel_id] = batch[0].receiver
            task.add_done_callback(partial(self._end, channel_id))
        return sum(len(batch) for batch in batches)

    async def wait_seconds(self, longest: float) -> float:
        """Return in how many seconds something is due, at most `longest`."""
        if len(self._tasks) >= MOST_AT_ONCE:
            return longest
        at = await self._find_next()
        if at is None:
            return longest
        return min(max((read_instant(at) - self.clock.now()).total_seconds(), 0.0), longest)

    async def settle(self) -> None:
        """Wait until no attempt is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def finish(self) -> None:
        """Let the attempts under way end for a moment, then cut them off."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=GRACE_SECONDS)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def attempt(self, parcel: Parcel, *, is_last: bool = True) -> Outcome:
        """Make one attempt and mark its outcome; the channel is marked after the last one of a batch, or a failure."""
        outcome = await self._send(parcel)
        self.note(parcel.kind, outcome.state)
        now = self.clock.now()

        def mark(connection: Connection) -> None:
            if outcome.state == "sent":
                if parcel.number is not None:
                    mark_sent(connection, parcel, now)
                if is_last:
                    mark_well(connection, parcel.channel_id, now)
            elif outcome.state == "ended":
                end_channel(connection, parcel.channel_id, outcome.why, write_instant(now))
            else:
                mark_failed(connection, parcel, outcome.why, now, for_good=outcome.state == "refused")

        await self.database.write(mark)
        if outcome.state != "sent":
            self.on_failure()
            await self._give_up(parcel.channel_id, outcome.why, now)
        return outcome

    async def _give_up(self, channel_id: str, why: str, now: datetime) -> None:
        """End what is too old after a failure, or all of a channel that has ended."""
        while await self.database.write(lambda connection: give_up(connection, channel_id, why, now)):
            pass

    async def _send(self, parcel: Parcel) -> Outcome:
        try:
            carrier = await self.find_carrier(parcel.kind)
            if carrier is None:
                return Outcome("failed", "cannot be reached: this service is not set up for it")
            return await carrier.send(parcel, await self.link(parcel))
        except Exception as error:  # noqa: BLE001  # its text may hold an address or a secret: the kind says enough
            log.error("sending to a channel of kind %s failed: %s", parcel.kind, type(error).__name__)
            return Outcome("failed", "cannot be served: there is a fault in this service")

    async def _carry(self, batch: list[Parcel]) -> None:
        """Send a channel's deliveries in order; after a failure, or when time is up, the rest goes back."""
        try:
            began = self.clock.now()
            for done, parcel in enumerate(batch, 1):
                is_last = done == len(batch) or self.clock.now() - began > BEGUN_WITHIN
                outcome = await self.attempt(parcel, is_last=is_last)
                if is_last or outcome.state != "sent":
                    await self._give_back(batch[done:])
                    return
        except Exception as error:  # noqa: BLE001  # the lease ends by itself, and the delivery goes out again
            log.warning("a delivery to a channel could not be marked: %s", type(error).__name__)

    async def _give_back(self, rest: list[Parcel]) -> None:
        if rest:
            now = self.clock.now()
            await self.database.write(lambda connection: give_back(connection, rest, now))

    async def _is_due(self) -> bool:
        at = await self._find_next()
        return at is not None and at <= write_instant(self.clock.now())

    async def _find_next(self) -> str | None:
        busy = Busy(self._receivers)
        return await self.database.read(lambda connection: find_next(connection, busy))

    def _end(self, channel_id: str, _task: asyncio.Task[None]) -> None:
        del self._tasks[channel_id], self._receivers[channel_id]
        self.wake()
