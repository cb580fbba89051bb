"""The user's cache directory, where each version of a program is provisioned once."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

Say = Callable[[str], None]


def find_cache() -> Path:
    """Return the folder of the real chain's programs; it may be deleted while none of them runs."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = named / "evolution-todo" if named.is_absolute() else user_cache_path("evolution-todo", appauthor=False)
    return root / "live"


@contextmanager
def take_turn(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock, which the system releases when this process ends; call `waiting` once if another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide(name: str, make: Callable[[Path], None], say: Say) -> Path:
    """Return the folder `name`; if it is missing, let `make` fill it. It appears complete or not at all."""
    root = find_cache()
    done = root / name
    if done.is_dir():
        return done
    with take_turn(root / f"{name}.lock", lambda: say(f"{name}: another process is making it; waiting ...")):
        if not done.is_dir():
            draft = root / f"{name}.draft"  # the lock is ours, so an existing draft is an abandoned one
            remove_tree(draft)
            draft.mkdir(parents=True)
            make(draft)
            draft.rename(done)
    return done


def remove_tree(folder: Path) -> None:
    """Delete a folder, including read-only parts such as those of Go's module cache."""
    if not folder.is_dir():
        return
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        each.chmod(0o700)
    shutil.rmtree(folder)
