"""The lists that tokens are bound to: given and shown by name, kept by id."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from todo.errors import InvalidArguments
from todo.record.lists import LIST
from todo.text.display import quote_title
from todo.text.list_names import INBOX, fold_name

MOST_LISTS = 50


def read_lists(given: Any) -> tuple[str, ...] | None:
    """Return the names of the lists that a token is to be bound to; None for all. Raises `InvalidArguments`.

    A text holds names with commas between them.
    """
    if given is None or given == "":
        return None
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_LISTS:
        raise InvalidArguments(f"lists names 1 to {MOST_LISTS} lists.", "Leave it out for a token for all lists.")
    if not all(isinstance(each, str) and each.strip() and each.isprintable() for each in names):
        raise InvalidArguments("lists holds names.", 'Write them as ["Work", "inbox"]; inbox is for tasks in no list.')
    return tuple(each.strip() for each in names)


def bind_lists(connection: Connection, user_id: str, names: Iterable[str]) -> frozenset[str]:
    """Return the ids of a person's lists by their names; raises `InvalidArguments` for one that does not exist."""
    known = {row.name_key: row.id for row in _load(connection, user_id)} | {INBOX: INBOX}
    unknown = [name for name in names if fold_name(name) not in known]
    if unknown:
        raise InvalidArguments(f"There is no list {quote_title(unknown[0])}.", "GET /api/lists shows all lists.")
    return frozenset(known[fold_name(name)] for name in names)


def name_bindings(connection: Connection, user_id: str, views: Sequence[dict[str, Any]]) -> None:
    """Put `[{id, name}]` into the place of the ids in the views of tokens; a deleted list has no name.

    The inbox has neither row nor id of its own: both are `inbox`.
    """
    bound = [view for view in views if "lists" in view]
    if not bound:
        return
    names = {row.id: row.name for row in _load(connection, user_id)} | {INBOX: INBOX}
    for view in bound:
        view["lists"] = [{"id": each, **({"name": names[each]} if each in names else {})} for each in view["lists"]]


def _load(connection: Connection, user_id: str) -> Sequence[Any]:
    living = (LIST.c.user_id == user_id, LIST.c.deleted_at.is_(None))
    return connection.execute(select(LIST.c.id, LIST.c.name, LIST.c.name_key).where(*living)).all()
