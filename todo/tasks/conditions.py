"""The conditions of a search: each written once, compiled once for each combination, its value beside it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from string import digits
from typing import Any

from sqlalchemy import Select, bindparam, func, literal, or_, select, text, tuple_

from events.sql import HotQuery
from todo.record.models import NO_DEADLINE
from todo.record.queries import REMINDER, TASK
from todo.record.work import Work
from todo.tasks.orders import TAG, WAITS, Condition, Lead, Order, choose_order

COUNTED = 1_000
"""A count is exact up to here; beyond, it is a minimum."""
_MOST_COMBINATIONS = 128
"""Combinations of conditions that stay compiled, some 20 kB each."""
_OTHER = TAG.alias("other_tag")
LONGEST_WORD = 250
"""Characters of a word in PostgreSQL's index; the rest is cut off."""
# PostgreSQL keeps this index itself, and knows by its statistics which way to go. The expression is the migration's.
_VECTOR = (
    "array_to_tsvector(array_remove(string_to_array("
    f"regexp_replace(task.words, '([^ ]{{{LONGEST_WORD}}})[^ ]+', '\\1', 'g'), ' '), '')) @@ CAST(:match AS tsquery)"
)


def _choose_hits(numbers: Any) -> Condition:
    """Return the condition that a row is one of those whose numbers a JSON text lists (SQLite)."""
    return TASK.c.number.in_(select(func.json_each(numbers).table_valued("value").c.value))


def _waits(user: Any) -> Condition:
    return select(REMINDER.c.id).where(REMINDER.c.user_id == user, REMINDER.c.task_id == TASK.c.id, WAITS).exists()


_Write = Callable[[Lead, Any], Condition]
_WRITERS: Mapping[str, _Write] = {
    "user": lambda lead, value: lead.user == value,
    "kind": lambda lead, value: lead.kind == value,
    "status": lambda lead, value: lead.status == value,
    "due_from": lambda lead, value: lead.deadline >= value,
    "due_until": lambda lead, value: lead.deadline <= value,
    "due_before": lambda lead, value: lead.deadline < value,
    "dated": lambda lead, _: lead.deadline < NO_DEADLINE,
    "nothing": lambda _lead, _: literal(False),
    "tag": lambda _, value: TAG.c.folded == value,
    "living": lambda _lead, _: TASK.c.deleted_at.is_(None),
    "match": lambda _, value: text(_VECTOR).bindparams(value),  # type: ignore[dict-item, return-value]  # SQLAlchemy takes it for one
    "hits": lambda _, value: _choose_hits(value),
    "word": lambda _, value: func.instr(TASK.c.words, value) > 0,
    "exact": lambda _, value: TASK.c.title_key == value,
    "inexact": lambda _, value: TASK.c.title_key != value,
    "completed_from": lambda _, value: TASK.c.completed_at >= value,
    "completed_until": lambda _, value: TASK.c.completed_at <= value,
    "priority": lambda _, value: TASK.c.priority == value,
    "reminded": lambda _, value: _waits(value),
    "unreminded": lambda _, value: ~_waits(value),
    "among_reminded": lambda _, value: TASK.c.id.in_(
        select(REMINDER.c.task_id).where(REMINDER.c.user_id == value, WAITS)
    ),
    "inbox": lambda _lead, _: TASK.c.list_id.is_(None),
    "list": lambda _, value: TASK.c.list_id == value,
    "unarchived": lambda _, value: or_(TASK.c.list_id.is_(None), TASK.c.list_id.not_in(value)),
    "parent": lambda _, value: TASK.c.parent_id == value,
    "available": lambda _, value: or_(TASK.c.starts_at.is_(None), TASK.c.starts_at <= value),
    "waiting": lambda _, value: TASK.c.starts_at > value,
    "other_tag": lambda _, value: (
        select(_OTHER.c.task_id).where(_OTHER.c.task_id == TASK.c.id, _OTHER.c.folded == value).exists()
    ),
}
"""Each condition by its name. It compares with one value or none; of `word` and `other_tag` there may be several."""
_MANY = ("unarchived",)
"""The conditions whose value is a list."""
_Names = tuple[str, ...]


