"""Rows that PostgreSQL commits out of the order of their numbers reach every stream once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from pydantic_core import from_json

from app.http.rest.feeds import Positions, Streams
from app.identity import LOCAL_PERSON
from app.resource_updates import ResourceUpdates, Subscribers
from events.positions import MAY_COME_LATE, Position, read_position
from tests.integration.event_path.dapr_worlds import SUCCESS, deliver, make_event
from tests.world import World
from todo.activity.feeds import newest_positions, newest_rows

pytestmark = [pytest.mark.anyio, pytest.mark.database("postgresql")]


@asynccontextmanager
async def overtaking(dapr: World) -> AsyncIterator[None]:
    """Let one event's reactions wait with their row numbers while a later event's are committed."""
    other, before = await make_event(dapr, "before")
    assert await deliver(dapr, other, before) == SUCCESS  # the day now has a row that can be held
    await dapr.rest.patch(f"/tasks/{before['data']['task_id']}", json={"title": "second"})
    second = (await dapr.events())[-1]
    created, first = await make_event(dapr, "first")
    holder = await asyncpg.connect(dapr.service.settings.database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT * FROM day_count FOR UPDATE")
            waiting = asyncio.create_task(deliver(dapr, created, first))
            while not await holder.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                await asyncio.sleep(0)
            assert await deliver(dapr, "/events/task-updated", second) == SUCCESS
            yield
        assert await waiting == SUCCESS
    finally:
        await holder.close()


async def read_frames(dapr: World, position: Positions, count: int) -> tuple[list[str], str]:
    """Return the texts of that many activity frames, and the id of the last frame."""
    texts: list[str] = []
    frames = Streams().follow(dapr.service.store, LOCAL_PERSON, position)
    last = ""
    async for frame in frames:
        if b"event: activity" in frame:
            texts.append(from_json(frame.partition(b"data: ")[2])["text"])
            last = re.findall(r"id: (\S+)", frame.decode())[0]
        if len(texts) == count or frame.startswith(b": still"):
            break
    await frames.aclose()  # type: ignore[attr-defined]  # a generator
    return texts, last


def read_id(text: str) -> Positions:
    rang, happened = map(read_position, text.split("-"))
    assert rang is not None
    assert happened is not None
    return rang, happened


async def start_of(dapr: World) -> Positions:
    return await dapr.service.store.read(LOCAL_PERSON, newest_positions)


async def test_f1_a_stream_brings_the_row_that_is_committed_late(dapr: World) -> None:
    begin: Positions = (Position(), Position())
    async with overtaking(dapr):
        early, last = await read_frames(dapr, begin, 2)
        joined = await start_of(dapr)
    assert [text.split()[0] for text in early] == ["Created", "Changed"]
    for known in (read_id(last), joined):
        late, after = await read_frames(dapr, known, 1)
        assert late == ['Created "first"']
        assert (await dapr.service.store.read(LOCAL_PERSON, lambda work: newest_positions(work)[1].last)) == 3
        assert read_id(after)[1] == Position(3)


async def test_f1_resource_updates_name_the_task_that_is_committed_late(dapr: World) -> None:
    heard: list[Any] = []
    bus = Subscribers()
    bus.subscribe(heard.append)
    updates = ResourceUpdates(dapr.service.database, bus, dapr.clock)
    begin = await updates._find_end()
    async with overtaking(dapr):
        seen = await updates._publish_after(begin)
        del heard[:]
        assert await updates._publish_after(seen) == seen
        assert heard == []
    await updates._publish_after(seen)
    assert len(heard) == 3, "the task and the two lists that may hold it"


async def test_f1_a_late_row_wakes_the_other_processes(dapr: World) -> None:
    async with overtaking(dapr):
        before = await dapr.service.database.read(newest_rows)
    assert await dapr.service.database.read(newest_rows) != before


def test_positions_are_written_and_read_back() -> None:
    for position in (Position(), Position(7), Position(9, frozenset({4, 6}))):
        assert read_position(str(position)) == position
    far = 10_000
    assert read_position(f"{far}.3.9999") == Position(far, frozenset({9_999}))
    too_many = ".".join(["9"] * (MAY_COME_LATE + 2))
    for text in ("", "x", "1.", "-1", "²", "9" * 19, too_many):
        assert read_position(text) is None
