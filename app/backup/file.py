"""Backups of a SQLite file."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from app.backup.place import flush, replace_whole
from app.backup.report import COUNTED, Report, judge
from app.storage.sqlite import is_busy, to_refusal
from todo.errors import InvalidArguments, StorageUnavailable

WAIT_SECONDS = 2.0
"""How long another process may hold the file before it counts as running."""


def back_up_file(source: Path, target: Path) -> Report:
    """Copy a database into one compact file while others go on writing, and verify the copy.

    One statement reads one snapshot: a copy in steps would begin again at each write of others and never end.
    """
    if not source.exists():
        raise InvalidArguments(f"There is no database at {source}.", "Set TODO_DATA_DIR, or start the service once.")
    if target.exists() and target.samefile(source):
        raise InvalidArguments("That is the database itself.", "Name another file.")
    with replace_whole(target) as part:
        try:
            with contextlib.closing(sqlite3.connect(source, timeout=5, isolation_level=None)) as raw:
                raw.execute("VACUUM INTO ?", (str(part),))
        except sqlite3.Error as error:
            raise to_refusal(error) from None
        report = verify_file(part)
        if not report.ok:
            raise StorageUnavailable(
                f"The copy is not sound: {report.problems[0]}", "Run `evolution-todo doctor`; the old backup is kept."
            )
    return report


def verify_file(path: Path) -> Report:
    """Open a backup, look at every page, count, and compare outbox and record; raises `InvalidArguments`."""
    try:
        with contextlib.closing(_look_into(path)) as raw:
            found = [row[0] for row in raw.execute("PRAGMA quick_check(5)")]
            also = [] if found == ["ok"] else [f"It is damaged: {line[:200]}." for line in found]
            schema = str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])
            counts = {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in COUNTED}  # noqa: S608  # our own names
            return judge(raw, "sqlite", schema, counts, also)
    except (sqlite3.Error, TypeError) as error:
        raise InvalidArguments(f"{path} is not a usable backup: {error}.", "Take another one.") from None


def restore_file(backup: Path, target: Path, at: datetime) -> Path | None:
    """Put a verified backup in the place of a database that is not in use; return where the old one is kept.

    Raises `StorageUnavailable` if a process has the database open.
    """
    if target.exists() and backup.samefile(target):
        raise InvalidArguments("That is the database itself.", "Name a backup.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _hold_still(target), replace_whole(target) as part:
        shutil.copyfile(backup, part)
        return _keep_aside(target, at)


@contextmanager
def _hold_still(path: Path) -> Iterator[None]:
    """Hold a database alone; raises `StorageUnavailable` if another process has it open."""
    if not path.exists():
        yield
        return
    with contextlib.closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as raw:
        try:
            # Leaving WAL needs that no other connection is open, and puts everything into the one file.
            raw.execute("PRAGMA journal_mode=DELETE")
            raw.execute("PRAGMA locking_mode=EXCLUSIVE")
            raw.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                raise StorageUnavailable(
                    f"A process has {path} open.", "Stop the service and everything that uses it, then try again."
                ) from None
            raise to_refusal(error) from None
        except sqlite3.DatabaseError:
            pass  # damaged: that is why it is replaced, and it is kept aside as it is
        yield


def _keep_aside(path: Path, at: datetime) -> Path | None:
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.before-restore-{at:%Y%m%dT%H%M%SZ}-{count}")
    try:
        os.link(path, aside)  # the database is never missing in between
    except OSError:
        shutil.copy2(path, aside)
    flush(path.parent)
    for ending in ("-wal", "-shm"):
        # Only a damaged file leaves them here; they belong to it and would spoil the restored one.
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def _look_into(path: Path) -> sqlite3.Connection:
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)
