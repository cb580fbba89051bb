"""The published schemas of MCP bundles' manifests, from the release of their own tool."""

import base64
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from infra.live.builds import run_long
from infra.live.cache import Say, provide
from infra.live.programs import LiveError, ToolsMissing
from infra.live.versions import JUDGES, SUMS

_PACKAGE = "@anthropic-ai/mcpb"


def provide_manifest_schema(manifest_version: str, say: Say) -> dict[str, Any]:
    """Return the schema of manifests of a version, fetched by npm on the first call and held to its checksum."""
    version = JUDGES["mcpb"]

    def copy(draft: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise ToolsMissing("npm fetches the schema of MCP bundles: apt install npm")
        run_long("mcpb-pack", [npm, "pack", "--silent", f"{_PACKAGE}@{version}"], draft, {}, say)
        (packed,) = draft.glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if f"sha512-{found}" != SUMS["mcpb"]:
            raise LiveError(f"{_PACKAGE} {version} is not what infra/versions.toml names: sha512-{found}")
        with tarfile.open(packed) as archive:
            for member in archive.getmembers():
                name = Path(member.name).name
                content = archive.extractfile(member) if name.startswith("mcpb-manifest-v") else None
                if content is not None:
                    (draft / name).write_bytes(content.read())
        packed.unlink()

    home = provide(f"mcpb-schemas-{version}", copy, say)
    schema: dict[str, Any] = json.loads((home / f"mcpb-manifest-v{manifest_version}.schema.json").read_text("utf-8"))
    return schema
