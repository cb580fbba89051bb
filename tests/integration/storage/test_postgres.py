"""PostgreSQL as a server: it dies and returns, and its schema is missing, newer or current."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.cli.doctor import examine
from app.identity import LOCAL_PERSON, ensure_local_user
from app.migrations import HEAD
from app.service import migrate_database, open_database
from app.settings import BadSettings, load_settings
from app.storage.postgres import PostgresDatabase
from tests.integration.storage.test_service import run_cli
from tests.postgres import TEMPLATE, Cluster
from tests.storage import Storage
from tests.world import World, make_settings, open_world
from todo.errors import StorageUnavailable
from todo.record.scopes import EVERYTHING
from todo.record.work import Who
from todo.requests.schemas import CreateTask
from todo.tasks.conditions import _VECTOR
from todo.tasks.tasks import create_task

PROMISES = ("two-databases",)

pytestmark = [pytest.mark.anyio, pytest.mark.database("postgresql")]

AGENT = Who("local", "agent", "mcp", "", "ide", scopes=EVERYTHING)


async def make(world: World, **fields: Any) -> str:
    response = await world.rest.post("/tasks", json={"title": "Buy milk", **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["task"]["id"])


async def test_a_connection_that_the_server_ended_is_replaced_unseen(world: World, second: World) -> None:
    await asyncio.gather(*(make(world) for _ in range(10)))
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await second.service.database.read(lambda connection: connection.exec_driver_sql(kill).close())
    await asyncio.gather(*(make(world) for _ in range(10)))
    assert await world.query("SELECT count(*) FROM task") == [(20,)]


async def test_a_lock_held_too_long_is_reported_and_nothing_is_stored(cluster: Cluster, tmp_path: Path) -> None:
    url = await cluster.open_for(tmp_path)
    holder, waiter = PostgresDatabase(url), PostgresDatabase(url, wait_limit=0.05)
    release = asyncio.Event()
    taken = asyncio.Event()

    def hold(connection: Connection) -> None:
        connection.exec_driver_sql("LOCK TABLE person")
        taken.set()
        while not release.is_set():
            connection.exec_driver_sql("SELECT pg_sleep(0.005)")

    holding = asyncio.create_task(holder.write(hold))
    await taken.wait()
    with pytest.raises(StorageUnavailable, match="Another call"):
        await waiter.write(lambda connection: ensure_local_user(connection, "UTC", "x"))
    release.set()
    await holding
    for each in (holder, waiter):
        await each.close()


async def test_a_caller_that_goes_away_does_not_stop_the_commit(world: World) -> None:
    started = asyncio.Event()

    def use_case(work: Any) -> None:
        started.set()
        create_task(work, CreateTask(title="Stays"))

    call = asyncio.create_task(world.service.store.write(LOCAL_PERSON, use_case))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.gather(*world.service.database._running)  # type: ignore[attr-defined]
    assert await world.query("SELECT title FROM task") == [("Stays",)]


@pytest.fixture
def own_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A server that may be stopped."""
    made = Cluster()
    try:
        made.start()
        made.make_template()
        monkeypatch.setattr("tests.world.STORAGE", Storage("postgresql", made))
        yield made
    finally:
        made.remove()


