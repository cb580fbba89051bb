"""Free ports on loopback, reserved among the chains of this machine."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000
"""Below 32768, where the system's ephemeral ports begin: an outgoing connection could occupy one of those."""


class PortBook:
    """The ports of one chain, each reserved by a file lock that ends with this process."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir()) / f"evolution-todo-ports-{os.getuid()}"
        self._held: dict[int, IO[bytes]] = {}
        self._next = _FIRST + os.getpid() * 37 % (_LAST - _FIRST)  # concurrent chains start their search apart

    def take(self) -> int:
        """Return a free port and reserve it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for _ in range(_LAST - _FIRST):
            port = self._next
            self._next = port + 1 if port + 1 < _LAST else _FIRST
            if port not in self._held and self._hold(port):
                return port
        raise OSError("no port is free")

    def close(self) -> None:
        """Release all ports."""
        for port in list(self._held):
            self._held.pop(port).close()

    def _hold(self, port: int) -> bool:
        lock = (self._folder / str(port)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            lock.close()
            return False
        self._held[port] = lock
        return True


def find_free_port() -> int:
    """Return a loopback port that is free now, without reserving it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
