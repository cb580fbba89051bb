"""The promises of the database port on every database: atomic transactions, true answers, reads that only read."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from app.storage.port import Database
from app.storage.postgres import PostgresDatabase
from app.storage.sqlite_writer import SqliteDatabase
from tests.storage import STORAGE
from todo.errors import StorageUnavailable

PROMISES = ("commit-before-answer", "two-databases")

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

SCHEMA = "CREATE TABLE note (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"


async def open_port(folder: Path) -> Database:
    if STORAGE.kind == "sqlite":
        file = SqliteDatabase(folder / "port.db")
        await file.open()
        return file
    assert STORAGE.cluster
    server = PostgresDatabase(await STORAGE.cluster.make(f"port{abs(hash(folder))}"))
    await server.open()
    return server


@pytest.fixture
async def db(tmp_path: Path, storage: str) -> AsyncIterator[Database]:
    database = await open_port(tmp_path)
    await database.write(lambda connection: connection.exec_driver_sql(SCHEMA).close())
    yield database
    await database.close()


@pytest.fixture
async def other(tmp_path: Path, db: Database) -> AsyncIterator[Database]:
    """The same database as seen by another process."""
    database = await open_port(tmp_path)
    yield database
    await database.close()


def add(word: str) -> Callable[[Connection], str]:
    def use_case(connection: Connection) -> str:
        row = {"id": sum(word.encode()), "word": word}
        connection.execute(text("INSERT INTO note (id, word) VALUES (:id, :word)"), row)
        return word

    return use_case


def words(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(text("SELECT word FROM note ORDER BY id"))]


def refuse_after(word: str) -> Callable[[Connection], None]:
    def use_case(connection: Connection) -> None:
        add(word)(connection)
        raise ValueError(word)

    return use_case


async def test_an_answer_finds_its_work_committed(db: Database, other: Database) -> None:
    for number, write in enumerate((db.write, db.write_apart)):
        assert await write(add(f"{number}")) == f"{number}"
        assert f"{number}" in await other.read(words)


async def test_one_that_fails_leaves_its_neighbours_whole(db: Database) -> None:
    cases = [add("a"), refuse_after("b"), add("a"), add("c")]
    answers = await asyncio.gather(*(db.write(case) for case in cases), return_exceptions=True)
    kinds = [type(answer) for answer in answers]
    assert sorted(kinds[::2], key=str) == sorted([str, IntegrityError], key=str)
    assert [kinds[1], kinds[3]] == [ValueError, str]
    assert await db.read(words) == ["a", "c"]


async def test_a_long_write_that_fails_stores_nothing(db: Database) -> None:
    with pytest.raises(ValueError, match="x"):
        await db.write_apart(refuse_after("x"))
    assert await db.read(words) == []


async def test_a_caller_that_goes_away_harms_nobody(db: Database) -> None:
    calls = [asyncio.create_task(db.write(add(word))) for word in "abc"]
    await asyncio.sleep(0)
    calls[1].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2]] == ["a", "c"]
    await db.close()


def ends_aloud(connection: Connection) -> None:
    add("mine")(connection)
    connection.commit()


def ends_in_silence(connection: Connection) -> None:
    with contextlib.suppress(RuntimeError):
        ends_aloud(connection)


def leaves_a_savepoint(connection: Connection) -> None:
    connection.begin_nested()
    add("mine")(connection)


@pytest.mark.parametrize("ends", [ends_aloud, ends_in_silence, leaves_a_savepoint])
async def test_a_use_case_cannot_end_the_transaction(db: Database, ends: Callable[[Connection], None]) -> None:
    answers = await asyncio.gather(db.write(add("a")), db.write(ends), db.write(add("b")), return_exceptions=True)
    assert isinstance(answers[1], RuntimeError)
    assert await db.read(words) == ["a", "b"]


async def test_a_use_case_that_goes_on_after_a_failed_statement_is_not_called_done(db: Database) -> None:
    await db.write(add("a"))

    def goes_on(connection: Connection) -> str:
        add("b")(connection)
        with contextlib.suppress(IntegrityError):
            add("a")(connection)
        return "done"

    answer = (await asyncio.gather(db.write(goes_on), return_exceptions=True))[0]
    assert (answer == "done") == ("b" in await db.read(words))


async def test_a_savepoint_undoes_a_failed_statement_alone(db: Database) -> None:
    await db.write(add("a"))

    def goes_on(connection: Connection) -> None:
        add("b")(connection)
        with contextlib.suppress(IntegrityError), connection.begin_nested():
            add("a")(connection)

    await db.write(goes_on)
    assert await db.read(words) == ["a", "b"]


async def test_a_query_cannot_end_its_snapshot(db: Database) -> None:
    def ends(connection: Connection) -> None:
        words(connection)
        connection.commit()

    for read in (db.read, db.read_apart):
        with pytest.raises(RuntimeError):
            await read(ends)
        assert await read(words) == []


async def test_reads_cannot_write(db: Database) -> None:
    for read in (db.read, db.read_apart):
        with pytest.raises(StorageUnavailable):
            await read(add("x"))
        assert await read(words) == []


async def test_stop_iteration_reaches_its_caller(db: Database) -> None:
    with pytest.raises(RuntimeError):
        await db.write(lambda _: next(iter(())))


async def test_changes_are_seen_from_outside(db: Database, other: Database) -> None:
    db.seen_from_outside()
    await other.write(add("a"))
    assert db.seen_from_outside()


async def test_close_finishes_what_runs_and_refuses_what_comes_after(db: Database, other: Database) -> None:
    calls = [asyncio.create_task(db.write(add(word))) for word in "ab"]
    await asyncio.sleep(0)
    await db.close()
    assert await asyncio.gather(*calls) == ["a", "b"]
    for attempt in (db.write(add("c")), db.read(words), db.read_apart(words)):
        with pytest.raises(StorageUnavailable, match="stopping"):
            await attempt
    assert not db.seen_from_outside()
    assert await other.read(words) == ["a", "b"]


async def test_a_commit_during_a_read_is_not_seen_by_it(db: Database, other: Database) -> None:
    """Two queries of one read see the same snapshot, although a write is answered between them."""
    done = asyncio.Event()

    async def write() -> None:
        await other.write(add("new"))
        done.set()

    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()

    def twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = words(connection)
        if STORAGE.kind == "postgresql":  # here the loop runs during a query; on SQLite it stands still
            tasks.append(loop.create_task(write()))
            while not done.is_set():
                connection.exec_driver_sql("SELECT pg_sleep(0.002)")
        return before, words(connection)

    assert await db.read(twice) == ([], [])
    await asyncio.gather(*tasks)


async def test_x14_calls_run_in_the_order_in_which_they_came(db: Database) -> None:
    """A crowd in which everybody comes back after a moment: no newcomer overtakes those who wait."""
    came, ran = itertools.count(), list[int]()
    chance = random.Random(5)  # noqa: S311  # pauses, not secrets

    def note(ticket: int, connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1").close()
        ran.append(ticket)

    async def call_again_and_again() -> None:
        for _ in range(10):
            for _ in range(chance.randint(0, 12)):
                await asyncio.sleep(0)
            await db.write(partial(note, next(came)))

    # Opening a connection takes as long as many transactions, and the call that waits for it is passed by them.
    await asyncio.gather(*(db.write(partial(note, number)) for number in range(80)))
    ran.clear()
    await asyncio.gather(*(call_again_and_again() for _ in range(80)))
    assert len(ran) == 800
    # The transactions that run side by side may pass each other: by 27 on a machine that was very busy. Overtaken by
    # newcomers, one waits for 337 and more.
    assert max(abs(position - ticket) for position, ticket in enumerate(ran)) <= 80
