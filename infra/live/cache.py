"""What is provisioned once, by version, in the user's cache directory."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

Say = Callable[[str], None]


def find_cache() -> Path:
    """Return the folder for the real chain's programs; it may be deleted whenever none of them runs."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = named / "evolution-todo" if named.is_absolute() else user_cache_path("evolution-todo", appauthor=False)
    return root / "live"


@contextmanager
def take_turn(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that ends with its process, however that ends; `waiting` is called once if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide(name: str, make: Callable[[Path], None], say: Say) -> Path:
    """Return the folder `name`, filled by `make` if there is none; it appears whole or not at all."""
    root = find_cache()
    done = root / name
    if done.is_dir():
        return done
    with take_turn(root / f"{name}.lock", lambda: say(f"{name}: another process is making it; waiting ...")):
        if not done.is_dir():
            draft = root / f"{name}.draft"  # ours alone, since we hold the lock: what lies there was left unfinished
            remove_tree(draft)
            draft.mkdir(parents=True)
            make(draft)
            draft.rename(done)
    return done


def remove_tree(folder: Path) -> None:
    """Delete a folder, also one whose parts are read-only, as Go's module cache makes them."""
    if not folder.is_dir():
        return
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        each.chmod(0o700)
    shutil.rmtree(folder)
