"""The cost of safety: a large plan and its undo against the same changes one by one, and the history of a create."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar, cast

from app.bench.rows import Row, compare
from app.identity import LOCAL_PERSON, ensure_local_user
from app.migrations import migrate_file
from app.storage.sqlite import SqliteFile
from app.system import SystemClock, SystemIds
from todo.record.changes import open_history, write_history
from todo.record.shapes import TaskRow
from todo.record.touched import Touched
from todo.record.work import Work
from todo.requests.plan_schemas import ApplyPlan, PlanChanges, PlannedCall, Undo
from todo.requests.schemas import CreateTask, UpdateTask
from todo.tasks.tasks import create_task, update_task
from todo.undo.plans import apply_plan, plan_changes
from todo.undo.undo import undo

T = TypeVar("T")

MANY = 100
"""Tasks of one plan, the most that a plan may have."""


def measure_safety(path: Path, repeats: int) -> list[Row]:
    """Measure transactions on a new file, without any surface, each with its BEGIN and durable COMMIT.

    A plan's row holds its applying, not its making. The history is compared to the stricter base, the create without
    its commit.
    """
    file = _File(path)
    try:
        apart, at_once, applied, undone = zip(*(file.change_all(number) for number in range(repeats)), strict=True)
        creates, histories = zip(*(file.create() for _ in range(repeats * 10)), strict=True)
    finally:
        file.close()
    base = (f"{MANY} update_task in one transaction", median(at_once) * 1e3)
    create = ("create_task, without its commit", median(creates) * 1e6)
    return [
        Row(f"{MANY} update_task, a transaction each", median(apart) * 1e3, "ms"),
        Row(base[0], base[1], "ms"),
        compare(f"apply_plan of {MANY} update_task", median(applied) * 1e3, "ms", base, at_most=2),
        compare(f"undo of these {MANY}", median(undone) * 1e3, "ms", base, at_most=2),
        Row(create[0], create[1], "us"),
        compare("of it the history", median(histories) * 1e6, "us", create, at_most=0.1),
    ]


class _File:
    """A file with `MANY` tasks."""

    def __init__(self, path: Path) -> None:
        migrate_file(path)
        self._clock, self._ids = SystemClock(), SystemIds()
        self._handle = SqliteFile(path).writer()
        self._run(lambda work: ensure_local_user(work.connection, "UTC", work.at))
        self._tasks = [self._run(self._create)[0] for _ in range(MANY)]

    def change_all(self, number: int) -> tuple[float, float, float, float]:
        """Change all tasks in four ways; return the seconds of each: one by one, together, by plan, by undo."""

        def change(work: Work, title: str) -> None:
            for task_id in self._tasks:
                update_task(work, UpdateTask(task_id=task_id, title=title))

        apart = 0.0
        for task_id in self._tasks:
            request = UpdateTask(task_id=task_id, title=f"Apart {number}")
            apart += self._run(partial(update_task, request=request))[1]
        at_once = self._run(lambda work: change(work, f"At once {number}"))[1]
        steps = [
            PlannedCall(tool="update_task", arguments={"task_id": task_id, "title": f"Planned {number}"})
            for task_id in self._tasks
        ]
        plan = self._run(lambda work: plan_changes(work, PlanChanges(changes=steps)))[0]
        done, applied = self._run(lambda work: apply_plan(work, ApplyPlan(plan_id=plan["plan_id"])))
        _, undone = self._run(lambda work: undo(work, Undo(change_ids=[done["change_id"]])))
        return apart, at_once, applied, undone

    def create(self) -> tuple[float, float]:
        """Create a task; return the seconds that it takes, and those of writing its history a second time."""

        def write(work: Work) -> tuple[float, float]:
            since = perf_counter()
            view = create_task(work, CreateTask(title="Call the dentist"))["task"]
            made = perf_counter()
            row = cast("TaskRow", {"id": view["id"], "version": view["version"], "deleted_at": None})
            change_id = work.ids.new()
            open_history(work, change_id, "create_task")
            write_history(work, change_id, [Touched(None, row, view)], {})
            return made - since, perf_counter() - made

        return self._run(write)[0]

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _create(self, work: Work) -> str:
        return str(create_task(work, CreateTask(title="Call the dentist"))["task"]["id"])

    def _run(self, use_case: Callable[[Work], T]) -> tuple[T, float]:
        since = perf_counter()
        self._handle.raw.execute("BEGIN IMMEDIATE")
        answer = use_case(Work(self._handle.connection, LOCAL_PERSON, self._clock.now(), self._ids))
        self._handle.raw.execute("COMMIT")
        return answer, perf_counter() - since
