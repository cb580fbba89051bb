"""The SQLite implementation of the database port: one writer on the event loop that commits in batches."""

import asyncio
import contextlib
import random
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.storage.sqlite import FAULTS, WAL_PASSIVE, Handle, SqliteFile, is_busy, is_full, to_refusal
from todo.errors import StorageUnavailable

T = TypeVar("T")

GATHER = 0.005
"""Seconds of work after which a batch accepts no further call."""

SLOW_COMMIT = 0.002
"""Average commit time in seconds from which commits run in a thread instead of on the loop."""
# Measured (4 inserts per call, fdatasync 0.25 ms): commit on the loop / in a thread: 16 writers 17,700 / 16,900 calls/s
# and 42 / 44 us CPU per call; one writer alone 3,270 / 2,170 calls/s and 161 / 260 us.

FOREIGN_MEMORY = 2.0
"""Seconds for which another process counts as writing after its last write."""

FOREIGN_GAP = 0.001
"""Seconds for which the lock stays free between two batches while another process writes."""

WAL_RESTART = 64 << 20
"""Bytes of WAL from which writers wait for a full checkpoint, so that the WAL restarts."""


class _BatchVoid(Exception):
    """The batch cannot be committed because of `cause`."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


@dataclass(slots=True)
class _Call:
    use_case: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    since: float
    apart: bool


@dataclass(slots=True)
class _Outcome:
    call: _Call
    value: Any = None
    refusal: Exception | None = None

    def deliver(self) -> None:
        # The future of a cancelled caller is done: its write stands, and its answer is dropped.
        if self.call.answer.done():
            return
        if self.refusal is None:
            self.call.answer.set_result(self.value)
        elif isinstance(self.refusal, StopIteration):  # the one exception that a future rejects
            self.call.answer.set_exception(RuntimeError("a use case raised StopIteration"))
        else:
            self.call.answer.set_exception(self.refusal)


class SqliteDatabase:
    """SQLite in WAL mode, shared with other processes; the writes of one loop tick share one commit.

    `wait_limit` limits in seconds the wait for another process's lock; `jitter` returns the pause in seconds between
    two attempts. `check` runs before a batch if another process has written, and may raise `StorageUnavailable` to stop
    all writing.
    """

    longest_wait = 30.0

    def __init__(
        self,
        path: Path,
        *,
        wait_limit: float = 5.0,
        jitter: Callable[[], float] | None = None,
        check: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        chance = random.Random()  # noqa: S311 - pauses, not secrets
        self._file = SqliteFile(path)
        self._wait_limit = wait_limit
        self._jitter = jitter or (lambda: chance.uniform(0.0005, 0.002))
        self._writing = ThreadPoolExecutor(1, "sqlite-write")
        self._reading = ThreadPoolExecutor(2, "sqlite-read")
        self._checkpointing = ThreadPoolExecutor(1, "sqlite-checkpoint")
        self._queue: deque[_Call] = deque()
        self._drainer: asyncio.Task[None] | None = None
        self._checkpoint: asyncio.Future[None] | None = None
        self._next_checkpoint = WAL_PASSIVE
        self._writer: Handle | None = None
        self._reader: Handle | None = None
        self._watcher: Handle | None = None
        self._idle: deque[Handle] = deque()
        self._commit_cost = 0.0
        self._foreign_until = 0.0
        self._check = check
        self._check_pending = False
        self._lock_free_since = 0.0
        self._closed = False

    async def open(self) -> None:
        """Open or create the file; raises `StorageUnavailable` if that fails, and may then be called again."""
        deadline = self._deadline()
        while self._watcher is None:
            try:
                self._writer = self._writer or self._file.writer()
                self._reader = self._reader or self._file.reader()
                self._watcher = self._file.reader()
            except FAULTS as error:
                await self._pause_or_raise(error, deadline)

    async def write(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:  # noqa: ARG002  # the queries see to it
        """Queue the use case for the next batch."""
        return await self._enqueue(use_case, apart=False)

    async def write_apart(self, use_case: Callable[[Connection], T], person: str | None = None) -> T:  # noqa: ARG002  # the queries see to it
        """Queue the use case to run in a thread, alone in its transaction."""
        return await self._enqueue(use_case, apart=True)

    async def read(self, query: Callable[[Connection], T], person: str | None = None) -> T:  # noqa: ARG002  # the queries see to it
        """Run the query on the event loop, in one snapshot."""
        deadline = self._deadline()
        while True:
            try:
                self._reader = self._file.reader(self._reader)
                return self._reader.query(query)
            except FAULTS as error:
                if self._reader and not is_busy(error):
                    self._reader.close()
                    self._reader = None
                await self._pause_or_raise(error, deadline)

    async def read_apart(self, query: Callable[[Connection], T], person: str | None = None) -> T:  # noqa: ARG002  # the queries see to it
        """Run the query in one of two threads, in one snapshot."""
        deadline = self._deadline()
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self._reading, self._read_in_thread, query)
            except FAULTS as error:
                await self._pause_or_raise(error, deadline)

    def seen_from_outside(self) -> bool:
        """Return whether any connection, including our own writer, committed since the last call."""
        if self._watcher is None:
            return False
        try:
            return self._watcher.changed()
        except sqlite3.Error:
            return False  # the next call still sees the change

    async def close(self) -> None:
        """Finish the queue, copy the WAL into the file unless another process blocks it, and close everything."""
        self._closed = True
        for work in (self._drainer, self._checkpoint):
            if work:
                await asyncio.wait([work])
        if self._writer:
            await self._in_thread(self._run_checkpoint, self._writer, "TRUNCATE")
        for pool in (self._reading, self._checkpointing, self._writing):
            await asyncio.to_thread(pool.shutdown)
        for handle in filter(None, (self._reader, self._watcher, *self._idle, self._writer)):
            handle.close()
        self._idle.clear()
        self._reader = self._watcher = self._writer = None

    def _deadline(self) -> float:
        if self._closed:
            raise StorageUnavailable("The service is stopping.", "Try again when it is back.")
        return asyncio.get_running_loop().time() + self._wait_limit

    async def _pause_or_raise(self, error: Exception, deadline: float) -> None:
        """Pause if another connection's lock caused the error and `deadline` (loop time) is not reached; else raise."""
        if not is_busy(error) or asyncio.get_running_loop().time() >= deadline:
            raise to_refusal(error)
        await asyncio.sleep(self._jitter())

    def _read_in_thread(self, query: Callable[[Connection], T]) -> T:
        handle: Handle | None = None
        with contextlib.suppress(IndexError):
            handle = self._idle.pop()
        handle = self._file.reader(handle)
        try:
            value = handle.query(query)
        except BaseException:
            handle.close()
            raise
        self._idle.append(handle)
        return value

    # Writing: a single task drains the queue, which serialises the writes of this process.

    async def _enqueue(self, use_case: Callable[[Connection], T], *, apart: bool) -> T:
        self._deadline()  # raises once closed
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append(_Call(use_case, answer, loop.time(), apart))
        if self._drainer is None:
            self._drainer = loop.create_task(self._drain())
        return await answer

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        calls: list[_Call] = []
        try:
            while self._queue:
                now = loop.time()
                if now < self._foreign_until and now < self._lock_free_since + FOREIGN_GAP:
                    await asyncio.sleep(FOREIGN_GAP)
                calls = []
                if not await self._run_batch(self._queue, calls):
                    for call in calls:
                        await self._run_batch(deque([call]), [], alone=True)
                self._lock_free_since = loop.time()
                await self._checkpoint_if_due()
                await asyncio.sleep(0)  # lets the callers just answered queue more
        except BaseException:
            # The loop ends, or a use case raised a BaseException: release all waiting callers.
            for call in (*calls, *self._queue):
                call.answer.cancel()
            self._queue.clear()
            raise
        finally:
            self._drainer = None

    async def _run_batch(self, queue: deque[_Call], calls: list[_Call], *, alone: bool = False) -> bool:
        """Move calls from `queue` to `calls` and commit them together; return False if each must run alone instead."""
        writer = await self._begin(queue)
        if writer is None:
            return True
        outcomes: list[_Outcome] = []
        try:
            if queue[0].apart:
                calls.append(queue.popleft())
                await self._in_thread(self._run_apart, writer, calls[0], outcomes)
            else:
                stop = perf_counter() + GATHER
                while queue and not queue[0].apart and (not calls or perf_counter() < stop):
                    calls.append(queue.popleft())
                    outcomes.append(self._run_call(writer, calls[-1]))
                await self._commit(writer)
        except (_BatchVoid, *FAULTS) as error:
            cause = error.cause if isinstance(error, _BatchVoid) else error
            self._recover(cause)
            if not alone:
                return False
            outcomes = [_Outcome(call, refusal=to_refusal(cause)) for call in calls]
        except BaseException as error:
            self._recover(error)
            raise
        self._answer(outcomes)
        return True

    async def _begin(self, queue: deque[_Call]) -> Handle | None:
        """Take the write lock; return None if that failed and all of `queue` was refused."""
        loop = asyncio.get_running_loop()
        reopened = False
        while queue:
            try:
                self._file.check_place()
                self._writer = self._writer or self._file.writer()
                self._writer.roll_back()
                self._writer.raw.execute("BEGIN IMMEDIATE")
                if self._writer.changed():
                    self._foreign_until = loop.time() + FOREIGN_MEMORY
                    self._check_pending = True
                if self._check_pending:
                    self._check(self._writer.connection)
                    self._check_pending = False
                return self._writer
            except (StorageUnavailable, *FAULTS) as error:
                if is_busy(error):
                    self._foreign_until = loop.time() + FOREIGN_MEMORY
                    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY_SNAPSHOT:
                        self._drop_writer()  # a cursor that a use case left open pins an old snapshot
                    while queue and loop.time() - queue[0].since >= self._wait_limit:
                        self._answer([_Outcome(queue.popleft(), refusal=to_refusal(error))])
                    await asyncio.sleep(self._jitter())
                elif reopened or isinstance(error, StorageUnavailable):
                    self._recover(error)
                    self._answer([_Outcome(call, refusal=to_refusal(error)) for call in queue])
                    queue.clear()
                else:
                    self._drop_writer()
                    reopened = True
        return None

    @staticmethod
    def _run_call(writer: Handle, call: _Call) -> _Outcome:
        """Run one call in a savepoint; raises only `_BatchVoid` and bare `BaseException`s."""
        raw = writer.raw
        raw.execute("SAVEPOINT member")
        try:
            value = call.use_case(writer.connection)
        except Exception as error:
            if to_refusal(error) is not error or not raw.in_transaction or not writer.sound():
                raise _BatchVoid(error) from error
            raw.execute("ROLLBACK TO member")
            raw.execute("RELEASE member")
            return _Outcome(call, refusal=error)
        if not raw.in_transaction or not writer.sound():
            raise _BatchVoid(RuntimeError("a use case left the transaction in disorder"))
        raw.execute("RELEASE member")
        return _Outcome(call, value)

    def _run_apart(self, writer: Handle, call: _Call, outcomes: list[_Outcome]) -> None:
        outcomes.append(self._run_call(writer, call))
        writer.raw.execute("COMMIT")

    async def _commit(self, writer: Handle) -> None:
        def commit() -> None:
            start = perf_counter()
            writer.raw.execute("COMMIT")
            self._commit_cost += (perf_counter() - start - self._commit_cost) / 8

        if self._commit_cost < SLOW_COMMIT:
            commit()
        else:
            await self._in_thread(commit)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        work = asyncio.get_running_loop().run_in_executor(self._writing, function, *arguments)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])  # the connection stays in use until the thread has finished
            raise

    def _recover(self, error: BaseException | None) -> None:
        """Roll back; drop the connection too, unless the disk is merely full."""
        if self._writer and error and is_full(error):
            with contextlib.suppress(sqlite3.Error):
                self._writer.roll_back()
        else:
            self._drop_writer()

    def _drop_writer(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def _answer(self, outcomes: Iterable[_Outcome]) -> None:
        for outcome in outcomes:
            outcome.deliver()

    # Commits do not checkpoint (wal_autocheckpoint=0), because that would block the loop for long.

    async def _checkpoint_if_due(self) -> None:
        size = self._file.wal_size()
        if size < WAL_PASSIVE:
            self._next_checkpoint = WAL_PASSIVE
        if size < self._next_checkpoint or (self._checkpoint and not self._checkpoint.done()):
            return
        self._next_checkpoint = size + WAL_PASSIVE
        if size < WAL_RESTART:
            loop = asyncio.get_running_loop()
            self._checkpoint = loop.run_in_executor(self._checkpointing, self._file.checkpoint)
        elif self._writer:
            await self._in_thread(self._run_checkpoint, self._writer, "RESTART")

    @staticmethod
    def _run_checkpoint(writer: Handle, kind: str) -> None:
        # A concurrent reader or writer may block this; the next 4 MB of WAL, or the next process, triggers a retry.
        with contextlib.suppress(sqlite3.Error):
            writer.raw.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
