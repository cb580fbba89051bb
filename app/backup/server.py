"""Backups of a PostgreSQL database, by the programs that come with it."""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from sqlalchemy import Connection

from app.backup.place import replace_whole
from app.backup.report import COUNTED, NEEDED, Report, judge
from app.database_url import read_server_address
from app.storage.wall import EVERYBODY, SETTING
from todo.errors import InvalidArguments, StorageUnavailable

_COPY = re.compile(r"COPY (?:[\w\"]+\.)?\"?(\w+)\"? \((.*)\) FROM stdin;")
_LEFT_OUT = re.compile(r"^\d+; \d+ \d+ (ACL|POLICY|ROW SECURITY|COMMENT .* POLICY|DEFAULT ACL) ")
"""What names roles of the server that was dumped: the walls are built again from the tables."""
_CLEAR = """
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
  LOOP EXECUTE format('DROP TABLE %I CASCADE', each.relname); END LOOP;
  FOR each IN SELECT p.oid::regprocedure AS name FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE 'DROP FUNCTION ' || each.name || ' CASCADE'; END LOOP;
END $$
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def back_up_server(url: str, target: Path) -> Report:
    """Dump a database into one file while others go on writing, and verify the dump."""
    with replace_whole(target) as part:
        command = ["--format=custom", "--no-password", "--enable-row-security", f"--file={part}"]
        _run("pg_dump", *command, url=url)
        report = verify_dump(part)
        if not report.ok:
            raise StorageUnavailable(f"The dump is not sound: {report.problems[0]}", "The old backup is as it was.")
    return report


def verify_dump(path: Path) -> Report:
    """Read a whole dump, count, and compare outbox and record; raises `InvalidArguments`."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for name, columns in NEEDED.items():
            raw.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
        counts = dict.fromkeys(COUNTED, 0)
        tables = [f"--table={name}" for name in sorted({*NEEDED, *COUNTED, "alembic_version"})]
        schema = ""
        # Everything is read once, so that a file that was cut off is found; then the tables that are compared.
        _run("pg_restore", "--file=/dev/null", str(path))
        for name, rows in _read_tables(path, tables):
            if name == "alembic_version":
                schema = next(iter(rows))["version_num"] or ""
            else:
                count = _take_rows(raw, name, rows)
                counts.update({name: count} if name in counts else {})
        if not schema:
            raise InvalidArguments(f"{path} is a dump of something else.", "Take a file that `backup` made.")
        raw.execute("CREATE INDEX ix_item ON change_item (task_id)")
        raw.execute("CREATE INDEX ix_task ON task (id)")
        raw.execute('CREATE INDEX ix_change ON "change" (id)')
        return judge(raw, "postgresql", schema, counts, ())
    finally:
        raw.close()


def dump_aside(url: str, target: Path) -> None:
    """Dump a database as it is, sound or not."""
    with replace_whole(target) as part:
        _run("pg_dump", "--format=custom", "--no-password", "--enable-row-security", f"--file={part}", url=url)


def restore_dump(backup: Path, url: str) -> None:
    """Put a verified dump in the place of everything in a database's schema, in one transaction."""
    with tempfile.TemporaryDirectory(prefix="todo-restore-", dir=backup.absolute().parent) as folder:
        names, script = Path(folder, "names"), Path(folder, "script")
        lines = _run("pg_restore", "--list", str(backup)).splitlines()
        names.write_text("\n".join(line for line in lines if not _LEFT_OUT.match(line)))
        options = ["--no-owner", "--no-privileges", f"--use-list={names}", f"--file={script}"]
        _run("pg_restore", *options, str(backup))
        together = ["--single-transaction", "--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1"]
        _run("psql", *together, f"--command={_CLEAR}", f"--file={script}", url=url)


def require_alone(connection: Connection) -> None:
    """Raise `StorageUnavailable` if anything else is connected to the database."""
    others = connection.exec_driver_sql(_OTHERS).scalar_one()
    if others:
        raise StorageUnavailable(
            f"{others} other connection(s) to the database are open.", "Stop the service, then try again."
        )


def _take_rows(raw: sqlite3.Connection, name: str, rows: Iterable[dict[str, str | None]]) -> int:
    columns = NEEDED.get(name, ())
    count = 0
    raw.execute("BEGIN")
    for row in rows:
        count += 1
        if columns:
            values = [int(row[each] or 0) if each == "version" else row[each] for each in columns]
            raw.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', values)  # noqa: S608  # our own names
    raw.execute("COMMIT")
    return count


def _read_tables(path: Path, tables: Sequence[str]) -> Iterator[tuple[str, Iterator[dict[str, str | None]]]]:
    program = find_program("pg_restore")
    command = [program, "--data-only", "--file=-", *tables, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own words
        assert process.stdout is not None  # noqa: S101 - asked for above
        for line in process.stdout:
            if found := _COPY.match(line):
                columns = [name.strip().strip('"') for name in found[2].split(",")]
                yield found[1], _read_rows(process.stdout, columns)


def _read_rows(lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, str | None]]:
    for line in lines:
        if line == "\\.\n":
            return
        values = [None if value == "\\N" else value for value in line.rstrip("\n").split("\t")]
        yield dict(zip(columns, values, strict=True))


def find_program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; raises `StorageUnavailable`."""
    found = shutil.which(name)
    if found is None:
        raise StorageUnavailable(
            f"{name} is not at hand.",
            "Install PostgreSQL's client programs (Debian: apt-get install postgresql-client).",
        )
    return found


def _run(name: str, *words: str, url: str | None = None) -> str:
    environment = dict(os.environ)
    where: list[str] = []
    if url is not None:
        address = read_server_address(url)
        place, password = split_password(address.dsn)
        where = [f"--dbname={place}"]
        if password is not None:
            # In the environment: everybody on the machine can read a program's words.
            environment["PGPASSWORD"] = password
        environment["PGOPTIONS"] = f"{address.session.get('options', '')} -c {SETTING}={EVERYBODY}".strip()
        environment["PGAPPNAME"] = "evolution-todo backup"
    command = [find_program(name), *where, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        said = next((line for line in lines if "error" in line.lower() or "FATAL" in line), lines[-1])
        kind = InvalidArguments if url is None else StorageUnavailable
        raise kind(f"{name} could not do it: {said.strip()[:300]}.", "Nothing that was there before is changed.")
    return done.stdout


def split_password(dsn: str) -> tuple[str, str | None]:
    """Return an address without its password, and the password."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    options = parse_qsl(parts.query)
    named = dict(options).get("password")
    query = urlencode([(name, value) for name, value in options if name != "password"])
    place = parts._replace(netloc=f"{user}{at}{hosts}", query=query).geturl()
    return place, unquote(password) if colon else named
