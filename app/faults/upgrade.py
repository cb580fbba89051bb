"""The rolling upgrade: under load, each process in turn is taken out of the balancer, replaced and put back."""

import threading
import time
from dataclasses import dataclass, field

from app.faults.arena import Arena, Replica
from app.faults.oracle import Findings
from app.system import Chance
from infra.live.programs import LiveError

ROLES = ("api", "api", "worker", "worker")
DRAINED_SECONDS = 0.5
"""Between the end of new calls and SIGTERM; in Kubernetes `preStop` waits for longer."""
SEEN_SECONDS = 900.0
"""Until all consumers have reacted: members of a consumer group come and go at every step, and each time Kafka waits
for all of them, up to a minute; what is not brought within a minute is delivered from the outbox."""
WARM_SECONDS = 1.0
"""Of load before the first process is replaced, and after the last one."""


@dataclass(slots=True)
class Upgraded:
    """What an upgrade did to the callers and to the events."""

    replaced: int = 0
    acknowledged: int = 0
    repeated: int = 0
    unavailable: int = 0
    slowest: float = 0.0
    seen: float = 0.0
    """Seconds from the end of the load until every consumer had reacted to every event."""
    failed: list[str] = field(default_factory=list)
    """Calls that were refused, or whose connection broke after they were sent."""
    findings: Findings = field(default_factory=Findings)


def roll(arena: Arena, rounds: int, chance: Chance) -> Upgraded:
    """Replace every process of the arena `rounds` times under load, and judge; raises `LiveError` if it does not start.

    New calls go to the addresses that are in the balancer; those that are under way end before their process does.
    """
    upgraded, pause = Upgraded(), threading.Event()
    balancer = list(arena.urls)
    with arena.drive(chance, urls=balancer) as driver:
        pause.wait(WARM_SECONDS)
        for _ in range(rounds):
            for replica in arena.replicas:
                replace(arena, replica, balancer, pause)
                upgraded.replaced += 1
        pause.wait(WARM_SECONDS)
    ended = time.monotonic()
    arena.keep(driver)
    tally = driver.tally
    upgraded.acknowledged, upgraded.repeated = len(tally.acknowledged), tally.repeated
    upgraded.unavailable, upgraded.slowest = tally.unavailable, max(tally.seconds, default=0.0)
    upgraded.failed = [*tally.refused, *tally.broken]
    try:
        arena.wait_published()
        arena.wait_seen(SEEN_SECONDS)
    except LiveError as error:
        raise LiveError(f"{upgraded} {error}") from None
    upgraded.seen = time.monotonic() - ended
    upgraded.findings = arena.check()
    return upgraded


def replace(arena: Arena, replica: Replica, balancer: list[str], pause: threading.Event) -> None:
    """Replace one process and its sidecar as a deployment does: out of the balancer, SIGTERM, a new one, and back."""
    serves = replica.url in balancer
    if serves:
        balancer.remove(replica.url)
        pause.wait(DRAINED_SECONDS)
    replica.program.stop()
    replica.daprd.stop()
    replica.begin()
    arena.wait_whole(replica)
    if serves:
        balancer.append(replica.url)
