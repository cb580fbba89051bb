"""A round: faults struck one after the other under load, then a check of everything."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.faults.arena import Arena
from app.faults.oracle import Findings
from app.faults.strikes import Fault
from app.system import Chance
from infra.live.programs import wait_until

WARM_SECONDS = 0.7
LOAD = 50
"""The changes that a round has more than: on a slow machine it lasts longer."""
LOAD_SECONDS = 30.0


@dataclass(slots=True)
class Round:
    """The result of one round; `published` and `seen` are seconds after healing.

    `during_faults` counts the changes acknowledged in the `held_seconds` of faults during which the product serves,
    `before_faults` those of the `calm_seconds` before them.
    """

    names: list[str]
    during_faults: int = 0
    before_faults: int = 0
    held_seconds: float = 0.0
    calm_seconds: float = 0.0
    acknowledged: int = 0
    repeated: int = 0
    published: float = 0.0
    seen: float = 0.0
    slowest: float = 0.0
    refused: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def compare_rates(self) -> float:
        """Return the rate of changes during the faults as a part of the rate before them."""
        calm = self.before_faults / max(self.calm_seconds, 0.001)
        return self.during_faults / max(self.held_seconds, 0.001) / max(calm, 0.001)


def play(arena: Arena, faults: Sequence[Fault], chance: Chance, seconds: float | None = None) -> Round:
    """Strike and heal one fault after the other under load, then check everything that happened in the arena.

    `seconds` is the duration of each fault; None draws it at random. Raises `LiveError` if pending work does not drain.
    """
    played = Round([fault.name for fault in faults])
    pause = threading.Event()
    arena.find_leader()  # a round begins with a healthy product
    with arena.drive(chance) as driver:
        for fault in faults:
            began, at_first = time.monotonic(), driver.count()
            pause.wait(WARM_SECONDS + chance.uniform(0, 0.3))
            before = driver.count()
            played.calm_seconds += time.monotonic() - began
            played.before_faults += before - at_first
            heal = fault.strike(arena)
            began, struck = time.monotonic(), driver.count()
            pause.wait(chance.uniform(fault.shortest, fault.longest) if seconds is None else seconds)
            if fault.serves:
                played.during_faults += driver.count() - struck
                played.held_seconds += time.monotonic() - began
            heal()
            played.acknowledged += driver.count() - before
        pause.wait(WARM_SECONDS)
        wait_until(lambda: driver.count() > LOAD, LOAD_SECONDS, f"more than {LOAD} changes are made")
        healed = time.monotonic()
    for replica in arena.replicas:
        replica.wait_ready()
    arena.wait_published()
    played.published = time.monotonic() - healed
    arena.wait_seen()
    played.seen = time.monotonic() - healed
    arena.keep(driver)
    played.acknowledged = driver.count()
    played.repeated = driver.tally.repeated
    played.slowest = max(driver.tally.seconds, default=0.0)
    played.refused = driver.tally.refused
    played.findings = arena.check()
    return played
