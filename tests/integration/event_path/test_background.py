"""The background work survives failures of its database and of its steps."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from app.background import Background
from app.storage.wakeup import wait_until
from events.lease import Lease
from tests.world import World
from todo.errors import StorageUnavailable

pytestmark = pytest.mark.anyio


class Failing:
    """A database that fails once with each error, for reads and for writes, and then works again."""

    def __init__(self, database: Any, errors: list[Exception]) -> None:
        self._database = database
        self._errors = {"read": list(errors), "write": list(errors)}
        self.longest_wait = 0.1

    def seen_from_outside(self) -> bool:
        return True

    async def read(self, query: Callable[[Connection], Any]) -> Any:
        return await self._call("read", query)

    async def write(self, use_case: Callable[[Connection], Any]) -> Any:
        return await self._call("write", use_case)

    async def _call(self, kind: str, function: Callable[[Connection], Any]) -> Any:
        if self._errors[kind]:
            raise self._errors[kind].pop(0)
        return await getattr(self._database, kind)(function)


async def test_no_loop_ends_for_an_error_that_nobody_thought_of(world: World) -> None:
    service = world.service
    errors = [StorageUnavailable("Away.", "Wait."), RuntimeError("nobody thought of this"), OSError("nor of this")]
    database: Any = Failing(service.database, errors)
    lease = Lease("somebody")
    parts = (service.relay, service.broker, service.sender, service.sweeper)
    background = Background(database, service.store, *parts, lease, world.clock, service.background.wakeup)
    background.start()
    try:
        async with asyncio.timeout(10):
            while not background.leads:
                await asyncio.sleep(0.02)
        assert not [task.get_name() for task in background._tasks if task.done()]
    finally:
        await background.stop()
    assert not await service.database.read(lease.is_held)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_with_the_event_is_not_swallowed(turns: int) -> None:
    news = asyncio.Event()
    ended = asyncio.Event()

    async def follow() -> None:
        try:
            while True:
                await wait_until(news, 60)
                news.clear()
        finally:
            ended.set()

    follower = asyncio.create_task(follow())
    for _ in range(3):
        await asyncio.sleep(0)
    news.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    follower.cancel()
    async with asyncio.timeout(2):
        await ended.wait()
    assert await wait_until(asyncio.Event(), 0.01) is False
