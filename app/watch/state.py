"""What the database says of the whole service, in one read that is kept for a moment."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select

from app.storage.port import Database
from events.dead_letters import count_unreadable
from events.embedded import count_deliveries
from events.instants import read_instant
from events.lease import LeaseRow
from events.outbox import count_backlog, find_oldest_waiting
from events.ports import Clock
from events.sql import HotQuery, is_sqlite, table_of
from todo.channels.models import WAITING, ChannelDelivery
from todo.errors import StorageUnavailable
from todo.record.models import Recurrence, Reminder

KEPT_SECONDS = 1.0
SIZE_KEPT_SECONDS = 60.0
"""How long the size is kept: PostgreSQL asks the disk for each of its files."""
GAUGES = {
    "todo_database_up": "Whether the database answers.",
    "todo_outbox_events": "Events that wait to be published.",
    "todo_outbox_oldest_seconds": "Age of the oldest of them.",
    "todo_parked_events": "Events that the broker refused for good.",
    "todo_open_deliveries": "Reactions that wait.",
    "todo_failed_deliveries": "Reactions that failed for good.",
    "todo_dead_letters": "Dead letters that could not be read.",
    "todo_reminders_late_seconds": "How late the oldest reminder is that has not rung.",
    "todo_scheduler_lag_seconds": "How late the oldest series is that has to go on.",
    "todo_channel_deliveries_waiting": "Deliveries to channels that wait.",
    "todo_channel_oldest_seconds": "Age of the oldest of them.",
    "todo_lease_held": "Whether a process does the background work.",
    "todo_lease_epoch": "How often the lease has changed hands.",
    "todo_database_bytes": "Size of the database, with what it has freed and will use again.",
    "todo_disk_free_bytes": "Free bytes on the disk of the database's folder.",
}
"""The gauges that every process of a database shows alike, with their meanings."""

_R, _S, _D, _L = table_of(Reminder), table_of(Recurrence), table_of(ChannelDelivery), table_of(LeaseRow)
# Written into the statement: a partial index is not used for a value that is learned later.
_SCHEDULED: ColumnElement[str] = literal_column("'scheduled'")
_OLDEST_REMINDER = HotQuery(select(func.min(_R.c.remind_at)).where(_R.c.status == _SCHEDULED))
_OLDEST_SERIES = HotQuery(select(func.min(_S.c.next_at)).where(_S.c.next_at.is_not(None)))
_COUNTED = cast("Select[Any]", select(func.count(), func.min(_D.c.made_at)))
_WAITING = HotQuery(_COUNTED.where(_D.c.state == WAITING))
_LEASE = HotQuery(select(func.max(_L.c.epoch)))


def read_size(connection: Connection) -> int:
    """Return the bytes of the database."""
    if is_sqlite(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())


def read_state(connection: Connection, now: datetime, *, is_held: bool) -> dict[str, float]:
    """Return the gauges that the database knows."""
    pending, parked = count_backlog(connection)
    open_, failed = count_deliveries(connection)
    waiting, made_at = _WAITING.first(connection)
    reminder, series = _OLDEST_REMINDER.scalar(connection), _OLDEST_SERIES.scalar(connection)
    return {
        "todo_database_up": 1,
        "todo_outbox_events": pending,
        "todo_outbox_oldest_seconds": _age(find_oldest_waiting(connection), now),
        "todo_parked_events": parked,
        "todo_open_deliveries": open_,
        "todo_failed_deliveries": failed,
        "todo_dead_letters": count_unreadable(connection),
        "todo_reminders_late_seconds": _age(reminder, now),
        "todo_scheduler_lag_seconds": _age(series, now),
        "todo_channel_deliveries_waiting": waiting,
        "todo_channel_oldest_seconds": _age(made_at, now),
        "todo_lease_held": is_held,
        "todo_lease_epoch": _LEASE.scalar(connection) or 0,
    }


@dataclass(slots=True, eq=False)
class State(Collector):
    """The newest state as gauges; `refresh` reads it, at most once a second however many scrape."""

    database: Database
    clock: Clock
    is_held: Callable[[Connection], bool]
    folder: Path | None
    _read_at: datetime | None = None
    _values: dict[str, float] = field(default_factory=dict)
    _size: int = 0
    _sized_at: datetime | None = None

    async def refresh(self) -> None:
        """Read the state if the last one is older than a second."""
        now = self.clock.now()
        if _is_fresh(self._read_at, now, KEPT_SECONDS):
            return
        self._read_at = now
        try:
            self._values = await self.database.read(lambda connection: self._read(connection, now))
        except StorageUnavailable:
            self._values = {"todo_database_up": 0}
        if self.folder is not None and self.folder.exists():
            self._values["todo_disk_free_bytes"] = shutil.disk_usage(self.folder).free

    def _read(self, connection: Connection, now: datetime) -> dict[str, float]:
        if not _is_fresh(self._sized_at, now, SIZE_KEPT_SECONDS):
            self._size, self._sized_at = read_size(connection), now
        held = self.is_held(connection)
        return {**read_state(connection, now, is_held=held), "todo_database_bytes": self._size}

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges that are known."""
        for name, value in self._values.items():
            family = GaugeMetricFamily(name, GAUGES[name])
            family.add_metric((), value)
            yield family


def _age(instant: str | None, now: datetime) -> float:
    return 0.0 if instant is None else max((now - read_instant(instant)).total_seconds(), 0.0)


def _is_fresh(at: datetime | None, now: datetime, seconds: float) -> bool:
    return at is not None and 0 <= (now - at).total_seconds() < seconds
