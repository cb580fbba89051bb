"""A SQLite database with a table of notes, another program on its file, and waits, for the tests of the port."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from app.storage.sqlite_writer import SqliteDatabase


@contextlib.asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, **options)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, word TEXT UNIQUE, body BLOB)")
    connection.exec_driver_sql("CREATE TABLE child (parent INTEGER REFERENCES note DEFERRABLE INITIALLY DEFERRED)")


def add(word: str, size: int = 0) -> Callable[[Connection], str]:
    def use_case(connection: Connection) -> str:
        connection.exec_driver_sql("INSERT INTO note (word, body) VALUES (?, zeroblob(?))", (word, size))
        return word

    return use_case


def words(connection: Connection) -> list[str]:
    return [row[0] for row in connection.exec_driver_sql("SELECT word FROM note ORDER BY id").all()]


def refuse_after(word: str) -> Callable[[Connection], str]:
    def use_case(connection: Connection) -> str:
        add(word)(connection)
        raise ValueError(word)

    return use_case


@contextlib.contextmanager
def stranger(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as raw:
        yield raw


def seen_by_stranger(path: Path) -> list[str]:
    with stranger(path) as raw:
        return [row[0] for row in raw.execute("SELECT word FROM note ORDER BY id")]


def move(old: Path, new: Path) -> None:
    old.rename(new)


def size(path: Path) -> int:
    return path.stat().st_size


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def ticks(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def statements(db: SqliteDatabase) -> list[str]:
    seen: list[str] = []
    assert db._writer
    db._writer.raw.set_trace_callback(seen.append)
    return seen


class Gate:
    """Holds a thread back until the test opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.open.wait(10)
