"""The schema revisions, and the upgrade of a database to the newest one."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from events.sql import take_lock
from todo.errors import StorageUnavailable

HEAD = "0026"
"""The newest revision; a test compares it with the scripts beside this file."""


def read_revision(path: Path) -> str | None:
    """Return the schema revision of a SQLite file, or None for a new one.

    Raises `StorageUnavailable` if the file is not a database or cannot be opened.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be read: {error.strerror}.", "Set TODO_DATA_DIR.") from None
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise StorageUnavailable(f"{path} cannot be read: {error}.", "Check the file and its folder.") from None
    except sqlite3.DatabaseError as error:
        raise StorageUnavailable(f"{path} is not a usable database: {error}.", "Restore a backup of it.") from None
    return row[0] if row else None


def check_schema(connection: Connection) -> None:
    """Raise `StorageUnavailable` if another process has upgraded the database to a newer schema."""
    if connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() != HEAD:
        raise StorageUnavailable(
            "The database was upgraded by a newer version of this program.", "Restart this process."
        )


def migrate_file(path: Path) -> bool:
    """Upgrade a SQLite file to `HEAD` and return whether that was necessary. An older file is copied first.

    Raises `StorageUnavailable` if the file is newer than this program, or cannot be written.
    """
    revision = read_revision(path)
    if revision == HEAD:
        return False
    _refuse_newer(str(path), revision)
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DatabaseError

    try:
        # Other accounts of the machine do not read a person's tasks. What exists already keeps its rights.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if revision is None and not path.exists():
            path.touch(mode=0o600)
        if revision is not None:
            shutil.copy2(path, path.with_name(f"{path.name}.before-{HEAD}"))
    except OSError as error:
        raise StorageUnavailable(f"{path.parent} cannot be written: {error.strerror}.", "Set TODO_DATA_DIR.") from None
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5})
    try:
        with engine.begin() as connection:
            # Two processes may start at once: the second waits here and then finds the schema up to date.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _upgrade(connection)
    except DatabaseError as error:
        raise StorageUnavailable(
            f"{path} cannot be brought to schema {HEAD}: {error.orig}.", "Check the file and its folder."
        ) from None
    finally:
        engine.dispose()
    return True


def read_server_revision(connection: Connection) -> str | None:
    """Return the schema revision of a PostgreSQL database, or None for a new one."""
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar_one() is None:
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def require_head(connection: Connection) -> None:
    """Raise `StorageUnavailable` unless a PostgreSQL database is at `HEAD`; its operator decides when to migrate."""
    revision = read_server_revision(connection)
    _refuse_newer("The database", revision)
    if revision != HEAD:
        has = "has no schema yet" if revision is None else f"is at schema {revision}"
        raise StorageUnavailable(f"The database {has}, schema {HEAD} is needed.", "Run: evolution-todo migrate")


def migrate_server(connection: Connection) -> bool:
    """Upgrade a PostgreSQL database to `HEAD` in the caller's transaction, and its walls; return whether it changed.

    If two processes try at once, the second waits and then finds the schema up to date.
    """
    connection.exec_driver_sql(
        "SELECT set_config(name, '0', true) FROM pg_settings WHERE name ~ '^(statement|lock)_timeout$'"
    )
    take_lock(connection, "migrate")
    revision = read_server_revision(connection)
    from app.migrations.walls import raise_walls

    if revision != HEAD:
        _refuse_newer("The database", revision)
        _upgrade(connection)
    return raise_walls(connection) or revision != HEAD


def _refuse_newer(name: str, revision: str | None) -> None:
    if revision is not None and revision > HEAD:
        raise StorageUnavailable(
            f"{name} was written by a newer version (schema {revision}, this is {HEAD}).", "Upgrade this program."
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("recursive_version_locations", "true")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
