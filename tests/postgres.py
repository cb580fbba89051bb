"""A private PostgreSQL server that ends with the tests, also when they are killed."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from app.service import migrate_database
from app.settings import load_settings
from infra.live.machine import find_postgres
from infra.live.programs import find_unprivileged

T = TypeVar("T")

TEMPLATE = "todo_template"
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "150",
    "log_min_messages": "fatal",
    # In the server's own folder, so that a killed one leaves nothing.
    "dynamic_shared_memory_type": "mmap",
}
MOST_DATABASES = 60
"""How many databases a server keeps, of 8 MB each; a test needs its own ones only."""
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of random name is made in it
ROOM = 3 << 30
"""The free bytes that a disk in memory must have: containers are often given 64 MB."""
# The server ends at the end of its input: a pipe that the kernel closes, however the tests end.
KEEPER = """
bin=$1; data=$2; shift 2
"$bin" -D "$data" -k "$data" "$@" & pid=$!
read how; kill -${how:-QUIT} $pid; wait
[ -n "$how" ] || rm -rf "$data"
"""


class Cluster:
    """A server on a socket in its own folder; its default collation differs from the order of code points.

    Raises `ToolsMissing` if PostgreSQL is not installed.
    """

    def __init__(self) -> None:
        self._bin, self._user = find_postgres(), find_unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir=find_room()))  # the path of a socket has a short limit
        self._made: deque[str] = deque()
        self._keeper: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        words = ["--username=todo", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        words += ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
        subprocess.run(
            [self._bin / "initdb", "-D", self.folder, *words],
            **self._user,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", str(self._bin / "postgres"), str(self.folder), *options],
            **self._user,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while subprocess.run([self._bin / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.02)

    def stop(self, how: str = "QUIT") -> None:
        """Stop the server: QUIT stops it at once, so that it must recover; INT stops it cleanly."""
        if self._keeper is not None:
            self._keeper.communicate(f"{how}\n".encode())
            self._keeper = None

    def remove(self) -> None:
        """Stop the server for good."""
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, name: str) -> str:
        return f"postgresql://todo@/{name}?host={self.folder}"

    async def make(self, name: str, template: str = "template0") -> str:
        """Create the database unless it exists, and return its URL; databases of tests long over go."""
        admin = await asyncpg.connect(self.url("postgres"))
        try:
            if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                # Copied as files on a disk in memory: five times as fast as through the log on a real one.
                await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
                if name != TEMPLATE:
                    self._made.append(name)
            if len(self._made) > MOST_DATABASES:
                await self._drop(admin, self._made.popleft())
        finally:
            await admin.close()
        return self.url(name)

    async def _drop(self, admin: Any, name: str) -> None:
        try:
            await admin.execute(f'DROP DATABASE "{name}"')
        except asyncpg.ObjectInUseError:
            self._made.append(name)

    async def open_for(self, folder: Path) -> str:
        """Return the URL of the migrated database of a folder: the same after a restart."""
        return await self.make(self.name_for(folder), TEMPLATE)

    def name_for(self, folder: Path) -> str:
        return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]

    def query(self, name: str, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, read on a connection of its own."""

        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.url(name))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return run_aside(ask())

    def make_template(self) -> None:
        """Create the migrated database that the others are copied from."""

        async def make() -> None:
            url = await self.make(TEMPLATE)
            assert await migrate_database(load_settings(database_url=url))

        run_aside(make())


def find_room() -> Path:
    """Return where a server's folder goes: into memory, if there is room."""
    if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        return IN_MEMORY
    return Path("/tmp")  # noqa: S108


def run_aside(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop in another thread: a browser's driver holds the loop of this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
