"""The real chain, once for all live tests; where its tools are missing they are skipped, under CI=true they fail."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.live.chain import LiveChain
from infra.live.programs import ToolsMissing
from tests.live.receiver import Receiver


@pytest.fixture(scope="session")
def chain(pytestconfig: pytest.Config) -> Iterator[LiveChain]:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(words: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{words}", end="", flush=True)

    with ExitStack() as stack:
        try:
            opened = stack.enter_context(LiveChain(say=say))
        except ToolsMissing as error:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(str(error))
        yield opened


@pytest.fixture
def receiver(chain: LiveChain) -> Iterator[Receiver]:
    with Receiver(chain.ports.take()) as started:
        yield started
