"""The files of this repository, for the tests of its shape."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def list_files(*suffixes: str) -> list[str]:
    """Return the files that are in git or would be added to it, relative to the root; all of them without a suffix."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    # git still lists a deleted file until the index forgets it
    return sorted(name for name in listed if name.endswith(suffixes or "") and (ROOT / name).is_file())


def list_sources() -> list[str]:
    """Return the Python files of the packages and the bootstrap, relative to the root."""
    return [name for name in list_files(".py") if name == "run.py" or name.split("/")[0] in PACKAGES]
