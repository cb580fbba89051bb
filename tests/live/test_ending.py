"""The whole chain ends with its starter, killed or not; `live up`, `status` and `down` agree on what runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.live.cache import find_cache
from infra.live.chain import LiveChain
from infra.live.guard import list_tree
from infra.live.programs import wait_until
from tests.long import LONG
from tests.process_table import is_gone, read_name

PROMISES = ("no-process-left",)

pytestmark = pytest.mark.usefixtures("chain")  # so that what has to be built has been built, or all is skipped

OWNER = """
import sys
from infra.live.chain import LiveChain
from infra.live.sidecar import App
with LiveChain() as chain:
    daprd = chain.add_daprd(App("evolution-todo"))
    daprd.start()
    if sys.argv[1] == "paused":
        for part in (chain.kafka, chain.postgres, daprd):
            part.pause()
    print(chain.folder, flush=True)
    sys.stdin.read()
"""
SECONDS = 60.0


@pytest.fixture
def private_cache(tmp_path: Path) -> dict[str, str]:
    """A cache with the programs of the real one, but apart from the developer's own `live up`."""
    own = tmp_path / "cache/evolution-todo/live"
    own.mkdir(parents=True)
    for made in find_cache().iterdir():
        if made.is_dir():
            (own / made.name).symlink_to(made)
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.mark.parametrize("state", ["paused", *(["running"] if LONG else [])])
def test_a_killed_test_run_leaves_no_process_and_the_next_one_clears_its_files(state: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        pids = list_tree(owner.pid)
        assert len(pids) > 3 + 3, "three guards, three programs, and PostgreSQL's own"

        owner.kill()

        wait_until(lambda: all(map(is_gone, pids)), SECONDS, f"{pids} end")
    assert folder.is_dir()
    with LiveChain():
        assert not folder.exists()


@contextmanager
def end_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process when a test has failed: `Popen` itself would wait for it."""
    try:
        yield
    finally:
        process.terminate()


def test_a_chain_that_is_still_being_built_can_be_taken_down(tmp_path: Path) -> None:
    # a Go that never answers stands for a build that takes its time
    slow = tmp_path / "bin/go"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\n[ $1 = version ] && echo go version go1.26.0 && exit\nsleep 600\n", "utf-8")
    slow.chmod(0o755)
    path = f"{slow.parent}{os.pathsep}{os.environ['PATH']}"
    used = {"TODO_KAFKA_BROKERS": "kafka.invalid:9092", "TODO_DATABASE_URL": "postgresql://db.invalid/todo"}
    environment = {**os.environ, **used, "XDG_CACHE_HOME": str(tmp_path), "PATH": path}

    def list_programs(pid: int) -> list[int]:
        return [each for each in list_tree(pid) if read_name(each) == "sleep"]

    command = [sys.executable, "-m", "evolution_todo", "live", "up"]
    with subprocess.Popen(command, env=environment) as building, end_at_last(building):
        wait_until(lambda: bool(list_programs(building.pid)), SECONDS, "it has begun")
        pids = list_tree(building.pid)
        assert "on its way" in call(environment, "status").stderr

        assert call(environment, "down").returncode == 0

        assert building.wait(SECONDS) == 0
        assert all(map(is_gone, pids))
        assert "Nothing is up" in call(environment, "status").stderr


@pytest.fixture
def up(private_cache: dict[str, str]) -> Iterator[int]:
    """The process id of a `live up --detach`."""
    pid = start_up(private_cache)
    yield pid
    call(private_cache, "down")
    assert is_gone(pid)


def start_up(environment: dict[str, str]) -> int:
    """Start a chain that stays; return its process id."""
    done = call(environment, "up", "--detach", "--port", "8123")
    assert done.returncode == 0, done.stdout + done.stderr
    state = json.loads((Path(environment["XDG_CACHE_HOME"]) / "evolution-todo/live/up.json").read_text("utf-8"))
    return int(state["pid"])


def call(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evolution_todo", "live", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.long("40 s, with a chain of its own")
def test_a_killed_live_up_leaves_nothing_and_the_next_one_tells_its_settings_until_it_is_down(
    up: int, private_cache: dict[str, str]
) -> None:
    pids = [up, *list_tree(up)]

    os.kill(up, signal.SIGKILL)

    wait_until(lambda: all(map(is_gone, pids)), SECONDS, f"{pids} end")
    assert call(private_cache, "status").returncode == 1
    again = start_up(private_cache)
    pids = [again, *list_tree(again)]
    status = call(private_cache, "status")
    lines = [line for line in status.stdout.splitlines() if not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)
    assert {"TODO_BROKER", "TODO_DAPR_HTTP", "TODO_DATABASE_URL", "TODO_KAFKA_BROKERS"} <= settings.keys()
    assert settings["TODO_PORT"] == "'8123'"
    assert "up already" in call(private_cache, "up").stderr
    [kafka] = [line for line in status.stdout.splitlines() if line.startswith("# kafka ")]
    os.kill(int(kafka.partition("process ")[2].partition(",")[0]), signal.SIGKILL)
    wait_until(lambda: "begin anew" in call(private_cache, "status").stdout, SECONDS, "the loss is told")

    assert call(private_cache, "down").returncode == 0

    # Killed processes are reaped a moment after the chain has released its lock.
    wait_until(lambda: all(map(is_gone, pids)), SECONDS, f"{pids} end")
    assert call(private_cache, "status").returncode == 1
    assert call(private_cache, "down").stdout == "Nothing was up.\n"
