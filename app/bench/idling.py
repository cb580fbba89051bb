"""What `serve` costs while nobody calls: resident memory and CPU."""

import asyncio
import socket
from pathlib import Path

from app.bench.processes import start_child
from app.bench.rows import Row, hold


async def measure_idling(folder: Path, settle: float, seconds: float) -> list[Row]:
    """Start `serve` on an empty folder, let it settle, and watch it."""
    async with start_child("app.cli.main", "serve", folder=folder, ready=False, port=_free_port()) as child:
        await asyncio.sleep(settle)
        memory = child.read_memory()
        before = child.read_cpu()
        await asyncio.sleep(seconds)
        used = child.read_cpu() - before
    return [
        hold("serve, idle: memory", memory, "MB", below=150),
        hold("serve, idle: CPU", used / seconds * 100, "%", below=0.5),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
