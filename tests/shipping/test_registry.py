"""The entry for the MCP registry is of its newest schema, and describes what there is."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types
from typer.testing import CliRunner

from app.cli.main import cli
from app.settings import Settings
from infra.judge.registry import ENTRY, provide_entry_schema
from infra.live.cache import Say
from tests.architecture.ours import PYPROJECT, ROOT
from tests.shipping.conftest import needing_tools

PROMISES = ("registry-entry",)

Entry = dict[str, Any]


@pytest.fixture(scope="module")
def find_faults(say: Say) -> Callable[[Entry], list[str]]:
    with needing_tools():
        newest, schema = provide_entry_schema(say)
    assert read_entry()["$schema"].endswith(f"/{newest}/server.schema.json")
    return lambda entry: [fault.message for fault in Draft7Validator(schema).iter_errors(entry)]


def read_entry() -> Entry:
    entry: Entry = json.loads(ENTRY.read_text("utf-8"))
    return entry


def test_the_entry_is_of_the_newest_schema(find_faults: Callable[[Entry], list[str]]) -> None:
    assert find_faults(read_entry()) == []


HARMS: dict[str, Callable[[Entry], object]] = {
    "no name": lambda entry: entry.pop("name"),
    "a name without an owner": lambda entry: entry.update(name="evolution-todo"),
    "too long a description": lambda entry: entry.update(description="x" * 101),
    "a package without a transport": lambda entry: entry["packages"][0].pop("transport"),
    "a transport that is none": lambda entry: entry["packages"][0]["transport"].update(type="pipe"),
    "a remote without an address": lambda entry: entry["remotes"][0].pop("url"),
    "the newest version, whichever": lambda entry: entry["packages"][0].update(version="latest"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_mistake_would_be_seen(find_faults: Callable[[Entry], list[str]], harm: str) -> None:
    entry = copy.deepcopy(read_entry())
    HARMS[harm](entry)
    assert find_faults(entry)


def test_it_names_this_version_and_package() -> None:
    entry, project = read_entry(), PYPROJECT["project"]
    (package,) = entry["packages"]
    assert entry["version"] == package["version"] == project["version"]
    assert package["identifier"] == project["name"]
    assert f"mcp-name: {entry['name']}" in (ROOT / "README.md").read_text("utf-8"), "the registry asks for it"


def test_what_it_starts_is_a_command_and_its_variables_are_settings() -> None:
    (package,) = read_entry()["packages"]
    (argument,) = package["packageArguments"]
    assert CliRunner().invoke(cli, [argument["value"], "--help"]).exit_code == 0
    known = {str(field.validation_alias or f"TODO_{name.upper()}") for name, field in Settings.model_fields.items()}
    hidden = {f"TODO_{name.upper()}" for name, field in Settings.model_fields.items() if field.repr is False}
    variables = {each["name"]: each.get("isSecret", False) for each in package["environmentVariables"]}
    assert variables.keys() <= known
    assert {name for name, is_secret in variables.items() if is_secret} == hidden & variables.keys()
