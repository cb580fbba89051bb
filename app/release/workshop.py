"""The tools that build a release: locked, installed once into the cache, and run."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from app.release.artefact import Lacking, ReleaseFailed, Say
from app.settings import REPOSITORY
from infra.live.cache import find_cache, provide

LOCK = REPOSITORY / "infra/image/tools.lock"
EPOCH = "1580601600"
"""The instant of every file in what is packed, so that the same sources give the same bytes: 2 February 2020."""
SECONDS = 3_600.0


def find_uv() -> str:
    """Return the path of uv; raises `Lacking`."""
    uv = shutil.which("uv") or next(map(str, sorted(find_cache().parent.glob("uv-*/bin/uv"))), None)
    if uv is None:
        raise Lacking("uv installs what builds the wheel: pip install uv")
    return uv


def provide_tools(say: Say) -> Path:
    """Return the Python of the environment that builds wheels and bills of materials; raises `Lacking`."""
    uv = find_uv()

    def make(draft: Path) -> None:
        run(uv, "venv", "--python", sys.executable, str(draft / "env"))
        python = str(draft / "env/bin/python")
        run(uv, "pip", "install", "--python", python, "--require-hashes", "-r", str(LOCK))

    key = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return provide(f"wheel-tools-{sys.version_info.minor}-{key}", make, say) / "env/bin/python"


def run(*words: str | Path, folder: Path = REPOSITORY, **settings: str) -> str:
    """Run a program to its end and return what it printed; raises `ReleaseFailed` with its last words."""
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1", "SOURCE_DATE_EPOCH": EPOCH, **settings}
    given = [str(word) for word in words]
    pipes = {"capture_output": True, "text": True}
    try:
        done = subprocess.run(given, cwd=folder, env=environment, check=False, timeout=SECONDS, **pipes)  # type: ignore[call-overload]  # noqa: S603  # ours
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseFailed(f"{given[0]}: {error}") from None
    if done.returncode:
        raise ReleaseFailed(f"{Path(given[0]).name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return str(done.stdout)
