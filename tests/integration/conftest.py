"""A database file, and the SQLite side of the port opened on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database import SqliteDatabase
from tests.integration.databases import opened, schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "todo.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[SqliteDatabase]:
    async with opened(path, wait_limit=0.2) as database:
        await database.write(schema)
        yield database
