"""A file that takes its place whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todo.errors import InvalidArguments, StorageUnavailable


@contextmanager
def replace_whole(path: Path, mode: int = 0o600) -> Iterator[Path]:
    """Yield an empty file beside `path`, which takes its place at the end; after an error what was there stays.

    Only the owner can read the file: it holds everybody's tasks. Raises `InvalidArguments` if the folder is missing or
    cannot be written.
    """
    if path.is_dir() or (path.exists() and not stat.S_ISREG(path.stat().st_mode)):
        raise InvalidArguments(f"{path} is not a file.", "Name a file.")
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    except OSError as error:
        raise InvalidArguments(
            f"{path.parent} cannot be written: {error.strerror}.", "Name a file in a folder that exists."
        ) from None
    try:
        yield part
        flush(part)
        part.replace(path)
        flush(path.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be written: {error.strerror}.", "What was there before is as it was; free some space."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
