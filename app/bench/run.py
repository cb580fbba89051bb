"""The benchmark without the real chain: everything in one run on this machine, on temporary data."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from app.bench.callers.alone import measure_callers
from app.bench.callers.postgres import measure_on_postgres
from app.bench.callers.several import measure_several
from app.bench.calls import measure_calls
from app.bench.chat import measure_chatting
from app.bench.doors import measure_doors
from app.bench.full_file import fill_file
from app.bench.idle import measure_idling
from app.bench.keeping.moved import measure_moving
from app.bench.keeping.seen import measure_seen
from app.bench.keeping.small import measure_retention
from app.bench.reach import measure_reach
from app.bench.reactions import measure_reactions
from app.bench.rows import Row
from app.bench.safety import measure_safety
from app.bench.schedule import measure_scheduling
from app.bench.searches import measure_searches
from app.bench.second_wall import measure_second_wall
from app.runtime import calm_collector
from infra.live.programs import ToolsMissing


class Plan:
    """The size of the measurement; the quick plan only shows that everything runs."""

    def __init__(self, *, quick: bool, tiny: bool = False) -> None:
        self.many = 1_500 if tiny else 5_000 if quick else 100_000
        self.few = 1_000
        self.rounds = 1 if tiny else 2 if quick else 5
        self.seconds = 0.1 if tiny else 0.6 if quick else 3.0
        self.repeats = 10 if quick else 300
        self.paced = min(self.seconds, 2.0) if quick else 10.0
        self.settle, self.idle = (0.5, 0.5) if tiny else (2.0, 2.0) if quick else (5.0, 10.0)
        self.waiting, self.series = (2_000, 200) if tiny else (20_000, 2_000) if quick else (1_000_000, 100_000)
        self.burst = 20 if tiny else 200 if quick else 1_000
        self.reaches = not tiny
        self.brought = 300 if tiny else 2_000 if quick else 50_000
        self.megabytes = 2 if tiny else 20 if quick else 200
        self.removed = 600 if tiny else 2_000 if quick else 20_000
        self.turns = 3 if tiny else 20 if quick else 200
        self.note = "A quick run: its figures do not count." if quick else ""


async def measure_all(plan: Plan) -> list[Row]:
    """Measure everything and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="evolution-todo-bench-") as folder:
        root = _let_traverse(Path(folder))
        seen = ("traces", "traces0.05", "traces1")
        for name in ("few", "many", "held", "whole", "paced", "idle", "scheduling", "reach", "chat", "postgres", *seen):
            (root / name).mkdir()
        few, many = root / "few/todo.db", root / "many/todo.db"
        _say(f"filling a file with {plan.many} tasks")
        await asyncio.to_thread(fill_file, few, plan.few)
        await asyncio.to_thread(fill_file, many, plan.many)
        for name in ("held", "whole", "paced"):
            shutil.copy(many, root / name / "todo.db")
        calm_collector()
        _say("calls")
        rows = await measure_calls(root / "held/todo.db", root / "whole/todo.db", plan.rounds, plan.seconds)
        _say("one caller, and standard input")
        rows += await measure_callers(root / "callers", plan.rounds, plan.seconds)
        _say("reactions")
        rows += await measure_reactions(root / "paced", plan.paced)
        _say("searches")
        rows += measure_searches(few, many, plan.repeats)
        _say("scheduling")
        rows += await measure_scheduling(root / "scheduling", plan.waiting, plan.burst, plan.series, plan.repeats)
        if plan.reaches:
            _say("reaching people")
            rows += await measure_reach(root / "reach", plan.burst, plan.many)
        _say("chatting")
        rows += await measure_chatting(root / "chat", plan.turns)
        _say("safety")
        rows += await asyncio.to_thread(measure_safety, root / "safety.db", max(plan.repeats // 10, 1))
        _say("doors")
        rows += await measure_doors(root / "doors", plan.rounds, plan.repeats)
        _say("metrics and traces")
        rows += await measure_seen(root, plan.rounds, plan.seconds)
        _say("retention")
        rows += await measure_retention(root / "retention", plan.removed)
        _say("in and out")
        rows += await measure_moving(root / "moving", plan.brought, plan.megabytes)
        _say("PostgreSQL")
        try:
            rows += await measure_on_postgres(root / "postgres", plan.rounds, plan.seconds)
            _say("several processes")
            rows += await measure_several(root / "several", plan.rounds, plan.seconds)
            _say("row-level security")
            rows += await measure_second_wall(root / "second-wall", plan.few, plan.rounds, plan.repeats)
        except ToolsMissing as missing:
            _say(f"left out: {missing}")
        _say("idling")
        rows += await measure_idling(root / "idle", plan.settle, plan.idle)
        return rows


def _say(step: str) -> None:
    print(f"bench: {step}", file=sys.stderr, flush=True)


def _let_traverse(folder: Path) -> Path:
    """Return a folder that a PostgreSQL of another user may traverse."""
    folder.chmod(0o711)
    return folder
