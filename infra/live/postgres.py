"""One private PostgreSQL cluster: on loopback, with a password, in its own directory."""

import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.live.machine import find_postgres
from infra.live.ports import LOOPBACK, PortBook
from infra.live.programs import Command, LiveError, Program, find_unprivileged, run_guarded, wait_until

READY_SECONDS = 30.0
OWNER = "todo"


@dataclass
class Postgres:
    """A cluster; `start` after `stop` or `kill` recovers its data."""

    program: Program
    programs: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address of the first database, as `TODO_DATABASE_URL` takes it."""
        return self.name_url(OWNER)

    def name_url(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql://{OWNER}:{quote(self.password)}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it accepts clients."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start it, without waiting."""
        (self.program.folder / "data/postmaster.pid").unlink(missing_ok=True)  # stale: the server ends with its guard
        self.program.start()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it accepts clients."""

        def answers() -> bool:
            if not self.program.is_alive():
                raise LiveError(f"PostgreSQL has ended:\n{self.program.read_end()}")
            return self._run("pg_isready", "-q", "-d", "postgres").returncode == 0

        wait_until(answers, seconds, "PostgreSQL lets clients in")

    def create_database(self, name: str, place: Path | None = None) -> str:
        """Create an empty database, in the empty folder `place` if given, and return its address."""
        words = ["--maintenance-db=postgres", "--template=template0"]
        if place:
            made = self._run("psql", "-q", "-d", "postgres", "-c", f"CREATE TABLESPACE {name} LOCATION '{place}'")
            if made.returncode != 0:
                raise LiveError(f"PostgreSQL does not take {place}: {made.stderr.strip()}")
            words.append(f"--tablespace={name}")
        done = self._run("createdb", *words, name)
        if done.returncode != 0:
            raise LiveError(f"PostgreSQL does not make the database {name}: {done.stderr.strip()}")
        return self.name_url(name)

    def stop(self) -> None:
        """Stop it in order: SIGTERM waits for clients to leave; SIGKILL follows if they do not."""
        self.program.stop()

    def kill(self) -> None:
        """Kill it and all its processes (SIGKILL)."""
        self.program.kill()

    def pause(self) -> None:
        """Freeze all its processes (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Continue them (SIGCONT)."""
        self.program.resume()

    def _run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # the cluster's own programs
            [self.programs / name, "-h", LOOPBACK, "-p", str(self.port), "-U", OWNER, *words],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def lay_out_postgres(folder: Path, ports: PortBook, settings: Mapping[str, str] | None = None) -> Postgres:
    """Create a cluster's directory and return the cluster, not yet started."""
    programs, identity = find_postgres(), find_unprivileged()
    folder.mkdir(parents=True)
    password, port = secrets.token_urlsafe(18), ports.take()
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password, "utf-8")
    if identity:
        for path in (folder, secret):
            os.chown(path, identity["user"], identity["group"])
    rest: dict[str, Any] = {"environment": {"HOME": str(folder)}, "identity": identity}
    words: Command = ["--username", OWNER, "--pwfile", secret, "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
    locale = ["--locale=C.UTF-8"] if os.uname().sysname == "Linux" else ["--no-locale"]
    run_guarded("initdb", [programs / "initdb", "-D", folder / "data", *words, *locale], folder, 120, **rest)
    secret.unlink()
    chosen = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": "", **(settings or {})}
    command: Command = [programs / "postgres", "-D", folder / "data"]
    for name, value in chosen.items():
        command += ["-c", f"{name}={value}"]
    return Postgres(Program("postgres", command, folder, **rest), programs, port, password)
