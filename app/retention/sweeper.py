"""The sweeper: one short step of removal at a time, table after table, then a rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from agent.models import PendingCall
from app.retention.histories import walk_histories
from app.retention.walks import Stride, TableWalk, Walk, build_outbox_walk, walk_inbox
from app.settings_upkeep import UpkeepSettings
from app.storage.pace import Pace
from app.storage.port import Database
from events.dead_letters import DeadLetter
from events.instants import read_instant, write_instant
from events.ports import Clock
from events.positions import MAY_COME_LATE
from events.sql import table_of
from todo.channels.past import forget_old
from todo.record.models import Activity, Confirmation, Notification, Plan, RequestEntry
from todo.requests.idempotency import KEPT as KEPT_REQUESTS

_A, _N, _R = table_of(Activity), table_of(Notification), table_of(RequestEntry)
_P, _Q, _W, _L = table_of(Plan), table_of(Confirmation), table_of(PendingCall), table_of(DeadLetter)


WINDOW = 50
"""Rows that one transaction looks at, at most. Measured for events with deliveries: 5 ms, 15 on a slow machine."""
LEAST = 5
LONG = 0.01
"""Seconds from which on a transaction was too long for the calls beside it."""
AT_ONCE = timedelta(0)
"""For walks that know by themselves what is old."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is removed after which time; without a time it is kept for ever."""

    name: str
    kept: timedelta | None
    walk: Walk


def list_rules(settings: UpkeepSettings, consumers: Sequence[str]) -> list[Rule]:
    """Return all rules; what is in none of them is kept for ever."""
    activity, plans = settings.kept_activity, settings.kept_plans
    return [
        Rule("events", settings.kept_events, build_outbox_walk(consumers)),
        Rule("inbox", settings.kept_inbox, walk_inbox),
        Rule("requests", KEPT_REQUESTS, TableWalk(_R.c.seq, _R.c.at)),
        Rule("plans", plans, TableWalk(_P.c.id, _P.c.made_at, first="")),
        Rule("questions", plans, TableWalk(_Q.c.id, _Q.c.asked_at, first="")),
        Rule("pending calls", plans, TableWalk(_W.c.confirmation_id, _W.c.asked_at, first="")),
        Rule("activity", activity, TableWalk(_A.c.seq, _A.c.timestamp, leaves=MAY_COME_LATE)),
        Rule("notifications", activity, TableWalk(_N.c.seq, _N.c.remind_at, leaves=MAY_COME_LATE)),
        Rule("dead letters", activity, TableWalk(_L.c.id, _L.c.received_at)),
        Rule("channel deliveries", AT_ONCE, walk_channel_deliveries),
        Rule("history", AT_ONCE, walk_histories),
    ]


def walk_channel_deliveries(connection: Connection, after: Any, now: str, window: int) -> Stride:
    """Remove some deliveries that ended a month ago."""
    removed = forget_old(connection, read_instant(now), window)
    return Stride(removed, after or 1 if removed else None)


@dataclass(slots=True)
class Sweeper:
    """Removes what is old in short transactions; `step` is to be called until it returns 0, then again after a rest."""

    database: Database
    clock: Clock
    rules: Sequence[Rule]
    note: Callable[[str, int], None] = lambda _name, _count: None
    """Counts the rows that a rule has removed."""
    pace: Pace = field(default_factory=lambda: Pace(WINDOW, LEAST, LONG))
    _at: int = 0
    _after: Any = None

    async def step(self) -> int:
        """Take one stride; return 0 once every table was walked to its end."""
        rule = self.rules[self._at]
        if rule.kept is None:
            self._after = None
        else:
            before = write_instant(self.clock.now() - rule.kept)
            stride = await self.database.write(partial(self._walk, rule, before))
            self._after = stride.after
            if stride.removed:
                self.note(rule.name, stride.removed)
        if self._after is None:
            self._at = (self._at + 1) % len(self.rules)
        return int(self._at > 0 or self._after is not None)

    def _walk(self, rule: Rule, before: str, connection: Connection) -> Stride:
        with self.pace.watch():
            return rule.walk(connection, self._after, before, self.pace.rows)
