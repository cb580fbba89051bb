"""How long calls wait for the retention."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection, insert

from app.bench.full_file import ZONE
from app.bench.rows import Row, hold, pick
from app.identity import LOCAL_PERSON
from app.service import Service, open_service
from app.settings import load_settings
from app.storage.pace import Pace
from events.embedded import Delivery
from events.inbox import InboxEntry
from events.instants import write_instant
from events.outbox import OutboxEntry
from events.sql import table_of
from todo.activity.reactions import REACTIONS
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

NOTES = "Details that somebody wrote down on the way home. " * 8
CHUNK = 500
PAUSE = 0.002


async def measure_retention(root: Path, events: int) -> list[Row]:
    """Let this many old events be removed beside calls; measure the transactions of both."""
    async with open_service(load_settings(data_dir=root, zone=ZONE)) as service:
        await _fill(service, events)
        waits: list[float] = []
        marks: list[float] = []

        def note() -> float:
            marks.append(perf_counter())
            return marks[-1]

        pace = service.sweeper.pace
        sweeper = replace(service.sweeper, pace=Pace(pace.most, pace.least, pace.long, note))
        calls = asyncio.create_task(_call(service, waits))
        more = 1
        while more:
            more = await sweeper.step()
            await asyncio.sleep(PAUSE)
        calls.cancel()
        held = [end - begin for begin, end in zip(marks[::2], marks[1::2], strict=True)]
    return [
        hold("retention: longest transaction", max(held) * 1e3, "ms", below=20),
        hold("retention: p99 of its transactions", pick(held, 0.99) * 1e3, "ms", below=20),
        hold("create beside the retention: p99", pick(waits, 0.99) * 1e3, "ms", below=20),
    ]


async def _call(service: Service, waits: list[float]) -> None:
    while True:
        began = perf_counter()
        await service.store.write(LOCAL_PERSON, lambda work: create_task(work, CreateTask(title="Beside it")))
        waits.append(perf_counter() - began)
        await asyncio.sleep(PAUSE)


async def _fill(service: Service, events: int) -> None:
    """Record events of a month ago, published and reacted to by everything."""
    at = write_instant(service.store.clock.now() - timedelta(days=30))
    for first in range(0, events, CHUNK):
        ids = [f"{number:036}" for number in range(first, min(first + CHUNK, events))]

        def write(connection: Connection, ids: list[str] = ids) -> None:
            told = [{"consumer": each.name, "event_id": key} for key in ids for each in REACTIONS]
            connection.execute(insert(table_of(OutboxEntry)), [_make_event(key, at) for key in ids])
            connection.execute(insert(table_of(InboxEntry)), [{**each, "processed_at": at} for each in told])
            kept = [{**each, "task_id": each["event_id"], "attempts": 0, "delivered_at": at} for each in told]
            connection.execute(insert(table_of(Delivery)), kept)

        await service.database.write(write)


def _make_event(key: str, at: str) -> dict[str, object]:
    return {
        "event_id": key,
        "event_type": "reminder.due",
        "user_id": "local",
        "task_id": key,
        "version": 1,
        "payload": NOTES,
        "recorded_at": at,
        "attempts": 0,
        "published_at": at,
    }
