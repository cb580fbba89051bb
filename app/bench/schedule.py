"""The cost of the scheduler: a tick with many waiting, a burst of reminders, and a run over many due series."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

from sqlalchemy import text

from app.bench.processes import start_child
from app.bench.rows import Row, compare, hold, pick
from app.dapr.bindings import run_steps
from app.identity import LOCAL_PERSON, LOCAL_USER, SCHEDULER, ensure_local_user
from app.migrations import migrate_file
from app.runtime import calm_collector, run_program
from app.service import Service, open_service
from app.settings import load_settings
from app.storage.sqlite import SqliteFile
from app.system import SystemClock, SystemIds
from events.instants import write_instant
from todo.record.work import Who, Work
from todo.requests.parts import ReminderSpec
from todo.requests.schemas import CreateRecurringTask, CreateTask, FindTasks
from todo.scheduler import step
from todo.series.create import create_recurring_task
from todo.tasks.search import find_tasks
from todo.tasks.tasks import create_task

DUE = 5
"""Due reminders of one tick, and as many due series."""
BELOW = 20
"""Subtasks of an instance."""
FAR = "2099-01-01T00:00:00.000000Z"

# The waiting rows have no tasks: a tick must not touch them.
_WAITING_REMINDERS = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO reminder (id, user_id, task_id, remind_at, status, sequence)
    SELECT 'waiting-' || i, ?, 'waiting-' || i,
           strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2090-01-01', '+' || i || ' minutes'), 'scheduled', 1 FROM n"""
_WAITING_SERIES = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO recurrence (task_id, user_id, rule, rule_text, first, zone, mode, catch_up, paused, reminders, skipped,
                            made, passed, next_due, next_at, revision)
    SELECT 'waiting-' || i, ?, 'FREQ=DAILY', 'every day', '2090-01-01', 'UTC', 'every_occurrence', 'latest', 0, '[]',
           '[]', 1, 0, '2090-01-02', strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2090-01-01', '+' || i || ' minutes'), 1
    FROM n"""
_COPIED_SERIES = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO {table} ({columns}) SELECT {values} FROM n, {table} AS one WHERE one.{key} = ?"""


async def measure_scheduling(folder: Path, waiting: int, burst: int, series: int, repeats: int) -> list[Row]:
    """Measure on new files in a folder; the burst and the long run each in a separate process."""
    for name in ("few", "many", "plain", "tree", "burst", "run"):
        (folder / name).mkdir()
    rows = measure_ticks(folder / "few/todo.db", folder / "many/todo.db", waiting, repeats)
    rows += measure_making(folder / "plain/todo.db", folder / "tree/todo.db", repeats)
    async with start_child("app.bench.schedule", "burst", str(burst), folder=folder / "burst") as child:
        late = child.said["late"]
    rows += [
        hold(f"{burst:,} reminders in one second: p99 lateness", pick(late, 0.99) * 1e3, "ms", at_most=250),
        hold(f"{burst:,} reminders in one second: all after", max(late) * 1e3, "ms", at_most=1_000),
    ]
    async with start_child("app.bench.schedule", "run", str(series), folder=folder / "run") as child:
        said = child.said
    return [
        *rows,
        hold(f"{series:,} series due: slowest create beside them", max(said["writes"]) * 1e3, "ms", at_most=50),
        hold(f"{series:,} series due: slowest find beside them", max(said["reads"]) * 1e3, "ms", at_most=50),
        hold(f"{series:,} series due: instances made", said["made"] / said["seconds"], "/s"),
    ]


def measure_ticks(few: Path, many: Path, waiting: int, repeats: int) -> list[Row]:
    """Compare a tick of ten due items with 1,000 waiting to one with very many waiting, alternating."""
    files = [_Ticking(few, 1_000), _Ticking(many, waiting)]
    times: list[list[float]] = [[], []]
    for _ in range(repeats):
        for index, file in enumerate(files):
            times[index].append(file.tick())
    for file in files:
        file.close()
    base = (f"tick, {2 * DUE} due, 1,000 waiting", median(times[0]) * 1e3)
    return [
        Row(base[0], base[1], "ms"),
        compare(f"tick, {2 * DUE} due, {waiting:,} waiting", median(times[1]) * 1e3, "ms", base, at_most=1.5),
    ]


