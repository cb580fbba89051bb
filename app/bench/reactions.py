"""The time from a commit to its reaction at a steady pace of creates, measured inside the service's process."""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter

from app.bench.processes import start_child
from app.bench.rows import Row, hold, pick
from app.identity import LOCAL_PERSON
from app.runtime import calm_collector, run_program
from app.service import Service, open_service
from app.settings import load_settings
from app.storage.sqlite import SqliteFile
from todo.record.shapes import WriteAnswer
from todo.record.work import Work
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

PACE = 200
"""Creates per second."""
_NEWEST = "SELECT seq, event_id FROM activity WHERE seq > ? ORDER BY seq"


async def measure_reactions(folder: Path, seconds: float) -> list[Row]:
    """Measure in a separate process, on the file in a folder."""
    async with start_child("app.bench.reactions", str(seconds), folder=folder) as child:
        times = child.said["times"]
    name = f"commit to reaction at {PACE} creates/s"
    return [
        hold(f"{name}: p50", pick(times, 0.5) * 1e3, "ms", below=10),
        hold(f"{name}: p99", pick(times, 0.99) * 1e3, "ms", below=50),
    ]


async def pace_creates(service: Service, seconds: float) -> list[float]:
    """Create at a steady pace; return for each create the seconds from its commit to that of its activity line."""
    raw = SqliteFile(service.settings.database_path).connect()  # a separate connection, for the measurement alone
    committed: dict[str, float] = {}
    reacted: dict[str, float] = {}
    last = raw.execute("SELECT coalesce(max(seq), 0) FROM activity").fetchone()[0]

    def look() -> None:
        nonlocal last
        for seq, event_id in raw.execute(_NEWEST, (last,)).fetchall():
            last = seq
            reacted[event_id] = perf_counter()

    def use(work: Work) -> WriteAnswer:
        return create_task(work, CreateTask(title="Water the plants"))

    async def create() -> None:
        answer = await service.store.write(LOCAL_PERSON, use)
        committed[answer["events"][0]["id"]] = perf_counter()

    service.background.wakeup.listeners.append(look)  # notified after deliveries, like the streams to people
    loop = asyncio.get_running_loop()
    since = loop.time()
    count = max(int(PACE * seconds), 1)
    tasks = []
    for index in range(count):
        await asyncio.sleep(max(since + index / PACE - loop.time(), 0))
        tasks.append(asyncio.create_task(create()))
    await asyncio.gather(*tasks)
    async with asyncio.timeout(20):
        while not committed.keys() <= reacted.keys():  # noqa: ASYNC110  # bounded, and after the measurement
            await asyncio.sleep(0.05)
    raw.close()
    return [max(reacted[event_id] - at, 0.0) for event_id, at in committed.items()]


async def run(seconds: float) -> None:
    """Print the times as a line of JSON."""
    async with open_service(load_settings()) as service:
        service.background.start()
        calm_collector()
        try:
            async with asyncio.timeout(20):
                while not service.background.leads:  # noqa: ASYNC110  # before the measurement
                    await asyncio.sleep(0.05)
            times = await pace_creates(service, seconds)
        finally:
            await service.background.stop()
    print(json.dumps({"times": times}), flush=True)


if __name__ == "__main__":
    run_program(run(float(sys.argv[1])))
