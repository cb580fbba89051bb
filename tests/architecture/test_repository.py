"""The repository builds the same on every machine and from every mirror."""

import re

import pytest

from tests.architecture.ours import PYPROJECT, ROOT, list_files

ADDRESSES = {
    "a package registry": r"pypi\.org|pythonhosted\.org|registry\.npmjs|repo1?\.maven|maven\.apache\.org/maven2",
    "a home or a workspace": r"(?<![\w.~-])/(?:home|root|work)/",
}
LARGEST = 1_000_000
LOCKS = [name for name in list_files(".lock") if name.startswith("requirements")]


def read(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", errors="replace")


def normalise(requirement: str) -> str:
    """Return the name in a requirement, as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]).lower()


def read_pins(lock: str) -> dict[str, str]:
    return {normalise(line): line.split()[0] for line in read(lock).splitlines() if re.match(r"[\w.-]+==", line)}


@pytest.mark.parametrize("what", ADDRESSES)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(ADDRESSES[what])
    found = {name: match[0] for name in list_files() if (match := pattern.search(read(name)))}

    assert not found


def test_no_file_is_large() -> None:
    assert not [name for name in list_files() if (ROOT / name).stat().st_size > LARGEST]


def test_the_three_locks_are_there() -> None:
    assert LOCKS == ["requirements-dev.lock", "requirements-uv.lock", "requirements.lock"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_everything_by_hash_and_nothing_by_address(lock: str) -> None:
    text = read(lock)
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]

    assert entries
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert not re.search(r"://| @ |--(?:extra-)?index-url|--find-links|--trusted-host|\bfile:", text)


def test_locks_cover_what_the_project_asks_for() -> None:
    runtime, dev = read_pins("requirements.lock"), read_pins("requirements-dev.lock")
    tools = PYPROJECT["dependency-groups"]["dev"]

    asked = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"]["traces"]]
    assert {normalise(requirement) for requirement in asked} <= runtime.keys()
    assert {normalise(requirement) for requirement in tools} <= dev.keys()
    assert runtime.items() <= dev.items(), "the tests run on the versions that the product runs on"
