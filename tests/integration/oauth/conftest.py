"""Fixtures of the tests of the authorization server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.oauth.hall import Hall, open_hall


@pytest.fixture
async def hall(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[Hall]:
    """A service with its authorization server on a new database."""
    async with open_hall(tmp_path) as opened:
        yield opened
