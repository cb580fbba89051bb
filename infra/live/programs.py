"""Programs on this machine that cannot outlive whoever started them."""

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
    """The real chain cannot be had or does not behave; the message says what to do."""


class ToolsMissing(LiveError):
    """Something that the chain is made of is not there and cannot be fetched; one sentence each."""


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask again and again until it is so; raises `LiveError` when the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            raise LiveError(f"{what}: not within {seconds:g} s.")
        time.sleep(_POLL)


def find_unprivileged() -> dict[str, Any]:
    """Return how a program is started that refuses root: nothing to change for anybody else."""
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
    """One program under a guard; whatever happens to this process, the program and its descendants end with it.

    `restart` starts it again when it ends by itself; `grace` is how many seconds it has after SIGTERM.
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
        """Where its output goes, of all its starts."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._pid

    @property
    def guard_pid(self) -> int | None:
        """The id of its guard, None while it is not wanted."""
        return self._guard.pid if self._guard else None

    @property
    def exit_code(self) -> int | None:
        """How it ended the last time: negative for a signal, None if it never did."""
        return self._exits[-1] if self._exits else None

    @property
    def exits(self) -> int:
        """How often it has ended."""
        return len(self._exits)

    def start(self) -> None:
        """Start it and wait until it has an id; what it needs to be ready is another matter."""
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
            start_new_session=True,  # Ctrl-C is ours to answer: the programs end in order, not all at once
        )
        seen, self._problem = len(self._exits), None
        self._listener = threading.Thread(target=self._listen, args=(self._guard,), daemon=True)
        self._listener.start()
        with self._heard:
            told = self._heard.wait_for(
                lambda: bool(self._pid is not None or len(self._exits) > seen or self._problem), timeout=15
            )
        if self._problem or not told:
            problem = self._problem or "its guard is silent"
            self.kill()
            raise LiveError(f"{self.name} could not be started: {problem}")

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM, and wait; what does not end in time is killed."""
        self._dismiss(b"stop\n", self.grace + 5)

    def kill(self) -> None:
        """End it and its descendants with SIGKILL; it stays down until `start`."""
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
        """Stop it and its descendants in their tracks (SIGSTOP)."""
        pid = self._require()
        for each in (pid, *list_tree(pid)):
            send(each, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        pid = self._require()
        for each in (*list_tree(pid), pid):
            send(each, signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """Wait until it has ended for good; return its exit code, negative for a signal."""
        if self._guard is not None:
            try:
                self._guard.wait(seconds)
            except subprocess.TimeoutExpired:
                raise LiveError(f"{self.name}: not done within {seconds:g} s.") from None
        self._forget()
        return -1 if self.exit_code is None else self.exit_code

    def is_alive(self) -> bool:
        """Return whether it runs now, or is about to be started again."""
        return self._guard is not None and self._guard.poll() is None

    def read_end(self) -> str:
        """Return the last lines that it said."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return "(it said nothing)"
        return "\n".join(lines[-_LINES_SHOWN:]) or "(it said nothing)"

    def _listen(self, guard: subprocess.Popen[bytes]) -> None:
        assert guard.stdout is not None  # noqa: S101  # asked for
        with guard.stdout as told:
            for line in told:
                word = json.loads(line)
                with self._heard:
                    self._pid, self._problem = word.get("pid"), word.get("problem")
                    if "exit" in word:
                        self._exits.append(word["exit"])
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
        with suppress(OSError):  # the program has ended by itself, and its guard with it
            guard.stdin.write(word)
            guard.stdin.flush()
        try:
            guard.wait(seconds)
        except subprocess.TimeoutExpired:
            guard.stdin.close()  # as if this process were gone
            guard.wait(10)
        self._forget()

    def _forget(self) -> None:
        if self._guard is not None:
            with suppress(OSError):  # what could not be written to a guard that has ended is flushed here again
                if self._guard.stdin is not None:
                    self._guard.stdin.close()
            self._guard.wait(10)
        if self._listener is not None:
            self._listener.join(10)
        self._guard, self._listener, self._pid = None, None, None


def run_guarded(name: str, command: Command, folder: Path, seconds: float, **rest: Any) -> None:
    """Run a program to its end; raises `LiveError` with its last words if it fails."""
    program = Program(name, command, folder, **rest)
    program.start()
    try:
        code = program.wait(seconds)
    finally:
        program.kill()
    if code != 0:
        raise LiveError(f"{name} failed with {code}:\n{program.read_end()}")
