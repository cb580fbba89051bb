"""The order of tests, and their distribution over the workers of pytest-xdist."""

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types

LIVE = "tests/live/"


class ModuleScheduling(LoadScopeScheduling):  # type: ignore[misc]  # its base has no types
    """Gives a worker one module at a time; all tests on the real chain go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return LIVE if nodeid.startswith(LIVE) else nodeid.partition("::")[0]


def put_live_first(items: list[pytest.Item]) -> None:
    """Start with the tests on the real chain: they wait most, while the other worker computes."""
    items.sort(key=lambda item: not item.nodeid.startswith(LIVE))
