"""Edits of the fields that tasks have in common with the template of a series."""

from typing import Any

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments
from todo.record.queries import Row
from todo.record.views import PRIORITIES
from todo.requests.schemas import UpdateRecurringTask, UpdateTask
from todo.text.search_words import fold_tag

EMPTY: dict[str, Any] = {"notes": "", "priority": 0, "tags": "[]"}
"""What the fields that can be cleared hold then, as columns."""


def read_edits(task: Row, request: UpdateTask | UpdateRecurringTask) -> dict[str, Any]:
    """Return the columns that a request sets, changed or not; raises `InvalidArguments` for what cannot be meant."""
    cleared = set(request.clear or ())
    both = [name for name in EMPTY if name in cleared and getattr(request, name)]
    if both:
        raise InvalidArguments(f"{both[0]} is both given and cleared.", "Give one of the two.")
    if request.notes is not None and request.append_notes is not None:
        raise InvalidArguments("notes and append_notes exclude each other.", "Give one of the two.")
    values: dict[str, Any] = {}
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
    return {**values, **{name: empty for name, empty in EMPTY.items() if name in cleared}}


def clean_tags(tags: list[str]) -> list[str]:
    """Return the tags in their order, each once, whatever its case; raises above 50."""
    cleaned = list({fold_tag(tag): tag for tag in reversed(tags)}.values())[::-1]
    if len(cleaned) > 50:
        raise InvalidArguments("A task has at most 50 tags.", "Remove some first.")
    return cleaned
