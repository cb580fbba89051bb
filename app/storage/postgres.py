"""The PostgreSQL implementation of the database port: concurrent transactions on asyncpg."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database_url import read_server_address
from app.storage.postgres_faults import (
    CROWDED,
    FAULTS,
    GONE,
    MISCONFIGURED,
    SILENT,
    is_conflict,
    is_gone,
    name_cause,
    refuse_configuration,
    sqlstate_of,
    to_refusal,
)
from app.storage.wall import EVERYBODY, SETTING, UNSEEN, WalledConnection, look_at_wall
from todo.errors import ChangedMeanwhile, StorageUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

CONNECTIONS = 10
"""Concurrent transactions of one process; further ones queue."""

STATEMENTS = 500
"""Statements that one connection keeps prepared, of each way to the driver."""

TRIES = 10
"""Attempts at a transaction that fails by conflicts with others."""

CHECK_SECONDS = 1.0
"""Longest age in seconds of the last schema check before a write."""

OLDEST = 150_000
"""The lowest supported `server_version_num`."""

LONG_SECONDS = 30.0
"""Longest time of one statement of `read_apart` and `write_apart`."""
_ALLOW_LONG = f"SET LOCAL statement_timeout = '{LONG_SECONDS:.0f}s'"
GRACE_SECONDS = 0.25
"""How much longer than the server we wait for its answer, so that the server itself ends a slow statement."""


class _CommitUnknown(Exception):
    """The connection was lost during the commit, so its outcome is unknown."""


class _Watch:
    """Ends a connection whose server has not answered for `limit` seconds: no timeout of the server's can do that."""

    def __init__(self, connection: Any, limit: float) -> None:
        self._connection, self._limit = connection, limit
        self._loop = asyncio.get_running_loop()
        self._asked = self._loop.time()
        self._handle = self._loop.call_later(limit, self._look, True)
        self.fired = False

    def note_statement(self) -> None:
        """Begin the wait for the answer to a new statement."""
        self._asked = self._loop.time()

    def stop(self) -> None:
        """Watch no longer."""
        self._handle.cancel()

    def _look(self, first: bool) -> None:  # the loop calls it by position
        left = self._asked + self._limit - self._loop.time()
        if left > 0:
            self._handle = self._loop.call_later(left, self._look, True)
        elif first:
            # If this process itself was stopped, the answer may be here already: look at it first.
            self._handle = self._loop.call_later(0.05, self._look, False)
        else:
            self.fired = True
            self._connection.terminate()


