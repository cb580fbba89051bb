"""No program outlives its starter, however the starter ends, nor do the program's own children."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.live.guard import list_tree
from infra.live.programs import LiveError, Program, wait_until
from tests.process_table import is_gone, read_state

PROMISES = ("no-process-left",)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

FAMILY = """
import signal, subprocess
grandchild = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("ready", grandchild.pid, flush=True)
signal.pause()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
OWNER = """
import signal, sys
from pathlib import Path
# Tests that run in the background, or under nohup, hand down that these are ignored.
for each in (signal.SIGHUP, signal.SIGINT):
    signal.signal(each, signal.SIG_DFL)
from infra.live.programs import Program
program = Program("family", [sys.executable, "-I", "-S", "-c", sys.argv[2]], Path(sys.argv[1]), restart=True)
program.start()
print(program.pid, flush=True)
sys.stdin.read()
"""


def wait_gone(pids: list[int]) -> None:
    wait_until(lambda: all(map(is_gone, pids)), 15, f"{pids} end")


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Program]:
    program = Program("family", [sys.executable, "-I", "-S", "-c", FAMILY], tmp_path, grace=5)
    program.start()
    wait_until(lambda: program.log.read_text("utf-8").startswith("ready"), 15, "the family is there")
    yield program
    program.kill()


def list_family(program: Program) -> list[int]:
    assert program.pid is not None
    return [program.pid, *list_tree(program.pid)]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), DEAF + FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        int(process.stdout.readline())
        wait_until(lambda: (tmp_path / "family.log").read_text("utf-8").startswith("ready"), 15, "the family")
        yield process
        process.kill()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_owner_that_is_killed_leaves_nothing(owner: subprocess.Popen[str], sign: signal.Signals) -> None:
    pids = list_tree(owner.pid)
    assert len(pids) == 3, "the guard, the program and what it started"

    owner.send_signal(sign)

    wait_gone([owner.pid, *pids])


def test_an_owner_that_is_killed_leaves_no_stopped_program(owner: subprocess.Popen[str]) -> None:
    pids = list_tree(owner.pid)
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)

    owner.kill()

    wait_gone([owner.pid, *pids])


def test_a_program_ends_with_its_guard(family: Program) -> None:
    assert family.guard_pid is not None
    assert family.pid is not None
    program = family.pid

    os.kill(family.guard_pid, signal.SIGKILL)

    wait_gone([program])
    for pid in (int(family.log.read_text("utf-8").split()[1]),):
        os.kill(pid, signal.SIGKILL)  # the kernel cannot reach what the program itself detached


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ending_a_program_ends_what_it_started(family: Program, end: str) -> None:
    pids = list_family(family)
    assert len(pids) == 2

    getattr(family, end)()

    assert all(map(is_gone, pids))
    assert not family.is_alive()


def test_a_program_that_stands_still_can_be_stopped(family: Program) -> None:
    pids = list_family(family)
    family.pause()
    family.stop()

    assert all(map(is_gone, pids))


def test_pausing_holds_the_whole_family_and_resuming_lets_it_go(family: Program) -> None:
    def read_states() -> set[str | None]:
        return {read_state(pid) for pid in list_family(family)}

    family.pause()
    wait_until(lambda: read_states() == {"T"}, 5, "all stand still")
    family.resume()
    wait_until(lambda: read_states() == {"S"}, 5, "all go on")


def test_a_program_that_does_not_heed_sigterm_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    deaf = f"{DEAF}; print('ready', flush=True); signal.pause()"
    program = Program("deaf", [sys.executable, "-I", "-S", "-c", deaf], tmp_path, grace=0.2)
    program.start()
    wait_until(lambda: program.log.read_text("utf-8") == "ready\n", 15, "it listens")
    pid = program.pid

    program.stop()

    assert pid is not None
    assert is_gone(pid)
    assert program.exit_code == -signal.SIGKILL


def test_a_program_that_crashes_is_started_again_and_one_that_is_stopped_is_not(tmp_path: Path) -> None:
    program = Program("sleeper", ["sleep", "600"], tmp_path, restart=True)
    program.start()
    first = program.pid

    program.crash()

    wait_until(lambda: program.pid not in (None, first), 15, "it is back")
    program.stop()
    assert not program.is_alive()
    program.start()
    assert program.is_alive()
    program.kill()


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(LiveError, match="no-such-program"):
        Program("missing", ["no-such-program"], tmp_path).start()


def test_the_guard_needs_nothing_but_the_standard_library() -> None:
    guard = Path(__file__).parents[3] / "infra/live/guard.py"
    program = f"import json, runpy, sys; runpy.run_path({str(guard)!r}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)

    assert {name.split(".")[0] for name in json.loads(done.stdout)} - {"guard"} <= sys.stdlib_module_names | {
        "__main__"
    }
