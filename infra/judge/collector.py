"""OpenTelemetry's collector with the parts that our settings for it name, built by Go from its own modules."""

import hashlib
import shutil
from pathlib import Path

from infra.judge.programs import find_judging_go
from infra.live.builds import gently, run_long
from infra.live.cache import Say, provide
from infra.live.programs import Command
from infra.live.versions import RUNS

_SOURCE = Path(__file__).with_name("otelcol")


def provide_collector(say: Say) -> Path:
    """Return the path of the collector, built on the first call; raises `ToolsMissing` without a Go that can.

    The published image is built in the same way of more parts; `go.sum` holds the modules' checksums.
    """
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_SOURCE.iterdir()))).hexdigest()[:12]

    def build(draft: Path) -> None:
        say(f"OpenTelemetry's collector {RUNS['collector']}: building it once, some minutes")
        source = draft / "source"
        shutil.copytree(_SOURCE, source)
        command: Command = [*gently(), find_judging_go(), "build", "-trimpath", "-ldflags=-s -w"]
        environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        run_long("collector-build", [*command, "-o", draft / "otelcol", "."], source, environment, say)
        shutil.rmtree(source)

    return provide(f"collector-{RUNS['collector']}-{key}", build, say) / "otelcol"
