"""The use cases on lists: show, create, rename, order, archive and delete them."""

from typing import Any, NotRequired, cast

from sqlalchemy import bindparam, func, select
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from todo.errors import InvalidArguments
from todo.record.changes import Change
from todo.record.list_rows import ListColumns, ListRow
from todo.record.lists import find_list, hold_lists, load_list, load_lists
from todo.record.queries import TASK
from todo.record.scopes import DELETE
from todo.record.shapes import NowShape, NowWords, TaskRow
from todo.record.work import Work
from todo.requests.confirmations import require_person
from todo.requests.fields import refuse_many_lists
from todo.requests.list_schemas import CreateList, DeleteList, ReadLists, UpdateList
from todo.requests.operation import READS, Effect, Operation
from todo.series.create import remove_series
from todo.series.series import go_on
from todo.subtasks.branches import delete_branch
from todo.text.display import quote_title
from todo.text.list_names import INBOX, fold_name

MOST_MOVED = 2_000
"""Tasks that deleting a list moves or deletes in one change."""

_OPEN = (
    select(TASK.c.list_id, func.count().label("open"))
    .where(
        *(TASK.c.user_id == bindparam("user"), TASK.c.kind == "task", TASK.c.status == "open"),
        TASK.c.deleted_at.is_(None),
    )
    .group_by(TASK.c.list_id)
)
_HELD = (
    select(TASK)
    .where(
        *(TASK.c.user_id == bindparam("user"), TASK.c.kind.in_(["task", "recurring"])),
        *(TASK.c.list_id == bindparam("key"), TASK.c.deleted_at.is_(None)),
    )
    .order_by(TASK.c.id)
    .limit(MOST_MOVED + 1)
)


class ListView(TypedDict):
    """A list, with the number of its open tasks where lists are shown."""

    id: str
    name: str
    position: int
    archived: bool
    open: NotRequired[int]


class ListsAnswer(NowShape):
    """The lists in their order, and how many open tasks are in none."""

    lists: list[ListView]
    inbox: dict[str, int]


class ListAnswer(NowWords, total=False):
    """What a change of a list returns: the list as it is now, and what became of its tasks."""

    list: ListView
    change_id: str
    events: Any
    message: str
    warnings: Any


def list_lists(work: Work, request: ReadLists) -> ListsAnswer:
    """Return `{lists: [{id, name, position, archived, open}], inbox: {open}, now}`; archived ones only if asked for."""
    counts = count_open(work)
    shown = [row for row in load_lists(work) if request.archived or not row["archived"]]
    views: list[ListView] = [{**_view(row), "open": counts.get(row["id"], 0)} for row in shown]
    answer: ListsAnswer = {"lists": views, "inbox": {"open": counts.get(None, 0)}}
    return work.stamp(answer)


def count_open(work: Work) -> dict[str | None, int]:
    """Return how many open tasks each list has; None stands for the inbox."""
    return {row.list_id: row.open for row in work.connection.execute(_OPEN, {"user": work.who.user_id})}


def create_list(work: Work, request: CreateList) -> ListAnswer:
    """Make a list; raises `InvalidArguments` if there is one of this name."""
    hold_lists(work)
    _refuse_taken(work, request.name)
    refuse_many_lists(len(load_lists(work)))
    change = Change(work, "create_list", request.request_id)
    row = change.create_list(request.name)
    if request.position is not None:
        row = _move(change, row, request.position)
    return _answer(change, row, f"The list {quote_title(row['name'])} is made.")


def update_list(work: Work, request: UpdateList) -> ListAnswer:
    """Rename, move, archive a list or bring it back; emits no event: consumers know lists by their id."""
    hold_lists(work)
    row = load_list(work, request.list_id)
    values: ListColumns = {}
    if request.name is not None and request.name != row["name"]:
        if fold_name(request.name) != row["name_key"]:
            _refuse_taken(work, request.name)
        values["name"] = request.name
    if request.archived is not None and request.archived != row["archived"]:
        values["archived"] = request.archived
    change = Change(work, "update_list", request.request_id)
    was = row
    if values:
        row = change.update_list(row, values)
    if request.position is not None:
        row = _move(change, row, request.position)
    if change.is_empty:
        answer: ListAnswer = {"list": _view(row), "events": []}
        answer["message"] = f"The list {quote_title(row['name'])} is like that already; nothing was changed."
        return work.stamp_briefly(answer)
    return _answer(change, row, _say_changed(was, row))


