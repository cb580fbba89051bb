"""Trees on the way back: whether tasks that undo has restored can stand where they did."""

from collections.abc import Iterable

from todo.record.changes import Change
from todo.record.queries import find_tasks_by_id, load_any_tasks
from todo.subtasks.branches import follow_list
from todo.subtasks.tree import MOST_CHILDREN, MOST_LEVELS, count_children, list_above, load_levels
from todo.text.display import quote_title


def check_trees(change: Change, task_ids: Iterable[str]) -> list[str]:
    """Return what stands against restored tasks, in words; those that can stay live in their parent's list again."""
    work, against = change.work, []
    for task in load_any_tasks(work, sorted(task_ids)).values():
        name = quote_title(task["title"])
        if task["deleted_at"] is not None:
            if task["has_subtasks"] and count_children(work, task["id"]):
                against.append(f"the subtasks of {name}, which would stand below nothing")
            continue
        if task["parent_id"] is None:
            continue
        parent = find_tasks_by_id(work, [task["parent_id"]]).get(task["parent_id"])
        if parent is None:
            against.append(f"the task above {name}, which is deleted")
            continue
        above = list_above(work, parent["id"])
        if task["id"] in above:
            against.append(f"the place of {name}, which would stand below itself")
        elif len(above) + 1 + len(load_levels(work, task)) > MOST_LEVELS:
            against.append(f"the place of {name}, which would be too deep")
        elif count_children(work, parent["id"]) > MOST_CHILDREN:
            against.append(f"the subtasks of {quote_title(parent['title'])}, which would be too many")
        elif task["list_id"] != parent["list_id"]:
            follow_list(change, parent)
    return against
