"""What keeps the image from starting is a sentence in its log and an exit code that is not 0, never a silent loop."""

import os
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.shipping.containers import UID, call, draw_name, draw_port, must, remove_container, run_once, start_container

PROMISES = ("image",)

pytestmark = pytest.mark.long("it builds the image")


def no_one_s(volume: Path) -> None:
    os.chown(volume, 0, 0)
    volume.chmod(0o755)


def closed(volume: Path) -> None:
    os.chown(volume, 0, 0)
    volume.chmod(0o700)


def other_owner(volume: Path) -> None:
    sqlite3.connect(volume / "todo.db").execute("CREATE TABLE t (x)")
    (volume / "todo.db").chmod(0o600)


def newer(volume: Path) -> None:
    file = sqlite3.connect(volume / "todo.db")
    file.execute("CREATE TABLE alembic_version (version_num TEXT)")
    file.execute("INSERT INTO alembic_version VALUES ('9999')")
    file.commit()
    file.close()
    os.chown(volume / "todo.db", UID, UID)


def untouched(volume: Path) -> None:
    """Leave the volume as it is."""


BAD = {
    "a volume of another user": (no_one_s, {}, "cannot be written"),
    "a volume that cannot be read": (closed, {}, "/data cannot be read"),
    "a file of another user": (other_owner, {}, "todo.db cannot be"),
    "a newer schema": (newer, {}, "newer version"),
    "a secret file that is missing": (
        untouched,
        {"TODO_DATABASE_URL_FILE": "/run/secrets/no"},
        "TODO_DATABASE_URL_FILE: the file cannot be read",
    ),
    "a database that is away": (untouched, {"TODO_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/todo"}, "database"),
    "an address of another machine": (untouched, {"TODO_HOST": "192.0.2.1"}, "192.0.2.1 cannot be listened on"),
    "loopback alone": (untouched, {"TODO_AUTH": "local"}, "TODO_HOST"),
}


@pytest.mark.parametrize("harm", BAD)
def test_what_cannot_start_ends_with_a_sentence(image: str, volume: Path, harm: str) -> None:
    spoil, settings, said = BAD[harm]
    spoil(volume)
    given = {"TODO_PORT": str(draw_port()), **settings}
    done = run_once(image, volume, **given)
    assert done.returncode not in (0, 125, 126, 127), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "p@" not in done.stderr


def test_a_port_that_is_taken_ends_it_with_a_sentence(image: str, volume: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104  # the container's own address
        taken.listen()
        done = run_once(image, volume, TODO_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "is taken" in done.stderr


def test_a_full_volume_is_refused_call_by_call_and_the_process_stays(image: str, tmp_path: Path) -> None:
    volume = tmp_path / "small"
    volume.mkdir()
    must("mount", "-t", "tmpfs", "-o", f"size=3m,uid={UID},gid={UID},mode=0700", "tmpfs", volume)
    name = draw_name()
    try:
        container = start_container(image, name, draw_port(), volume)
        token = container.sign_up()
        (volume / "ballast").write_bytes(b"x" * (shutil.disk_usage(volume).free - 8_192))
        answers = [
            container.ask("POST", "/api/tasks", {"title": "T" * 200, "notes": "n" * 9_000}, token) for _ in range(20)
        ]
        assert 503 in {status for status, _ in answers}
        assert {body["code"] for status, body in answers if status == 503} == {"storage_unavailable"}
        (volume / "ballast").unlink()
        assert container.ask("POST", "/api/tasks", {"title": "Room again"}, token)[0] == 201
    finally:
        remove_container(name)
        call("umount", volume)
