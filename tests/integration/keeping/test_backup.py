"""Backups: made beside a running service, verified by what is in them, put back without saying anything twice."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, inspect, text

from app import migrations
from app.backup.file import back_up_file
from app.backup.server import back_up_server
from app.cli.keeping.backup import make_backup, restore_backup, verify_backup
from app.migrations import HEAD
from app.settings import Settings
from app.storage.postgres import PostgresDatabase
from events.embedded import EmbeddedBroker
from tests.clock import MovableClock
from tests.disks import mount_small_disk
from tests.storage import STORAGE
from tests.world import World, lay_out_settings, open_world
from todo.errors import InvalidArguments, StorageUnavailable, TodoError
from todo.record.models import NO_DEADLINE

PROMISES = ("backup",)

pytestmark = pytest.mark.anyio

OLD, OLD_TASK = "0015", "01930000-0000-7000-8000-000000000001"
"""A version from before there were lists, and a task of it."""


async def put_back(settings: Settings, backup: Path) -> str:
    return await asyncio.to_thread(restore_backup, settings, backup, MovableClock())


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def titles(world: World) -> list[str]:
    found = await world.rest.get("/tasks", params={"status": "all"})
    return sorted(task["title"] for task in found.json()["tasks"])


async def add(world: World, title: str, **more: Any) -> None:
    made = await world.rest.post("/tasks", json={"title": title, **more})
    assert made.status_code == 201, made.text


@pytest.mark.on_both_databases
async def test_a_restored_copy_has_everything_and_announces_nothing_twice(
    tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = tmp_path / "backup"
    async with open_world(tmp_path / "here") as world:
        await add(world, "published", reminders=[{"at": "2026-11-23T10:05"}])
        await world.tick(minutes=10)
        said = await world.events()
        await add(world, "recorded alone")
        report = await asyncio.to_thread(make_backup, world.service.settings, backup)
        assert (report.counts["task"], report.waiting, report.problems) == (2, 1, [])
        await add(world, "after the backup")
        settings = world.service.settings
    assert verify_backup(backup) == report

    words = await put_back(settings, backup)

    assert "It is restored. What was there is kept in " in words
    kept = Path(words.partition(" kept in ")[2].split()[0].rstrip("."))
    assert verify_backup(kept).counts["task"] == 3
    async with open_world(tmp_path / "here") as world:
        assert await titles(world) == ["published", "recorded alone"]
        world.clock.move(minutes=10)
        before = await world.rest.get("/notifications")
        published: list[str] = []
        publish = EmbeddedBroker.publish

        async def note(broker: EmbeddedBroker, batch: Any) -> Any:
            published.extend(each.event_id for each in batch)
            return await publish(broker, batch)

        monkeypatch.setattr(EmbeddedBroker, "publish", note)
        await world.tick(minutes=1)
        waiting = [event["id"] for event in (await world.events())[len(said) :]]
        assert published == waiting
        assert len(waiting) == 1
        after = await world.rest.get("/notifications")
        assert after.json() == before.json()
        assert len(after.json()["notifications"]) == 1


@pytest.mark.on_both_databases
async def test_a_running_service_is_not_replaced(tmp_path: Path, storage: str) -> None:
    async with open_world(tmp_path / "here") as world:
        await add(world, "kept")
        await asyncio.to_thread(make_backup, world.service.settings, tmp_path / "backup")
        await add(world, "and this")
        with pytest.raises(StorageUnavailable, match="open"):
            await put_back(world.service.settings, tmp_path / "backup")
        await add(world, "still at work")
        assert len(await titles(world)) == 3


@pytest.mark.database("sqlite")
async def test_a_backup_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    async with open_world(tmp_path / "here") as world:
        backups = [
            asyncio.create_task(asyncio.to_thread(make_backup, world.service.settings, tmp_path / f"backup{count}"))
            for count in range(3)
        ]
        written = 0
        while not all(each.done() for each in backups):
            await add(world, f"task {written}")
            written += 1
        for each in backups:
            report = await each
            assert report.problems == []
            assert report.counts["task"] == report.counts["change"] == report.counts["outbox_entry"]
        assert written


def mount_read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with mount_small_disk("900k") as folder:
        yield folder


@pytest.mark.on_both_databases
async def test_a_full_or_read_only_disk_leaves_the_old_backup_whole(
    tmp_path: Path, small_disk: Path, storage: str
) -> None:
    backup = small_disk / "backup"
    async with open_world(tmp_path / "here") as world:
        await add(world, "in the old one")
        old = await asyncio.to_thread(make_backup, world.service.settings, backup)
        (small_disk / "ballast").write_bytes(bytes(800_000 - backup.stat().st_size - 10_000))
        # More than the disk has left, compressed too.
        await add(world, "too much", notes="".join(os.urandom(5_000).hex()))
        for count in range(60 if storage == "postgresql" else 4):
            await add(world, f"more {count}", notes="".join(os.urandom(5_000).hex()))
        with pytest.raises(TodoError) as refused:
            await asyncio.to_thread(make_backup, world.service.settings, backup)
        assert refused.value.code == "storage_unavailable"
        assert verify_backup(backup) == old
        mount_read_only(small_disk)
        with pytest.raises(InvalidArguments, match="Read-only"):
            await asyncio.to_thread(make_backup, world.service.settings, backup)
        assert verify_backup(backup) == old
        assert names_in(small_disk) == ["backup", "ballast"]


@pytest.mark.database("sqlite")
async def test_what_is_no_sound_backup_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    good = tmp_path / "backup"
    async with open_world(tmp_path / "here") as world:
        for count in range(40):
            await add(world, f"task {count}", notes="n" * 2_000)
        await asyncio.to_thread(make_backup, world.service.settings, good)
        settings = world.service.settings
    before = settings.database_path.read_bytes()
    bad: dict[str, str] = {}

    def spoil(name: str, words: str, statement: str = "", content: bytes | None = None) -> None:
        (tmp_path / name).write_bytes(good.read_bytes() if content is None else content)
        if statement:
            raw = sqlite3.connect(tmp_path / name)
            raw.execute(statement)
            raw.commit()
            raw.close()
        bad[name] = words

    whole = good.read_bytes()
    middle = len(whole) // 2
    hole = whole[: middle // 2] + b"\xff" * 40_000 + whole[middle // 2 + 40_000 :]
    spoil("newer", "newer version: schema 9999", "UPDATE alembic_version SET version_num = '9999'")
    spoil("ahead", "1 events are of a later version", "UPDATE outbox_entry SET version = 99 WHERE seq = 1")
    spoil("lost", "1 events wait for a task", "DELETE FROM task WHERE number = 1")
    spoil("loose", "1 parts of changes belong to no change", "DELETE FROM change WHERE seq = 1")
    spoil("old-task", "1 tasks are older", "UPDATE change_item SET version = 9 WHERE rowid = 1")
    spoil("foreign", "not a usable backup", "DROP TABLE alembic_version")
    spoil("cut", "not a usable backup", content=whole[:middle])
    spoil("holes", "damaged|not a usable", content=hole)
    spoil("text", "is not a backup", content=b"milk\n")
    spoil("empty", "is empty", content=b"")
    spoil("dump", "could not do it|PostgreSQL", content=b"PGDMP\x01\x0e" + bytes(50))
    for name, words in bad.items():
        with pytest.raises(TodoError, match=words):
            await put_back(settings, tmp_path / name)
    with pytest.raises(TodoError, match="cannot be read"):
        await put_back(settings, tmp_path / "missing")
    with pytest.raises(TodoError, match="database itself"):
        await put_back(settings, settings.database_path)
    assert settings.database_path.read_bytes() == before
    assert names_in(settings.data_dir) == ["todo.db"]


def migrate_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("recursive_version_locations", "true")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def insert_into(connection: Connection, table: str, **known: Any) -> None:
    """Insert a row into a table as it was, with something plain in each column that needs a value."""
    row = dict(known)
    for column in inspect(connection).get_columns(table):
        name, is_needed = column["name"], not column["nullable"] and column["default"] is None
        if is_needed and name not in row and name != "number":
            row[name] = column["type"].python_type()
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608  # no input in it


def make_old(connection: Connection) -> None:
    """Make a database as it was before there were lists, with one task."""
    migrate_to(connection, OLD)
    at = "2026-01-02T03:04:05.000000Z"
    insert_into(connection, "person", id="local", zone="Europe/Berlin", day_start="09:00")
    known = {"id": OLD_TASK, "user_id": "local", "kind": "task", "title": "from long ago", "status": "open"}
    made = {"version": 1, "created_at": at, "updated_at": at, "tags": "[]", "unindexed": 1, "deadline": NO_DEADLINE}
    insert_into(connection, "task", **known, **made, title_key="from long ago", words="from long ago")


async def back_up_old(folder: Path, backup: Path) -> None:
    """Make a backup as that version made it."""
    if STORAGE.kind == "sqlite":
        engine = create_engine(f"sqlite:///{folder / 'old.db'}")
        with engine.begin() as connection:
            make_old(connection)
        engine.dispose()
        await asyncio.to_thread(back_up_file, folder / "old.db", backup)
        return
    assert STORAGE.cluster is not None
    url = await STORAGE.cluster.make("old_backup")
    server = PostgresDatabase(url)
    await server.open()
    await server.write_apart(make_old)
    await server.close()
    await asyncio.to_thread(back_up_server, url, backup)


@pytest.mark.on_both_databases
async def test_a_backup_of_an_older_schema_is_put_back_and_brought_to_this_one(tmp_path: Path, storage: str) -> None:
    backup = tmp_path / "backup"
    await back_up_old(tmp_path, backup)
    assert (verify_backup(backup).schema, verify_backup(backup).counts["task"]) == (OLD, 1)
    async with open_world(tmp_path / "here") as world:
        await add(world, "replaced")
        settings = world.service.settings

    words = await put_back(settings, backup)

    assert ("The next start brings it to this version's schema." in words) == (storage == "sqlite")
    async with open_world(tmp_path / "here") as world:
        assert (await world.http.get("/readyz")).json()["schema"] == HEAD
        assert await titles(world) == ["from long ago"]
        await add(world, "new", list="Home")
        done = await world.rest.post(f"/tasks/{OLD_TASK}/complete")
        assert done.status_code == 200, done.text
        assert await titles(world) == ["from long ago", "new"]


@pytest.mark.database("sqlite")
async def test_a_damaged_database_is_replaced(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    async with open_world(tmp_path / "here") as world:
        await add(world, "kept")
        await asyncio.to_thread(make_backup, world.service.settings, backup)
        settings = world.service.settings
    settings.database_path.write_bytes(b"no database any more" * 1_000)
    assert oct(backup.stat().st_mode)[-3:] == "600"
    assert verify_backup(backup).schema == HEAD
    words = await put_back(settings, backup)
    assert "before-restore-20261123T090000Z" in words
    async with open_world(tmp_path / "here") as world:
        assert await titles(world) == ["kept"]
    empty = await lay_out_settings(tmp_path / "elsewhere")
    assert "kept" not in (await put_back(empty, backup)).split("restored.")[1]
    assert STORAGE.kind == "sqlite"
    async with open_world(tmp_path / "elsewhere") as world:
        assert await titles(world) == ["kept"]
