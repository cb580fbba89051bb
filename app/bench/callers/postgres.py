"""Sixteen callers and one on PostgreSQL, beside a server that does nothing."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from app.bench.callers.own_postgres import run_postgres
from app.bench.load import run_round
from app.bench.processes import start_child
from app.bench.rows import Row, compare, hold
from app.bench.wire import repeat_tool
from app.service import migrate_database
from app.settings import load_settings

LEAST = {1: None, 16: 0.30}
"""What a create reaches of the no-op tool's rate, by the number of callers."""


async def measure_on_postgres(root: Path, rounds: int, seconds: float) -> list[Row]:
    """Measure on a new database, with relay and reactions on, in turns; raises `ToolsMissing` without PostgreSQL."""
    async with run_postgres(root / "server") as server:
        return await _measure(await asyncio.to_thread(server.create_database, "callers"), root, rounds, seconds)


async def _measure(url: str, root: Path, rounds: int, seconds: float) -> list[Row]:
    await migrate_database(load_settings(data_dir=root, database_url=url))
    settings = {"TODO_DATABASE_URL": url}
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(start_child("app.bench.servers", "bare-mcp", folder=root))
        ours = await stack.enter_async_context(
            start_child("app.bench.servers", "whole", folder=root, settings=settings)
        )
        lanes = [(bare, repeat_tool("do_nothing")), (ours, repeat_tool("create_task"))]
        rates: dict[tuple[int, int], list[float]] = {}
        for number in range(rounds + 1):
            for clients in LEAST:
                for index, (child, requests) in enumerate(lanes):
                    done = await run_round(child.port, requests, seconds if number else 0.5, clients=clients)
                    await asyncio.sleep(0.2)
                    if number:
                        rates.setdefault((index, clients), []).append(done.rate)
    rows: list[Row] = []
    for clients, least in LEAST.items():
        tool = f"MCP no-op tool beside PostgreSQL, {clients} under way"
        rows.append(hold(tool, median(rates[0, clients]), "calls/s"))
        name, rate = f"PostgreSQL MCP create_task, {clients} under way", median(rates[1, clients])
        rows.append(compare(name, rate, "calls/s", (tool, rows[-1].value), at_least=least))
    return rows
