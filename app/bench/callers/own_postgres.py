"""A PostgreSQL of the measurement's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.live.ports import PortBook
from infra.live.postgres import Postgres, lay_out_postgres


@asynccontextmanager
async def run_postgres(folder: Path) -> AsyncIterator[Postgres]:
    """Run a server in a new folder; raises `ToolsMissing` if PostgreSQL is not installed."""
    ports = PortBook()
    try:
        server = lay_out_postgres(folder, ports)
        await asyncio.to_thread(server.start)
        try:
            yield server
        finally:
            await asyncio.to_thread(server.stop)
    finally:
        ports.close()
