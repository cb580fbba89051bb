"""The schema's versions, and the way of a database file to the newest one."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from todo.errors import StorageUnavailable

HEAD = "0002"
"""The newest revision; a test holds it against the scripts beside this file."""


def read_revision(path: Path) -> str | None:
    """Return the schema revision of a SQLite file, or nothing for a new one.

    Raises `StorageUnavailable` for a file that is no database or cannot be opened.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
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
        raise StorageUnavailable(f"{path} is no usable database: {error}.", "Restore a backup of it.") from None
    return row[0] if row else None


def check_schema(connection: Connection) -> None:
    """Refuse to write to a file that another process has brought to a newer schema meanwhile."""
    if connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() != HEAD:
        raise StorageUnavailable("The file was upgraded by a newer version of this program.", "Restart this process.")


def migrate_file(path: Path) -> bool:
    """Bring a SQLite file to `HEAD`; return whether anything was done. An older file is copied first.

    Raises `StorageUnavailable` if the file is newer than this program, or cannot be written.
    """
    revision = read_revision(path)
    if revision == HEAD:
        return False
    if revision is not None and revision > HEAD:
        raise StorageUnavailable(
            f"{path} was written by a newer version (schema {revision}, this is {HEAD}).", "Upgrade this program."
        )
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DatabaseError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if revision is not None:
            shutil.copy2(path, path.with_name(f"{path.name}.before-{HEAD}"))
    except OSError as error:
        raise StorageUnavailable(f"{path.parent} cannot be written: {error.strerror}.", "Set TODO_DATA_DIR.") from None
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5})
    try:
        with engine.begin() as connection:
            # Two processes may start at once: the second one waits here and then finds the work done.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    except DatabaseError as error:
        raise StorageUnavailable(
            f"{path} cannot be brought to schema {HEAD}: {error.orig}.", "Check the file and its folder."
        ) from None
    finally:
        engine.dispose()
    return True
