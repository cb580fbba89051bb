"""The environments of others' clients and judges: installed by lock, once, into the user's cache directory."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from infra.live.cache import provide

HERE = Path(__file__).parent


class NoClient(Exception):
    """A client cannot be installed here; the text says why."""


def find_python(name: str, home: Path = HERE) -> Path:
    """Return the Python of the environment that `<name>.lock` of a folder describes; raises `NoClient`."""
    lock = home / f"{name}.lock"
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    return provide(f"{home.name}-{name}-{key}", lambda draft: _make_python(draft, lock), print) / "bin" / "python"


def find_node(home: Path = HERE) -> Path:
    """Return the folder whose `node_modules` hold what the lock of a folder's `node` names; raises `NoClient`."""
    folder = home / "node"
    key = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    return provide(f"{home.name}-node-{key}", lambda draft: _make_node(draft, folder), print)


def need_program(name: str) -> str:
    """Return the path of a program of this machine; raises `NoClient`."""
    found = shutil.which(name)
    if found is None:
        raise NoClient(f"There is no {name} on this machine; Debian has it as `apt-get install nodejs npm`.")
    return found


def _make_python(draft: Path, lock: Path) -> None:
    uv = shutil.which("uv") or next(map(str, sorted(draft.parent.parent.glob("uv-*/bin/uv"))), None)
    _run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(draft)], "make a virtual environment")
    python = str(draft / "bin" / "python")
    install = [uv, "pip", "sync", "--python", python] if uv else [python, "-m", "pip", "install", "--no-deps", "-r"]
    _run([*install, str(lock), "--require-hashes"], f"install {lock.name}")


def _make_node(draft: Path, folder: Path) -> None:
    npm = need_program("npm")
    need_program("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, draft / name)
    _run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(draft)], "install package-lock.json"
    )


def _run(words: list[str], what: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoClient(f"Cannot {what}: {error}.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoClient(f"Cannot {what}: {last[:200]}")
