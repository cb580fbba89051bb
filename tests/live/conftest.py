"""The real chain, once for all live tests; where its tools are missing they are skipped, under CI=true they fail."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.faults.arena import Arena
from infra.live.chain import LiveChain, Plan
from infra.live.guard import PR_SET_PDEATHSIG
from infra.live.programs import ToolsMissing
from tests.live.publishing import TopicReader
from tests.live.receiver import Receiver


def die_with_the_test_command() -> None:
    """Let the kernel end this run when `run.py test` is killed: the guards end the rest."""
    if sys.platform == "linux" and b"run.py" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@pytest.fixture(scope="session")
def chain(pytestconfig: pytest.Config) -> Iterator[LiveChain]:
    die_with_the_test_command()
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
    """Two replicas on a chain of their own, to be harmed: what happens to it is nothing for the other tests.

    One topic for all types, so that the order of each task's events shows across the types; Dapr's cron ticks in both.
    """
    plan = Plan(brokers=None, database_url=None, styles=["single"], harmed=True)
    with LiveChain(plan) as own, Arena(own, TopicReader, "single", schedule="@every 1s") as opened:
        yield opened
