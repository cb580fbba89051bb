"""A year of use beside a month of it, by a clock that is moved: what the same tasks cost after each."""
# It takes long, so that `bench` leaves it out: python -m app.bench.keeping.year FOLDER 329 1000 sqlite|postgresql

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from app.bench.callers.own_postgres import run_postgres
from app.bench.rows import Row, compare, hold, show_rows
from app.identity import LOCAL_PERSON, SCHEDULER
from app.runtime import calm_collector, run_program
from app.service import Service, migrate_database, open_service
from app.settings import load_settings
from app.watch.state import read_size
from todo.activity.feeds import list_activity, update_me
from todo.operations import OPERATIONS
from todo.requests.operation import read_call, run_call
from todo.requests.settings import UpdateMe
from todo.scheduler import step
from todo.tasks.search_index import index_step

MONTH = 36
"""Days after which all that is kept for 30 days has once been removed."""
TASKS, AT_ONCE, CALLS = 1_000, 50, 100
_WORDS = ("garden", "invoice", "doctor", "kitchen", "report", "ticket", "present", "laundry", "meeting", "letter")


@dataclass(slots=True)
class _Clock:
    """A clock that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Life:
    """A service, its tasks, and the clock by which they are used."""

    service: Service
    clock: _Clock
    vacuum: Callable[[], Awaitable[Any]] | None = None
    """Does what PostgreSQL does by itself, by the time of day."""
    tasks: list[str] = field(default_factory=list)
    changes: int = 0

    async def begin(self) -> None:
        """Make the tasks; what happens to them is kept for 30 days."""
        await self.service.store.write(LOCAL_PERSON, lambda work: update_me(work, UpdateMe(history_days=30)))
        for first in range(0, TASKS, AT_ONCE):
            titles = [f"{_WORDS[number % 10].title()} {number}" for number in range(first, first + AT_ONCE)]
            made = await asyncio.gather(*(self.call("create_task", title=title, tags=["home"]) for title in titles))
            self.tasks += [answer["task"]["id"] for answer in made]
        await self.settle()

    async def live(self, days: int, a_day: int) -> None:
        """Let days go by with so many changes each, all that follows from them, and the removal of what is old."""
        for _ in range(days):
            for first in range(0, a_day, AT_ONCE):
                self.clock.at += timedelta(hours=24 * AT_ONCE / max(a_day, AT_ONCE))
                await asyncio.gather(*(self.change() for _ in range(min(AT_ONCE, a_day - first))))
                await self.settle()
            while await self.service.sweeper.step():
                pass
            if self.vacuum is not None:
                await self.vacuum()

    async def change(self) -> None:
        """Change one task in one of the ways in which people do."""
        number, self.changes = self.changes, self.changes + 1
        # Another task each time, and another way from round to round.
        task_id, way = self.tasks[number % TASKS], (number // TASKS + number) % 5
        given: dict[str, Any] = {"task_id": task_id, "request_id": f"change {number}"}
        if way == 0:
            await self.call("complete_task", **given)
        elif way == 1:
            await self.call("reopen_task", **given)
        elif way == 2:
            at = self.clock.now() + timedelta(minutes=30)
            await self.call("update_task", due=f"{at:%Y-%m-%dT%H:%M}", **given)
        else:
            await self.call("update_task", notes=f"{_WORDS[number % 7]} {number}", **given)

    async def call(self, name: str, **arguments: Any) -> Any:
        """Call an operation as the local person."""
        return await run_call(self.service.store, LOCAL_PERSON, read_call(OPERATIONS[name], arguments))

    async def settle(self) -> None:
        """Let everything happen that follows from the changes."""
        while await self.service.store.write(SCHEDULER, step):
            pass
        while await self.service.relay.step() + await self.service.broker.step():
            pass
        while await self.service.store.write_apart(SCHEDULER, index_step):
            pass

    async def update_many(self) -> None:
        """Make changes with their reactions."""
        for _ in range(CALLS):
            await self.change()
        await self.settle()

    async def find_page(self) -> None:
        """Read the first page of the list."""
        for _ in range(CALLS):
            await self.call("find_tasks", limit=20)

    async def find_word(self) -> None:
        """Search for a word."""
        for number in range(CALLS):
            await self.call("find_tasks", text=_WORDS[number % 10], limit=20)

    async def read_activity(self) -> None:
        """Read what happened last."""
        for _ in range(CALLS):
            await self.service.store.read(LOCAL_PERSON, list_activity)


_KINDS: dict[str, Callable[[Life], Awaitable[None]]] = {
    "a change and its reactions": Life.update_many,
    "find_tasks, a page": Life.find_page,
    "find_tasks, a word": Life.find_word,
    "activity, a page": Life.read_activity,
}


async def measure_year(
    root: Path, days: int, a_day: int, rounds: int, urls: tuple[str, str] | None = None
) -> list[Row]:
    """Let a month go by on one database and `days` more on another, with `a_day` changes; compare them in turns.

    Times are processor time on SQLite, and those of a caller on PostgreSQL, whose server is another process.
    """
    where, timer = ("SQLite", process_time) if urls is None else ("PostgreSQL", perf_counter)
    lives: list[Life] = []
    async with AsyncExitStack() as stack:
        for place, (name, lasts) in enumerate((("month", MONTH), ("year", MONTH + days))):
            url = {} if urls is None else {"database_url": urls[place]}
            settings = load_settings(data_dir=root / name, zone="UTC", retention_activity="30d", **url)
            await migrate_database(settings)
            clock = _Clock()
            service = await stack.enter_async_context(open_service(settings, clock))
            lives.append(Life(service, clock, None if urls is None else await _connect(stack, urls[place])))
            await lives[-1].begin()
            await lives[-1].live(lasts, a_day)
        sizes = [await each.service.database.read(read_size) / 1e6 for each in lives]
        taken: dict[tuple[str, int], list[float]] = {}
        for number in range(rounds + 1):
            for name, work in _KINDS.items():
                for place, life in enumerate(lives):
                    began = timer()
                    await work(life)
                    if number:
                        taken.setdefault((name, place), []).append((timer() - began) / CALLS * 1e3)
    after = f"after {MONTH + days} days of {a_day} changes, {where}"
    month = f"after {MONTH} days, {where}"
    rows = [
        hold(f"size {month}", sizes[0], "MB"),
        compare(f"size {after}", sizes[1], "MB", (f"size {month}", sizes[0]), at_most=1.1),
    ]
    for name in _KINDS:
        base = (f"{name}, {month}", median(taken[name, 0]))
        rows += [hold(*base, "ms"), compare(f"{name}, {after}", median(taken[name, 1]), "ms", base, at_most=1.1)]
    return rows


async def _connect(stack: AsyncExitStack, url: str) -> Callable[[], Awaitable[Any]]:
    """Return what vacuums a database of PostgreSQL."""
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    connection = await asyncpg.connect(url)
    stack.push_async_callback(connection.close)
    return partial(connection.execute, "VACUUM")


async def measure_year_on_postgres(root: Path, days: int, a_day: int, rounds: int) -> list[Row]:
    """Do the same on a server of its own; raises `ToolsMissing` without PostgreSQL."""
    async with run_postgres(root / "server") as server:
        names = [await asyncio.to_thread(server.create_database, name) for name in ("month", "year")]
        return await measure_year(root, days, a_day, rounds, (names[0], names[1]))


async def run(root: Path, days: int, a_day: int, kind: str) -> None:
    """Measure on a database of this kind and print the rows."""
    calm_collector()
    measure = measure_year_on_postgres if kind == "postgresql" else measure_year
    show_rows(await measure(root, days, a_day, 5))


if __name__ == "__main__":
    run_program(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
