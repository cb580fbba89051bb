"""The papers of a release: OpenAPI, AsyncAPI, the registry's entry, the bill of materials, and what is new."""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from app.cli.asyncapi import write_asyncapi
from app.release.artefact import Artefact, Say, require
from app.release.workshop import provide_tools, run
from app.settings import REPOSITORY
from app.testing.service import open_todo
from infra.judge.registry import ENTRY, provide_entry_schema
from infra.live.programs import LiveError, ToolsMissing

LOCK = REPOSITORY / "requirements.lock"


def make_openapi(folder: Path, version: str, _say: Say) -> Artefact:
    """Write the description of REST as a running service of several people gives it."""
    with tempfile.TemporaryDirectory() as home, open_todo(Path(home)) as todo:
        described: dict[str, Any] = todo.rest.get(f"{todo.url}/openapi.json").raise_for_status().json()
    require(described["info"]["version"] == version, f"OpenAPI names version {described['info']['version']}")
    require("/api/tasks" in described["paths"], "OpenAPI describes no tasks")
    path = folder / "openapi.json"
    path.write_text(json.dumps(described, indent=2, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    return Artefact((path,), "a running service")


def make_asyncapi(folder: Path, version: str, _say: Say) -> Artefact:
    """Copy the description of the topics with the schemas that it refers to."""
    kept = REPOSITORY / "docs/asyncapi.yaml"
    require(
        kept.read_text("utf-8") == write_asyncapi(version), "docs/asyncapi.yaml is old: python3 -m app.cli.documents"
    )
    schemas = sorted((REPOSITORY / "docs/events").glob("*.json"))
    (folder / "events").mkdir()
    copies = [shutil.copyfile(kept, folder / kept.name)]
    copies += [shutil.copyfile(each, folder / "events" / each.name) for each in schemas]
    return Artefact(tuple(copies), "the catalogue")


def make_entry(folder: Path, version: str, say: Say) -> Artefact:
    """Copy the entry for the MCP registry; its schema comes with the registry's own release."""
    entry = json.loads(ENTRY.read_text("utf-8"))
    named = {entry["version"], *(each["version"] for each in entry["packages"])}
    require(named == {version}, f"{ENTRY.name} names {sorted(named)}")
    path = shutil.copyfile(ENTRY, folder / ENTRY.name)
    try:
        newest, schema = provide_entry_schema(say)
    except (ToolsMissing, LiveError) as why:
        return Artefact((path,), "its version", lacking=f"its schema was not asked: {why}")
    faults = [fault.message for fault in Draft7Validator(schema).iter_errors(entry)]
    require(not faults, f"{ENTRY.name}: {'; '.join(faults)}")
    return Artefact((path,), f"the registry's schema of {newest}")


def make_bill(folder: Path, version: str, say: Say) -> Artefact:
    """Write the bill of materials (CycloneDX) of what the lock installs."""
    path, project = folder / "sbom.cdx.json", ("--pyproject", REPOSITORY / "pyproject.toml")
    options = ("requirements", "--sv", "1.6", "--output-reproducible", *project, "-o", path, LOCK)
    run(provide_tools(say), "-m", "cyclonedx_py", *options)
    bill = json.loads(path.read_text("utf-8"))
    listed, locked = {each["name"].lower() for each in bill["components"]}, read_lock().keys()
    require(listed == locked, f"the bill of materials differs from the lock: {sorted(listed ^ locked)}")
    require(bill["metadata"]["component"]["version"] == version, "the bill of materials names another version")
    return Artefact((path,), "the lock")


def read_lock() -> dict[str, str]:
    """Return the version of each package of the lock, by its name in lower case."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK.read_text("utf-8"), re.MULTILINE)
    return {name.lower(): version for name, version in lines}


def make_news(folder: Path, version: str, _say: Say) -> Artefact:
    """Write what the changelog says of this version."""
    path = folder / "CHANGES.md"
    path.write_text(cut_section((REPOSITORY / "CHANGELOG.md").read_text("utf-8"), version), "utf-8")
    return Artefact((path,), "the changelog")


def cut_section(changelog: str, version: str) -> str:
    """Return the section of a version, with its heading; raises `ReleaseFailed` where it is missing or empty."""
    found = re.search(rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    require(found is not None and "\n- " in found[0], f"CHANGELOG.md says nothing of {version}")
    return (found[0].rstrip() + "\n") if found else ""
