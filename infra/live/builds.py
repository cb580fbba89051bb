"""Long builds and fetches: at low priority, with a line of progress now and then."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from infra.live.cache import Say
from infra.live.programs import Command, LiveError, Program

LONGEST = 3600.0
"""The most seconds of one build."""
_TELL_EVERY = 15.0


def gently() -> Command:
    """Return the command prefix that runs a build at low priority."""
    nice = shutil.which("nice")
    return [nice, "-n", "19"] if nice else []


def run_long(name: str, command: Command, folder: Path, environment: dict[str, str], say: Say) -> None:
    """Run a build or a fetch to its end, with progress now and then; raises `LiveError` with its last lines."""
    program = Program(name, command, folder, environment)
    began = time.monotonic()
    program.start()
    tell = _every(_TELL_EVERY, lambda: say(f"  … {time.monotonic() - began:.0f} s, {_count_lines(program.log)}"))
    try:
        while program.is_alive():
            tell()
            if time.monotonic() - began > LONGEST:
                raise LiveError(f"{name}: not done within an hour.")
            time.sleep(0.2)
        if program.wait(1) != 0:
            raise LiveError(f"{name} failed:\n{program.read_end()}")
    finally:
        program.kill()


def _every(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls `act` at most once per interval, the first time after one interval."""
    last = time.monotonic()

    def tell() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            act()

    return tell


def _count_lines(log: Path) -> str:
    lines = len(log.read_bytes().splitlines()) if log.exists() else 0
    return f"{lines} lines of progress"
