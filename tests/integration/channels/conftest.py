"""Fixtures of the tests of channels."""

import pytest

from tests.integration.channels.receivers import Web
from tests.world import World


@pytest.fixture
def web(world: World) -> Web:
    """The Internet of a world."""
    made = Web(world)
    made.install()
    return made
