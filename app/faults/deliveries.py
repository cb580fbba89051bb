"""The faults of a channel's receiver, and of the process that sends to it; each play has a channel of its own."""

from collections.abc import Callable
from contextlib import suppress

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from app.faults.arena import Arena
from app.faults.receiver import Mood, Receiver
from app.system import SystemClock
from events.catalog import EventType
from events.instants import write_instant
from infra.live.programs import LiveError, wait_until

_MET_SECONDS = 30.0
_SENT_SECONDS = 150.0
"""A failed attempt is followed by the next one within a minute, one of a killed process after its lease."""


def trouble_receiver(mood: Mood, *, kills: bool = False) -> Callable[[Arena], Callable[[], None]]:
    """Return a strike on a new channel's receiver, with `kills` also SIGKILL between sending and marking.

    The healing waits until all that was recorded for the channel has arrived, and notes what was lost or doubled.
    """

    def strike(arena: Arena) -> Callable[[], None]:
        receiver = arena.enter(Receiver())
        kind = EventType.TASK_CREATED.value
        channel = arena.call("POST", "/channels", {"kind": "webhook", "address": receiver.url, "events": [kind]})
        since = write_instant(SystemClock().now())
        wait_until(lambda: bool(receiver.taken), _MET_SECONDS, "the receiver gets events")
        receiver.mood = mood
        wait_until(receiver.met.is_set, _MET_SECONDS, "the receiver is met by an event")
        if kills:
            arena.find_leader().program.crash()

        def heal() -> None:
            receiver.heal()
            until = write_instant(SystemClock().now())
            expected: list[str] = []

            def has_all() -> bool:
                with suppress(OSError, asyncpg.PostgresError):
                    expected[:] = arena.ledger.list_events(kind, since, until)
                    return all(receiver.taken[each] for each in expected)
                return False

            with suppress(LiveError):  # what has not arrived by then is lost
                wait_until(has_all, _SENT_SECONDS, "all that was recorded is sent to the channel")
            lost, twice = receiver.judge(expected, int(kills))
            arena.note_deliveries(lost, twice)
            arena.call("DELETE", f"/channels/{channel['id']}")

        return heal

    return strike
