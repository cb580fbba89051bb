"""Foreign locks and disk faults are reported and survived, and leave nothing half-done."""

import asyncio
import contextlib
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

import app.storage.sqlite_writer
from app.storage.sqlite_writer import SqliteDatabase
from tests.disks import mount_small_disk
from tests.integration.storage.databases import add, move, opened, schema, seen_by_stranger, stranger, until, words
from todo.errors import StorageUnavailable

PROMISES = ("storage-faults",)

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]


async def test_a_lock_of_another_process_is_waited_for(path: Path) -> None:
    async with opened(path, wait_limit=10) as db:
        await db.write(schema)
        with stranger(path) as raw:
            raw.execute("BEGIN IMMEDIATE")
            call = asyncio.create_task(db.write(add("a")))
            await until(lambda: db._foreign_until > 0)
            assert await db.read(words) == []  # the loop and its reads go on
            assert not call.done()
            raw.execute("ROLLBACK")
            async with asyncio.timeout(5):
                assert await call == "a"


async def test_a_lock_held_too_long_is_said(db: SqliteDatabase, path: Path) -> None:
    loop = asyncio.get_running_loop()
    with stranger(path) as raw:
        raw.execute("BEGIN IMMEDIATE")
        start = loop.time()
        answers = await asyncio.gather(db.write(add("a")), db.write_apart(add("b")), return_exceptions=True)
        assert 0.2 <= loop.time() - start < 2
        raw.execute("ROLLBACK")
    assert [str(answer) for answer in answers] == [
        "storage_unavailable: Another process holds the database. Try again in a moment."
    ] * 2
    await db.write(add("c"))
    assert await db.read(words) == ["c"]


async def test_the_lock_is_left_to_others_for_a_while(db: SqliteDatabase, path: Path) -> None:
    loop = asyncio.get_running_loop()
    with stranger(path) as raw:
        raw.execute("INSERT INTO note (word) VALUES ('theirs')")
    await db.write(add("first"))  # notices that another program wrote
    start = loop.time()
    for i in range(10):
        await db.write(add(f"w{i}"))
    assert loop.time() - start >= 10 * app.storage.sqlite_writer.FOREIGN_GAP


async def test_a_full_database_harms_only_whom_it_must(db: SqliteDatabase) -> None:
    assert db._writer
    raw = db._writer.raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count={pages + 4}")
    runs: list[str] = []

    def noted(word: str, size: int = 0) -> Callable[[Connection], str]:
        def use_case(connection: Connection) -> str:
            runs.append(word)
            return add(word, size)(connection)

        return use_case

    answers = await asyncio.gather(
        db.write(noted("a")), db.write(noted("big", 1 << 20)), db.write(noted("c")), return_exceptions=True
    )
    assert [answers[0], answers[2]] == ["a", "c"]
    assert str(answers[1]) == "storage_unavailable: The disk is full. Free some space, then try again."
    assert runs == ["a", "big", "a", "big", "c"]  # the failed batch, then each alone; `c` had not begun
    assert await db.read(words) == ["a", "c"]
    raw.execute("PRAGMA max_page_count=100000")
    await db.write(add("big", 1 << 20))
    assert await db.read(words) == ["a", "c", "big"]


async def test_a_commit_that_fails_is_run_again_one_by_one(db: SqliteDatabase) -> None:
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO child VALUES (99)")  # refused only by the COMMIT

    answers = await asyncio.gather(db.write(add("a")), db.write(orphan), db.write(add("b")), return_exceptions=True)
    assert [answers[0], answers[2]] == ["a", "b"]
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert await db.read(words) == ["a", "b"]


