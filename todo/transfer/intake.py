"""What a file would bring, said first, and then taken in as one change."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, select

from events.consumer import savepoint
from events.sql import WithoutIndex
from todo.errors import TodoError
from todo.record.changes import Change
from todo.record.queries import TASK
from todo.record.rows import insert_tasks
from todo.record.shapes import NewTask, TaskColumns
from todo.record.touched import Collected, Touched
from todo.record.work import Work
from todo.requests.fields import choose_list
from todo.requests.schemas import CreateRecurringTask, CreateTask
from todo.series.create import create_recurring_task
from todo.tasks.tasks import add_task, read_new
from todo.text.search_words import fold_task
from todo.transfer.detect import Found
from todo.transfer.draft import Draft, Reading, Remark
from todo.transfer.parents import DONE, HERE, MISSING, REFUSED, SERIES, plan_trees
from todo.transfer.resolve import Call, ReadWords, resolve

KIND = "import_tasks"
MOST_SHOWN = 50
_MOST_KEYS = 400
_HERE = select(TASK.c.id, TASK.c.deleted_at).where(
    TASK.c.id.in_(bindparam("ids", expanding=True)), WithoutIndex(TASK.c.user_id) == bindparam("user")
)
AGAIN = 20
"""How often a task that was deleted since can come in again."""


@dataclass(slots=True)
class Intake:
    """What is to come: calls with the ids that they get; how many are here already; what is said of lines."""

    calls: list[tuple[Call, str]] = field(default_factory=list)
    sorts: Counter[str] = field(default_factory=Counter)
    here: int = 0
    remarks: list[Remark] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    near: list[tuple[int, str]] = field(default_factory=list)

    def count(self) -> dict[str, int]:
        """Return how many tasks of each sort come, are here, and stay away."""
        return {
            "tasks": self.sorts["task"] + self.sorts["done"],
            "done": self.sorts["done"],
            "recurring": self.sorts["recurring"],
            "already_here": self.here,
            "refused": len(self.refused),
        }

    def view(self, found: Found) -> dict[str, Any]:
        """Return the plan for people and programs."""
        counts = self.count()
        view: dict[str, Any] = {"format": found.name, "counts": counts, "message": _say(found.said, counts)}
        shown = {"refused": self.refused, "remarks": self.remarks}
        for name, remarks in shown.items():
            if remarks:
                view[name] = [{"line": each.line, "text": each.text} for each in remarks[:MOST_SHOWN]]
                view |= {f"{name}_left_out": len(remarks) - MOST_SHOWN} if len(remarks) > MOST_SHOWN else {}
        if self.near:
            view["near"] = [{"line": line, "title": title} for line, title in self.near[:MOST_SHOWN]]
        return view


@dataclass(frozen=True, slots=True)
class Here:
    """What is here already: by the name of each draft its id and whether it is here, and the titles of open tasks.

    `work` has read all that it has to, and outlives its transaction: the rest of a plan needs no database.
    """

    work: Work
    ids: dict[str, tuple[str, bool]]
    titles: set[str]


def look_around(work: Work, found: Found) -> Here:
    """Read what the plan of a file needs to know, with the caller's zone."""
    here = Here(work, choose_ids(work, _name_drafts(found.name, found.reading.drafts)), _list_open_titles(work))
    assert work.zone  # noqa: S101  # read here, since it is kept with the work
    return here


