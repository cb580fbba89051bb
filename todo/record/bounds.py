"""Bounds: the wall around the lists of a token, through which every statement of its calls goes."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    String,
    Table,
    TextClause,
    Update,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import Alias, Join
from sqlmodel import SQLModel

from events.sql import READS_NUMBERS, WithoutIndex
from todo.errors import Forbidden
from todo.text.list_names import INBOX


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a token is bound to: the ids of its lists, `inbox` for tasks in none; `key` is the id of the token."""

    key: str
    lists: frozenset[str]

    def hold(self, list_id: str | None) -> bool:
        """Return whether a list is one of the token's; None is the inbox."""
        return (list_id or INBOX) in self.lists

    def hold_view(self, view: Mapping[str, Any]) -> bool:
        """Return whether a task was in one of these lists when this view of it was made."""
        return self.hold(view.get("list", {}).get("id"))

    def name(self, text: str) -> str:
        """Return an origin, a request id or another name of the token's own, which nothing else can have."""
        return f"{text}@{self.key}"


def refuse_outside(what: str = "This token is for some lists: it may use them, and change nothing else.") -> Forbidden:
    """Return the refusal of what reaches beyond the lists of a token."""
    return Forbidden(what, "GET /api/lists shows its lists; for more, ask the person for another token.")


class _ListIn(GenericFunction[str]):
    """The id of the list in a task's stored view; NULL for the inbox."""

    name = "list_in"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.type = String()
        super().__init__(column)


@compiles(_ListIn, "sqlite")
def _write_for_sqlite(element: _ListIn, compiler: Any, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$.list.id')"


@compiles(_ListIn, "postgresql")
def _write_for_postgresql(element: _ListIn, compiler: Any, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)})::jsonb #>> '{{list,id}}')"


