"""Fixtures of the integration tests: a SQLite database, a second process on the world, and a world on Dapr."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.storage.sqlite_writer import SqliteDatabase
from events.catalog import EventType
from events.consumer import Consumer
from tests.integration.event_path.dapr_worlds import Fragile, open_dapr
from tests.integration.storage.databases import opened, schema
from tests.world import World, open_world
from todo.activity.reactions import REACTIONS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "todo.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[SqliteDatabase]:
    async with opened(path, wait_limit=0.2) as database:
        await database.write(schema)
        yield database


@pytest.fixture
async def second(tmp_path: Path, world: World) -> AsyncIterator[World]:
    """Another process on the world's database."""
    async with open_world(tmp_path) as opened_too:
        opened_too.ids.count = 1_000_000
        opened_too.clock.at = world.clock.at
        yield opened_too


@pytest.fixture
async def dapr(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[World]:
    async with open_dapr(tmp_path) as opened:
        yield opened


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Fragile:
    react = Fragile()
    reactions = (Consumer("fragile", frozenset(EventType), react), *REACTIONS)
    monkeypatch.setattr("app.service.REACTIONS", reactions)
    return react
