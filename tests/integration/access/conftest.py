"""Fixtures of the tests of the door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.access.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[House]:
    """A service of several people on a new database."""
    async with open_house(tmp_path) as opened:
        yield opened
