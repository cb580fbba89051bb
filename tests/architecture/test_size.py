"""Files are short enough to read in one sitting, and folders small enough to survey."""

from collections import Counter
from pathlib import PurePosixPath

from tests.architecture.ours import PACKAGES, ROOT, list_files

LIMIT = 400
MODULES = 20
"""The most modules in one folder, without its `__init__.py`."""
EXCEPTIONS: dict[str, int] = {}
"""Path to its allowed length; a number here only falls, and a line only goes."""


def count_lines(name: str) -> int:
    return len((ROOT / name).read_text("utf-8").splitlines())


def test_files_are_short() -> None:
    ours = [name for name in list_files(".py", ".js", ".css", ".sh") if "/vendor/" not in name]

    assert {name: count for name in ours if (count := count_lines(name)) > EXCEPTIONS.get(name, LIMIT)} == {}


def test_folders_are_small() -> None:
    modules = [PurePosixPath(name) for name in list_files(".py", ".js", ".css") if not name.endswith("__init__.py")]
    counts = Counter(str(name.parent) for name in modules if name.parts[0] in {*PACKAGES, "tests"})

    assert {folder: count for folder, count in counts.items() if count > MODULES} == {}


def test_each_exception_is_still_needed_and_no_larger_than_its_file() -> None:
    assert {name: count_lines(name) for name in EXCEPTIONS} == EXCEPTIONS
    assert all(length > LIMIT for length in EXCEPTIONS.values())


def test_the_bootstrap_fits_on_two_screens() -> None:
    assert count_lines("run.py") <= 120
