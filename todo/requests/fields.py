"""Fields: edits that apply to tasks and to the template of a series."""

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments
from todo.record.shapes import TaskColumns, TaskRow
from todo.record.views import PRIORITIES
from todo.requests.schemas import UpdateRecurringTask, UpdateTask
from todo.text.search_words import fold_tag

EMPTY: TaskColumns = {"notes": "", "priority": 0, "tags": "[]"}
"""The empty values of the fields that can be cleared, as columns."""


def read_edits(task: TaskRow, request: UpdateTask | UpdateRecurringTask) -> TaskColumns:
    """Return the columns that a request sets, changed or not; raises `InvalidArguments` above a limit."""
    values: TaskColumns = {}
    if request.title is not None:
        values["title"] = request.title
    if request.notes is not None:
        values["notes"] = request.notes
    if request.append_notes is not None:
        values["notes"] = f"{task['notes']}\n{request.append_notes}" if task["notes"] else request.append_notes
        if len(values["notes"]) > 20_000:
            raise InvalidArguments(
                f"The notes would have {len(values['notes'])} characters; 20000 are allowed.", "Shorten them first."
            )
    if request.priority is not None:
        values["priority"] = PRIORITIES.index(request.priority)
    if request.tags is not None or request.add_tags or request.remove_tags:
        tags: list[str] = request.tags if request.tags is not None else from_json(task["tags"])
        gone = {fold_tag(tag) for tag in request.remove_tags or []}
        kept = [tag for tag in [*tags, *(request.add_tags or [])] if fold_tag(tag) not in gone]
        values["tags"] = to_json(clean_tags(kept)).decode()
    for name in request.clear or ():
        if name != "due":
            values[name] = EMPTY[name]
    return values


def clean_tags(tags: list[str]) -> list[str]:
    """Return the tags in order, without repeats that differ only in case; raises above 50."""
    cleaned = list({fold_tag(tag): tag for tag in reversed(tags)}.values())[::-1]
    if len(cleaned) > 50:
        raise InvalidArguments("A task has at most 50 tags.", "Remove some first.")
    return cleaned
