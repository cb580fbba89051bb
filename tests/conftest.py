"""The `world`: a database, a movable clock, counted ids, a memory broker and every surface, without a sleep."""

import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from pydantic_core import from_json
from sqlalchemy import text
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from app.http.app import build_app
from app.identity import SCHEDULER, StdioIdentity
from app.service import Service, open_service
from app.settings import Settings, load_settings
from infra.live.guard import PR_SET_PDEATHSIG
from infra.live.programs import ToolsMissing
from tests.postgres import Cluster
from todo.scheduler import step
from todo.tasks.search import index_step

LIVE = "tests/live/"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "http://127.0.0.1:8000"


DEFAULT = os.environ.get("TODO_TEST_DATABASE", "sqlite")
"""Where worlds live: `postgresql` runs all tests there that are not about a file."""
ON_BOTH = frozenset(
    f"test_{name}"
    for name in (
        *(
            "conversation",
            "events",
            "finding",
            "isolation",
            "parity",
            "port",
            "processes",
            "relay",
            "request_id",
            "storms",
            "tail",
        ),
        *(
            "undo_races",
            "killed",
            "crowds",
            "shown_titles",
            "silence",
            "taken_over",
            "relay_ahead",
            "history",
            "turn_journal",
        ),
    )
)
ELSEWHERE = {"test_service": "sqlite", "test_postgres": "postgresql", "test_side_by_side": "postgresql"}


def pytest_configure(config: pytest.Config) -> None:
    """Let the kernel end this run when `run.py test` is killed, and a worker with its run: the guards end the rest."""
    is_worker = hasattr(config, "workerinput")
    if sys.platform == "linux" and (is_worker or b"run.py" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes()):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Sharing(LoadScopeScheduling):
    """Gives a worker a module at a time, and all that needs the chain to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        return LIVE if nodeid.startswith(LIVE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the chain, which waits most."""
    items.sort(key=lambda item: not item.nodeid.startswith(LIVE))


@dataclass
class Storage:
    """The kind of database that worlds are opened on now."""

    kind: str = DEFAULT
    cluster: Cluster | None = None


STORAGE = Storage()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The tests' own PostgreSQL; what needs it is skipped where there is none, but in continuous integration."""
    try:
        made = Cluster()
    except ToolsMissing as why:
        if os.environ.get("CI") == "true":
            pytest.fail(str(why))
        pytest.skip(str(why))
    try:
        made.start()
        made.make_template()
        STORAGE.cluster = made
        yield made
    finally:
        made.remove()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder, _, name = metafunc.module.__name__.rpartition(".")
    if folder == "tests.browser":
        return  # the browser's driver holds the thread's event loop, and the server is another's
    if "storage" in metafunc.fixturenames and name in ON_BOTH and DEFAULT == "sqlite":
        metafunc.parametrize("storage", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def default_storage(request: pytest.FixtureRequest) -> None:
    if DEFAULT == "postgresql":
        request.getfixturevalue("cluster")


@pytest.fixture(autouse=True)
def storage(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database of this test."""
    name = request.module.__name__.rpartition(".")[2]
    kind = getattr(request, "param", ELSEWHERE.get(name, DEFAULT))
    if kind == "postgresql":
        request.getfixturevalue("cluster")
    before, STORAGE.kind = STORAGE.kind, kind
    yield kind
    STORAGE.kind = before


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class MovableClock:
    """A clock that moves only when told to."""

    at: datetime = MONDAY

    def now(self) -> datetime:
        return self.at

    def move(self, **ahead: float) -> None:
        self.at += timedelta(**ahead)


@dataclass
class CountedIds:
    """Ids of UUIDv7's form that count up, so that two runs give the same."""

    count: int = 0

    def new(self) -> str:
        self.count += 1
        return f"01930000-0000-7000-8000-{self.count:012x}"


@dataclass
class World:
    """One service with its surfaces, driven by hand."""

    service: Service
    clock: MovableClock
    rest: httpx2.AsyncClient
    http: httpx2.AsyncClient
    _stack: AsyncExitStack = field(repr=False)

    async def connect(self, mode: str = "auto", **options: Any) -> Client:
        """Return an MCP client over the whole HTTP stack: `auto` is 2026-07-28, `legacy` 2025-11-25."""
        transport = streamable_http_client(f"{URL}/mcp", http_client=self.http)
        return await self._stack.enter_async_context(Client(transport, mode=mode, **options))

    async def connect_stdio(self, mode: str = "auto") -> Client:
        """Return an MCP client over the stdio transport's own framing, on pipes in this process."""
        return await self._stack.enter_async_context(Client(self._pipe(), mode=mode))

    @asynccontextmanager
    async def _pipe(self) -> AsyncIterator[Any]:
        down, up = os.pipe(), os.pipe()
        files = [anyio.wrap_file(os.fdopen(end, kind)) for end, kind in zip((*down, *up), "rwrw", strict=True)]
        server = self.service.build_mcp(StdioIdentity("test"))._lowlevel_server

        async def serve() -> None:
            async with stdio_server(stdin=files[0], stdout=files[3]) as streams:
                await server.run(*streams, server.create_initialization_options())
            await files[3].aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            async with stdio_server(stdin=files[2], stdout=files[1]) as client:
                yield client
                # As a client does that ends: the server sees the end of its input and ends too.
                await files[1].aclose()
        await files[0].aclose()
        await files[2].aclose()

    async def settle(self) -> None:
        """Publish and react until nothing waits."""
        while await self.service.relay.step() + await self.service.broker.step():
            pass

    async def tick(self, **ahead: float) -> None:
        """Move the clock, let the scheduler do what is due, and settle."""
        self.clock.move(**ahead)
        while await self.service.store.write(SCHEDULER, step):
            pass
        await self.settle()

    async def index(self) -> None:
        """Bring the search index up to date."""
        while await self.service.store.write_apart(SCHEDULER, index_step):
            pass

    async def events(self) -> list[dict[str, Any]]:
        """Return every recorded CloudEvent, in order."""
        rows = await self.query("SELECT payload FROM outbox_entry ORDER BY seq")
        return [from_json(row[0]) for row in rows]

    async def query(self, statement: str, **parameters: Any) -> list[Any]:
        """Return the rows of a statement."""
        return await self.service.database.read(
            lambda connection: list(connection.execute(text(statement), parameters))
        )

    async def call(self, client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed and return its structured answer."""
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content


def make_settings(folder: Path, **overrides: Any) -> Settings:
    return load_settings(**{"data_dir": folder, "zone": "Europe/Berlin", **overrides})


async def lay_out_settings(folder: Path, **overrides: Any) -> Settings:
    """Return the settings of a folder, after making its database where that does not make itself."""
    if STORAGE.kind == "postgresql":
        assert STORAGE.cluster is not None
        overrides["database_url"] = await STORAGE.cluster.open_for(folder)
    return make_settings(folder, **overrides)


@asynccontextmanager
async def open_world(folder: Path, **overrides: Any) -> AsyncIterator[World]:
    """Open a world on a folder, with other settings where given; a second one on the same folder is a restart."""
    clock = MovableClock()
    async with AsyncExitStack() as stack:
        settings = await lay_out_settings(folder, **overrides)
        service = await stack.enter_async_context(open_service(settings, clock, CountedIds()))
        app = build_app(service, background=False)
        await stack.enter_async_context(app.router.lifespan_context(app))
        http = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL)
        )
        rest = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=f"{URL}/api")
        )
        yield World(service, clock, rest, http, stack)


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened
