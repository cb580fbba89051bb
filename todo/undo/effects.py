"""The effects of many changes in words: how many tasks are created, changed, completed and deleted."""

from collections.abc import Iterable

from events.catalog import EventType
from todo.record.touched import Touched

_VERBS = {
    EventType.TASK_CREATED: "created",
    EventType.TASK_UPDATED: "changed",
    EventType.TASK_COMPLETED: "completed",
    EventType.TASK_DELETED: "deleted",
}


def list_counted(touched: Iterable[Touched]) -> list[Touched]:
    """Return the parts that count as one task each: a series counts together with its occurrences."""
    touched = list(touched)
    ids = {each.row["id"] for each in touched}
    return [each for each in touched if each.row["recurring_id"] not in ids]


def count_effects(touched: Iterable[Touched], *, planned: bool = False) -> str:
    """Return what is done, or would be, to how many tasks: `3 tasks are changed and 1 task is deleted`."""
    counts: dict[str, int] = {}
    for each in list_counted(touched):
        done = _VERBS[each.event_type]
        counts[done] = counts.get(done, 0) + 1
    parts = []
    for done, count in counts.items():
        are = "would be" if planned else "is" if count == 1 else "are"
        parts.append(f"{count} task{'' if count == 1 else 's'} {are} {done}")
    if not parts:
        return "no task would look different" if planned else "No task is changed"
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
