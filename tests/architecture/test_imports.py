"""Starting is cheap: heavy libraries are loaded by the first use of what needs them, not by an import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.ours import ROOT

HEAVY = {"openai", "dapr", "asyncpg", "greenlet", "hassil"}


@pytest.mark.parametrize("module", ["app.cli.main", "app.http.app"])
def test_importing_the_edge_loads_no_heavy_library(module: str, tmp_path: Path) -> None:
    program = f"import sys, {module}; print(*sorted(name.split('.')[0] for name in sys.modules))"
    # the directory is empty, so that the import neither needs nor finds anything beside the caller
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert HEAVY.isdisjoint(done.stdout.split())
    assert not list(tmp_path.iterdir()), "an import leaves nothing behind"
