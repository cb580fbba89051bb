"""An independent reader of the product's database: the committed events and the consumers' effects."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from app.system import SystemClock
from events.instants import write_instant

Rows = list[tuple[Any, ...]]

_COMMITTED = "SELECT seq, event_id, event_type, task_id, version, payload FROM outbox_entry ORDER BY seq"
_WAITING = "SELECT count(*) FROM outbox_entry WHERE published_at IS NULL"
_TO_RING = "SELECT count(*) FROM reminder WHERE status = 'scheduled'"
_UNSEEN = (
    " FROM outbox_entry AS o WHERE NOT EXISTS"
    " (SELECT 1 FROM activity AS a WHERE a.event_id = o.event_id)"
    " OR event_type NOT IN ('reminder.due', 'recurring.trigger') AND NOT EXISTS (SELECT 1 FROM inbox_entry AS i"
    " WHERE i.event_id = o.event_id AND i.consumer = 'statistics')"
    " OR event_type = 'reminder.due' AND NOT EXISTS (SELECT 1 FROM notification AS n WHERE n.id = o.event_id)"
)


@dataclass(frozen=True, slots=True)
class Committed:
    """One committed event, a row of the outbox."""

    seq: int
    event_id: str
    event_type: str
    task_id: str
    version: int
    payload: str


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of the product's consumers: activity lines and notifications by event, and counts by day."""

    activity: Counter[str] = field(default_factory=Counter)
    notifications: Counter[str] = field(default_factory=Counter)
    days: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Opens a connection for each query, so that no open connection delays a restart of the server."""

    url: str

    def ask(self, statement: str, *values: Any) -> Rows:
        """Return the rows of one statement; raises `OSError` or `asyncpg.PostgresError` while the server is away."""
        return asyncio.run(self._ask(statement, values))

    async def _ask(self, statement: str, values: Sequence[Any]) -> Rows:
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values, timeout=20)]
        finally:
            await connection.close(timeout=5)

    def count_waiting(self) -> int:
        """Return the number of events not marked as published."""
        return int(self.ask(_WAITING)[0][0])

    def count_to_ring(self) -> int:
        """Return the number of reminders still scheduled."""
        return int(self.ask(_TO_RING)[0][0])

    def count_unseen(self) -> int:
        """Return the number of events that lack a consumer's reaction."""
        return int(self.ask(f"SELECT count(*){_UNSEEN}")[0][0])

    def describe_unseen(self) -> str:
        """Return the unseen events by type: their times of recording and publishing, and what became of redeliveries.

        A topic that begins to lack all events was silent; a delivery that is parked was refused.
        """
        rows = self.ask(
            "SELECT event_type || ': ' || concat_ws("  # noqa: S608  # our own words
            "' ', count(*), 'recorded', min(recorded_at), max(recorded_at),"
            " 'published', min(published_at), max(published_at), 'redelivered', (SELECT string_agg(concat_ws(' ',"
            " d.consumer, d.attempts, d.last_error, d.parked_at), ', ') FROM delivery AS d WHERE d.event_id ="
            f" min(o.event_id))) {_UNSEEN} GROUP BY event_type"
        )
        now = write_instant(SystemClock().now())
        return f"{'; '.join(row[0] for row in rows)}; now {now}, lease {self.read_lease()}"

    def read_committed(self) -> list[Committed]:
        """Return every committed event, ordered by row number."""
        return [Committed(*row) for row in self.ask(_COMMITTED)]

    def read_effects(self) -> Effects:
        """Return the effects of the consumers."""
        return Effects(
            Counter(row[0] for row in self.ask("SELECT event_id FROM activity")),
            Counter(row[0] for row in self.ask("SELECT id FROM notification")),
            {row[0]: (row[1], row[2]) for row in self.ask("SELECT day, created, completed FROM day_count")},
        )

    def read_lease(self) -> tuple[int | None, int]:
        """Return the process id of the lease's current holder, None if there is none, and its epoch."""
        rows = self.ask(
            "SELECT holder, epoch FROM lease WHERE name = 'background'"
            " AND expires_ms > extract(epoch FROM clock_timestamp()) * 1000"
        )
        return (int(rows[0][0].partition(":")[0]), rows[0][1]) if rows else (None, 0)

    def count_rows(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608  # our own words

    def list_events(self, event_type: str, since: str, until: str) -> list[str]:
        """Return the ids of the events of a type that were recorded between two instants."""
        statement = "SELECT event_id FROM outbox_entry WHERE event_type = $1 AND recorded_at BETWEEN $2 AND $3"
        return [row[0] for row in self.ask(statement, event_type, since, until)]

    def list_parked(self) -> set[str]:
        """Return the ids of the tasks that have a parked event."""
        return {row[0] for row in self.ask("SELECT task_id FROM outbox_entry WHERE parked_at IS NOT NULL")}

    def count_tries(self, task_id: str) -> tuple[int, int]:
        """Return how many events of a task are pending, and the highest number of refusals of one of its events."""
        statement = f"{_WAITING} AND task_id = $1"
        tries = "SELECT coalesce(max(attempts), 0) FROM outbox_entry WHERE task_id = $1"
        return int(self.ask(statement, task_id)[0][0]), int(self.ask(tries, task_id)[0][0])

    def count_late(self, excluded_task: str, before: str) -> int:
        """Return how many events recorded before an instant are still pending, without those of one task."""
        return int(self.ask(f"{_WAITING} AND task_id <> $1 AND recorded_at < $2", excluded_task, before)[0][0])

    def count_instances(self, series: str) -> tuple[int, int]:
        """Return the number of a series' instances, and of their distinct dates."""
        [row] = self.ask("SELECT count(*), count(DISTINCT occurrence) FROM task WHERE recurring_id = $1", series)
        return row[0], row[1]
