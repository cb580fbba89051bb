"""A rolling upgrade: two processes that serve and two workers are replaced in turn under load, and no call fails."""
# Fewer rounds: TODO_TEST_LONG=1 TODO_UPGRADE_ROUNDS=1 pytest tests/live/test_upgrade.py

import os

import pytest

from app.faults.arena import Arena
from app.faults.upgrade import ROLES, roll
from app.system import Chance
from infra.live.chain import LiveChain, Plan
from tests.live.publishing import TopicReader

PROMISES = ("rolling-upgrade",)
ROUNDS = int(os.environ.get("TODO_UPGRADE_ROUNDS", "10"))
pytestmark = pytest.mark.long("minutes")


def test_no_call_fails_while_each_process_is_replaced_in_turn(chain: LiveChain) -> None:
    plan = Plan(brokers=None, database_url=None, styles=["single"])
    with LiveChain(plan) as own, Arena(own, TopicReader, "single", roles=ROLES) as arena:
        upgraded = roll(arena, ROUNDS, Chance(20261130))

    print(
        f"{upgraded.replaced} processes replaced, {upgraded.acknowledged} changes, {len(upgraded.failed)} failed, "
        f"{upgraded.unavailable} told storage_unavailable, {upgraded.repeated} repeated, "
        f"slowest {upgraded.slowest:.2f} s, reacted to {upgraded.seen:.1f} s after the end, "
        f"{len(upgraded.findings.problems)} problems, {upgraded.findings.duplicates} records twice"
    )
    assert upgraded.failed == []
    assert upgraded.findings.problems == []
    assert upgraded.replaced == ROUNDS * len(ROLES)
    assert upgraded.acknowledged > 20 * upgraded.replaced, "there was load at every step"
