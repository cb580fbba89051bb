"""The alerts that matter fire on a real scrape when the fault is played, and end with it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from events.lease import Lease
from tests.integration.channels.receivers import Web, answer, make
from tests.long import LONG
from tests.observe import Scrapes, run_promtool
from tests.world import World
from todo.errors import StorageUnavailable

PROMISES = ("alerts",)

pytestmark = pytest.mark.anyio


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture
async def scrapes(world: World) -> Scrapes:
    """A service whose background work is done: the tests do it."""
    await world.service.database.write(Lease("test", ttl_ms=600_000).acquire)
    made = Scrapes(world)
    await made.go_on(minutes=6)
    assert made.list_firing() == [], "a healthy service alarms nobody"
    return made


def judge(scrapes: Scrapes, firing: str, folder: Path) -> None:
    """Expect one alert to fire and no other; with `--long` ask promtool as well."""
    assert scrapes.list_firing() == [firing]
    if LONG:
        run_promtool("test", "rules", scrapes.write_test(folder, firing))


async def test_events_that_wait(scrapes: Scrapes, world: World, tmp_path: Path) -> None:
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    await scrapes.go_on(minutes=1.5)
    assert scrapes.list_firing() == []
    await scrapes.go_on(minutes=1)
    judge(scrapes, "TodoEventsWait", tmp_path)
    await world.settle()
    await scrapes.go_on(minutes=0.5)
    assert scrapes.list_firing() == []


async def test_reminders_that_are_late(scrapes: Scrapes, world: World, tmp_path: Path) -> None:
    reminders = [{"at": "2026-11-23T10:07"}]
    made = await world.rest.post("/tasks", json={"title": "Buy milk", "reminders": reminders})
    assert made.status_code == 201
    await world.settle()
    await scrapes.go_on(minutes=1.5)
    assert scrapes.list_firing() == []
    await scrapes.go_on(minutes=1)
    judge(scrapes, "TodoRemindersLate", tmp_path)
    await world.tick(seconds=1)
    await scrapes.go_on(minutes=0.5)
    assert scrapes.list_firing() == []


async def test_background_work_that_no_process_does(scrapes: Scrapes, world: World, tmp_path: Path) -> None:
    await world.service.database.write(Lease("test").release)
    await scrapes.go_on(minutes=1)
    judge(scrapes, "TodoRemindersLate", tmp_path)


async def test_deliveries_that_fail(scrapes: Scrapes, world: World, web: Web, tmp_path: Path) -> None:
    web.replies["hooks.example"] = answer(503)
    await make(world, kind="webhook", address="https://hooks.example/x")
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    await world.settle()
    for _ in range(8):
        await world.send()
        await scrapes.go_on(minutes=2)
    judge(scrapes, "TodoDeliveriesFail", tmp_path)
    assert len(web.asked) > 1, "it was tried again and again"
    web.replies.clear()
    world.clock.move(hours=1)
    await world.send()
    await scrapes.go_on(minutes=0.5)
    assert scrapes.list_firing() == []


async def test_a_disk_that_fills_up(scrapes: Scrapes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(10**10, 95 * 10**8, 5 * 10**8))
    await scrapes.go_on(minutes=1)
    assert scrapes.list_firing() == []
    await scrapes.go_on(minutes=0.25)
    judge(scrapes, "TodoDiskFull", tmp_path)


async def test_a_database_that_is_away(
    scrapes: Scrapes, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_given: object) -> None:
        raise StorageUnavailable("The database is away.", "Wait.")

    with monkeypatch.context() as away:
        away.setattr(type(world.service.database), "read", refuse)
        await scrapes.go_on(minutes=1.25)
    judge(scrapes, "TodoDiskFull", tmp_path)