class _Ticking:
    """A file with many waiting items and a few that each tick makes due again."""

    def __init__(self, path: Path, waiting: int) -> None:
        migrate_file(path)
        self._clock, self._ids = SystemClock(), SystemIds()
        self._handle = SqliteFile(path).writer()
        self._now = self._clock.now()
        self._begin()
        person = self._work(LOCAL_PERSON)
        ensure_local_user(self._handle.connection, "UTC", person.at)
        raw = self._handle.raw
        raw.execute(_WAITING_REMINDERS, (waiting // 2, LOCAL_USER))
        raw.execute(_WAITING_SERIES, (waiting // 2, LOCAL_USER))
        for _ in range(DUE):
            create_task(person, CreateTask(title="Call", reminders=[ReminderSpec(at=FAR[:19] + "Z")]))
            create_recurring_task(
                person,
                CreateRecurringTask(title="Stretch", rule="FREQ=DAILY;BYHOUR=9", mode="every_occurrence"),
            )
        raw.execute("COMMIT")
        self._now += timedelta(days=1)

    def tick(self) -> float:
        """Make the few items due, and return the seconds of the step that processes them."""
        raw = self._handle.raw
        self._now += timedelta(days=1)
        self._begin()
        raw.execute(
            "UPDATE reminder SET status = 'scheduled', sequence = sequence + 1, remind_at = ? WHERE id NOT LIKE 'w%'",
            (write_instant(self._now),),
        )
        raw.execute("COMMIT")
        since = perf_counter()
        self._begin()
        done = step(self._work(SCHEDULER))
        raw.execute("COMMIT")
        taken = perf_counter() - since
        if done != 2 * DUE:
            raise RuntimeError(f"{done} were due, not {2 * DUE}")
        return taken

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _begin(self) -> None:
        self._handle.raw.execute("BEGIN IMMEDIATE")

    def _work(self, who: Who) -> Work:
        return Work(self._handle.connection, who, self._now, self._ids)


def measure_making(plain: Path, tree: Path, repeats: int) -> list[Row]:
    """Compare the making of an instance with subtasks to that of one without, alternating."""
    files = [_Making(plain, 0), _Making(tree, BELOW)]
    times: list[list[float]] = [[], []]
    for _ in range(repeats):
        for index, file in enumerate(files):
            times[index].append(file.make())
    for file in files:
        file.close()
    base = ("an instance made", median(times[0]) * 1e3)
    return [
        Row(base[0], base[1], "ms"),
        compare(f"an instance with {BELOW} subtasks made", median(times[1]) * 1e3, "ms", base, at_most=2),
    ]


class _Making:
    """A file with one series that has an instance each day, with some subtasks."""

    def __init__(self, path: Path, below: int) -> None:
        migrate_file(path)
        self._clock, self._ids = SystemClock(), SystemIds()
        self._handle = SqliteFile(path).writer()
        self._now = self._clock.now()
        self._handle.raw.execute("BEGIN IMMEDIATE")
        person = Work(self._handle.connection, LOCAL_PERSON, self._now, self._ids)
        ensure_local_user(self._handle.connection, "UTC", person.at)
        titles = [f"Stretch number {number}" for number in range(below)]
        series = {"title": "Stretch", "rule": "FREQ=DAILY;BYHOUR=9", "mode": "every_occurrence"}
        create_recurring_task(person, CreateRecurringTask.model_validate({**series, "subtasks": titles}))
        self._handle.raw.execute("COMMIT")

    def make(self) -> float:
        """Let a day pass, and return the seconds of the step that makes its instance."""
        self._now += timedelta(days=1)
        since = perf_counter()
        self._handle.raw.execute("BEGIN IMMEDIATE")
        done = step(Work(self._handle.connection, SCHEDULER, self._now, self._ids))
        self._handle.raw.execute("COMMIT")
        taken = perf_counter() - since
        if done != 1:
            raise RuntimeError(f"{done} were made, not one")
        return taken

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


async def ring_burst(service: Service, count: int) -> list[float]:
    """Let many reminders be due in one second; return the lateness of each, as another connection sees it."""
    due = (service.store.clock.now() + timedelta(seconds=4 + count / 300)).replace(microsecond=0)

    def make(work: Work) -> Any:
        return create_task(work, CreateTask(title="Call", reminders=[ReminderSpec(at=f"{due:%Y-%m-%dT%H:%M:%S}Z")]))

    await asyncio.gather(*(service.store.write(LOCAL_PERSON, make) for _ in range(count)))
    seen = await asyncio.to_thread(_watch_fired, service.settings.database_path, count, due)
    late: list[float] = []
    for at, fired in seen:
        late += [at] * (fired - len(late))
    return late


def _watch_fired(path: Path, count: int, due: datetime) -> list[tuple[float, int]]:
    """Return [(seconds after the due time, reminders committed as fired by then)]."""
    seen: list[tuple[float, int]] = []
    waiter = SystemClock()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
        while not seen or seen[-1][1] < count:
            late = (waiter.now() - due).total_seconds()
            if late > 30:
                raise TimeoutError(f"only {seen[-1][1] if seen else 0} of {count} reminders rang")
            fired = raw.execute("SELECT count(*) FROM reminder WHERE status = 'fired'").fetchone()[0]
            if fired > (seen[-1][1] if seen else 0):
                seen.append(((waiter.now() - due).total_seconds(), fired))
            sleep(0.002)
    return seen


async def run_many(service: Service, count: int, seconds: float = 8.0) -> dict[str, Any]:
    """Let many series be due at once; return the times of creates and finds while they are processed."""
    made = await service.store.write(
        LOCAL_PERSON,
        lambda work: create_recurring_task(
            work, CreateRecurringTask(title="Stretch", rule="FREQ=DAILY;BYHOUR=9", mode="every_occurrence")
        ),
    )
    await asyncio.to_thread(_copy_series, service.settings.database_path, made["recurring_id"], count)
    since = perf_counter()
    working = asyncio.create_task(run_steps(service.store, 1_000_000))
    times: dict[str, list[float]] = {"writes": [], "reads": []}
    while perf_counter() - since < seconds and not working.done():
        for name, use in (
            ("writes", service.store.write(LOCAL_PERSON, lambda work: create_task(work, CreateTask(title="Call")))),
            ("reads", service.store.read(LOCAL_PERSON, lambda work: find_tasks(work, FindTasks(limit=5)))),
        ):
            started = perf_counter()
            await use
            times[name].append(perf_counter() - started)
        await asyncio.sleep(0.005)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    counting = text("SELECT count(*) FROM task WHERE recurring_id IS NOT NULL")
    instances = await service.database.read(lambda connection: int(connection.execute(counting).scalar_one()))
    return {**times, "made": instances - 1, "seconds": perf_counter() - since}


def _copy_series(path: Path, series_id: str, count: int) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as raw:
        for table, key in (("task", "id"), ("recurrence", "task_id")):
            columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if row[1] != "number"]
            values = ["'due-' || i" if name == key else f"one.{name}" for name in columns]
            statement = _COPIED_SERIES.format(
                table=table, columns=", ".join(columns), values=", ".join(values), key=key
            )
            raw.execute(statement, (count, series_id))
        raw.execute("UPDATE recurrence SET next_at = '2026-01-01T00:00:00.000000Z', newest = '2026-01-01T09:00:00Z'")
        raw.commit()


async def run(kind: str, count: int) -> None:
    """Print the measurement as a line of JSON."""
    async with open_service(load_settings()) as service:
        calm_collector()
        if kind == "run":
            print(json.dumps(await run_many(service, count)), flush=True)
            return
        service.background.start()
        try:
            print(json.dumps({"late": await ring_burst(service, count)}), flush=True)
        finally:
            await service.background.stop()


if __name__ == "__main__":
    run_program(run(sys.argv[1], int(sys.argv[2])))
