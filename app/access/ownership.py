"""Whose the rows of a table are: what the removal of a person and row-level security go by."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, select

OWNER = "user_id"
"""The column that names the person whose a row is: a table that has it needs no other mention anywhere."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The row that a row belongs to: the one of `table` whose `key` equals `column`."""

    column: str
    table: str
    key: str


PARENTS = {
    "change_item": Parent("change_id", "change", "id"),
    "change_series": Parent("change_id", "change", "id"),
    "counted_task": Parent("task_id", "task", "id"),
    "delivery": Parent("event_id", "outbox_entry", "event_id"),
    "inbox_entry": Parent("event_id", "outbox_entry", "event_id"),
    "turn": Parent("conversation_id", "conversation", "id"),
    "turn_step": Parent("turn_id", "turn", "id"),
}
"""The tables whose rows name no person, but a row that is a person's."""
PERSON = "person"
"""The table of the people themselves."""
NOBODYS = frozenset({"dead_letter", "lease", "oauth_client", "rate", "service_key"})
"""The tables of the service itself; no person reads them."""


def list_personal(tables: Sequence[Table]) -> list[Table]:
    """Return the tables with people's rows, each before the one that its rows belong to."""
    return sorted((table for table in tables if table.name not in {PERSON, *NOBODYS}), key=_count_parents, reverse=True)


def is_of(table: Table, user_id: str, tables: Sequence[Table]) -> ColumnElement[bool]:
    """Return the condition that a row is this person's."""
    if OWNER in table.c:
        return table.c[OWNER] == user_id
    parent = PARENTS[table.name]
    other = next(each for each in tables if each.name == parent.table)
    return table.c[parent.column].in_(select(other.c[parent.key]).where(is_of(other, user_id, tables)))


def _count_parents(table: Table) -> int:
    count, name = 0, table.name
    while OWNER not in table.c and (parent := PARENTS.get(name)) is not None:
        count, name = count + 1, parent.table
    return count
