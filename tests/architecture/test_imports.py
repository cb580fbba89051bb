"""Starting is cheap: a heavy library is loaded at its first use, not by an import of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.ours import ROOT

HEAVY = {"openai", "dapr", "asyncpg", "greenlet", "hassil", "opentelemetry.sdk", "opentelemetry.exporter"}


@pytest.mark.parametrize("module", ["app.cli.main", "app.http.app"])
def test_importing_the_edge_loads_no_heavy_library(module: str, tmp_path: Path) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    # the import needs and finds nothing in the empty working directory
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    loaded = {".".join(name.split(".")[:depth]) for name in done.stdout.split() for depth in (1, 2)}
    assert HEAVY.isdisjoint(loaded)
    assert not list(tmp_path.iterdir()), "an import leaves nothing behind"
