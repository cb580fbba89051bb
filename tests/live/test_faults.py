"""The fault table: under load, no fault loses, inverts, alters or doubles an event or its effects."""
# A failing order of faults comes again with its seed: TODO_FAULT_SEED=<number> pytest tests/live/test_faults.py

import os

import pytest

from app.faults.arena import Arena
from app.faults.rounds import play
from app.faults.strikes import FAULTS, Fault
from app.system import Chance
from tests.long import LONG

PROMISES = ("faults",)

SEED = int(os.environ.get("TODO_FAULT_SEED", "20261125"))
GROUPS = {
    "sidecar": ["daprd killed", "daprd stopped", "daprd hangs", "daprd crashes while it delivers"],
    "broker": ["Kafka killed", "Kafka's answers lost"],
    "product": ["all apps killed", "leader hangs beyond its lease"],
    "database": ["PostgreSQL restarted, immediate", "PostgreSQL hangs", "connections cut"],
    "disk": ["database's disk full"],
}
# Minutes: Kafka starts again for each, the outbox redelivers the records that the group has
# skipped, or a channel waits for its next attempt.
LONG_GROUPS = {
    "clock": ["clock an hour ahead"],
    "clock back": ["clock an hour behind"],
    "broker away": ["Kafka stopped", "Kafka hangs", "daprd started before Kafka"],
    "product in part": ["app killed", "rolling restart"],
    "limit": ["one event too large for Kafka"],
    "passed over": ["records passed over"],
    "receivers": [
        *("receiver answers 500", "receiver hangs", "receiver's answers lost"),
        "app killed between sending and marking",
    ],
}
HELD_SECONDS = 1.5
LEAST_RATE = 0.25
"""The rate of writes during faults as a part of the rate before them: how quick the machine is does not matter."""


def test_every_fault_is_in_a_group() -> None:
    groups = (GROUPS | LONG_GROUPS).values()
    assert sorted(name for names in groups for name in names) == sorted(fault.name for fault in FAULTS)


@pytest.mark.parametrize("group", [*GROUPS, *(LONG_GROUPS if LONG else ())])
def test_nothing_is_lost_and_nothing_done_twice(arena: Arena, group: str) -> None:
    by_name = {fault.name: fault for fault in FAULTS}
    chance = Chance(SEED)
    faults: list[Fault] = [by_name[name] for name in (GROUPS | LONG_GROUPS)[group]]
    for fault in faults:
        if trouble := fault.find_trouble():
            pytest.skip(f"{fault.name}: {trouble}")
    chance.shuffle(faults)

    played = play(arena, faults, chance, HELD_SECONDS)

    assert not played.findings.problems, f"{played.names}, seed {SEED}"
    assert not played.refused
    assert played.acknowledged > 50
    if all(fault.serves for fault in faults):
        assert played.compare_rates() > LEAST_RATE, "writes are saved while nothing can be published"
    print(
        f"{group}: {played.acknowledged} changes, {played.compare_rates():.2f} of the calm rate during faults, "
        f"{played.repeated} repeated, slowest {played.slowest:.2f} s, "
        f"published {played.published:.1f} s and reacted to {played.seen:.1f} s after healing, "
        f"{played.findings.duplicates} records twice"
    )
