"""The commands `backup` and `restore`."""

from pathlib import Path

from app.backup.file import back_up_file, restore_file, verify_file
from app.backup.report import Report, read_kind
from app.backup.server import back_up_server, dump_aside, require_alone, restore_dump, verify_dump
from app.migrations import HEAD, migrate_server
from app.runtime import run_program
from app.settings import Settings
from app.system import SystemClock
from events.ports import Clock
from todo.errors import InvalidArguments


def make_backup(settings: Settings, file: Path) -> Report:
    """Copy the configured database into a file; raises `InvalidArguments` or `StorageUnavailable`."""
    if settings.on_server:
        return back_up_server(settings.database_url, file)
    return back_up_file(settings.database_path, file)


def verify_backup(file: Path) -> Report:
    """Read a backup whole; raises `InvalidArguments` if it is none."""
    return verify_file(file) if read_kind(file) == "sqlite" else verify_dump(file)


def restore_backup(settings: Settings, file: Path, clock: Clock | None = None) -> str:
    """Put a backup in the place of the configured database, and return in words what was done.

    Raises `InvalidArguments` for what is not a sound backup of this version or an older one, and `StorageUnavailable`
    while the service runs.
    """
    at = (clock or SystemClock()).now()
    kind = read_kind(file)
    if (kind == "postgresql") != settings.on_server:
        raise InvalidArguments(
            f"The backup is of {'PostgreSQL' if kind == 'postgresql' else 'SQLite'}, the database is not.",
            "Set TODO_DATABASE_URL to a database of that kind; `export` and `import` move tasks between kinds.",
        )
    report = verify_backup(file)
    if not report.ok:
        raise InvalidArguments(f"The backup is not sound. {report.problems[0]}", "Nothing was changed.")
    if settings.on_server:
        aside: Path | None = file.with_name(f"before-restore-{at:%Y%m%dT%H%M%SZ}.dump")
        run_program(_replace_server(settings, file, aside))
    else:
        aside = restore_file(file, settings.database_path, at)
    kept = "" if aside is None else f" What was there is kept in {aside}."
    older = "" if report.schema == HEAD or settings.on_server else " The next start brings it to this version's schema."
    return f"{report.describe()}\nIt is restored.{kept}{older}"


async def _replace_server(settings: Settings, file: Path, aside: Path | None) -> None:
    from app.service import MIGRATION_SECONDS
    from app.storage.postgres import PostgresDatabase

    server = PostgresDatabase(settings.database_url, long_limit=MIGRATION_SECONDS)
    try:
        await server.open()
        await server.read(require_alone)
        await server.close()
        if aside is not None:
            dump_aside(settings.database_url, aside)
        restore_dump(file, settings.database_url)
        server = PostgresDatabase(settings.database_url, long_limit=MIGRATION_SECONDS)
        await server.open()
        # The walls name the roles of this server, and an older backup needs the newer tables.
        await server.write_apart(migrate_server)
    finally:
        await server.close()
