"""Clashes: tasks with a time that a move brings to the same time as another."""

from collections.abc import Sequence

from sqlalchemy import select

from todo.record.queries import TASK
from todo.record.touched import Touched
from todo.record.work import Work
from todo.text import when
from todo.text.display import quote_title

_SHOWN = 5


def list_clashes(work: Work, touched: Sequence[Touched]) -> list[str]:
    """Return warnings about open tasks with a time that a move brings to the same time as another.

    Tasks that were at one time before and move together do not clash.
    """
    moved = {each.row["id"]: each for each in touched if _is_moved(each)}
    if not moved:
        return []
    deadlines = sorted({each.row["deadline"] for each in moved.values()})
    rows = work.connection.execute(
        select(TASK.c.id, TASK.c.title, TASK.c.due)
        .where(
            *(TASK.c.user_id == work.who.user_id, TASK.c.kind == "task", TASK.c.status == "open"),
            *(TASK.c.deadline.in_(deadlines), TASK.c.deleted_at.is_(None)),
        )
        .order_by(TASK.c.deadline, TASK.c.id)
    )
    at_once: dict[str, dict[str, str]] = {}
    for row in rows:
        if not when.is_date(row.due):
            at_once.setdefault(row.due, {})[row.id] = row.title
    clashes = []
    for due, titles in at_once.items():
        if len({_due_before(moved[task_id]) if task_id in moved else due for task_id in titles}) > 1:
            more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
            named = ", ".join(quote_title(title) for title in [*titles.values()][:_SHOWN])
            clashes.append(f"At the same time, {when.say_short(due, work.zone)}: {named}{more}.")
    return clashes


def _due_before(part: Touched) -> str | None:
    return None if part.before is None else part.before.get("due")


def _is_moved(part: Touched) -> bool:
    """Return whether a change moves an open task to another time."""
    due = part.row["due"]
    if part.before is None or part.is_gone or part.row["status"] != "open" or part.row["kind"] != "task":
        return False
    return due is not None and not when.is_date(due) and _due_before(part) != due
