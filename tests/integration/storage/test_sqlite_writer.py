"""The SQLite side of the database port: batches, answers, reads, checkpoints."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError

import app.storage.sqlite_writer
from app.storage.sqlite_writer import SqliteDatabase
from tests.integration.storage.databases import (
    Gate,
    add,
    refuse_after,
    schema,
    seen_by_stranger,
    size,
    statements,
    stranger,
    ticks,
    until,
    words,
)
from todo.errors import StorageUnavailable

PROMISES = ("commit-before-answer",)

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]


async def test_one_tick_is_one_commit(db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    # The time of a batch is the subject of the next test.
    monkeypatch.setattr(app.storage.sqlite_writer, "GATHER", 60.0)
    seen = statements(db)
    names = [f"w{i}" for i in range(40)]
    assert await asyncio.gather(*(db.write(add(name)) for name in names)) == names
    assert seen.count("COMMIT") == seen.count("BEGIN IMMEDIATE") == 1
    assert not [s for s in seen if s.startswith("ROLLBACK")]
    assert await db.read(words) == names


async def test_a_batch_ends_after_its_time(db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.storage.sqlite_writer, "GATHER", 0.0)
    seen = statements(db)
    await asyncio.gather(*(db.write(add(f"w{i}")) for i in range(5)))
    assert seen.count("COMMIT") == 5


async def test_one_that_fails_leaves_its_neighbours_whole(db: SqliteDatabase) -> None:
    seen = statements(db)
    answers = await asyncio.gather(
        db.write(add("a")), db.write(refuse_after("b")), db.write(add("a")), db.write(add("c")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [str, ValueError, IntegrityError, str]
    assert seen.count("COMMIT") == 1
    assert await db.read(words) == ["a", "c"]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_an_answer_finds_its_work_committed(db: SqliteDatabase, path: Path, in_thread: bool) -> None:
    db._commit_cost = 10.0 if in_thread else 0.0
    for i in range(20):
        word = await db.write(add(f"w{i}"))
        assert seen_by_stranger(path)[-1] == word
        with pytest.raises(ValueError, match="no"):
            await db.write(refuse_after("no"))


async def test_no_answer_while_the_commit_runs(db: SqliteDatabase, path: Path) -> None:
    db._commit_cost = 10.0  # a slow disk: commits run in the thread
    gate = Gate()
    assert db._writer
    db._writer.raw.set_trace_callback(lambda statement: gate.wait() if statement == "COMMIT" else None)
    calls = [asyncio.create_task(db.write(case)) for case in (add("a"), refuse_after("b"))]
    await until(gate.reached.is_set)
    later = asyncio.create_task(db.write(add("c")))
    await ticks()
    assert not any(call.done() for call in calls)
    assert await db.read(words) == seen_by_stranger(path) == []
    gate.open.set()
    answers = await asyncio.gather(*calls, later, return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, ValueError, str]


async def test_a_caller_that_goes_away_harms_nobody(db: SqliteDatabase) -> None:
    calls = [asyncio.create_task(db.write(add(word))) for word in "abc"]
    await asyncio.sleep(0)
    calls[1].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2]] == ["a", "c"]
    assert await db.read(words) == ["a", "b", "c"]


def ends_a_query(connection: Connection) -> None:
    words(connection)
    connection.commit()


async def test_a_query_cannot_spoil_the_next_one(db: SqliteDatabase) -> None:
    for read in (db.read, db.read_apart):
        with pytest.raises(RuntimeError):
            await read(ends_a_query)
        assert await read(words) == []


async def test_changes_are_seen_from_outside(db: SqliteDatabase, path: Path) -> None:
    db.seen_from_outside()
    assert not db.seen_from_outside()
    await db.write(add("a"))
    assert db.seen_from_outside()
    await db.read(words)
    assert not db.seen_from_outside()
    with stranger(path) as raw:
        raw.execute("INSERT INTO note (word) VALUES ('b')")
    assert db.seen_from_outside()
    assert not db.seen_from_outside()


async def test_reads_go_on_during_a_long_write(db: SqliteDatabase) -> None:
    gate = Gate()

    def long(connection: Connection) -> str:
        add("long")(connection)
        gate.wait()
        return "long"

    apart = asyncio.create_task(db.write_apart(long))
    await until(gate.reached.is_set)
    behind = asyncio.create_task(db.write(add("behind")))
    assert await db.read(words) == await db.read_apart(words) == []
    await ticks()
    assert not apart.done()
    assert not behind.done()
    gate.open.set()
    assert [await apart, await behind] == ["long", "behind"]
    assert await db.read(words) == ["long", "behind"]


async def test_reads_are_one_snapshot_and_cannot_write(db: SqliteDatabase, path: Path) -> None:
    def twice(connection: Connection) -> bool:
        before = words(connection)
        with stranger(path) as raw:
            raw.execute("INSERT INTO note (word) VALUES (?)", (f"s{len(before)}",))
        return before == words(connection)

    assert await db.read(twice)
    assert await db.read_apart(twice)
    for read in (db.read, db.read_apart):
        with pytest.raises(StorageUnavailable):
            await read(add("x"))
        assert await read(words) == ["s0", "s1"]
        with pytest.raises(DatabaseError, match="no such table"):
            await read(lambda connection: connection.exec_driver_sql("SELECT * FROM nowhere"))


async def test_the_wal_is_copied_in_the_background(db: SqliteDatabase, path: Path) -> None:
    await db.write(add("big", 5 << 20))
    await until(lambda: db._checkpoint is not None and db._checkpoint.done())
    assert size(path) > 5 << 20
    await db.write(add("small"))
    assert size(path.with_name("todo.db-wal")) < 4 << 20


async def test_a_large_wal_restarts(db: SqliteDatabase, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.storage.sqlite_writer, "WAL_RESTART", 4 << 20)
    await db.write(add("big", 5 << 20))
    await db.write(add("small"))
    assert db._checkpoint is None
    assert size(path.with_name("todo.db-wal")) < 4 << 20
    assert size(path) > 5 << 20


async def test_an_answered_write_survives_a_power_cut(db: SqliteDatabase) -> None:
    for pragma, value in (("synchronous", 2), ("journal_mode", "wal"), ("wal_autocheckpoint", 0), ("foreign_keys", 1)):
        ask = f"PRAGMA {pragma}"
        got = await db.write(lambda connection, ask=ask: connection.exec_driver_sql(ask).scalar_one())  # type: ignore[misc]
        assert got == value


async def test_a_cursor_left_open_does_not_stop_the_writer(db: SqliteDatabase, path: Path) -> None:
    await db.write(add("a"))
    await db.write(add("b"))
    left = await db.write(lambda c: c.exec_driver_sql("SELECT word FROM note"))
    with stranger(path) as raw:
        raw.execute("INSERT INTO note (word) VALUES ('theirs')")
    assert await db.write(add("c")) == "c"
    del left


class Abort(BaseException):
    """An error that no use case should raise, such as an interrupt."""


async def test_nobody_waits_for_ever_after_an_interrupt(db: SqliteDatabase) -> None:
    def abort(connection: Connection) -> None:
        raise Abort

    calls = [asyncio.ensure_future(db.write(case)) for case in (add("a"), abort, add("b"))]
    await asyncio.sleep(0)
    drainer = db._drainer
    assert drainer
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(Abort):
            await drainer
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
    await db.write(add("c"))
    assert await db.read(words) == ["c"]


async def test_close_leaves_an_empty_wal_to_others(path: Path) -> None:
    db = SqliteDatabase(path)
    await db.open()
    await db.write(schema)
    with stranger(path) as raw:
        raw.execute("SELECT * FROM note").fetchall()
        await db.close()
        assert size(path.with_name("todo.db-wal")) == 0


async def test_close_finishes_the_queue_and_refuses_what_comes_after(path: Path) -> None:
    db = SqliteDatabase(path)
    await db.open()
    await db.write(schema)
    calls = [asyncio.create_task(db.write(add(word))) for word in "ab"]
    await asyncio.sleep(0)
    await db.close()
    assert await asyncio.gather(*calls) == ["a", "b"]
    for attempt in (db.write(add("c")), db.read(words), db.read_apart(words)):
        with pytest.raises(StorageUnavailable, match="stopping"):
            await attempt
    assert not db.seen_from_outside()
    assert not path.with_name("todo.db-wal").exists()
    assert seen_by_stranger(path) == ["a", "b"]
