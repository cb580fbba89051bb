"""The indexes that can lead a search, and the orders of its pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, func, literal_column

from events.sql import WithoutIndex, table_of
from todo.record.models import NO_DEADLINE, TaskTag
from todo.record.queries import REMINDER, TASK

TAG = table_of(TaskTag)
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """The index that leads a search: the columns through which owner, status and due are read.

    SQLite has no statistics here and would always choose the index on dues. Where it `repeats`, a task may have several
    rows.
    """

    user: ColumnElement[Any]
    kind: ColumnElement[Any]
    status: ColumnElement[Any]
    deadline: ColumnElement[Any]
    id: ColumnElement[Any]
    join: tuple[Condition, ...] = ()
    repeats: bool = False

    def alone(self) -> "Lead":
        """Return the same lead without the task's row."""
        return replace(self, join=())


def _lead(columns: Sequence[ColumnElement[Any]], *join: Condition) -> Lead:
    user, kind, status, deadline, id_ = columns
    return Lead(user, kind, status, deadline, id_, join)


_WALKED = (TASK.c.user_id, TASK.c.kind, TASK.c.status, TASK.c.deadline, TASK.c.id)
BY_DUE = _lead(_WALKED)
_READ = [WithoutIndex(column) for column in _WALKED]
BY_NUMBER = _lead(_READ)
# The index of the wanted order leads: what would lead away from it is compared without an index.
BY_SORT = _lead([TASK.c.user_id, TASK.c.kind, WithoutIndex(TASK.c.status), WithoutIndex(TASK.c.deadline), TASK.c.id])
# Only living tasks have rows here.
BY_TAG = _lead((TAG.c.user_id, TAG.c.kind, TAG.c.status, TAG.c.deadline, TAG.c.task_id), TASK.c.id == TAG.c.task_id)
WAITS = REMINDER.c.status == "scheduled"
# For counting alone: a task has a row for each of its waiting reminders.
BY_REMINDER = replace(
    _lead((REMINDER.c.user_id, *_READ[1:]), TASK.c.id == REMINDER.c.task_id, _READ[0] == REMINDER.c.user_id, WAITS),
    repeats=True,
)


@dataclass(frozen=True, slots=True)
class Order:
    """A sort: its key columns, all ascending or all descending, ending in a unique one; `parts` follow each other."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False
    parts: tuple[tuple[Condition, ...], ...] = ((),)

    def has_keys(self, keys: Sequence[Any]) -> bool:
        """Return whether keys, which may be of any type, can be those of a row: numbers for numbers, text for text."""
        types = [int if isinstance(column.type, Integer) else str for column in self.columns]
        return len(keys) == len(types) and all(map(isinstance, keys, types))

    def apply(self, statement: Select[Any]) -> Select[Any]:
        """Return the statement in this order."""
        return statement.order_by(*(column.desc() if self.descending else column for column in self.columns))


def choose_order(sort: str, lead: Lead) -> Order:
    """Return the order of a `sort` of `find_tasks`."""
    match sort:
        case "due":
            return Order((lead.deadline, lead.id))
        case "-due":
            undated = lead.deadline == NO_DEADLINE
            return Order((lead.deadline, lead.id), True, ((lead.deadline < NO_DEADLINE,), (undated,)))
        case "priority":
            return Order((TASK.c.priority, lead.id), descending=True)
        case "created":
            return Order((TASK.c.created_at, lead.id), descending=True)
        case "completed":
            # As the index has it: with a parameter for the text, no database would know it again.
            return Order((func.coalesce(TASK.c.completed_at, literal_column("''")), lead.id), descending=True)
        case _:
            return Order((TASK.c.title_key, lead.id))
