"""The published schemas of Kubernetes' own objects, as files."""

import json
import shutil
import sys
from pathlib import Path

from infra.live.builds import run_long
from infra.live.cache import Say, find_cache, provide
from infra.live.programs import Command
from infra.live.versions import JUDGES

_PLACE, _HERE = '"/api/_definitions.json#', '"_definitions.json#'
_LOCK = Path(__file__).with_name("schemas.lock")


def provide_schemas(say: Say) -> Path:
    """Return the folder of the strict schemas, one file for each kind, fetched on the first call."""
    return provide(f"kubernetes-schemas-{JUDGES['kubernetes_validate']}", lambda draft: _fetch(draft, say), say)


def _fetch(draft: Path, say: Say) -> None:
    say(f"Kubernetes {JUDGES['kubernetes']}: fetching the schemas of its objects once, 6 MB of a package of 108")
    package = draft / "package"
    options: Command = ["--no-deps", "--require-hashes", "--target", package, "-r", _LOCK]
    uv = shutil.which("uv") or next(iter(sorted(find_cache().parent.glob("uv-*/bin/uv"))), None)
    by_uv: Command = [uv, "pip", "install", "--python", sys.executable] if uv else []
    install = by_uv or [sys.executable, "-m", "pip", "install"]
    run_long("schemas-fetch", [*install, *options], draft, {"UV_SYSTEM_CERTS": "1"}, say)
    schemas = package / f"kubernetes_validate/kubernetes-json-schema/v{JUDGES['kubernetes']}.0-local-strict"
    for file in schemas.glob("*.json"):
        schema = json.loads(file.read_text("utf-8").replace(_PLACE, _HERE))
        schema.pop("$id", None)  # it names a place on the Internet, which references would be read from
        (draft / file.name).write_text(json.dumps(schema), "utf-8")
    shutil.rmtree(package)
