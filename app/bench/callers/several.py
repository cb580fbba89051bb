"""Several processes on one database: what one more adds on this machine, whose cores the load shares."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from app.bench.callers.own_postgres import run_postgres
from app.bench.processes import load_children, start_child
from app.bench.rows import Row, compare, hold
from app.bench.wire import repeat_tool
from app.service import migrate_database
from app.settings import load_settings

ON_SQLITE, ON_POSTGRES = (1, 2), (1, 2, 4)
"""How many processes; a file is for the processes of one machine."""


async def measure_several(root: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure creates by sixteen callers, with relay and reactions on; raises `ToolsMissing` without PostgreSQL."""
    rows = await _measure("SQLite", ON_SQLITE, root / "sqlite", {}, rounds, seconds)
    async with run_postgres(root / "server") as server:
        url = await asyncio.to_thread(server.create_database, "several")
        return rows + await _measure(
            "PostgreSQL", ON_POSTGRES, root / "postgres", {"database_url": url}, rounds, seconds
        )


async def _measure(
    name: str, counts: tuple[int, ...], folder: Path, settings: dict[str, str], rounds: int, seconds: float
) -> list[Row]:
    """Measure with each number of processes, one after the other: idle ones would have their part of the reactions."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    await migrate_database(load_settings(data_dir=folder, **settings))
    given = {f"TODO_{setting.upper()}": value for setting, value in settings.items()}
    rows: list[Row] = []
    for count in counts:
        async with AsyncExitStack() as stack:
            children = [
                await stack.enter_async_context(
                    start_child("app.bench.servers", "whole", folder=folder, settings=given)
                )
                for _ in range(count)
            ]
            await load_children(children, repeat_tool("create_task"), 0.5)
            taken = [await load_children(children, repeat_tool("create_task"), seconds) for _ in range(rounds)]
        what = f"MCP create_task on {name}, {count} process{'es' if count > 1 else ''}"
        rate, cpu = (median(each) for each in zip(*taken, strict=True))
        one = (rows[0].name, rows[0].value) if rows else None
        rows.append(compare(what, rate, "calls/s", one) if one else hold(what, rate, "calls/s"))
        rows.append(hold(f"{what}: CPU", cpu, "us/call"))
    return rows
