"""Processes under measurement: started on a free port, read through `/proc`, ended by their id."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.load import run_round

START_SECONDS = 60.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Child:
    """One process; `said` is the line of JSON that it printed when it was ready."""

    process: asyncio.subprocess.Process
    said: dict[str, Any]

    @property
    def port(self) -> int:
        """The port on which it serves."""
        return int(self.said["port"])

    def read_cpu(self) -> float:
        """Return the seconds of CPU used so far; 0 on a system without `/proc`."""
        with suppress(OSError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def read_memory(self) -> float:
        """Return the resident memory in MB; 0 on a system without `/proc`."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text("utf-8").splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0


def make_environment(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program of ours on a folder; nothing of our own settings reaches it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    paths = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": paths, "TODO_DATA_DIR": str(folder), "TODO_ZONE": "UTC", **(settings or {})}


@asynccontextmanager
async def start_child(
    *arguments: str, folder: Path, ready: bool = True, port: int = 0, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Run a module of this program in its own process; `ready` waits for the line that it prints when ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=folder,
        env=make_environment(folder, {"TODO_PORT": str(port), **(settings or {})}),
        stdout=asyncio.subprocess.PIPE,
        stderr=None if ready else asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )
    try:
        said: dict[str, Any] = {"port": port}
        if ready:
            assert process.stdout is not None  # noqa: S101  # asked for above
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
            said = json.loads(line)
        yield Child(process, said)
    finally:
        await _end(process)


async def load_children(
    children: Sequence[Child], requests: Iterator[bytes], seconds: float, clients: int = 16
) -> tuple[float, float]:
    """Load them together, each with its part of the clients.

    Return the calls per second of all, and the microseconds of CPU of one call with its reactions.
    """
    before = sum(child.read_cpu() for child in children)
    done = await asyncio.gather(
        *(run_round(child.port, requests, seconds, clients=clients // len(children)) for child in children)
    )
    await asyncio.sleep(0.2)  # the last calls' reactions are their cost too
    cpu = sum(child.read_cpu() for child in children) - before
    return sum(each.rate for each in done), cpu / sum(len(each.latencies) for each in done) * 1e6


async def _end(process: asyncio.subprocess.Process) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(sign)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
