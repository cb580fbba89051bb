"""The tree of tasks: what stands below a task and above it, and whether another may stand there."""

from typing import cast

from sqlalchemy import bindparam, func, select

from events.sql import WithoutIndex, take_lock
from todo.errors import InvalidArguments
from todo.record.queries import TASK, load_single_task
from todo.record.shapes import TaskRow
from todo.record.work import Work
from todo.text.display import quote_title

MOST_LEVELS = 4
MOST_CHILDREN = 100
_OWN = WithoutIndex(TASK.c.user_id) == bindparam("user")
_ALIVE = TASK.c.deleted_at.is_(None)
_CHILDREN = (
    select(TASK)
    .where(TASK.c.parent_id.in_(bindparam("keys", expanding=True)), _OWN, _ALIVE)
    .order_by(TASK.c.parent_id, TASK.c.number)
)
_COUNT = select(func.count()).where(TASK.c.parent_id == bindparam("key"), _OWN, _ALIVE)
_ABOVE = select(TASK.c.parent_id).where(TASK.c.id == bindparam("key"), TASK.c.user_id == bindparam("user"))


def hold_tree(work: Work) -> None:
    """Let the caller's tasks be put below others by one transaction at a time."""
    take_lock(work.connection, "tree", work.who.user_id)


def load_children(work: Work, task_ids: list[str]) -> list[TaskRow]:
    """Return the living subtasks directly below some tasks, in the order in which they were made."""
    if not task_ids:
        return []
    statement = _CHILDREN if work.reads_only else _CHILDREN.with_for_update()
    rows = work.connection.execute(statement, {"keys": task_ids, "user": work.who.user_id})
    return [cast("TaskRow", row._asdict()) for row in rows]


def load_levels(work: Work, task: TaskRow) -> list[list[TaskRow]]:
    """Return all living subtasks below a task, level by level."""
    levels: list[list[TaskRow]] = []
    above = [task] if task["has_subtasks"] else []
    while above and len(levels) < MOST_LEVELS and (below := load_children(work, [each["id"] for each in above])):
        levels.append(below)
        above = [each for each in below if each["has_subtasks"]]
    return levels


def load_branch(work: Work, task: TaskRow) -> list[TaskRow]:
    """Return all living subtasks below a task, those of a level before those below them."""
    return [each for level in load_levels(work, task) for each in level]


def count_children(work: Work, task_id: str) -> int:
    """Return how many living subtasks a task has directly below it."""
    return int(work.connection.execute(_COUNT, {"key": task_id, "user": work.who.user_id}).scalar_one())


def list_above(work: Work, task_id: str) -> list[str]:
    """Return the ids from a task up to the top of its tree, itself first; of a circle one round."""
    found: list[str] = []
    at: str | None = task_id
    while at is not None and at not in found:
        found.append(at)
        at = work.connection.execute(_ABOVE, {"key": at, "user": work.who.user_id}).scalar()
    return found


def load_parent(work: Work, parent_id: str, *, levels: int = 1, task: TaskRow | None = None) -> TaskRow:
    """Return the task that is to have a subtask, which brings `levels` levels; `task` is one that moves there.

    Raises `TaskNotFound` and `IsSeries`, and `InvalidArguments` for a completed parent, a circle, a tree that is too
    deep, and too many subtasks.
    """
    hold_tree(work)
    parent = load_single_task(work, parent_id)
    name = quote_title(parent["title"])
    if parent["status"] == "completed":
        raise InvalidArguments(f"{name} is completed, so it takes no subtask.", "Reopen it with reopen_task first.")
    above = list_above(work, parent["id"])
    if task is not None and task["id"] in above:
        itself = "itself" if parent["id"] == task["id"] else f"{name}, which stands below it"
        raise InvalidArguments(f"{quote_title(task['title'])} cannot be a subtask of {itself}.", "Choose another task.")
    refuse_deep(len(above) + levels, name)
    if task is None or task["parent_id"] != parent["id"]:
        refuse_many(count_children(work, parent["id"]) + 1, name)
    return parent


def refuse_deep(levels: int, name: str) -> None:
    """Refuse a tree with more levels than there may be."""
    if levels > MOST_LEVELS:
        raise InvalidArguments(
            f"Below {name} there would be {levels} levels of tasks; {MOST_LEVELS} are allowed.",
            "Put it under a task further up.",
        )


def refuse_many(count: int, name: str) -> None:
    """Refuse more subtasks of one task than there may be."""
    if count > MOST_CHILDREN:
        raise InvalidArguments(
            f"{name} would have {count} subtasks; {MOST_CHILDREN} are allowed.", "Group them under other tasks."
        )
