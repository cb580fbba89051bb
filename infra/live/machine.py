"""The tools installed on the machine: Go, Java, Maven, PostgreSQL and perhaps a daprd."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from infra.live.programs import ToolsMissing, find_unprivileged
from infra.live.versions import DAPRD, GO_AT_LEAST, JAVA_AT_LEAST, POSTGRES_AT_LEAST


def ask(*command: str | Path) -> str:
    """Return a program's output and error output; "" if it is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603  # our own words
            [str(word) for word in command], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""


def read_version(text: str, before: str) -> tuple[int, ...]:
    """Return the version number that follows `before`, as integers; empty if there is none."""
    match = re.search(rf"{before}(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def find_go() -> Path:
    """Return the path of Go; raises `ToolsMissing` if none can build daprd."""
    found = shutil.which("go")
    if read_version(ask(found, "version") if found else "", "go version go") < GO_AT_LEAST:
        wanted = ".".join(map(str, GO_AT_LEAST))
        raise ToolsMissing(
            f"Go {wanted} or newer is needed to build daprd {DAPRD}: `apt install golang-{wanted}` where Debian has it "
            f"(trixie-backports), else Go's own archive; or put daprd {DAPRD} on PATH."
        )
    return Path(str(found))


def find_java() -> Path:
    """Return the path of a Java that can run Kafka; raises `ToolsMissing`."""
    home = os.environ.get("JAVA_HOME")
    for java in (Path(home) / "bin/java" if home else None, shutil.which("java")):
        if java and read_version(ask(java, "-version"), 'version "') >= JAVA_AT_LEAST:
            return Path(java)
    raise ToolsMissing(
        f"Java {JAVA_AT_LEAST[0]} or newer is needed to run Kafka: `apt install default-jre-headless`; "
        "or set TODO_KAFKA_BROKERS to a Kafka that runs."
    )


def find_newer_java(at_least: tuple[int, ...], what: str) -> Path:
    """Return the path of a Java beside the usual one, which may be older; raises `ToolsMissing`."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    installed = [*([Path(home) / "bin/java"] if home else []), *([Path(on_path)] if on_path else [])]
    for java in [*installed, *sorted(Path("/usr/lib/jvm").glob("*/bin/java"))]:
        if read_version(ask(java, "-version"), 'version "') >= at_least:
            return java
    raise ToolsMissing(f"Java {at_least[0]} or newer is needed {what}: `apt install openjdk-21-jre-headless`.")


def find_maven() -> Path:
    """Return the path of Maven; raises `ToolsMissing`."""
    found = shutil.which("mvn")
    if not found:
        raise ToolsMissing(
            "Maven is needed to fetch Kafka: `apt install maven`; or set TODO_KAFKA_BROKERS to a Kafka that runs."
        )
    return Path(found)


def find_postgres() -> Path:
    """Return the folder of the newest PostgreSQL's programs; raises `ToolsMissing` if none is new enough."""
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = [
        (version, folder)
        for folder in folders
        if (folder / "initdb").exists()
        and (version := read_version(ask(folder / "postgres", "--version"), r"PostgreSQL\) ")) >= POSTGRES_AT_LEAST
    ]
    if not found:
        raise ToolsMissing(
            f"PostgreSQL {POSTGRES_AT_LEAST[0]} or newer is needed: `apt install postgresql`; "
            "or set TODO_DATABASE_URL to a database that is there."
        )
    find_unprivileged()
    return max(found)[1]


def find_faketime() -> Path | None:
    """Return the library that shifts a program's clock (Debian: `libfaketime`); None if it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def find_installed_daprd() -> Path | None:
    """Return the daprd on PATH if it has the pinned version."""
    found = shutil.which("daprd")
    said = ask(found, "--version").split() if found else []
    return Path(str(found)) if DAPRD in said else None
