"""The real chain, shared by all live tests, which are skipped if its tools are missing, or fail under CI=true."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.faults.arena import Arena
from infra.live.chain import LiveChain, Plan
from infra.live.programs import ToolsMissing
from tests.live.publishing import TopicReader
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


@pytest.fixture(scope="session")
def arena(chain: LiveChain) -> Iterator[Arena]:
    """Two replicas on their own chain, which tests may harm without affecting others.

    One topic for all types, so that the order of each task's events shows across the types; Dapr's cron ticks in both.
    """
    plan = Plan(brokers=None, database_url=None, styles=["single"], harmed=True)
    with LiveChain(plan) as own, Arena(own, TopicReader, "single", schedule="@every 1s") as opened:
        yield opened
