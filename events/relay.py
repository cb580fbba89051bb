"""The relay: takes recorded events to the broker, oldest first, one event per task in flight."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from events.backoff import FIRST_SECONDS, next_attempt
from events.instants import write_instant
from events.outbox import claim_events, defer_event, delay_event, mark_published, read_attempts
from events.ports import Clock, Database, Outcome, Outgoing, Publisher

log = logging.getLogger(__name__)

LONGEST_OUTAGE_WAIT = 5.0
"""Seconds between two tries while the broker is away."""
UNKNOWN_WAIT = 1.0
"""Seconds until an event is tried again that did not arrive while others did."""


FRESH = timedelta(seconds=0.5)
"""For how long a batch that was read while the one before travelled is known to be ours."""


def _no_crash(_point: str) -> None:
    """Do nothing: the named crash points are for simulations."""


@dataclass(slots=True)
class Relay:
    """Publishes, then marks: a crash between the two sends the same bytes again, never others.

    While a full batch travels, what became of the one before is marked, and the next one is read, to go out if all of
    this one arrives. `park_after` is the number of refusals after which an event, and so its task's stream, is parked.
    When nothing of a batch is known to have arrived, the broker itself is away: then all of it waits, 0.1 s doubling to
    5 s and spread by `jitter`, and no row is touched, so that an outage costs the same whatever waits. `trouble` says
    why. A single event that the broker names as failed proves nothing about the broker: it waits alone, and holds
    nobody up.
    """

    database: Database
    publisher: Publisher
    clock: Clock
    batch: int = 200
    park_after: int = 8
    crash: Callable[[str], None] = _no_crash
    jitter: Callable[[], float] = lambda: 1.0
    trouble: str = ""
    _failures: int = 0
    _pause: timedelta = timedelta()
    _not_before: datetime | None = None
    _next: tuple[datetime, list[Outgoing]] | None = None
    _unmarked: list[Outcome] = field(default_factory=list)

    async def step(self) -> int:
        """Publish one batch and return how many events reached the broker.

        No transaction is open while this waits for the broker alone.
        """
        if self.wait_seconds():
            return 0
        claimed = self._take_next() or await self._claim()
        if not claimed:
            return 0
        self.crash("relay.before_publish")
        outcomes, ahead = await asyncio.gather(
            self.publisher.publish(claimed), self._look_ahead(claimed), return_exceptions=True
        )
        self.crash("relay.after_publish")
        if isinstance(outcomes, BaseException):
            raise outcomes
        arrived = sum(outcome.status == "published" for outcome in outcomes)
        if _is_away(outcomes):
            self._back_off(outcomes[0].reason)
            return 0
        if self.trouble:
            log.warning("the broker takes events again")
        self._failures, self._not_before, self.trouble = 0, None, ""
        answered = {each.event_id for each in outcomes}
        silent = [Outcome(each.event_id, "unknown", "no answer") for each in claimed if each.event_id not in answered]
        self._unmarked += [*outcomes, *silent]
        if isinstance(ahead, BaseException):
            raise ahead
        if ahead and arrived == len(claimed):
            self._next = ahead
        else:
            # What was read ahead may hold the next event of a task whose event has not arrived.
            await self.finish()
        return arrived

    async def finish(self) -> None:
        """Mark what has arrived and is not marked yet, so that a process that ends in order repeats nothing of it."""
        if self._unmarked:
            await self._mark(lambda _connection, _now: [])

    async def _claim(self) -> list[Outgoing]:
        """Return what is next, after marking what became of the batch before, if that has not been done."""
        return await self._mark(lambda connection, now: claim_events(connection, now, self.batch))

    async def _look_ahead(self, flying: Sequence[Outgoing]) -> tuple[datetime, list[Outgoing]] | None:
        """While a batch travels, mark the one before; and return the next one, and since when, if this one was full."""
        if len(flying) < self.batch:
            await self.finish()
            return None
        at = self.clock.now()
        following = await self._mark(lambda connection, now: claim_events(connection, now, self.batch, flying))
        return (at, following) if following else None

    async def _mark(self, then: Callable[[Connection, datetime], list[Outgoing]]) -> list[Outgoing]:
        """Mark what became of what was sent and, in the same transaction, do what comes then."""
        now, outcomes = self.clock.now(), list(self._unmarked)
        if not outcomes:
            return await self.database.read(lambda connection: then(connection, now))

        def mark(connection: Connection) -> list[Outgoing]:
            self._settle(connection, outcomes, now)
            return then(connection, now)

        found = await self.database.write(mark)
        del self._unmarked[: len(outcomes)]
        return found

    def _take_next(self) -> list[Outgoing] | None:
        """Return the batch that was read while the one before travelled, if that was just now.

        Later another process may have had the lease, and published it.
        """
        following, self._next = self._next, None
        if following is None or not timedelta() <= self.clock.now() - following[0] <= FRESH:
            return None
        return following[1]

    def wait_seconds(self) -> float:
        """Return for how long the broker is left alone after it failed; 0 if it is not."""
        if self._not_before is None:
            return 0.0
        left = self._not_before - self.clock.now()
        # More than the pause was: the clock has been put back meanwhile, and would keep everything waiting for as long.
        return left.total_seconds() if timedelta() < left <= self._pause else 0.0

    def _back_off(self, reason: str) -> None:
        seconds = min(FIRST_SECONDS * 2 ** min(self._failures, 20), LONGEST_OUTAGE_WAIT) * self.jitter()
        self._failures += 1
        self._pause = timedelta(seconds=seconds)
        self._not_before = self.clock.now() + self._pause
        if not self.trouble:
            log.warning("the broker does not take events: %s", reason[:300])
        self.trouble = reason[:300]

    def _settle(self, connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
        mark_published(
            connection, [each.event_id for each in outcomes if each.status == "published"], write_instant(now)
        )
        for outcome in outcomes:
            if outcome.status == "published":
                continue
            if outcome.status == "unknown":
                next_at = write_instant(now + timedelta(seconds=UNKNOWN_WAIT))
                defer_event(connection, outcome.event_id, outcome.reason, next_at)
                continue
            # Only a refusal of this very event counts towards parking: an unknown outcome is the broker's trouble.
            attempts = read_attempts(connection, outcome.event_id)
            parked = attempts + 1 >= self.park_after
            if parked:
                log.warning("event %s is parked: %s", outcome.event_id, outcome.reason[:200])
            delay_event(
                connection,
                outcome.event_id,
                outcome.reason,
                write_instant(next_attempt(now, attempts)),
                write_instant(now) if parked else None,
            )


def _is_away(outcomes: list[Outcome]) -> bool:
    """Return whether nothing of a batch is known to have arrived, and more than one event's own trouble can be why."""
    if len(outcomes) == 1 and outcomes[0].named:
        return False
    return bool(outcomes) and all(outcome.status == "unknown" for outcome in outcomes)