@dataclass(frozen=True, slots=True)
class _Wall:
    """The rules: for a table, as it stands in a statement, the condition that a row is inside."""

    user_id: str
    bounds: Bounds

    def rule(self, table: Any) -> ColumnElement[bool]:
        """Return the rule of a table; nothing of one without a rule is inside."""
        rule = _RULES.get(_name_of(table))
        return false() if rule is None else rule(self, table)

    def is_listed(self, list_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a list is one of the token's."""
        ids = sorted(self.bounds.lists - {INBOX})
        inside = list_id.in_(ids) if ids else false()
        return or_(inside, list_id.is_(None)) if INBOX in self.bounds.lists else inside

    def has_task(self, table: Any, column: str = "task_id") -> ColumnElement[bool]:
        """Return the condition that a row's task is in the token's lists."""
        task = _table("task").alias()
        own = WithoutIndex(task.c.user_id) == self.user_id
        inside = and_(task.c.id == table.c[column], own, self.is_listed(task.c.list_id))
        return exists().select_from(task).where(inside).correlate(table)

    def is_part(self, item: Any) -> ColumnElement[bool]:
        """Return the condition on a part of a change that its task is inside, and was so after it."""
        return and_(self.has_task(item), self.is_listed(_ListIn(func.coalesce(item.c.after, item.c.before))))

    def has_part(self, change: Any) -> ColumnElement[bool]:
        """Return the condition that a change has a part inside."""
        item = _table("change_item").alias()
        inside = and_(item.c.change_id == change.c.id, self.is_part(item))
        return exists().select_from(item).where(inside).correlate(change)

    def tells_part(self, activity: Any) -> ColumnElement[bool]:
        """Return the condition that a line of the activity tells of a part inside."""
        item = _table("change_item").alias()
        same = and_(item.c.task_id == activity.c.task_id, item.c.version == activity.c.version)
        return exists().select_from(item).where(same, self.is_part(item)).correlate(activity)

    def is_from_here(self, table: Any) -> ColumnElement[bool]:
        """Return the condition that a row came from the token itself or from a conversation of it."""
        origin = table.c.origin
        return or_(origin == f"token:{self.bounds.key}", origin.endswith(self.bounds.name(""), autoescape=True))

    def is_asked_here(self, call: Any) -> ColumnElement[bool]:
        """Return the condition that a waiting call belongs to a question of the token's."""
        asked = _table("confirmation").alias()
        own = WithoutIndex(asked.c.user_id) == self.user_id
        same = and_(asked.c.id == call.c.confirmation_id, own, self.is_from_here(asked))
        return exists().select_from(asked).where(same).correlate(call)

    def is_said_here(self, conversation: Any) -> ColumnElement[bool]:
        """Return the condition that a conversation is the token's own."""
        return cast("ColumnElement[bool]", conversation.c.bound_to == self.bounds.key)

    def is_turn_here(self, turn: Any) -> ColumnElement[bool]:
        """Return the condition that a turn is of a conversation of the token's own."""
        talk = _table("conversation").alias()
        own = WithoutIndex(talk.c.user_id) == self.user_id
        same = and_(talk.c.id == turn.c.conversation_id, own, self.is_said_here(talk))
        return exists().select_from(talk).where(same).correlate(turn)

    def is_step_here(self, step: Any) -> ColumnElement[bool]:
        """Return the condition that a step is of a turn of the token's own."""
        turn = _table("turn").alias()
        same = and_(turn.c.id == step.c.turn_id, self.is_turn_here(turn))
        return exists().select_from(turn).where(same).correlate(step)


_Rule = Callable[[_Wall, Any], ColumnElement[bool]]
_RULES: dict[str, _Rule] = {
    "activity": _Wall.tells_part,
    "change": _Wall.has_part,
    "change_item": _Wall.is_part,
    "change_series": lambda wall, table: wall.has_task(table, "series_id"),
    "confirmation": _Wall.is_from_here,
    "conversation": _Wall.is_said_here,
    "counted_task": _Wall.has_task,
    "notification": _Wall.has_task,
    "pending_call": _Wall.is_asked_here,
    "plan": _Wall.is_from_here,
    "recurrence": _Wall.has_task,
    "reminder": _Wall.has_task,
    "request_entry": _Wall.is_from_here,
    "task": lambda wall, table: wall.is_listed(table.c.list_id),
    "task_list": lambda wall, table: wall.is_listed(table.c.id),
    "task_tag": _Wall.has_task,
    "turn": _Wall.is_turn_here,
    "turn_step": _Wall.is_step_here,
}
"""What is inside, table by table; of every other table nothing is."""
_READABLE = frozenset({"channel", "person"})
"""Tables that hold no task: the person's zone, and where their reminders ring. They are read and never written."""
_UNWRITTEN = frozenset({"task_list"})
"""Tables that have a rule and are not written: a token uses lists, and makes, renames and deletes none."""
_INSERT = re.compile(r"INSERT INTO (?:task|change|change_item|change_series|outbox_entry|request_entry) \(")
"""The inserts of the hot path (`HotInsert`)."""
_PASSED_ON = frozenset({"connection", "dialect"})
_NAME = re.compile(r"\b[a-z_]+\b")


class BoundConnection:
    """The connection of a caller that is bound to lists: it narrows each statement to what is inside.

    No query says so itself: each table has a rule, also in the queries inside a statement. A table without a rule shows
    nothing and takes nothing, so that what is added later is closed until it gets one.
    """

    def __init__(self, whole: Connection, user_id: str, bounds: Bounds) -> None:
        self._whole = whole
        self._wall = _Wall(user_id, bounds)

    def __getattr__(self, name: str) -> Any:
        """Return what carries no statement: the dialect, and the driver's connection for inserts and savepoints."""
        if name not in _PASSED_ON:
            raise AttributeError(f"a connection of a token for lists has no {name}; use execute")
        return getattr(self._whole, name)

    def execute(self, statement: Any, *given: Any, **options: Any) -> Any:
        """Execute a statement, narrowed; raises `Forbidden` for a write to what a token has no part in."""
        return self._whole.execute(self.narrow(statement), *given, **options)

    def exec_driver_sql(self, statement: str, *given: Any, **options: Any) -> Any:
        """Execute a statement in plain SQL, which inserts what the recorder has checked, or names no table."""
        if _INSERT.match(statement) is None:
            _refuse_tables(statement)
        return self._whole.exec_driver_sql(statement, *given, **options)

    def narrow(self, statement: Any) -> Any:
        """Return a statement that reaches nothing outside."""
        if isinstance(statement, TextClause):
            _refuse_tables(statement.text)
            return statement
        if statement.get_execution_options().get(READS_NUMBERS):
            return statement
        if isinstance(statement, Insert | Update | Delete):
            table = statement.table
            if not isinstance(table, Table) or table.name not in _RULES or table.name in _UNWRITTEN:
                raise refuse_outside()
        return _narrow(statement, self._wall)

    def hides_part_of(self, change_id: str) -> bool:
        """Return whether a change did anything outside, or brought anything in from there."""
        item, part = _table("change_item"), _table("change_list")
        stays = or_(item.c.before.is_(None), self._wall.is_listed(_ListIn(item.c.before)))
        # Written out, since NOT over a list that is NULL is not true.
        outside = case((and_(self._wall.is_part(item), stays), 0), else_=1) == 1
        hidden = select(item.c.task_id).where(item.c.change_id == change_id, outside)
        listed = select(part.c.list_id).where(part.c.change_id == change_id, part.c.user_id == self._wall.user_id)
        return any(self._whole.execute(each.limit(1)).first() is not None for each in (hidden, listed))

    def hides_part_of_series(self, series_id: str) -> bool:
        """Return whether a living series or one of its living occurrences is outside."""
        task = _table("task")
        own = WithoutIndex(task.c.user_id) == self._wall.user_id
        # Written out, since NOT over a list that is NULL is not true.
        outside = case((self._wall.is_listed(task.c.list_id), 0), else_=1) == 1
        parts = select(task.c.id).where(own, task.c.deleted_at.is_(None), outside).limit(1)
        keys = (task.c.id == series_id, task.c.recurring_id == series_id)
        return any(self._whole.execute(parts.where(key)).first() is not None for key in keys)


@lru_cache(maxsize=1_000)
def _narrow(statement: Any, wall: _Wall) -> Any:
    """Return a statement with the rules of its tables; kept, since most are made once and rewriting one takes long."""

    def narrow_select(query: Select[Any]) -> None:
        tables = [table for root in query.get_final_froms() for table in _tables_of(root)]
        query._where_criteria += tuple(wall.rule(table) for table in tables if _name_of(table) not in _READABLE)  # noqa: SLF001  # where() makes a copy, which the statement around it would not have

    def narrow_write(write: Any) -> None:
        write._where_criteria += (wall.rule(write.table),)  # noqa: SLF001  # as above

    visit = {"select": narrow_select, "update": narrow_write, "delete": narrow_write}
    return visitors.cloned_traverse(statement, {"detect_subquery_cols": True}, visit)


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def _tables_of(root: Any) -> Iterator[Any]:
    """Yield the tables of a FROM clause; a query there is narrowed by itself."""
    if isinstance(root, Join):
        yield from _tables_of(root.left)
        yield from _tables_of(root.right)
    elif _name_of(root):
        yield root


def _name_of(table: Any) -> str:
    inner = table.element if isinstance(table, Alias) else table
    return inner.name if isinstance(inner, Table) else ""


def _refuse_tables(sql: str) -> None:
    if named := SQLModel.metadata.tables.keys() & set(_NAME.findall(sql.lower())):
        raise RuntimeError(f"plain SQL that names {min(named)} cannot be narrowed to a token's lists")
