"""The doctor on the real chain: green beside a running `serve`, and each problem reported in its line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infra.live.chain import LiveChain, Plan
from infra.live.programs import wait_until
from infra.live.resources import CONSUMER, PRODUCT
from infra.live.sidecar import App, Daprd
from tests.live.publishing import read_topic
from tests.live.receiver import Receiver

SECONDS = 60.0


def environment(folder: Path, daprd: Daprd, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    own = {"TODO_DATA_DIR": str(folder), "TODO_BROKER": "dapr", "TODO_DAPR_HTTP": daprd.url, "TODO_PORT": str(port)}
    return kept | own


def examine(settings: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "evolution_todo", "doctor", "--json"],
        env=settings,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def own(chain: LiveChain) -> Iterator[LiveChain]:
    """Other tests leave dead letters on the topics of the one chain."""
    with LiveChain(Plan(postgres=False, brokers=None, partitions=1, styles=["type"])) as opened:
        yield opened


@pytest.fixture
def daprd(own: LiveChain) -> Daprd:
    return own.add_daprd(App(PRODUCT, own.ports.take()))


@pytest.fixture
def settings(daprd: Daprd, tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, daprd, daprd.app.port or 0)


@pytest.fixture
def served(settings: dict[str, str], daprd: Daprd) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-m", "evolution_todo", "serve"], env=settings, stderr=subprocess.DEVNULL
    ) as serve:

        def is_ready() -> bool:
            try:
                return httpx2.get(f"http://127.0.0.1:{settings['TODO_PORT']}/readyz", trust_env=False).is_success
            except httpx2.HTTPError:
                return False

        try:
            wait_until(is_ready, SECONDS, "serve is ready")
            daprd.start()
            daprd.wait_subscribed(12)
            yield
        finally:
            daprd.stop()
            serve.terminate()


@pytest.mark.usefixtures("served")
def test_beside_a_running_service_all_is_well_and_no_consumer_sees_the_probe(
    own: LiveChain, settings: dict[str, str], receiver: Receiver
) -> None:
    consumer = own.add_daprd(App(CONSUMER, receiver.port))
    consumer.start()
    consumer.wait_subscribed(6)
    code, checks = examine(settings)
    assert [each for each in checks.values() if not each["ok"]] == []
    assert code == 0
    assert "received after" in checks["round trip"]["detail"]
    assert "1.18.2" in checks["sidecar"]["detail"]
    assert any(b"self.test" in record.value for record in read_topic(own.brokers, "task.created.dead"))
    assert not any(each.event.get("type") == "self.test" for each in receiver.deliveries)
    dead = httpx2.get(f"http://127.0.0.1:{settings['TODO_PORT']}/api/dead-letters", trust_env=False).json()
    assert not any("self.test" in each["payload"] for each in dead.get("unreadable", []))
    consumer.stop()


def test_without_a_running_service_the_lines_say_what_to_start(daprd: Daprd, settings: dict[str, str]) -> None:
    code, checks = examine(settings)
    assert code == 1
    assert not checks["sidecar"]["ok"]
    assert "start daprd" in checks["sidecar"]["detail"]
