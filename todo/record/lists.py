"""Lists as rows: read, found by name, and written with what history and undo need of them."""

from collections.abc import Iterable
from typing import Any, cast

from pydantic_core import to_json
from sqlalchemy import bindparam, func, insert, select, update

from events.sql import HotQuery, WithoutIndex, table_of, take_lock
from todo.errors import TaskNotFound
from todo.record.list_models import ChangeList, TaskList
from todo.record.list_rows import ListColumns, ListRow
from todo.record.work import Work
from todo.text.list_names import fold_name

LIST = table_of(TaskList)
_PART = table_of(ChangeList)
_OWNED = LIST.c.user_id == bindparam("user")
_ALIVE = LIST.c.deleted_at.is_(None)
_BY_KEY = HotQuery(select(LIST).where(_OWNED, LIST.c.name_key == bindparam("key"), _ALIVE))
_IS_OWN = WithoutIndex(LIST.c.user_id) == bindparam("user")
_BY_ID = HotQuery(select(LIST).where(LIST.c.id == bindparam("key"), _IS_OWN))
_NAMES = HotQuery(select(LIST.c.id, LIST.c.name).where(LIST.c.id.in_(bindparam("keys", expanding=True)), _IS_OWN))
_ALL = select(LIST).where(_OWNED, _ALIVE).order_by(LIST.c.position, LIST.c.id)
_ARCHIVED = HotQuery(select(LIST.c.id).where(_OWNED, _ALIVE, LIST.c.archived.is_(True)))
_LAST = select(func.max(LIST.c.position)).where(_OWNED, _ALIVE)
_INSERT = insert(LIST)
_UPDATE = update(LIST).where(LIST.c.id == bindparam("key"), WithoutIndex(LIST.c.user_id) == bindparam("owner"))
_INSERT_PART = insert(_PART)
_PARTS = select(_PART).where(_PART.c.change_id.in_(bindparam("keys", expanding=True)))
NO_LIST = "There is no list with this id."


def find_list(work: Work, name: str) -> ListRow | None:
    """Return the caller's list of this name, without regard to case and accents; None if there is none."""
    return _first(work, _BY_KEY, fold_name(name))


def find_list_row(work: Work, list_id: str) -> ListRow | None:
    """Return a list of the caller's, even a deleted one."""
    return _first(work, _BY_ID, list_id)


def load_list(work: Work, list_id: str) -> ListRow:
    """Return a living list of the caller's; raises `TaskNotFound`."""
    row = find_list_row(work, list_id)
    if row is None or row["deleted_at"] is not None:
        raise TaskNotFound(NO_LIST, "GET /api/lists shows all lists with their ids.")
    return row


def load_lists(work: Work) -> list[ListRow]:
    """Return the caller's lists in their order, archived ones too."""
    return [_read(row) for row in work.connection.execute(_ALL, {"user": work.who.user_id})]


def list_archived(work: Work) -> list[str]:
    """Return the ids of the caller's archived lists."""
    return [row.id for row in _ARCHIVED.all(work.connection, {"user": work.who.user_id})]


def hold_lists(work: Work) -> None:
    """Let the caller's lists be made and named by one transaction at a time."""
    take_lock(work.connection, "lists", work.who.user_id)


def name_lists(work: Work, list_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of lists of the caller's, and perhaps of more, by id; "" for one that they cannot see."""
    known = work.list_names
    if unknown := sorted({*list_ids} - known.keys()):
        rows = _NAMES.all(work.connection, {"keys": unknown, "user": work.who.user_id})
        known.update({**dict.fromkeys(unknown, ""), **{row.id: row.name for row in rows}})
    return known


def insert_list(work: Work, name: str, list_id: str | None = None) -> ListRow:
    """Insert a list at the end of the others, under an id of its own or the one that it had elsewhere."""
    last = work.connection.execute(_LAST, {"user": work.who.user_id}).scalar_one()
    row: ListRow = {
        "id": list_id or work.ids.new(),
        "user_id": work.who.user_id,
        "name": name,
        "name_key": fold_name(name),
        "position": (last or 0) + 1,
        "archived": False,
        "created_at": work.at,
        "deleted_at": None,
    }
    work.connection.execute(_INSERT, dict(row))
    work.list_names[row["id"]] = name
    return row


def update_list_row(work: Work, row: ListRow, values: ListColumns) -> ListRow:
    """Write changed columns of a list; return the new row."""
    if "name" in values:
        values = {**values, "name_key": fold_name(values["name"])}
    own = {"key": row["id"], "owner": work.who.user_id}
    work.connection.execute(_UPDATE.values({name: bindparam(name) for name in values}), {**own, **values})
    changed = cast("ListRow", {**row, **values})
    work.list_names[row["id"]] = changed["name"]
    return changed


def write_list_part(work: Work, change_id: str, before: ListRow | None, after: ListRow) -> None:
    """Write one list's part in a change."""
    part = {
        "change_id": change_id,
        "list_id": after["id"],
        "user_id": work.who.user_id,
        "before": None if before is None else to_json(before).decode(),
        "after": to_json(after).decode(),
    }
    work.connection.execute(_INSERT_PART, part)


def load_list_parts(work: Work, change_ids: list[str]) -> list[Any]:
    """Return the parts of lists in changes: rows with `change_id`, `list_id`, `before` and `after` (JSON)."""
    own = WithoutIndex(_PART.c.user_id) == work.who.user_id
    return list(work.connection.execute(_PARTS.where(own), {"keys": change_ids})) if change_ids else []


def _first(work: Work, statement: HotQuery, key: str) -> ListRow | None:
    row = statement.first(work.connection, {"user": work.who.user_id, "key": key})
    return None if row is None else _read(row)


def _read(row: Any) -> ListRow:
    values = row._asdict()
    return cast("ListRow", {**values, "archived": bool(values["archived"])})
