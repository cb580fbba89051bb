"""The fault table: several rounds of every fault, with what was lost, inverted or done twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.faults.arena import Arena
from app.faults.oracle import Findings
from app.faults.rounds import Round, play
from app.faults.strikes import FAULTS, Fault
from app.faults.topic_reader import TopicsReader
from app.system import Chance
from infra.live.chain import LiveChain, Plan
from infra.live.programs import LiveError

Say = Callable[[str], None]


@dataclass(slots=True)
class Row:
    """One fault over all rounds; times are the longest, in seconds after healing; `trouble` is why it is not played."""

    fault: str
    rounds: int = 0
    changes: int = 0
    lost: int = 0
    inverted: int = 0
    altered: int = 0
    doubled: int = 0
    published: float = 0.0
    seen: float = 0.0
    trouble: str = ""
    problems: list[str] = field(default_factory=list)

    def add(self, played: Round, known: set[str]) -> None:
        """Count one round; `known` holds the problems found earlier in the same arena."""
        found = played.findings
        self.rounds += 1
        self.changes += played.acknowledged
        self.lost += _count_new(found.lost, known)
        self.inverted += _count_new(found.inverted, known)
        self.altered += _count_new([*found.altered, *found.foreign], known)
        self.doubled += _count_new(found.effects, known)
        self.published = max(self.published, played.published)
        self.seen = max(self.seen, played.seen)
        self.problems += [each for each in (*found.problems, *played.refused) if each not in known]
        known.update(found.problems)


def _count_new(problems: Sequence[str], known: set[str]) -> int:
    return sum(problem not in known for problem in problems)


def fill_table(rounds: int, seed: int, say: Say, faults: Sequence[Fault] = FAULTS) -> list[Row]:
    """Play `rounds` rounds of every fault, each on a new chain and in a random order; return the rows.

    If the product does not recover, the row's problems say so and the next round begins. Raises `LiveError` if the
    chain cannot start.
    """
    rows = {fault.name: Row(fault.name, trouble=fault.find_trouble()) for fault in faults}
    for number in range(1, rounds + 1):
        chance = Chance(seed + number)
        order = [fault for fault in faults if not rows[fault.name].trouble]
        chance.shuffle(order)
        known: set[str] = set()
        plan = Plan(brokers=None, database_url=None, styles=["type"], harmed=True)
        with LiveChain(plan, say) as chain, Arena(chain, TopicsReader) as arena:
            for fault in order:
                try:
                    played = play(arena, [fault], chance)
                except LiveError as error:
                    rows[fault.name].problems.append(f"round {number}: {error}")
                    say(f"round {number}, {fault.name}: {error}")
                    break
                rows[fault.name].add(played, known)
                say(f"round {number}, {fault.name}: {_describe(played.findings)}, whole after {played.seen:.1f} s")
    return list(rows.values())


def _describe(findings: Findings) -> str:
    return f"{len(findings.problems)} problems" if findings.problems else "nothing lost, inverted or done twice"


def write_table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown, followed by the problems."""
    lines = [
        "| fault | rounds | changes | lost | inverted | altered | doubled | published after | reacted to after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_write_row(row) for row in rows]
    problems = [f"- {row.fault}: {problem}" for row in rows for problem in row.problems[:5]]
    return "\n".join([*lines, *(["", *problems] if problems else [])])


def _write_row(row: Row) -> str:
    if row.trouble:
        return f"| {row.fault} | not played: {row.trouble} | | | | | | | |"
    return (
        f"| {row.fault} | {row.rounds} | {row.changes} | {row.lost} | {row.inverted} | {row.altered} | {row.doubled} "
        f"| {row.published:.1f} s | {row.seen:.1f} s |"
    )
