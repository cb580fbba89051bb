"""The relay: publishes recorded events, oldest first, with at most one event per task in flight."""

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
"""Most seconds between two attempts while the broker is away."""
UNKNOWN_WAIT = 1.0
"""Seconds until an event is retried that did not arrive although others of its batch did."""
FRESH = timedelta(seconds=0.5)
"""How long a prefetched batch stays valid; later, another process may hold the lease."""


def _no_crash(_point: str) -> None:
    """Do nothing; simulations crash at the named points instead."""


@dataclass(slots=True)
class Relay:
    """Publishes first and marks afterwards: a crash in between sends the same bytes again, never different ones.

    While a full batch is in flight, the relay marks the outcomes of the previous batch and prefetches the next one,
    which is sent if the whole batch in flight arrives. An event, and with it its task's stream, is parked after
    `park_after` refusals. If no event of a batch is known to have arrived, the broker itself is away: the relay pauses,
    0.1 s doubling to 5 s and spread by `jitter`, and touches no row, so that an outage costs the same for any backlog;
    `trouble` holds the reason. A single event that the broker names as failed proves nothing about the broker: it alone
    waits.
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
    _prefetched: tuple[datetime, list[Outgoing]] | None = None
    _unmarked: list[Outcome] = field(default_factory=list)
    _earliest_mark: datetime | None = None

    async def step(self) -> int:
        """Publish one batch and return how many events reached the broker.

        No transaction stays open while only the broker is awaited.
        """
        if self.wait_seconds():
            return 0
        claimed = self._take_prefetched() or await self._mark_and_claim()
        if not claimed:
            return 0
        self.crash("relay.before_publish")
        outcomes, prefetched = await asyncio.gather(
            self.publisher.publish(claimed), self._prefetch(claimed), return_exceptions=True
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
        unanswered = [
            Outcome(each.event_id, "unknown", "no answer") for each in claimed if each.event_id not in answered
        ]
        self._unmarked += [*(each for each in outcomes if not each.marked), *unanswered]
        if isinstance(prefetched, BaseException):
            raise prefetched
        if prefetched and arrived == len(claimed):
            self._prefetched = prefetched
        else:
            # The prefetched batch may hold the next event of a task whose event has not arrived.
            await self.finish()
        return arrived

    async def finish(self) -> None:
        """Mark the remaining outcomes, so that a process that stops in order republishes nothing."""
        now, outcomes = self.clock.now(), list(self._unmarked)
        if outcomes:
            await self.database.write(lambda connection: self._settle(connection, outcomes, now))
            self._forget(outcomes, now)

    def take_earliest_mark(self) -> datetime | None:
        """Return the earliest time that events were marked with since the last call; a clock may have gone back."""
        earliest, self._earliest_mark = self._earliest_mark, None
        return earliest

    async def _mark_and_claim(self, in_flight: Sequence[Outgoing] = ()) -> list[Outgoing]:
        """Return the next batch; mark the outcomes of the previous one in the same transaction."""
        now, outcomes = self.clock.now(), list(self._unmarked)
        if not outcomes:
            return await self.database.read(lambda connection: claim_events(connection, now, self.batch, in_flight))

        def settle_and_claim(connection: Connection) -> list[Outgoing]:
            self._settle(connection, outcomes, now)
            return claim_events(connection, now, self.batch, in_flight)

        claimed = await self.database.write(settle_and_claim)
        self._forget(outcomes, now)
        return claimed

    def _forget(self, outcomes: list[Outcome], now: datetime) -> None:
        """Let go of outcomes that are marked, and keep the time that they were marked with."""
        del self._unmarked[: len(outcomes)]
        self._earliest_mark = min(now, self._earliest_mark or now)

    async def _prefetch(self, in_flight: Sequence[Outgoing]) -> tuple[datetime, list[Outgoing]] | None:
        """While a batch is in flight, mark the previous one; if this one is full, return the next one and its time."""
        if len(in_flight) < self.batch:
            await self.finish()
            return None
        at = self.clock.now()
        following = await self._mark_and_claim(in_flight)
        return (at, following) if following else None

    def _take_prefetched(self) -> list[Outgoing] | None:
        """Return the prefetched batch if it is still fresh; later, another process may have published it."""
        prefetched, self._prefetched = self._prefetched, None
        if prefetched is None or not timedelta() <= self.clock.now() - prefetched[0] <= FRESH:
            return None
        return prefetched[1]

    def wait_seconds(self) -> float:
        """Return how long the relay still pauses after the broker failed; 0 if it does not pause."""
        if self._not_before is None:
            return 0.0
        left = self._not_before - self.clock.now()
        # If the clock was set back, more than the whole pause is left: do not keep all events waiting for as long.
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
            # Only a refusal of this very event counts towards parking; an unknown outcome is the broker's failure.
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
    """Return whether the broker is away: no event is known to have arrived, and not just one named event failed."""
    if len(outcomes) == 1 and outcomes[0].named:
        return False
    return bool(outcomes) and all(outcome.status == "unknown" for outcome in outcomes)
