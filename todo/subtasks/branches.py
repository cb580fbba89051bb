"""Branches: a task with all that stands below it, made, completed, moved and deleted as one."""

from collections.abc import Sequence

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments
from todo.record.changes import Change
from todo.record.shapes import NewTask, TaskColumns, TaskRow
from todo.record.work import Work
from todo.reminders import cancel_scheduled
from todo.subtasks.tree import load_branch, load_children, load_levels, load_parent, refuse_many
from todo.text.display import quote_title
from todo.text.when import say_due


def add_subtasks(change: Change, parent: TaskRow, subtasks: Sequence[NewTask]) -> list[TaskRow]:
    """Make new subtasks of a task that has none yet, or of which the number is known to fit; return their rows.

    They live in their parent's list.
    """
    if not subtasks:
        return []
    refuse_many(len(subtasks), quote_title(parent["title"]))
    rows = change.create_below(parent, subtasks)
    for row in rows:
        change.view(row, reminded=False)
    return rows


def add_templates(change: Change, instance: TaskRow, titles: Sequence[str]) -> None:
    """Make the subtasks that a series gives each of its instances, new and open."""
    add_subtasks(change, instance, [{"title": title, "tags": []} for title in titles])


def read_templates(text: str | None) -> list[str]:
    """Return the titles of a series' subtasks from its column."""
    return from_json(text) if text else []


def write_templates(titles: Sequence[str]) -> str | None:
    """Return the titles of a series' subtasks as its column."""
    return to_json(list(titles)).decode() if titles else None


def complete_branch(change: Change, task: TaskRow) -> int:
    """Complete the open subtasks below a task, with their reminders; return how many."""
    count = 0
    for each in load_branch(change.work, task):
        if each["status"] == "open":
            row = change.update(each, {"status": "completed", "completed_at": change.work.at})
            if change.was_reminded(row):
                cancel_scheduled(change.work, row["id"], "completed")
            count += 1
    return count


def delete_row(change: Change, task: TaskRow) -> TaskRow:
    """Delete one task softly and cancel its reminders; return its last row."""
    row = change.update(task, {"deleted_at": change.work.at})
    cancel_scheduled(change.work, task["id"], "deleted")
    return row


def delete_branch(change: Change, task: TaskRow) -> tuple[TaskRow, int]:
    """Delete a task with all its subtasks; return its last row, and how many subtasks went with it."""
    below = load_branch(change.work, task)
    row = delete_row(change, task)
    for each in below:
        delete_row(change, each)
    return row, len(below)


def follow_list(change: Change, task: TaskRow) -> None:
    """Bring the subtasks below a task into its list."""
    for each in load_branch(change.work, task):
        if each["list_id"] != task["list_id"]:
            change.update(each, {"list_id": task["list_id"]})


def read_move(work: Work, task: TaskRow, parent_id: str) -> TaskColumns:
    """Return the columns of a task that becomes a subtask of another, in whose list it then lives.

    Raises what `load_parent` raises, and `InvalidArguments` for a task that recurs.
    """
    refuse_recurring(task)
    parent = load_parent(work, parent_id, levels=1 + len(load_levels(work, task)), task=task)
    return {"parent_id": parent["id"], "list_id": parent["list_id"]}


def refuse_recurring(task: TaskRow) -> None:
    """Refuse a series or an occurrence as a subtask."""
    if task["kind"] == "recurring" or task["recurring_id"] is not None:
        raise InvalidArguments(
            f"{quote_title(task['title'])} recurs, and a subtask does not recur by itself.",
            "Give the series of its parent subtasks: they come anew with each occurrence.",
        )


def replace_templates(change: Change, instance: TaskRow, was: list[str], titles: list[str]) -> list[str]:
    """Give an open instance the new subtasks of its series; return a warning if its own were changed on it and stay."""
    children = load_children(change.work, [instance["id"]])
    untouched = all(each["version"] == 1 and not each["has_subtasks"] for each in children)
    here = sorted(each["title"] for each in children)
    if not untouched or here != sorted(was):
        if here == sorted(titles):
            # Those that it has are the ones that come each time.
            return []
        due = f" of {say_due(instance['due'], change.work.zone)}" if instance["due"] else ""
        kept = f"The occurrence{due} keeps its own subtasks, which were changed on it"
        return [f"{kept}; each later one begins with the new ones."]
    wanted = list(titles)
    for each in children:
        if each["title"] in wanted:
            wanted.remove(each["title"])
        else:
            delete_row(change, each)
    add_templates(change, instance, wanted)
    return []
