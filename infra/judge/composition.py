"""A Compose file as docker compose's own parser reads it."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.judge.programs import find_judging_go
from infra.live.builds import gently, run_long
from infra.live.cache import Say, provide
from infra.live.programs import Command, LiveError, run_program
from infra.live.versions import JUDGES

COMPOSE = Path(__file__).resolve().parents[1] / "compose.yaml"
_SOURCE = Path(__file__).with_name("compose")
_SECONDS = 30.0


def load_composition(options: Sequence[str | Path], settings: dict[str, str], say: Say) -> dict[str, Any]:
    """Return the project that docker compose sees with these options (`-f`, `--env-file`, `--profile`) and variables.

    Raises `LiveError` with the parser's reason: a key that it does not know, a service that is missing.
    """
    command: Command = [shutil.which("env") or "env", "-i", f"HOME={os.environ.get('HOME', '/')}"]
    command += [f"{name}={value}" for name, value in settings.items()]
    said = run_program([*command, provide_parser(say), *options], _SECONDS)
    if said.exit_code:
        raise LiveError(f"the Compose file cannot be read: {said.errors.strip()}")
    loaded: dict[str, Any] = json.loads(said.output)
    return loaded


def provide_parser(say: Say) -> Path:
    """Return the path of the program around compose-go, built on the first call."""
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_SOURCE.iterdir()))).hexdigest()[:12]

    def build(draft: Path) -> None:
        say(f"compose-go {JUDGES['compose_go']}: building the parser of Compose files once")
        source = draft / "source"
        shutil.copytree(_SOURCE, source)
        command: Command = [*gently(), find_judging_go(), "build", "-o", draft / "compose", "."]
        environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        run_long("compose-build", command, source, environment, say)
        shutil.rmtree(source)

    return provide(f"compose-{JUDGES['compose_go']}-{key}", build, say) / "compose"
