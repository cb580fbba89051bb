"""The guard process of one program: starts it, reports its id, and kills its whole process tree when its owner ends."""
# Run by path with `python -I -S` to start quickly; it imports only the standard library.

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIVED_LONG = 10.0
"""Seconds after which a program counts as healthy: if it ends later, the pauses before restarts start small again."""
LONGEST_PAUSE = 2.0


def list_tree(root: int) -> list[int]:
    """Return the descendants of a process, nearest first; empty on a system without `/proc`."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        nearest = children.get(waiting.pop(0), [])
        found += nearest
        waiting += nearest
    return found


def send(pid: int, sign: signal.Signals) -> None:
    """Signal a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, sign)


class Guard:
    """Starts one program, restarts it if `restart` is set, and leaves no process of it behind.

    The owner writes to standard input: `stop` (SIGTERM, after `grace` seconds SIGKILL) or `kill`; the end of the input
    means that the owner has ended. The guard writes JSON lines to standard output: `{"pid": …}`, `{"exit": …}` and, if
    the program cannot be started, `{"problem": …}`.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.pid = 0
        self.pauses = 0
        self.started = 0.0
        self.restart = bool(spec["restart"])
        self.start_at: float | None = None
        self.kill_at: float | None = None
        self.awake, wake = os.pipe()
        os.set_blocking(self.awake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.ending = False
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for sign in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _end(self, *_: object) -> None:
        self.ending = True

    def start(self) -> None:
        """Start the program in its own process group, so that signals for the guard's group do not reach it."""
        with Path(self.spec["log"]).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603  # the owner's own command
                self.spec["command"],
                cwd=self.spec["folder"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent if LINUX else None,  # noqa: PLW1509  # one thread only
                **self.spec["identity"],
            )
        child.returncode = 0  # `_reap` collects it, together with adopted orphans
        self.pid, self.started, self.start_at = child.pid, time.monotonic(), None
        say(pid=child.pid)

    def run(self) -> None:
        """Watch the owner and the program until one of them ends."""
        try:
            self.start()
        except OSError as error:
            say(problem=str(error))
            return
        while not self.ending:
            ready, _, _ = select.select([0, self.awake], [], [], self._next_moment())
            if self.awake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.awake, 4096)
            if 0 in ready:
                words = os.read(0, 4096).split()
                if not words or b"kill" in words:
                    return
                self.restart, self.start_at = False, None
                self.kill_at = time.monotonic() + self.spec["grace"]
                send(self.pid, signal.SIGTERM)
                send(self.pid, signal.SIGCONT)
            if not self._reap():
                return
            if self.start_at is not None and time.monotonic() >= self.start_at:
                self.start()
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                return

    def _next_moment(self) -> float | None:
        moments = [moment for moment in (self.start_at, self.kill_at) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _reap(self) -> bool:
        """Collect ended children; return whether the program runs or is about to be restarted."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.pid:
                    self.pid = 0
                    say(exit=os.waitstatus_to_exitcode(ended[1]))
                    if self.restart:
                        self.pauses = 0 if time.monotonic() - self.started > LIVED_LONG else self.pauses + 1
                        self.start_at = time.monotonic() + min(LONGEST_PAUSE, 0.1 * 2**self.pauses)
        return bool(self.pid) or self.start_at is not None

    def clear(self) -> None:
        """Kill all descendants of the program; the guard adopts orphans, so that none escapes."""
        while True:
            if self.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            for pid in list_tree(os.getpid()):
                send(pid, signal.SIGKILL)
            try:
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == self.pid:
                        self.pid = 0
                        say(exit=os.waitstatus_to_exitcode(ended[1]))
            except ChildProcessError:
                return
            select.select([self.awake], [], [], 0.02)
            with contextlib.suppress(BlockingIOError):
                os.read(self.awake, 4096)


def say(**words: int | str) -> None:
    """Report to the owner; an owner that has ended is ignored."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(words).encode() + b"\n")


def die_with_parent() -> None:
    """Have the kernel kill this process when the guard is killed; runs between fork and exec."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Guard the program that the first argument describes, a JSON object."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if LINUX:
        adopt_orphans()
    guard = Guard(json.loads(sys.argv[1]))
    try:
        guard.run()
    finally:
        guard.clear()


if __name__ == "__main__":
    main()
