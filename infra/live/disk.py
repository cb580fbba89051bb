"""A disk in memory that can be made full and roomy again without touching its contents."""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.live.programs import LiveError

ROOM = 8 << 30
"""Size in bytes; only written data takes memory."""
_NEW_NAMESPACE, _REMOUNT, _PRIVATE, _DETACH = 0x20000, 32, 0x4000 | 1 << 18, 2


def find_trouble() -> str:
    """Return a sentence that says why such a disk cannot be mounted here; "" if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "A disk of a size of its own is Linux's root's to mount."
    effective = next(line for line in Path("/proc/self/status").read_text("utf-8").splitlines() if "CapEff" in line)
    return "" if int(effective.split()[1], 16) & 1 << 21 else "A disk cannot be mounted without CAP_SYS_ADMIN."


class Disk:
    """A disk mounted on a folder, visible only to this process's later threads and children.

    The kernel unmounts it when the last of them ends.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._call("unshare", _NEW_NAMESPACE)
        self._call("mount", b"none", b"/", None, _PRIVATE, None)
        owner = f"uid={identity['user']},gid={identity['group']},mode=0700"
        self._call("mount", b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={ROOM},{owner}".encode())

    def fill(self) -> None:
        """Shrink the disk to its current contents."""
        state = os.statvfs(self.folder)
        self._resize((state.f_blocks - state.f_bfree) * state.f_frsize)

    def make_room(self) -> None:
        """Restore the full size."""
        self._resize(ROOM)

    def close(self) -> None:
        """Unmount the disk."""
        self._libc.umount2(bytes(self.folder), _DETACH)

    def _resize(self, size: int) -> None:
        self._call("mount", b"tmpfs", bytes(self.folder), b"tmpfs", _REMOUNT, f"size={size}".encode())

    def _call(self, name: str, *words: Any) -> None:
        if getattr(self._libc, name)(*words) != 0:
            raise LiveError(f"{name} for a disk on {self.folder}: {os.strerror(ctypes.get_errno())}")
