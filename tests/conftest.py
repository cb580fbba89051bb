"""The fixtures that every test can ask for, and the hooks of the run."""

import ctypes
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from httpx2._transports import default  # it has no public name
from xdist.remote import Producer  # type: ignore[import-untyped]  # it ships no types

from infra.live.guard import PR_SET_PDEATHSIG
from infra.live.programs import ToolsMissing
from tests.long import also_long, skip_long
from tests.ownership import UNOWNED, judge_hot_statements, watch_statements
from tests.plans import WALKS, watch_plans
from tests.postgres import Cluster
from tests.scheduling import ModuleScheduling, put_live_first
from tests.storage import DEFAULT, STORAGE
from tests.world import World, open_world

pytest_plugins = ("evolution_todo_pytest",)


def pytest_configure(config: pytest.Config) -> None:
    """Let the kernel end this run when `run.py test` is killed, and a worker with its run; guards end the rest."""
    is_worker = hasattr(config, "workerinput")
    if sys.platform == "linux" and (is_worker or b"run.py" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes()):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    watch_statements()
    watch_plans()
    judge_hot_statements()
    read_certificates_once()


def read_certificates_once() -> None:
    """Let all HTTP clients of the tests share what they verify with: each would read it for itself, in 25 ms."""
    transports: Any = default
    transports.create_ssl_context = cache(transports.create_ssl_context)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ModuleScheduling:
    return ModuleScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    put_live_first(items)
    skip_long(items)


def pytest_collection_finish() -> None:
    """Let the collector pass over what was imported and collected: each full pass over it costs a tenth of a second."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests marked `on_both_databases` on each, unless the whole run is moved to PostgreSQL.

    `long="postgresql"` leaves that half to the long run, where nothing but the surface above the storage is tested, or
    where it takes half a minute more.
    """
    mark = metafunc.definition.get_closest_marker("on_both_databases")
    if mark and "storage" in metafunc.fixturenames and DEFAULT == "sqlite":
        later = [mark.kwargs["long"]] if "long" in mark.kwargs else []
        always = [kind for kind in ("sqlite", "postgresql") if kind not in later]
        kinds = also_long(always, later, "the same again on the other database")
        metafunc.parametrize("storage", kinds, indirect=True)


@pytest.fixture(autouse=True)
def ownership() -> Iterator[None]:
    """Fail a test in which the product reached people's rows by a statement that does not begin at their owner."""
    UNOWNED.clear()
    yield
    assert not UNOWNED, "begin at the owner, or give the reason in tests/ownership.py"


@pytest.fixture(autouse=True)
def plans() -> Iterator[None]:
    """Fail a test in which SQLite walked through all rows of a person to find one that was named by its key."""
    WALKS.clear()
    yield
    assert not WALKS, "compare the owner by WithoutIndex (events/sql.py), or give the reason in tests/plans.py"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The tests' own PostgreSQL. Without its programs the test is skipped; with `CI=true` it fails."""
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


@pytest.fixture(scope="session")
def default_storage(request: pytest.FixtureRequest) -> None:
    """Start PostgreSQL if the whole run is on it: for worlds that outlive one test."""
    if DEFAULT == "postgresql":
        request.getfixturevalue("cluster")


@pytest.fixture(autouse=True)
def storage(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database of this test: its parameter, its mark `database`, or the default."""
    mark = request.node.get_closest_marker("database")
    kind = getattr(request, "param", mark.args[0] if mark else DEFAULT)
    if kind == "postgresql":
        request.getfixturevalue("cluster")
    before, STORAGE.kind = STORAGE.kind, kind
    yield kind
    STORAGE.kind = before


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[World]:
    """A service on a new database, driven by hand."""
    async with open_world(tmp_path) as opened:
        yield opened
