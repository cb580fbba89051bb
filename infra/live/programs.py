"""Programs on this machine that cannot outlive the process that started them."""

import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.live.guard import list_tree, send

_GUARD = Path(__file__).with_name("guard.py")
_POLL = 0.02
_LINES_SHOWN = 12


Command = list[str | Path]


class LiveError(Exception):
    """The real chain cannot be started or misbehaves; the message says what to do."""


class ToolsMissing(LiveError):
    """Tools that the chain needs are missing and cannot be fetched; one sentence for each."""


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll `ready` until it returns True; raises `LiveError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            raise LiveError(f"{what}: not within {seconds:g} s.")
        time.sleep(_POLL)


def find_unprivileged() -> dict[str, Any]:
    """Return the `Popen` options that start a program which refuses root; empty unless this process is root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise ToolsMissing("There is no user `postgres` or `nobody` to run PostgreSQL as, which refuses root.")


@dataclass
class Program:
    """One program under a guard: when this process ends, so do the program and its descendants.

    `restart` starts it again when it ends by itself; `grace` is the time in seconds between SIGTERM and SIGKILL.
    """

    name: str
    command: Command
    folder: Path
    environment: Mapping[str, str] | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    restart: bool = False
    grace: float = 10.0
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _listener: threading.Thread | None = field(default=None, repr=False)
    _heard: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _pid: int | None = field(default=None, repr=False)
    _problem: str | None = field(default=None, repr=False)
    _exits: list[int] = field(default_factory=list, repr=False)

    @property
    def log(self) -> Path:
        """The file with the output of all its runs."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._pid

    @property
    def guard_pid(self) -> int | None:
        """The process id of its guard; None while it is stopped."""
        return self._guard.pid if self._guard else None

    @property
    def exit_code(self) -> int | None:
        """The last exit code, negative for a signal; None if it has not ended yet."""
        return self._exits[-1] if self._exits else None

    @property
    def exits(self) -> int:
        """The number of times it has ended."""
        return len(self._exits)

    def start(self) -> None:
        """Start it and wait until it has a process id; it may not be ready yet."""
        if self._guard is not None:
            if self._guard.poll() is None:
                raise LiveError(f"{self.name} runs already.")
            self._forget()
        spec = {
            "command": [str(word) for word in self.command],
            "folder": str(self.folder),
            "log": str(self.log),
            "identity": dict(self.identity),
            "restart": self.restart,
            "grace": self.grace,
        }
        self._guard = subprocess.Popen(  # noqa: S603  # our own file and the caller's command
            [sys.executable, "-I", "-S", str(_GUARD), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(self.environment or {})},
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the programs in order
        )
        seen, self._problem = len(self._exits), None
        self._listener = threading.Thread(target=self._listen, args=(self._guard,), daemon=True)
        self._listener.start()
        with self._heard:
            reported = self._heard.wait_for(
                lambda: bool(self._pid is not None or len(self._exits) > seen or self._problem), timeout=15
            )
        if self._problem or not reported:
            problem = self._problem or "its guard is silent"
            self.kill()
            raise LiveError(f"{self.name} could not be started: {problem}")

    def stop(self) -> None:
        """Stop it with SIGTERM and wait; kill it after the grace period."""
        self._dismiss(b"stop\n", self.grace + 5)

    def kill(self) -> None:
        """Kill it and its descendants (SIGKILL); it stays down until `start`."""
        self._dismiss(b"kill\n", 15)

    def crash(self) -> None:
        """Send SIGKILL to the program alone; with `restart` the guard starts it again."""
        pid = self._require()
        seen = self.exits
        send(pid, signal.SIGKILL)
        with self._heard:
            if not self._heard.wait_for(lambda: len(self._exits) > seen, timeout=15):
                raise LiveError(f"{self.name} does not end by SIGKILL.")

    def pause(self) -> None:
        """Freeze it and its descendants (SIGSTOP)."""
        pid = self._require()
        for each in (pid, *list_tree(pid)):
            send(each, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue it after `pause`."""
        pid = self._require()
        for each in (*list_tree(pid), pid):
            send(each, signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """Wait until it and its guard have ended; return its exit code, negative for a signal."""
        if self._guard is not None:
            try:
                self._guard.wait(seconds)
            except subprocess.TimeoutExpired:
                raise LiveError(f"{self.name}: not done within {seconds:g} s.") from None
        self._forget()
        return -1 if self.exit_code is None else self.exit_code

    def is_alive(self) -> bool:
        """Return whether it runs or is about to be restarted."""
        return self._guard is not None and self._guard.poll() is None

    def read_end(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return "(it said nothing)"
        return "\n".join(lines[-_LINES_SHOWN:]) or "(it said nothing)"

    def _listen(self, guard: subprocess.Popen[bytes]) -> None:
        assert guard.stdout is not None  # noqa: S101  # asked for
        with guard.stdout as reports:
            for line in reports:
                report = json.loads(line)
                with self._heard:
                    self._pid, self._problem = report.get("pid"), report.get("problem")
                    if "exit" in report:
                        self._exits.append(report["exit"])
                    self._heard.notify_all()

    def _require(self) -> int:
        if self._pid is None:
            raise LiveError(f"{self.name} does not run.")
        return self._pid

    def _dismiss(self, word: bytes, seconds: float) -> None:
        guard = self._guard
        if guard is None:
            return
        assert guard.stdin is not None  # noqa: S101  # asked for
        with suppress(OSError):  # the program and its guard may have ended already
            guard.stdin.write(word)
            guard.stdin.flush()
        try:
            guard.wait(seconds)
        except subprocess.TimeoutExpired:
            guard.stdin.close()  # the guard takes this for the owner's end
            guard.wait(10)
        self._forget()

    def _forget(self) -> None:
        if self._guard is not None:
            with suppress(OSError):  # closing flushes a word that a guard which has ended did not take
                if self._guard.stdin is not None:
                    self._guard.stdin.close()
            self._guard.wait(10)
        if self._listener is not None:
            self._listener.join(10)
        self._guard, self._listener, self._pid = None, None, None


def run_guarded(name: str, command: Command, folder: Path, seconds: float, **rest: Any) -> None:
    """Run a program to its end; raises `LiveError` with its last lines if it fails."""
    program = Program(name, command, folder, **rest)
    program.start()
    try:
        code = program.wait(seconds)
    finally:
        program.kill()
    if code != 0:
        raise LiveError(f"{name} failed with {code}:\n{program.read_end()}")


@dataclass(frozen=True, slots=True)
class Said:
    """The exit code, the output and the error output of a program that has ended."""

    exit_code: int
    output: str
    errors: str


def run_program(command: Command, seconds: float, folder: Path | None = None) -> Said:
    """Run a program that answers within seconds; raises `LiveError` if it does not."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(  # noqa: S603  # our own words
            words, capture_output=True, text=True, timeout=seconds, check=False, cwd=folder, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LiveError(f"{Path(words[0]).name} did not answer: {error}") from None
    return Said(done.returncode, done.stdout, done.stderr)