class PostgresDatabase:
    """PostgreSQL, shared with other processes; one READ COMMITTED transaction per call, retried after a conflict.

    `wait_limit` limits in seconds the wait for a connection, for a lock, and for the answer to one statement; `jitter`
    returns the pause in seconds after the attempt with the given number. `check` runs before a write, at most once a
    second, and may raise `StorageUnavailable`. With `is_walled` a person's transaction sees their rows alone, by
    row-level security; without, all run alike.
    """

    longest_wait = 2.0
    """Transactions may commit out of the order of their row numbers; after this, loops find what a wake-up missed."""

    def __init__(
        self,
        url: str,
        *,
        wait_limit: float = 5.0,
        jitter: Callable[[int], float] | None = None,
        check: Callable[[Connection], None] = lambda _: None,
        long_limit: float = LONG_SECONDS,
        is_walled: bool = False,
    ) -> None:
        chance = random.Random()  # noqa: S311 - pauses, not secrets
        self._jitter = jitter or (lambda attempt: chance.uniform(0.001, 0.005) * 2 ** min(attempt, 6))
        self._check = check
        self._checked = float("-inf")
        self._running: set[asyncio.Task[Any]] = set()
        self._inside: set[int] = set()
        self._failed: set[int] = set()
        self._watches: dict[int, _Watch] = {}
        self._wait_limit, self._long_limit = wait_limit, long_limit
        self._closed = False
        self._is_walled = is_walled
        self.wall = UNSEEN
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._engine = self._create_engine(url, wait_limit)
        self._reads = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def open(self) -> None:
        """Check the server's version and encoding; raises `StorageUnavailable` if they are unsupported."""
        version, encoding = await self.read(
            lambda connection: connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
            ).one()
        )
        if version < OLDEST or encoding != "UTF8":
            raise StorageUnavailable(
                f"This PostgreSQL is version {version // 10_000} with encoding {encoding}.",
                f"At least version {OLDEST // 10_000} and a database in UTF8 are needed.",
            )
        self.wall = await self.read(look_at_wall)

    async def write(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:
        """Run the use case in its own transaction, concurrently with others."""
        return await self._shield(self._run(self._engine, partial(self._write, use_case), person))

    async def write_apart(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:
        """Run the use case as `write` does, since every call has its own connection; its statements may take longer."""
        work = partial(self._write, partial(_run_long, use_case))
        return await self._shield(self._run(self._engine, work, person, self._long_limit))

    async def read(self, query: Callable[[Connection], T], person: str | None = None) -> T:
        """Run the query in one snapshot, in a read-only transaction."""
        return await self._shield(self._run(self._reads, partial(self._read, query), person))

    async def read_apart(self, query: Callable[[Connection], T], person: str | None = None) -> T:
        """Run the query as `read` does, since the server does the work; its statements may take longer."""
        work = partial(self._read, partial(_run_long, query))
        return await self._shield(self._run(self._reads, work, person, self._long_limit))

    def seen_from_outside(self) -> bool:
        """Return true until closed: another process may always have committed."""
        return not self._closed

    async def close(self) -> None:
        """Wait for running transactions and disconnect."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()

    def _create_engine(self, url: str, wait_limit: float) -> AsyncEngine:
        milliseconds = str(int(wait_limit * 1000))
        address = read_server_address(url)
        patience = min(wait_limit, address.connect_seconds or wait_limit)
        settings = {
            "application_name": "evolution-todo",
            **address.session,
            SETTING: EVERYBODY,
            "statement_timeout": str(int((wait_limit + GRACE_SECONDS) * 1000)),
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": "30000",
            "jit": "off",
        }

        async def connect() -> Any:
            try:
                return await asyncpg.connect(
                    address.dsn,
                    timeout=patience,
                    server_settings=settings,
                    connection_class=WalledConnection,
                    statement_cache_size=STATEMENTS,
                )
            except MISCONFIGURED as error:
                if (refusal := refuse_configuration(error)) is None:
                    raise
                raise refusal from error

        engine = create_async_engine(
            "postgresql+asyncpg://",
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=wait_limit,
            connect_args={"async_creator_fn": connect, "prepared_statement_cache_size": STATEMENTS},
        )
        event.listen(engine.sync_engine, "before_cursor_execute", self._note_statement)
        event.listen(engine.sync_engine, "commit", self._refuse_commit)
        event.listen(engine.sync_engine, "rollback", self._refuse_commit)
        event.listen(engine.sync_engine, "handle_error", self._note_failure)
        return engine

    def _refuse_commit(self, connection: Connection) -> None:
        if id(connection) in self._inside:
            raise RuntimeError("a use case may not end the transaction: the database port does")
        self._note_statement(connection)

    def _note_statement(self, connection: Connection, *_: Any) -> None:
        if (watch := self._watches.get(id(connection))) is not None:
            watch.note_statement()

    def _note_failure(self, context: ExceptionContext) -> None:
        if context.connection is not None:
            self._failed.add(id(context.connection))
            # The server announces its shutdown a moment before the connection breaks.
            if sqlstate_of(context.sqlalchemy_exception).startswith(GONE):
                context.is_disconnect = True

    async def _shield(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work to its end even if the caller is cancelled, so that the outcome of every commit is known."""
        if self._closed:
            work.close()
            raise StorageUnavailable("The service is stopping.", "Try again when it is back.")
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        """Let go of finished work; an exception that a cancelled caller left behind counts as seen."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def _run(
        self, engine: AsyncEngine, transact: Callable[[Connection], T], person: str | None, limit: float | None = None
    ) -> T:
        """Run the transaction; retry it after a conflict, and once on a new connection if the old one was lost."""
        attempt, reconnected = 0, False
        preface = self.wall.say(person if self._is_walled else None)
        while True:
            attempt += 1
            try:
                return await self._transact(engine, transact, preface, limit or self._wait_limit)
            except _CommitUnknown as error:
                raise StorageUnavailable(
                    "The database went away while the change was being saved; it may be saved or not.",
                    "Look, or repeat the call with the same request_id.",
                ) from error.__cause__
            except ChangedMeanwhile:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(self._jitter(attempt))
            except FAULTS as error:
                if is_conflict(error) and attempt < TRIES:
                    await asyncio.sleep(self._jitter(attempt))
                elif is_gone(error) and not reconnected:
                    log.warning("a connection to the database was lost (%s); going on with another", name_cause(error))
                    reconnected = True
                else:
                    raise to_refusal(error) from None

    async def _transact(
        self, engine: AsyncEngine, transact: Callable[[Connection], T], preface: str, limit: float
    ) -> T:
        """Run the transaction once; raises `StorageUnavailable` if the server does not answer."""
        await self._take_turn()
        try:
            return await self._transact_now(engine, transact, preface, limit)
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        """Wait for one of the connections in the order of arrival: the pool's own queue lets newcomers overtake."""
        try:
            async with asyncio.timeout(self._wait_limit):
                await self._turns.acquire()
        except TimeoutError:
            raise StorageUnavailable(*CROWDED) from None

    async def _transact_now(
        self, engine: AsyncEngine, transact: Callable[[Connection], T], preface: str, limit: float
    ) -> T:
        async with asyncio.timeout(self._wait_limit + GRACE_SECONDS):
            connection = await engine.connect()
        inner = connection.sync_connection
        assert inner is not None  # noqa: S101  # it is open
        driver = _driver_of(inner)
        driver.after_begin = preface
        watch = _Watch(driver, limit + 2 * GRACE_SECONDS)
        self._watches[id(inner)] = watch
        driver.note_statement, driver.has_failed = watch.note_statement, False
        try:
            return await connection.run_sync(transact)
        except FAULTS as error:
            if watch.fired:
                raise StorageUnavailable(*SILENT) from error
            raise
        finally:
            try:
                await connection.close()
            finally:
                watch.stop()
                del self._watches[id(inner)]

    def _read(self, query: Callable[[Connection], T], connection: Connection) -> T:
        transaction = connection.begin()
        try:
            return self._run_inside(connection, query)
        finally:
            transaction.close()

    def _write(self, use_case: Callable[[Connection], T], connection: Connection) -> T:
        transaction = connection.begin()
        try:
            value = self._run_inside(connection, partial(self._check_and_run, use_case))
            if id(connection) in self._failed or _driver_of(connection).has_failed:
                # A statement failed and the use case continued. Unless it rolled back to a savepoint, COMMIT would roll
                # everything back and report success; this statement raises instead.
                connection.exec_driver_sql("SELECT 1")
            if connection.get_transaction() is not transaction or not transaction.is_active:
                raise RuntimeError("a use case left the transaction in disorder")
            if connection.in_nested_transaction():
                raise RuntimeError("a use case left a savepoint open")
        except BaseException:
            transaction.close()
            raise
        try:
            transaction.commit()
        except FAULTS as error:
            if is_gone(error):
                raise _CommitUnknown from error
            raise
        return value

    def _check_and_run(self, use_case: Callable[[Connection], T], connection: Connection) -> T:
        now = asyncio.get_running_loop().time()
        if now - self._checked >= CHECK_SECONDS:
            self._check(connection)
            self._checked = now
        return use_case(connection)

    def _run_inside(self, connection: Connection, function: Callable[[Connection], T]) -> T:
        key = id(connection)
        self._failed.discard(key)
        self._inside.add(key)
        try:
            return function(connection)
        except FAULTS as error:
            if is_gone(error):  # of a statement of the hot path SQLAlchemy would not know
                connection.invalidate(error)
            raise
        finally:
            self._inside.discard(key)


def _driver_of(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _run_long(function: Callable[[Connection], T], connection: Connection) -> T:
    connection.exec_driver_sql(_ALLOW_LONG)
    return function(connection)
