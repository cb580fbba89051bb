"""What the system's table of processes says of one, which may have ended just now."""

from pathlib import Path


def read_state(pid: int) -> str | None:
    """Return the letter of a process's state, `S` or `T` for example; None if it is gone."""
    return _read(pid)[1]


def read_name(pid: int) -> str | None:
    """Return the first 15 letters of a process's program; None if it is gone."""
    return _read(pid)[0]


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; the process that inherited it may collect it later."""
    return read_state(pid) in (None, "Z")


def _read(pid: int) -> tuple[str, str] | tuple[None, None]:
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")
    except OSError:
        return None, None
    return head.partition("(")[2], tail.split()[0]
