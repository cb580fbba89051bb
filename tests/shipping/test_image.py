"""The image, built by the script that operators use and run as they run it: read-only, without rights, and as PID 1."""

import itertools
import json
import os
import re
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from app.migrations import HEAD
from app.release.image import check_image
from app.release.workshop import find_uv
from tests.architecture.ours import PYPROJECT, ROOT
from tests.shipping.containers import (
    BASE,
    UID,
    Container,
    draw_name,
    draw_port,
    must,
    read_log,
    remove_container,
    run_once,
    run_shell,
    start_container,
    stop_container,
)

PROMISES = ("image",)

pytestmark = pytest.mark.long("it builds the image")

READY_SECONDS, END_SECONDS = 5.0, 2.0
"""To be ready, in processor time, which does not grow when others use the machine; and to end."""


def test_it_is_ready_at_once(image: str, volume: Path) -> None:
    """Of three starts the quickest counts: the first also reads the image from the disk, and others use the machine."""
    took = []
    for _ in range(3):
        name = draw_name()
        try:
            container = start_container(image, name, draw_port(), volume)
            container.wait_ready(60)
            took.append(measure_processor(container))
        finally:
            remove_container(name)
    assert min(took) <= READY_SECONDS, took


def test_a_task_has_its_event_and_the_doctor_finds_nothing(container: Container) -> None:
    token = container.sign_up()
    status, answer = container.ask("POST", "/api/tasks", {"title": "Buy milk"}, token)
    assert status == 201
    task = answer["task"]
    tail = container.run("evolution-todo", "events", "tail", "--json")
    events = [json.loads(line) for line in tail.stdout.splitlines()]
    assert [(each["type"], each["data"]["task_id"]) for each in events] == [("task.created", task["id"])]
    doctor = container.run("evolution-todo", "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    health = container.run("evolution-todo", "health")
    assert (health.returncode, health.stdout.strip()) == (0, "ready")


def measure_processor(container: Container) -> float:
    """Return the seconds of processor time of PID 1 so far (proc(5): utime and stime)."""
    user, system = container.run("cat", "/proc/1/stat").stdout.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_it_runs_without_any_right(container: Container) -> None:
    container.wait_ready(60)
    status = dict(
        line.split(":\t", 1) for line in container.run("cat", "/proc/1/status").stdout.splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == [str(UID)] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for place in ("/x", "/opt/evolution-todo/x", "/usr/share/x"):
        assert container.run("touch", place).returncode != 0
    assert container.run("touch", "/data/x").returncode == 0
    assert "evolution-todo" in container.run("cat", "/proc/1/cmdline").stdout


@dataclass
class Writer:
    """Creates tasks until it is stopped, and keeps what was answered."""

    container: Container
    token: str
    saved: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for count in itertools.count():
            if self._stop.is_set():
                return
            status, body = self.container.ask("POST", "/api/tasks", {"title": f"T{count}"}, self.token)
            self.statuses.add(status)
            if status == 201:
                self.saved.append(body["task"]["id"])
            if status == 0:
                return

    def stop(self) -> None:
        self._stop.set()


def test_sigterm_under_load_ends_it_in_time_and_loses_no_answer(container: Container, image: str, volume: Path) -> None:
    token = container.sign_up()
    writers = [Writer(container, token) for _ in range(4)]
    threads = [threading.Thread(target=each.run) for each in writers]
    for each in threads:
        each.start()
    while sum(len(each.saved) for each in writers) < 100:
        assert all(each.is_alive() for each in threads)
        threading.Event().wait(0.02)
    took, code = stop_container(container.name)
    for writer, thread in zip(writers, threads, strict=True):
        writer.stop()
        thread.join(30)
    assert code == 0, read_log(container.name)
    assert took <= END_SECONDS
    assert set().union(*(each.statuses for each in writers)) <= {201, 429, 503, 0}
    saved = {task for each in writers for task in each.saved}
    file = sqlite3.connect(volume / "todo.db")
    there = {row[0] for row in file.execute("SELECT id FROM task")}
    announced = {row[0] for row in file.execute("SELECT task_id FROM outbox_entry")}
    file.close()
    assert saved <= there == announced


def test_it_brings_an_older_volume_up(image: str, volume: Path) -> None:
    path = volume / "todo.db"
    config = Config()
    config.set_main_option("script_location", str(ROOT / "app/migrations"))
    config.set_main_option("recursive_version_locations", "true")
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
    for each in volume.iterdir():
        os.chown(each, UID, UID)
    name = draw_name()
    try:
        container = start_container(image, name, draw_port(), volume)
        container.wait_ready(60)
        assert container.ask("GET", "/readyz")[1]["schema"] == HEAD
        assert (volume / f"todo.db.before-{HEAD}").exists()
    finally:
        remove_container(name)


def test_the_health_check_is_in_the_image_and_tells_ready_from_away(
    container: Container, image: str, volume: Path
) -> None:
    (health,) = (each["Healthcheck"] for each in [read_config(image)])
    assert health["Test"] == ["CMD", "evolution-todo", "health"]
    container.wait_ready(60)
    assert container.run(*health["Test"][1:]).returncode == 0
    away = run_once(image, volume, "health", TODO_PORT=str(draw_port()), TODO_HOST="127.0.0.1")
    assert away.returncode == 1
    assert "nothing answers" in away.stderr


def read_config(image: str) -> dict[str, Any]:
    (described,) = json.loads(must("podman", "inspect", "--type=image", image))
    config: dict[str, Any] = described["Config"]
    return {"Healthcheck": described.get("Healthcheck"), **config}


def test_the_image_says_what_it_is(image: str) -> None:
    config = read_config(image)
    assert config["User"] == f"{UID}:{UID}"
    assert list(config["Volumes"]) == ["/data"]
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == PYPROJECT["project"]["version"]
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert config["StopSignal"] == "SIGTERM"


def test_the_bill_of_materials_names_every_package_and_licence(image: str) -> None:
    bill = json.loads(read_file(image, "/usr/share/evolution-todo/sbom.cdx.json"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    listed = {each["name"].lower().replace("_", "-").replace(".", "-"): each["version"] for each in bill["components"]}
    installed = {name: version for name, version in locked.items() if name in listed}
    assert {name: listed[name] for name in installed} == installed
    assert listed.keys() - locked.keys() <= {"evolution-todo"}
    assert len(locked) - len(installed) <= 5, "all but those of other platforms"
    lines = read_file(image, "/usr/share/evolution-todo/licences.txt").splitlines()
    assert len(lines) == len(bill["components"])
    assert [line for line in lines if line.endswith(": not named")] == []
    assert "MIT" in read_file(image, "/usr/share/evolution-todo/LICENSE")


def read_file(image: str, path: str) -> str:
    return run_shell(image, f"cat {path}")


def test_its_archive_is_what_a_release_ships(image: str, tmp_path: Path) -> None:
    must("buildah", "push", image, f"oci-archive:{tmp_path / 'image.tar'}:{image}", seconds=600)
    check_image(tmp_path / "image.tar", PYPROJECT["project"]["version"], BASE)


def test_the_lock_has_wheels_for_both_processors(tmp_path: Path) -> None:
    """All but `http-ece`, which is Python alone; a wheel whose sum is not in the lock does not count."""
    words = ("pip", "install", "--dry-run", "--require-hashes", "--no-deps", "--only-binary=:all:")
    for processor in ("x86_64", "aarch64"):
        place = ("--target", tmp_path, "--python-version", "3.13", "--python-platform", f"{processor}-manylinux_2_28")
        lock = ("--no-binary=http-ece", "-r", ROOT / "requirements.lock")
        must(find_uv(), *words, *place, *lock, UV_SYSTEM_CERTS="1", seconds=300)


def test_nothing_of_the_build_is_left_in_it(image: str) -> None:
    folders = "/tools /build /wheel /opt/evolution-todo/bin /data"
    listed = run_shell(image, f"ls {folders} 2> /dev/null || true").split()
    assert not {"uv", "pip", "pip3", "cyclonedx-py", "hatchling"} & set(listed)
    assert "evolution-todo" in listed