def plan_intake(here: Here, found: Found, read_words: ReadWords) -> Intake:
    """Return what a file of another product would bring; nothing is written."""
    work, ids = here.work, here.ids
    reading = Reading(remarks=list(found.reading.remarks), refused=list(found.reading.refused))
    drafts = found.reading.drafts
    trees, order = plan_trees(drafts)
    intake = Intake(remarks=reading.remarks, refused=reading.refused)
    names = _name_drafts(found.name, drafts)
    for place in order:
        draft, (task_id, is_here) = drafts[place], ids[names[place]]
        if draft.parent and draft.parent not in trees.titles:
            reading.remark(draft.line, MISSING)
        if is_here:
            intake.here += 1
            trees.close(draft, HERE)
            continue
        parent = trees.find(draft)
        call = resolve(work, draft, parent, reading, read_words)
        if call is None:
            trees.close(draft, REFUSED)
            continue
        intake.calls.append((call, task_id))
        recurs = isinstance(call.request, CreateRecurringTask)
        if recurs or call.completed_at is not None:
            trees.close(draft, SERIES if recurs else DONE)
        else:
            trees.open(draft, task_id, parent)
        intake.sorts["recurring" if recurs else "task" if call.completed_at is None else "done"] += 1
        if call.completed_at is None and fold_task(call.request.title or "", "", [])[0] in here.titles:
            intake.near.append((draft.line, str(call.request.title)))
    for said in (reading.remarks, reading.refused):
        said.sort(key=lambda each: each.line)
    return intake


def take_in(work: Work, calls: Sequence[tuple[Call, str]], into: str | None) -> tuple[str | None, list[Remark]]:
    """Write some tasks as a part of one change; return its id, and what was refused.

    Ids follow from the file, so that what is here already stays as it is: a second call with the same tasks, also one
    at the same moment, has no effect.
    """
    try:
        # Most parts have nothing to refuse, and then need no savepoint for each task.
        with savepoint(work.connection):
            return _take(work, calls, into, nullcontext)
    except TodoError:
        return _take(work, calls, into, lambda: savepoint(work.connection))


def _take(
    work: Work,
    calls: Sequence[tuple[Call, str]],
    into: str | None,
    apart: Callable[[], AbstractContextManager[None]],
) -> tuple[str | None, list[Remark]]:
    """Write some tasks, each in a context of its own that takes a refused one back; without one a refusal is raised."""
    change, refused = Change(work, KIND), []
    here = look_up(work, [task_id for _, task_id in calls])
    drawn = _Drawn()
    step = work.in_plan(Collected(), drawn)
    alike = _Alike(change)
    for call, task_id in calls:
        if task_id in here:
            continue
        # The list draws an id of its own, before the task draws the one that follows from the file.
        if apart is nullcontext and alike.take(call, task_id):
            continue
        alike.write()
        step.collected = collected = Collected()
        drawn.begin(task_id)
        try:
            choose_list(change, call.request.list, [])
            with apart():
                if isinstance(call.request, CreateRecurringTask):
                    create_recurring_task(step, call.request)
                else:
                    _create(step, call.request)
        except TodoError as error:
            if apart is nullcontext:
                raise
            refused.append(Remark(call.draft.line, error.sentence))
            continue
        change.add(collected)
        if call.completed_at is not None:
            change.begin_with(task_id, {"status": "completed", "completed_at": call.completed_at})
    alike.write()
    return (into if change.is_empty else change.record(into).change_id), refused


@dataclass(slots=True)
class _Alike:
    """Tasks that follow one another and stand by themselves: they are written together, which takes half as long."""

    change: Change
    _ids: list[str] = field(default_factory=list)
    _values: list[NewTask] = field(default_factory=list)
    _lists: dict[str, TaskColumns] = field(default_factory=dict)

    def take(self, call: Call, task_id: str) -> bool:
        """Take a task to be written, unless it has to be written alone; raises what creating it would raise."""
        work, request = self.change.work, call.request
        if isinstance(request, CreateRecurringTask) or call.completed_at is not None or work.who.bounds is not None:
            return False
        if request.parent_id is not None or request.reminders or request.subtasks:
            return False
        values = read_new(work, request, [])
        if request.list is not None:
            if request.list not in self._lists:
                self._lists[request.list] = choose_list(self.change, request.list, [])
            values["list_id"] = self._lists[request.list].get("list_id")
        self._ids.append(task_id)
        self._values.append(values)
        return True

    def write(self) -> None:
        """Write what was taken, so that what comes after can stand below it."""
        if not self._ids:
            return
        rows = insert_tasks(self.change.work.in_plan(Collected(), _Given(iter(self._ids))), self._values)
        self.change.add(Collected({row["id"]: Touched(None, row) for row in rows}))
        for row in rows:
            self.change.view(row, reminded=False)
        self._ids.clear()
        self._values.clear()


