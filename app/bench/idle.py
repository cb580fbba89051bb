"""The cost of an idle `serve`: resident memory and CPU."""

import asyncio
from pathlib import Path

from app.bench.processes import start_child
from app.bench.rows import Row, hold
from infra.live.ports import find_free_port


async def measure_idling(folder: Path, settle: float, seconds: float) -> list[Row]:
    """Start `serve` on an empty folder, let it settle, and measure it."""
    async with start_child("evolution_todo", "serve", folder=folder, ready=False, port=find_free_port()) as child:
        await asyncio.sleep(settle)
        memory = child.read_memory()
        before = child.read_cpu()
        await asyncio.sleep(seconds)
        used = child.read_cpu() - before
    return [
        hold("serve, idle: memory", memory, "MB", below=150),
        hold("serve, idle: CPU", used / seconds * 100, "%", below=0.5),
    ]
