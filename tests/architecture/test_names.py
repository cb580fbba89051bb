"""The flat top-level names are ours, and every list of them agrees."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.ours import PACKAGES, PYPROJECT, ROOT

LINTER = PYPROJECT["tool"]["importlinter"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_found_in_this_repository(name: str) -> None:
    spec = find_spec(name)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == ROOT / name / "__init__.py"


@pytest.mark.parametrize("name", PACKAGES)
def test_no_foreign_distribution_brings_the_same_name(name: str) -> None:
    owners = {owner.lower().replace("_", "-") for owner in packages_distributions().get(name, [])}

    assert owners <= {PYPROJECT["project"]["name"]}


def test_folders_layers_and_wheel_agree() -> None:
    folders = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    (layers,) = (
        each["layers"] for each in LINTER["contracts"] if each["type"] == "layers" and "containers" not in each
    )
    layered = {name.strip() for layer in layers for name in layer.replace(":", "|").split("|")}

    assert layered == folders
    assert set(LINTER["root_packages"]) == folders
    assert set(PACKAGES) == folders
    assert set(PYPROJECT["tool"]["mypy"]["packages"]) == folders | {"tests"}


def test_no_test_folder_bears_the_name_of_a_package() -> None:
    # tests/tools/ would shadow tools/ when a test file is run by its path
    folders = {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir()}

    assert folders.isdisjoint(PACKAGES)


def test_each_contract_says_where_a_thing_belongs() -> None:
    assert [
        each["name"] for each in LINTER["contracts"] if not each.get("broken_contract_guidance", "").endswith(".")
    ] == []