def _create(step: Work, request: CreateTask) -> None:
    """Create a task as a call would, without the answer, which is for people."""
    part = Change(step, KIND)
    add_task(part, request, [])
    part.record()


@dataclass(frozen=True, slots=True)
class _Given:
    """Ids that are known already, in their order."""

    ids: Iterator[str]

    def new(self) -> str:
        return next(self.ids)


class _Drawn:
    """Draws a task's own id, then further ones that follow from it."""

    def __init__(self) -> None:
        self._first = ""
        self._count = 0

    def begin(self, first: str) -> None:
        """Go on with another task."""
        self._first, self._count = first, 0

    def new(self) -> str:
        self._count += 1
        return self._first if self._count == 1 else draw_id(self._first, str(self._count))


def draw_id(*parts: str) -> str:
    """Return an id in the form of UUIDv7 that follows from these words alone."""
    drawn = sha256("\0".join(parts).encode()).hexdigest()
    return f"01900000-{drawn[:4]}-7{drawn[4:7]}-{'89ab'[int(drawn[7], 16) % 4]}{drawn[8:11]}-{drawn[11:23]}"


def _name_drafts(name: str, drafts: Sequence[Draft]) -> list[str]:
    """Return what names each draft: its id in the other product, or its content and which of several alike it is."""
    seen: Counter[str] = Counter()
    keys = []
    for draft in drafts:
        stable = name not in ("todoist", "text") and draft.source
        said = (draft.title, draft.notes, draft.due, draft.repeat, draft.list_name, *draft.tags)
        key = "\0".join((name, draft.source) if stable else (name, *said))
        seen[key] += 1
        keys.append(f"{key}\0{seen[key]}")
    return keys


def choose_ids(work: Work, names: Sequence[str], *, keeps_own: bool = False) -> dict[str, tuple[str, bool]]:
    """Return for each name in a file the id that its task gets, and whether that task is here already.

    With `keeps_own` the names are ids of the caller's own and stay. What was deleted since gets another.
    """
    chosen: dict[str, tuple[str, bool]] = {}
    left = list(dict.fromkeys(names))
    for count in range(AGAIN):
        is_kept = keeps_own and count == 0
        # Of those that were deleted again and again, the last stays away like one that is here.
        is_last = count == AGAIN - 1
        again = []
        for start in range(0, len(left), _MOST_KEYS):
            part = left[start : start + _MOST_KEYS]
            drawn = {name if is_kept else draw_id(work.who.user_id, name, str(count)): name for name in part}
            found = look_up(work, list(drawn))
            for task_id, name in drawn.items():
                if found.get(task_id) is None or is_last:
                    chosen[name] = (task_id, task_id in found)
                else:
                    again.append(name)
        if not again:
            break
        left = again
    return chosen


def look_up(work: Work, task_ids: Sequence[str]) -> dict[str, str | None]:
    """Return those of some ids that exist, each with when it was deleted."""
    rows = work.connection.execute(_HERE, {"ids": list(task_ids), "user": work.who.user_id})
    return {row.id: row.deleted_at for row in rows}


def _list_open_titles(work: Work) -> set[str]:
    statement = select(TASK.c.title_key).where(
        TASK.c.user_id == work.who.user_id, TASK.c.status == "open", TASK.c.deleted_at.is_(None)
    )
    return set(work.connection.execute(statement).scalars())


def _say(origin: str, counts: dict[str, int]) -> str:
    done = f" ({counts['done']} of them done)" if counts["done"] else ""
    parts = [f"{counts['tasks']} tasks{done}", f"{counts['recurring']} recurring ones"]
    said = f"From {origin}: {' and '.join(parts)}."
    if counts["already_here"]:
        said += f" {counts['already_here']} are here already and stay as they are."
    if counts["refused"]:
        said += f" {counts['refused']} cannot be taken over."
    return said
