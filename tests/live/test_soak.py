"""A short soak: after minutes of faults no invariant is violated, and no table outgrows its events."""

import os

import pytest

from app.faults.soak import soak_product, write_soak
from infra.live.chain import LiveChain

pytestmark = pytest.mark.long("two minutes")


def test_two_minutes_at_twice_the_load(chain: LiveChain) -> None:
    soaked = soak_product(1.5, int(os.environ.get("TODO_FAULT_SEED", "20261125")), print)

    print(write_soak(soaked))
    assert not soaked.problems
    assert soaked.changes > 1_000
    assert soaked.struck.total() >= 4
