"""Fields: edits that apply to tasks and to the template of a series, and the choice of a list."""

from pydantic_core import from_json, to_json

from todo.errors import InvalidArguments
from todo.record.bounds import refuse_outside
from todo.record.changes import Change
from todo.record.list_rows import ListRow
from todo.record.lists import find_list, hold_lists, load_lists
from todo.record.shapes import TaskColumns, TaskRow
from todo.record.views import PRIORITIES
from todo.requests.schemas import UpdateRecurringTask, UpdateTask
from todo.text.display import quote_title
from todo.text.list_names import INBOX, find_near, fold_name
from todo.text.search_words import fold_tag

EMPTY: dict[str, TaskColumns] = {
    "notes": {"notes": ""},
    "priority": {"priority": 0},
    "tags": {"tags": "[]"},
    "list": {"list_id": None},
    "start": {"start": None},
    "parent_id": {"parent_id": None},
}
"""What clearing a field that a task shares with its series writes."""
MOST_LISTS = 200


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
        values |= EMPTY.get(name, {})
    return values


def choose_list(change: Change, name: str | None, warnings: list[str]) -> TaskColumns:
    """Return the columns that put a task into the list of a name, which is made if there is none; empty without a name.

    The name `inbox` means no list. Warnings say which list is new, and which ones have a name like it. A token for
    lists makes none: raises `Forbidden`.
    """
    if name is None:
        return {}
    if fold_name(name) == INBOX:
        return {"list_id": None}
    found = find_list(change.work, name)
    if found is None and change.work.who.bounds is not None:
        raise refuse_outside(f"This token has no list {quote_title(name)}.")
    if found is None:
        hold_lists(change.work)
        found = find_list(change.work, name) or _make_list(change, name, warnings)
    return {"list_id": found["id"]}


def choose_first_list(change: Change, name: str | None, warnings: list[str]) -> TaskColumns:
    """Return the columns that say in which list something new begins.

    Without a name it is the inbox, or of a token for lists the inbox or the one list that it has. Raises `Forbidden`
    for such a token with several, or with none that is still there.
    """
    bounds = change.work.who.bounds
    if name is not None or bounds is None or bounds.hold(None):
        return choose_list(change, name, warnings)
    own = load_lists(change.work)
    if len(own) == 1:
        return {"list_id": own[0]["id"]}
    if not own:
        raise refuse_outside("The lists of this token are deleted.")
    names = " or ".join(quote_title(each["name"]) for each in own)
    raise InvalidArguments(f"This token is for several lists: {names}.", "Name one of them as list.")


def _make_list(change: Change, name: str, warnings: list[str]) -> ListRow:
    known = [each["name"] for each in load_lists(change.work)]
    refuse_many_lists(len(known))
    near = " or ".join(quote_title(each) for each in find_near(name, known))
    warnings.append(f"The list {quote_title(name)} is new.{f' Did you mean {near}?' if near else ''}")
    return change.create_list(name)


def refuse_many_lists(count: int) -> None:
    """Refuse one list more than a person may have."""
    if count >= MOST_LISTS:
        raise InvalidArguments(f"There are {count} lists; that is as many as there can be.", "Delete one first.")


def clean_tags(tags: list[str]) -> list[str]:
    """Return the tags in order, without repeats that differ only in case; raises above 50."""
    cleaned = list({fold_tag(tag): tag for tag in reversed(tags)}.values())[::-1]
    if len(cleaned) > 50:
        raise InvalidArguments("A task has at most 50 tags.", "Remove some first.")
    return cleaned
