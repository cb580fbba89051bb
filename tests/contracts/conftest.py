"""A world shared by the tests of a module: a refused call stores nothing, so it needs no database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.world import World, open_world


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory, anyio_backend: str, default_storage: None
) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("shared")) as opened:
        yield opened
