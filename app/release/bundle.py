"""The packages for programs that install an MCP server with one click: an MCP bundle, and a plugin for Claude Code."""

import json
import re
import time
import zipfile
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from app.release.artefact import Artefact, Lacking, Say, require
from app.release.workshop import EPOCH
from app.settings import REPOSITORY
from infra.judge.bundles import provide_manifest_schema
from infra.live.programs import LiveError, ToolsMissing

BUNDLE = REPOSITORY / "infra/packages/mcpb/manifest.json"
PLUGIN = REPOSITORY / "infra/packages/claude-code"

SERVER = '''"""Starts the MCP server of Evolution Todo over standard input and output."""

import os
import sys

for name in [name for name in os.environ if name.startswith("TODO_")]:
    # A field that was left empty is not a setting.
    if not os.environ[name].strip() or os.environ[name].startswith("${"):
        del os.environ[name]

from evolution_todo import main

if __name__ == "__main__":
    sys.argv = ["evolution-todo", "mcp"]
    main()
'''
PROJECT = """[project]
name = "evolution-todo-bundle"
version = "{version}"
requires-python = ">=3.11"
dependencies = ["evolution-todo"]

[tool.uv]
package = false
constraint-dependencies = [
{constraints}
]

[tool.uv.sources]
evolution-todo = {{ path = "{wheel}" }}
"""


def make_bundle(folder: Path, version: str, say: Say) -> Artefact:
    """Pack the wheel with the manifest of an MCP bundle, and the lock as constraints; raises `ReleaseFailed`."""
    manifest = json.loads(BUNDLE.read_text("utf-8"))
    require(manifest["version"] == version, f"the bundle's manifest names {manifest['version']}")
    wheel = folder / f"evolution_todo-{version}-py3-none-any.whl"
    if not wheel.exists():
        raise Lacking("the bundle holds the wheel, which was not built")
    lines = "\n".join(f"  {json.dumps(each)}," for each in read_constraints())
    project = PROJECT.format(version=version, constraints=lines, wheel=wheel.name)
    path = folder / f"evolution-todo-{version}.mcpb"
    pack(
        path,
        {
            "manifest.json": BUNDLE.read_bytes(),
            "pyproject.toml": project.encode(),
            "server.py": SERVER.encode(),
            wheel.name: wheel.read_bytes(),
        },
    )
    try:
        schema = provide_manifest_schema(manifest["manifest_version"], say)
    except (ToolsMissing, LiveError) as why:
        return Artefact((path,), "its version", lacking=f"its schema was not asked: {why}")
    faults = find_faults(manifest, schema)
    require(not faults, f"the bundle's manifest: {'; '.join(faults)}")
    return Artefact((path,), f"the published schema {manifest['manifest_version']} of bundles")


def find_faults(manifest: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return what a schema says against a manifest."""
    return [f"{'.'.join(map(str, each.path))} {each.message}" for each in Draft7Validator(schema).iter_errors(manifest)]


def read_constraints() -> list[str]:
    """Return what the lock pins, without its checksums, as requirements with their markers."""
    lock = (REPOSITORY / "requirements.lock").read_text("utf-8")
    return [line.removesuffix("\\").strip() for line in re.findall(r"^[A-Za-z0-9][^#\n]*", lock, re.MULTILINE)]


def make_plugin(folder: Path, version: str, _say: Say) -> Artefact:
    """Pack the plugin for Claude Code; raises `ReleaseFailed`."""
    manifest = json.loads((PLUGIN / ".claude-plugin/plugin.json").read_text("utf-8"))
    faults = check_plugin(manifest, version)
    require(not faults, f"plugin.json: {'; '.join(faults)}")
    path = folder / f"evolution-todo-{version}-claude-code.zip"
    files = sorted(each for each in PLUGIN.rglob("*") if each.is_file())
    pack(path, {each.relative_to(PLUGIN).as_posix(): each.read_bytes() for each in files})
    return Artefact((path,), "the published shape of plugin.json")


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_SHAPE: dict[str, Any] = {
    "type": "object",
    "required": ["name", "version", "description", "mcpServers"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$"},
        "description": _TEXT,
        "author": {"type": "object", "required": ["name"], "additionalProperties": _TEXT},
        "homepage": _TEXT,
        "repository": _TEXT,
        "license": _TEXT,
        "keywords": _TEXTS,
        "mcpServers": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["command"],
                "additionalProperties": False,
                "properties": {
                    "command": _TEXT,
                    "args": _TEXTS,
                    "env": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        },
    },
}
"""The members of `plugin.json` that we use, as the reference of Claude Code describes them (plugins, manifest)."""


def check_plugin(manifest: dict[str, Any], version: str) -> list[str]:
    """Return what is wrong with a plugin's manifest: its shape, its version, and the version that it starts."""
    faults = find_faults(manifest, _SHAPE)
    if not faults:
        started = [word for each in manifest["mcpServers"].values() for word in each.get("args", ())]
        if manifest["version"] != version or f"evolution-todo=={version}" not in started:
            faults.append(f"it names another version than {version}")
    return faults


def pack(path: Path, files: dict[str, bytes]) -> None:
    """Write a zip archive whose bytes depend on the files alone."""
    at = time.gmtime(int(EPOCH))[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, at)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[name])
