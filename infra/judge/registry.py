"""The schema of the MCP registry's entries, from the registry's own release."""

import json
from pathlib import Path
from typing import Any

from infra.judge.programs import find_judging_go
from infra.live.cache import Say, provide
from infra.live.provision import download_module
from infra.live.versions import JUDGES, SUMS

ENTRY = Path(__file__).resolve().parents[1] / "registry/server.json"
_MODULE, _SCHEMAS = "github.com/modelcontextprotocol/registry", "internal/validators/schemas"


def provide_entry_schema(say: Say) -> tuple[str, dict[str, Any]]:
    """Return the date of the newest released schema, and the schema, fetched on the first call."""
    version = JUDGES["mcp_registry"]

    def copy(draft: Path) -> None:
        module = download_module(find_judging_go(), draft, _MODULE, version, SUMS["mcp_registry"])
        for file in (module / _SCHEMAS).glob("*.json"):
            (draft / file.name).write_bytes(file.read_bytes())

    newest = max(provide(f"mcp-registry-{version}", copy, say).glob("*.json"))
    schema: dict[str, Any] = json.loads(newest.read_text("utf-8"))
    return newest.stem, schema
