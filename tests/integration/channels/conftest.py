"""Fixtures of the tests of channels."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.access.house import House, open_house
from tests.integration.channels.receivers import Mailbox, Web
from tests.world import World, open_world


@pytest.fixture
def web(world: World) -> Web:
    """The Internet of a world."""
    made = Web(world)
    made.install()
    return made


@pytest.fixture
async def house(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[House]:
    """A service of several people on a new database."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def post(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[tuple[World, Mailbox]]:
    """A world with a mail server of its own."""
    mailbox = Mailbox()
    async with mailbox.serve() as settings, open_world(tmp_path, **settings) as world:
        yield world, mailbox