async def test_a_use_case_that_loses_the_transaction_is_alone_in_it(db: SqliteDatabase) -> None:
    def loses(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise ValueError("lost")

    answers = await asyncio.gather(db.write(add("a")), db.write(loses), db.write(add("b")), return_exceptions=True)
    assert [answers[0], str(answers[1]), answers[2]] == ["a", "lost", "b"]
    assert await db.read(words) == ["a", "b"]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with mount_small_disk("1m") as folder:
        yield folder


async def test_a_full_disk_is_said_and_survived(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    async with opened(small_disk / "todo.db") as db:
        await db.write(schema)
        ballast.write_bytes(bytes(300_000))
        kept: list[str] = []
        refused = None
        while refused is None and len(kept) < 100:
            word = f"w{len(kept)}"
            try:
                kept.append(await db.write(add(word, 30_000)))
            except StorageUnavailable as error:
                refused = error
        assert refused
        assert refused.sentence in {"The disk is full.", "The disk reported an error."}
        with pytest.raises(StorageUnavailable):
            await db.write_apart(add("large", 300_000))
        assert await db.read(words) == kept
        ballast.unlink()
        kept.append(await db.write(add("after", 30_000)))
        assert await db.read(words) == kept
    assert seen_by_stranger(small_disk / "todo.db") == kept


@contextlib.contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Become a user who may only read: file permissions do not stop root."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.chmod(0o644)


async def test_a_read_only_file_is_said_and_survived() -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    try:
        path = folder / "todo.db"
        async with opened(path) as owner:
            await owner.write(schema)
            await owner.write(add("a"))
            db = SqliteDatabase(path)
            with nobody(folder):
                await db.open()
                for write in (db.write, db.write_apart):
                    with pytest.raises(StorageUnavailable, match=r"The database file is read-only\."):
                        await write(add("b"))
                assert await db.read(words) == ["a"]
            await db.write(add("c"))
            assert await db.read(words) == ["a", "c"]
            await db.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def no_database(path: Path) -> Path:
    path.write_bytes(b"not a database, only words " * 1000)
    return path


async def test_a_file_that_is_not_a_database_is_reported(no_database: Path) -> None:
    path = no_database
    db = SqliteDatabase(path)
    with pytest.raises(StorageUnavailable, match=r"damaged.*restore a backup"):
        await db.open()
    move(path, path.with_name("bad.db"))
    await db.open()  # recovers once the file is well
    await db.write(schema)
    await db.close()


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "gone" / "todo.db")
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        await db.open()
    await db.close()


async def test_a_damaged_table_is_said_and_the_others_live(path: Path) -> None:
    async with opened(path) as db:
        await db.write(schema)
        await db.write(lambda connection: connection.exec_driver_sql("CREATE TABLE well (x)").close())
        await db.write(add("a"))
    with stranger(path) as raw:
        page = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'note'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)

    def other(connection: Connection) -> str:
        connection.exec_driver_sql("INSERT INTO well VALUES (1)")
        return "well"

    async with opened(path) as db:
        answers = await asyncio.gather(db.write(other), db.write(add("b")), db.write(other), return_exceptions=True)
        assert [answers[0], answers[2]] == ["well", "well"]
        assert isinstance(answers[1], StorageUnavailable)
        for read in (db.read, db.read_apart):
            with pytest.raises(StorageUnavailable, match=r"damaged.*restore a backup"):
                await read(words)
        count = await db.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM well").scalar_one())
        assert count == 2


async def test_a_file_that_was_moved_takes_no_writes(db: SqliteDatabase, path: Path) -> None:
    away = path.with_name("away.db")
    move(path, away)
    with pytest.raises(StorageUnavailable, match="moved, deleted or replaced"):
        await db.write(add("lost"))
    move(away, path)
    await db.write(add("kept"))
    assert seen_by_stranger(path) == ["kept"]


CHILD = """
import asyncio, pathlib, sys
from app.storage.sqlite_writer import SqliteDatabase

async def main(path, name, calls):
    db = SqliteDatabase(pathlib.Path(path))
    await db.open()
    print("ready", flush=True)
    sys.stdin.readline()
    async def work(start):
        for i in range(start, int(calls), 8):
            await db.write(lambda c: c.exec_driver_sql("INSERT INTO note (word) VALUES (?)", (f"{name}{i}",)).close())
    await asyncio.gather(*(work(start) for start in range(8)))
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_two_processes_write_one_file_side_by_side(db: SqliteDatabase, path: Path) -> None:
    # Many, since a new process is noticed only at its first commit; measured: 10 to 50 ms.
    calls = 4000
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(path), name, str(calls)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in "xy"
    ]
    async with asyncio.timeout(30):
        for child in children:
            assert child.stdout
            assert await child.stdout.readline() == b"ready\n"
        for child in children:
            assert child.stdin
            child.stdin.write(b"\n")
        await asyncio.gather(*(child.communicate() for child in children))
    assert [child.returncode for child in children] == [0, 0]
    order = [word[0] for word in await db.read(words)]
    assert order.count("x") == order.count("y") == calls
    # Both make progress: neither waits until the other is done.
    turns = sum(a != b for a, b in itertools.pairwise(order))
    assert turns >= 10