@dataclass(slots=True)
class Search:
    """What a search asks for: values by the names of their conditions.

    `narrow` reads the lead's columns alone, `wide` the task's row. `besides` are conditions with their values inside,
    of a search that is compiled for this one time. `counted` has the same rows by a lead that counts them sooner.
    """

    lead: Lead
    narrow: dict[str, Any]
    wide: dict[str, Any] = field(default_factory=dict)
    besides: list[Condition] = field(default_factory=list)
    counted: "Search | None" = None

    @property
    def values(self) -> dict[str, Any]:
        """The values of all conditions, by name."""
        return {**self.narrow, **self.wide}

    def fill(self) -> list[Condition]:
        """Return all conditions with their values inside."""
        values = self.values

        def give(name: str) -> Any:
            return bindparam(name, values[name], unique=True, expanding=name in _MANY)

        return [*_write(self.lead, self.narrow, self.wide, give), *self.besides]

    def count(self, work: Work) -> int:
        """Return how many rows hold all conditions, up to one more than `COUNTED`."""
        if self.counted is not None:
            return self.counted.count(work)
        form = (self.lead, tuple(self.narrow), tuple(self.wide))
        if self.besides:
            return int(work.connection.execute(_count(*form, self.besides), self.values).scalar_one())
        return int(_hot_count(*form).scalar(work.connection, self.values))

    def read_page(
        self, work: Work, sort: str, part: int, more: Mapping[str, Any], after: Sequence[Any] | None, limit: int
    ) -> Sequence[Any]:
        """Return rows in a part of an order: a task's columns, and `key_0` and so on.

        `more` are further conditions, `after` the keys of the row that the page follows.
        """
        keys = {f"after_{place}": key for place, key in enumerate(after or ())}
        values = {**self.values, **more, **keys, "limit": limit}
        form = (self.lead, tuple(self.narrow), (*self.wide, *more), sort, part, after is not None)
        if self.besides:
            return work.connection.execute(_select_page(*form, self.besides), values).all()
        return _hot_page(*form).all(work.connection, values)


def number_names(name: str, values: Iterable[Any]) -> dict[str, Any]:
    """Return several values of a condition of which there may be several."""
    return {f"{name}{place}": value for place, value in enumerate(values)}


def _write(lead: Lead, narrow: Iterable[str], wide: Iterable[str], bind: Callable[[str], Any]) -> list[Condition]:
    """Return the conditions of these names, and what joins the task's row to the lead."""

    def write(name: str) -> Condition:
        return _WRITERS[name.rstrip(digits)](lead, bind(name))

    return [*map(write, narrow), *lead.join, *map(write, wide)]


def _leave_open(name: str) -> Any:
    return bindparam(name, expanding=name in _MANY)


def _select_page(
    lead: Lead, narrow: _Names, wide: _Names, sort: str, part: int, continues: bool, besides: Iterable[Condition] = ()
) -> Select[Any]:
    order = choose_order(sort, lead)
    labelled = [key.label(f"key_{place}") for place, key in enumerate(order.columns)]
    statement = select(TASK, *labelled).where(*_write(lead, narrow, wide, _leave_open), *besides, *order.parts[part])
    if continues:
        statement = statement.where(_follow(order))
    return order.apply(statement).limit(bindparam("limit"))


def _follow(order: Order) -> Condition:
    """Return the condition that a row comes after the one with the keys `after_0` and so on."""
    row = tuple_(*order.columns)
    seen = tuple_(*(bindparam(f"after_{place}", type_=key.type) for place, key in enumerate(order.columns)))
    return row < seen if order.descending else row > seen


def _count(lead: Lead, narrow: _Names, wide: _Names, besides: Iterable[Condition] = ()) -> Select[Any]:
    if not wide and not besides and not lead.repeats:
        # The lead's own columns say all: the task's rows are not looked at.
        lead = lead.alone()
    conditions = [*_write(lead, narrow, wide, _leave_open), *besides]
    rows = select(TASK.c.id).distinct() if lead.repeats else select(literal(1))
    bounded = rows.where(*conditions).limit(COUNTED + 1).subquery()
    return select(func.count()).select_from(bounded)


@lru_cache(_MOST_COMBINATIONS)
def _hot_page(*form: Any) -> HotQuery:
    return HotQuery(_select_page(*form))


@lru_cache(_MOST_COMBINATIONS)
def _hot_count(*form: Any) -> HotQuery:
    return HotQuery(_count(*form))