def delete_list(work: Work, request: DeleteList) -> ListAnswer:
    """Delete a list; its tasks go to the inbox, or are deleted with it.

    Emits `task.updated` or `task.deleted` for each task.
    """
    if request.tasks == "delete":
        work.who.require(DELETE)
    hold_lists(work)
    row = load_list(work, request.list_id)
    held = _load_held(work, row)
    change = Change(work, "delete_list", request.request_id)
    row = change.update_list(row, {"deleted_at": work.at})
    name = quote_title(row["name"])
    if request.tasks == "delete":
        _delete_all(change, held)
        require_person(change, row["id"])
        said = f"The list {name} is deleted{_count(len(held), ' with ')}."
    else:
        for each in held:
            change.update(each, {"list_id": None})
        moved = f"; {_count(len(held), '')} went to the inbox" if held else ""
        said = f"The list {name} is deleted{moved}."
    return _answer(change, row, said)


OPERATIONS = (
    Operation("list_lists", ReadLists, list_lists, READS),
    Operation("create_list", CreateList, create_list),
    Operation("update_list", UpdateList, update_list, Effect(idempotent=True)),
    Operation("delete_list", DeleteList, delete_list, Effect(destructive=True)),
)


def _load_held(work: Work, row: ListRow) -> list[TaskRow]:
    """Return the living tasks of a list; raises `InvalidArguments` if they are too many for one change."""
    rows = work.connection.execute(_HELD.with_for_update(), {"user": work.who.user_id, "key": row["id"]}).all()
    if len(rows) > MOST_MOVED:
        raise InvalidArguments(
            f"{quote_title(row['name'])} has more than {MOST_MOVED} tasks.", "Archive it, or move some of them first."
        )
    return [cast("TaskRow", each._asdict()) for each in rows]


def _delete_all(change: Change, held: list[TaskRow]) -> None:
    """Delete tasks and series; a deleted occurrence of a series that stays is skipped."""
    series = {each["id"] for each in held if each["kind"] == "recurring"}
    for each in held:
        if each["id"] in series:
            remove_series(change, each)
    for each in held:
        if each["id"] in series or change.has(each["id"]):
            continue
        delete_branch(change, each)
        if each["recurring_id"] is not None and each["status"] == "open" and each["recurring_id"] not in series:
            go_on(change, each, done=False)


def _move(change: Change, row: ListRow, position: int) -> ListRow:
    """Put a list at a place, from 1; the others close up."""
    work = change.work
    others = [each for each in load_lists(work) if each["id"] != row["id"]]
    others.insert(position - 1, row)
    for place, each in enumerate(others, 1):
        if each["position"] != place:
            moved = change.update_list(each, {"position": place})
            row = moved if each["id"] == row["id"] else row
    return row


def _refuse_taken(work: Work, name: str) -> None:
    if fold_name(name) == INBOX:
        raise InvalidArguments("The inbox is there already: it holds the tasks in no list.", "Choose another name.")
    if (taken := find_list(work, name)) is not None:
        raise InvalidArguments(
            f"There is a list {quote_title(taken['name'])} already; case and accents do not tell lists apart.",
            "Use that one, or choose another name.",
        )


def _say_changed(was: ListRow, row: ListRow) -> str:
    name = quote_title(row["name"])
    parts = []
    if was["name"] != row["name"]:
        parts.append(f"was {quote_title(was['name'])} before")
    if was["archived"] != row["archived"]:
        parts.append("is archived: its tasks are shown only where it is named" if row["archived"] else "is back")
    if was["position"] != row["position"]:
        parts.append(f"is number {row['position']}")
    return f"The list {name} {' and '.join(parts)}."


def _count(count: int, before: str) -> str:
    return f"{before}{count} task{'' if count == 1 else 's'}" if count else ""


def _answer(change: Change, row: ListRow, sentence: str) -> ListAnswer:
    recorded = change.record()
    answer: ListAnswer = {"list": _view(row), "change_id": recorded.change_id, "events": recorded.events}
    answer["message"] = sentence
    return change.work.stamp_briefly(answer)


def _view(row: ListRow) -> ListView:
    return {"id": row["id"], "name": row["name"], "position": row["position"], "archived": row["archived"]}
