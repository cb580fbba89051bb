"""How quickly tasks are brought in, taken out and backed up, and how long others wait for it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

from app.backup.file import back_up_file
from app.bench.full_file import ZONE, fill_file
from app.bench.rows import Row, hold, pick
from app.identity import LOCAL_PERSON
from app.service import Service, open_service
from app.settings import load_settings
from app.transfer import export_person, import_file
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

BALLAST = 2_000
"""Characters of each event by which a file grows to its size."""
BESIDE_SECONDS = 0.05


async def measure_moving(root: Path, many: int, megabytes: int) -> list[Row]:
    """Measure an import of so many tasks, their export, and a backup of a file of this size."""
    settings = load_settings(data_dir=root, zone=ZONE)
    async with open_service(settings) as service:
        rows = [*await _measure_import(service, many), await _measure_export(service)]
    return [*rows, *await asyncio.to_thread(_measure_backup, root / "large.db", root / "backup", megabytes)]


async def _measure_import(service: Service, many: int) -> list[Row]:
    lines = "\n".join(f"Task {number} of a long list" for number in range(many)).encode()
    marks: list[float] = []

    def note() -> float:
        marks.append(perf_counter())
        return marks[-1]

    waits: list[float] = []
    beside = asyncio.create_task(_create_beside(service, waits))
    began = perf_counter()
    await import_file(service.store, LOCAL_PERSON, lines, "text", apply=True, timer=note)
    took = perf_counter() - began
    beside.cancel()
    held = [end - begin for begin, end in zip(marks[::2], marks[1::2], strict=True)]
    return [
        hold(f"import of {many} tasks", many / took, "tasks/s", at_least=2_000),
        hold("import: longest part under the write lock", max(held) * 1e3, "ms", below=50),
        hold("create beside the import: p99", pick(waits, 0.99) * 1e3, "ms"),
    ]


async def _create_beside(service: Service, waits: list[float]) -> None:
    """Create a task now and then; note how long each took."""
    while True:
        began = perf_counter()
        await service.store.write(LOCAL_PERSON, lambda work: create_task(work, CreateTask(title="Beside it")))
        waits.append(perf_counter() - began)
        await asyncio.sleep(BESIDE_SECONDS)


async def _measure_export(service: Service) -> Row:
    began = perf_counter()
    lines = await export_person(service.store, LOCAL_PERSON, BytesIO())
    return hold("export", lines / (perf_counter() - began), "lines/s", at_least=20_000)


def _measure_backup(path: Path, target: Path, megabytes: int) -> list[Row]:
    fill_file(path, 1_000)
    _add_ballast(path, megabytes)
    waits: list[float] = []
    done = threading.Event()
    writer = threading.Thread(target=_write_beside, args=(path, waits, done.is_set))
    writer.start()
    began = perf_counter()
    report = back_up_file(path, target)
    took = perf_counter() - began
    done.set()
    writer.join()
    size = target.stat().st_size / 1e6
    assert report.ok  # noqa: S101  # a damaged copy measures nothing
    return [
        hold(f"backup of {size:.0f} MB, verified", took * 200 / max(size, 1), "s/200 MB", below=2),
        hold("write beside the backup: longest", max(waits) * 1e3, "ms"),
        hold("writes that the backup blocked", sum(wait for wait in waits if wait > 1), "s", at_most=0),
    ]


def _add_ballast(path: Path, megabytes: int) -> None:
    """Let a file grow by published events."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        (task_id,) = raw.execute("SELECT id FROM task LIMIT 1").fetchone()
        at = "2026-11-23T09:00:00.000000Z"
        rows: list[tuple[Any, ...]] = [
            (f"{number:036}", "reminder.due", "local", task_id, 1, f"{number}{'x' * BALLAST}", at, 0, at)
            for number in range(megabytes * 1_000_000 // (BALLAST + 300))
        ]
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, "
            "attempts, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        raw.execute("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _write_beside(path: Path, waits: list[float], is_over: Callable[[], bool]) -> None:
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as raw:
        while not is_over():
            began = perf_counter()
            raw.execute("UPDATE task SET updated_at = updated_at WHERE number = 1")
            waits.append(perf_counter() - began)
            threading.Event().wait(0.005)
