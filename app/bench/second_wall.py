"""The cost of row-level security: the same calls on two PostgreSQL databases, one of which has no policies."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import Connection, insert

from app.access.credentials import create_credential
from app.access.grants import read_token
from app.access.people import add_person
from app.bench.callers.own_postgres import run_postgres
from app.bench.doors import Call, make_call
from app.bench.full_file import COMMON_WORD, RARE_WORD, make_rows
from app.bench.rows import Row, compare
from app.http.app import build_app
from app.migrations.schema import TABLES
from app.service import migrate_database, open_service
from app.settings import load_settings
from app.system import SystemClock, SystemIds, draw_secret
from events.sql import table_of
from infra.live.postgres import Postgres
from todo.record.models import TaskTag
from todo.record.queries import REMINDER, TASK

PEOPLE = 10
MOST = 1_000_000
"""A rate that is never reached."""


async def measure_second_wall(folder: Path, tasks: int, rounds: int, calls: int) -> list[Row]:
    """Measure a create, a page and searches by words with and without policies, in turns; times are a caller's.

    Each of ten people has `tasks` tasks. Raises `ToolsMissing` if PostgreSQL is not installed.
    """
    async with run_postgres(folder / "postgres") as server:
        return await _measure(server, folder, tasks, rounds, calls)


async def _measure(server: Postgres, folder: Path, tasks: int, rounds: int, calls: int) -> list[Row]:
    async with AsyncExitStack() as stack:
        open_field = await _open(stack, server, folder, tasks, walled=False)
        walled = await _open(stack, server, folder, tasks, walled=True)
        rows = []
        for (name, plain), (_, guarded) in zip(open_field, walled, strict=True):
            without, behind = await _alternate(plain, guarded, rounds, calls)
            base = (f"PostgreSQL {name}, no policies", without)
            rows += [
                Row(base[0], without, "ms/call"),
                compare(f"PostgreSQL {name}, row-level security", behind, "ms/call", base, at_most=1.1),
            ]
        return rows


async def _open(
    stack: AsyncExitStack, server: Postgres, folder: Path, tasks: int, *, walled: bool
) -> list[tuple[str, Call]]:
    """Open a service of ten people on a database of its own; return its calls by name."""
    url = await asyncio.to_thread(server.create_database, "walled" if walled else "plain")
    home = folder / ("walled" if walled else "plain")
    home.mkdir()
    settings = load_settings(data_dir=home, database_url=url, auth="token", rate_writes=MOST, rate_reads=MOST)
    await migrate_database(settings)
    if not walled:
        async with open_service(settings) as before:
            await before.database.write(_tear_down)
    service = await stack.enter_async_context(open_service(settings))
    app = build_app(service, background=False)
    await stack.enter_async_context(app.router.lifespan_context(app))
    secret = ""
    for number in range(PEOPLE):
        secret = await service.database.write(partial(_join, number=number, tasks=tasks))
    await service.database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    bearer = [(b"authorization", f"Bearer {secret}".encode())]
    return [
        ("create_task", make_call(app, "POST", "/api/tasks", {"title": "Call the dentist"}, bearer)),
        ("find_tasks", make_call(app, "GET", "/api/tasks?limit=20", None, bearer)),
        ("search, rare word", make_call(app, "GET", f"/api/tasks?limit=20&text={RARE_WORD}", None, bearer)),
        ("search, common word", make_call(app, "GET", f"/api/tasks?limit=20&text={COMMON_WORD}", None, bearer)),
    ]


def _tear_down(connection: Connection) -> None:
    for table in TABLES:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} NO FORCE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY")


def _join(connection: Connection, number: int, tasks: int) -> str:
    clock, ids = SystemClock(), SystemIds()
    now = clock.now()
    user_id = add_person(connection, f"Person {number}", "UTC", ids, now)
    made = list(make_rows(0, tasks, tasks, now, ids, user_id))
    connection.execute(insert(TASK), [task for task, _, _ in made])
    connection.execute(insert(table_of(TaskTag)), [tag for _, tags, _ in made for tag in tags])
    connection.execute(insert(REMINDER), [each for _, _, reminders in made for each in reminders])
    return create_credential(
        connection, read_token({}).grant_to(user_id, connection, now), now, ids, draw_secret
    ).secret


async def _alternate(one: Call, other: Call, rounds: int, calls: int) -> tuple[float, float]:
    """Return the median times of two calls in milliseconds, measured one after the other in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds * calls):
        for call, figures in zip((one, other), times, strict=True):
            begun = perf_counter()
            await call()
            figures.append((perf_counter() - begun) * 1e3)
    return median(times[0]), median(times[1])