async def test_a_dead_server_is_reported_and_its_return_is_noticed(own_cluster: Cluster, tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        kept = await make(world, title="Kept")
        own_cluster.stop("QUIT")
        for _ in range(2):
            response = await world.rest.post("/tasks", json={"title": "Lost"})
            assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        ready = await world.http.get("/readyz")
        assert ready.status_code == 503
        assert str(own_cluster.folder) not in ready.text
        own_cluster.start()
        assert (await world.rest.get(f"/tasks/{kept}")).status_code == 200
        await make(world, title="After")
        assert await world.query("SELECT title FROM task ORDER BY number") == [("Kept",), ("After",)]


def signal_all(cluster: Cluster, number: int) -> None:
    """Send a signal to every process of the server."""
    first = int((cluster.folder / "postmaster.pid").read_text().split()[0])
    for parent in (Path(f"/proc/{first}/task/{first}/children").read_text().split(), [first]):
        for pid in parent:
            os.kill(int(pid), number)


async def test_f2_a_server_that_stands_still_is_reported_and_waited_for_no_longer(own_cluster: Cluster) -> None:
    database = PostgresDatabase(own_cluster.url(TEMPLATE), wait_limit=0.5)

    def ask(connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT 1").scalar_one())

    assert await asyncio.gather(*(database.read(ask) for _ in range(10))) == [1] * 10
    signal_all(own_cluster, signal.SIGSTOP)
    try:
        begun = asyncio.get_running_loop().time()
        calls = [work(ask) for _ in range(8) for work in (database.read, database.write)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        again = await asyncio.gather(database.read(ask), return_exceptions=True)  # on a new connection
        took = asyncio.get_running_loop().time() - begun
    finally:
        signal_all(own_cluster, signal.SIGCONT)
    assert {type(each) for each in (*answers, *again)} == {StorageUnavailable}
    assert took < 15
    assert await database.read(ask) == 1
    await database.close()


class BlackHole:
    """A proxy in front of the server that can stop passing anything on, in silence."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / ".s.PGSQL.5432"
        self.passing = asyncio.Event()
        self.passing.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        for pair in ((reader, far_writer), (far_reader, writer)):
            self._tasks.append(asyncio.create_task(self._pass(*pair)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self.passing.wait()
            writer.write(data)
        writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_x9_a_call_into_a_black_hole_ends_and_says_what_is_known(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.open_for(tmp_path)
    hole = BlackHole(cluster.folder)
    proxy = await asyncio.start_server(hole.serve, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    url = f"postgresql://todo@127.0.0.1:{port}/{cluster.name_for(tmp_path)}"
    database = PostgresDatabase(url, wait_limit=0.5)

    def swallow(connection: Connection) -> None:
        hole.passing.clear()
        connection.exec_driver_sql("SELECT 1")

    def swallow_commit(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE fallen ()")
        hole.passing.clear()

    for work, said in ((swallow, "does not answer"), (swallow_commit, "may be saved")):
        hole.passing.set()
        with pytest.raises(StorageUnavailable, match=said):
            await database.write(work)
    hole.passing.set()
    await database.read(lambda connection: connection.exec_driver_sql("SELECT 1").close())
    await database.close()
    proxy.close()
    await hole.close()


async def test_a_start_without_a_schema_names_the_command(cluster: Cluster, tmp_path: Path) -> None:
    url = await cluster.make(f"bare{os.getpid()}")
    done = await asyncio.to_thread(run_cli, tmp_path, "serve", TODO_DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Run: evolution-todo migrate")
    assert "Traceback" not in done.stderr
    (tmp_path / "url").write_text(f"{url}\n")
    for said in ("is now", "was already"):
        done = await asyncio.to_thread(
            run_cli, tmp_path, "migrate", TODO_DATABASE_URL="", TODO_DATABASE_URL_FILE=str(tmp_path / "url")
        )
        assert (done.returncode, f"{said} at schema {HEAD}" in done.stdout) == (0, True), done.stderr
    done = await asyncio.to_thread(run_cli, tmp_path, "tool", "create_task", '{"title": "Milk"}', TODO_DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    checks = {each["check"]: each for each in await examine(make_settings(tmp_path, database_url=url))}
    assert (checks["database"]["ok"], checks["events"]["ok"]) == (True, True)
    assert f"postgresql:///bare{os.getpid()}" in checks["database"]["detail"]
    assert not (tmp_path / "todo.db").exists()


async def test_two_that_migrate_at_once_do_it_once(cluster: Cluster, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, database_url=await cluster.make(f"twice{os.getpid()}"))
    assert sorted(await asyncio.gather(*(migrate_database(settings) for _ in range(3)))) == [False, False, True]


async def test_a_newer_schema_stops_the_writing_and_the_start(world: World, tmp_path: Path, cluster: Cluster) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await world.service.database.write(lambda connection: connection.execute(newer).close())
    world.service.database._checked = float("-inf")  # type: ignore[attr-defined]  # a second has passed
    for _ in range(2):
        response = await world.rest.post("/tasks", json={"title": "After"})
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert "upgraded" in response.json()["detail"]
    assert (await world.rest.get("/tasks")).status_code == 200
    settings = make_settings(tmp_path, database_url=await cluster.open_for(tmp_path))
    for attempt in (open_database(settings), migrate_database(settings)):
        with pytest.raises(StorageUnavailable, match="newer version"):
            await attempt


async def test_the_models_are_what_the_migrations_make(world: World) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    def compare(connection: Connection) -> list[Any]:
        # The expression of the word index stands only in its migration.
        options = {"include_name": lambda name, kind, _parents: (name, kind) != ("ix_task_words", "index")}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))

    assert await world.service.database.read(compare) == []
    collations = await world.query(
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'character varying' AND table_name <> 'alembic_version'"
    )
    assert collations == [("C",)], "text is in the order of code points, as on SQLite"


async def test_a_search_by_words_walks_along_their_index(world: World) -> None:
    def explain(connection: Connection) -> str:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = connection.execute(text("EXPLAIN SELECT 1 FROM task WHERE " + _VECTOR), {"match": "'milk':*"})  # noqa: S608  # words of ours
        return "\n".join(row[0] for row in rows)

    assert "ix_task_words" in await world.service.database.write(explain)


async def test_the_longest_words_are_stored_and_found(world: World) -> None:
    for letter in "xж\ua984\U00010428":  # of one to four bytes
        word = letter * 5_000
        await make(world, title="Long", notes=f"{word} end")
        found = (await world.rest.get("/tasks", params={"text": f"{letter * 180}"})).json()
        assert found["total"] == 1
    assert (await world.rest.get("/tasks", params={"text": "end"})).json()["total"] == 4


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql+psycopg://x/y"])
def test_another_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="TODO_DATABASE_URL"):
        load_settings(data_dir=tmp_path, database_url=url)


async def test_a_missing_database_is_reported(cluster: Cluster, tmp_path: Path) -> None:
    for url, said in (
        (cluster.url("nowhere"), "no such database"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be reached"),
        (cluster.url("postgres").replace("todo@", "nobody@"), "refuses"),
    ):
        with pytest.raises(StorageUnavailable, match=said) as refused:
            await open_database(make_settings(tmp_path, database_url=url))
        assert "secret" not in str(refused.value)


async def test_f10_a_server_without_tls_is_not_called_away(tmp_path: Path) -> None:
    async def answer_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer_no, "127.0.0.1", 0)
    async with server:
        url = f"postgresql://u:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        for more, said in (("require", "offers no TLS"), ("disable", "cannot be reached")):
            with pytest.raises(StorageUnavailable, match=said) as refused:
                await open_database(make_settings(tmp_path, database_url=f"{url}?sslmode={more}"))
            assert "secret" not in str(refused.value)


async def test_f10_settings_of_the_session_are_kept_and_unknown_ones_told(cluster: Cluster, tmp_path: Path) -> None:
    url = await cluster.open_for(tmp_path)
    with pytest.raises(StorageUnavailable, match="does not know a setting that options"):
        await open_database(make_settings(tmp_path, database_url=f"{url}&options=-c%20colour%3Dred"))
    database, _ = await open_database(
        make_settings(tmp_path, database_url=f"{url}&options=-c%20search_path%3Dpublic,other&application_name=mine")
    )
    try:
        asked = "SELECT current_setting('search_path'), current_setting('application_name'), current_setting('jit')"
        kept = await database.read(lambda connection: connection.exec_driver_sql(asked).one())
    finally:
        await database.close()
    assert tuple(kept) == ("public,other", "mine", "off")
