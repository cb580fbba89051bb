"""The soak test: twice the usual load for a long time, a fault every 20 s, then a check of violations and growth."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.faults.arena import Arena
from app.faults.driver import PACE
from app.faults.strikes import FAULTS, Fault
from app.faults.table import Say
from app.faults.topic_reader import TopicsReader
from app.system import Chance
from infra.live.chain import LiveChain, Plan

STRIKE_EVERY = 20.0
PACE_FACTOR = 2.0
SETTLED = 30.0
"""Seconds after which a process has loaded everything it uses; memory growth is measured from there."""
_PER_EVENT = ("outbox_entry", "inbox_entry", "activity", "request_entry", "delivery")
_ROWS_PER_EVENT = 3
"""Most rows per event in each of these tables; more would be unexplained rows."""


@dataclass(slots=True)
class Life:
    """The samples of one process: seconds since its first sample, and resident MiB."""

    name: str
    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)

    def read_settled(self) -> float:
        """Return its size when settled; its last size if it did not live that long."""
        pairs = zip(self.seconds, self.mebibytes, strict=True)
        return next((size for second, size in pairs if second >= SETTLED), self.mebibytes[-1])


@dataclass(slots=True)
class Soaked:
    """The result of a soak."""

    minutes: float
    changes: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    rows: dict[str, int] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def soak_product(minutes: float, seed: int, say: Say, faults: Sequence[Fault] = FAULTS) -> Soaked:
    """Run the product on its own chain under load and faults for some minutes, then check everything.

    Raises `LiveError` if the chain cannot start, or if the product does not recover.
    """
    soaked, chance, pause = Soaked(minutes), Chance(seed), threading.Event()
    possible = [fault for fault in faults if not fault.find_trouble()]
    lives: dict[int, tuple[float, Life]] = {}
    plan = Plan(brokers=None, database_url=None, styles=["type"], harmed=True)
    with LiveChain(plan, say) as chain, Arena(chain, TopicsReader) as arena:
        arena.find_leader()
        end = time.monotonic() + 60 * minutes
        with arena.drive(chance, pace=PACE_FACTOR * PACE) as driver:
            while (now := time.monotonic()) < end:
                pause.wait(STRIKE_EVERY / 2)
                _sample(arena, lives)
                fault = chance.choice(possible)
                soaked.struck[fault.name] += 1
                say(f"{end - now:.0f} s to go, {driver.count()} changes: {fault.name}")
                heal = fault.strike(arena)
                pause.wait(chance.uniform(fault.shortest, fault.longest))
                heal()
                pause.wait(max(0.0, STRIKE_EVERY - (time.monotonic() - now)))
        for replica in arena.replicas:
            replica.wait_ready()
        arena.keep(driver)
        findings = arena.check()
        _sample(arena, lives)
        soaked.changes = driver.count()
        soaked.rows = {table: arena.ledger.count_rows(table) for table in ("lease", *_PER_EVENT)}
    soaked.lives = _choose_oldest([life for _, life in lives.values()])
    soaked.problems = [*findings.problems, *driver.tally.refused, *_find_growth(soaked.rows)]
    return soaked


def _sample(arena: Arena, lives: dict[int, tuple[float, Life]]) -> None:
    """Sample the memory of each process of the product and of each sidecar."""
    now = time.monotonic()
    for number, replica in enumerate(arena.replicas):
        for name, program in ((f"serve {number}", replica.program), (f"daprd {number}", replica.daprd.program)):
            try:
                lines = Path(f"/proc/{program.pid}/status").read_text("utf-8").splitlines()
                size = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
            except (OSError, StopIteration):  # it is being restarted
                continue
            began, life = lives.setdefault(program.pid or 0, (now, Life(name)))
            life.seconds.append(now - began)
            life.mebibytes.append(size / 1024)


def _choose_oldest(lives: Sequence[Life]) -> list[Life]:
    by_name: defaultdict[str, list[Life]] = defaultdict(list)
    for life in lives:
        by_name[life.name].append(life)
    return [max(by_name[name], key=lambda life: life.seconds[-1]) for name in sorted(by_name)]


def _find_growth(rows: dict[str, int]) -> list[str]:
    events = rows["outbox_entry"]
    found = [f"{rows['lease']} leases, not one"] if rows["lease"] != 1 else []
    most = _ROWS_PER_EVENT * events
    return found + [f"{rows[name]} rows in {name} for {events} events" for name in _PER_EVENT if rows[name] > most]


def write_soak(soaked: Soaked) -> str:
    """Return a Markdown report: the faults struck, the tables' rows, the growth of memory, and the problems."""
    lines = [f"{soaked.changes} changes in {soaked.minutes:g} minutes, {soaked.struck.total()} faults", ""]
    lines += ["| fault | struck |", "|---|---|", *(f"| {name} | {n} |" for name, n in sorted(soaked.struck.items()))]
    lines += ["", "| table | rows |", "|---|---|", *(f"| {name} | {rows} |" for name, rows in soaked.rows.items())]
    lines += ["", "| oldest process | seen for | MiB when settled | at the end | at most |", "|---|---|---|---|---|"]
    lines += [
        f"| {life.name} | {life.seconds[-1]:.0f} s | {life.read_settled():.0f} | {life.mebibytes[-1]:.0f} "
        f"| {max(life.mebibytes):.0f} |"
        for life in soaked.lives
    ]
    return "\n".join(
        [*lines, *(["", *(f"- {problem}" for problem in soaked.problems[:20])] if soaked.problems else [])]
    )
