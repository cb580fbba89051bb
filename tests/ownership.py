"""Finds SQL statements that reach people's rows without beginning at their owner."""

import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Alias, Connection, Delete, Engine, Select, Table, TextClause, Update, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping
from sqlalchemy.sql.schema import Column
from sqlalchemy.sql.selectable import CompoundSelect, Join, Subquery

from app.access.ownership import OWNER
from app.migrations.schema import TABLES
from events.sql import NOTHING, HotQuery, HotUpdate, WithoutIndex

OWNED = frozenset(table.name for table in TABLES if OWNER in table.c)
"""The tables whose rows name their person."""
REPOSITORY = Path(__file__).parent.parent
_CARRIERS = ("events/sql.py", "todo/record/bounds.py", "tests/ownership.py")
_NAMED = re.compile(rf"\b(?:FROM|JOIN|UPDATE|INTO)\s+({'|'.join(sorted(OWNED))})\b", re.IGNORECASE)

FREE: dict[str, dict[str, str]] = {
    "app/access/credentials.py": {
        "find_credential": "the owner is what it looks for, by the hash of a secret",
        "revoke_any": "the operator's command, by the id of a token",
        "spend_invitation": "by the id that a secret has just given",
        "touch_credential": "by the id that a secret has just given",
    },
    "app/access/people.py": {
        "*": "the operator's commands and the issuer's logins find people, or move what they have"
    },
    "app/oauth/clients.py": {
        "forget_disconnected": "whether anybody still has a connection of a program",
        "forget_idle": "whether anybody still has a connection of a program",
    },
    "app/oauth/connections.py": {
        "end_by_code": "the owner is what it looks for, by the hash of a secret",
        "find_held": "the owner is what it looks for, by the hash of a secret",
        "rotate": "by the id that a secret has just given",
    },
    "app/oauth/steps.py": {"*": "the owner is what it looks for, by the hash of a secret"},
    "app/migrations/walls.py": {"*": "the definitions of the second wall"},
    "app/migrations/versions": {"*": "a migration changes everybody's rows"},
    "app/migrations/versions/first": {"*": "a migration changes everybody's rows"},
    "app/retention": {"*": "removes what is old of everybody, and reads no more of it than its age"},
    "app/watch/state.py": {"*": "counts everybody's rows, and shows no more than numbers"},
    "app/resource_updates.py": {
        "_read_after": "the ids of everybody's changed tasks; a listener hears of their own",
        "_read_lists": "in which lists these tasks are; a listener hears of their own",
    },
    "app/bench": {"*": "measures a database of its own"},
    "app/cli/verify.py": {"*": "the operator compares everybody's events with the topics"},
    "app/testing": {"*": "reads every event of a database that a test made"},
    "app/faults": {"*": "judges a database of its own"},
    "events/embedded.py": {
        "EmbeddedBroker._deliver_due": "the broker delivers everybody's events",
        "EmbeddedBroker.step.<lambda>": "the broker delivers everybody's events",
    },
    "events/outbox.py": {"*": "the relay publishes everybody's events"},
    "events/positions.py": {"*": "reads row numbers and nothing else, to see which are still to come"},
    "events/redelivery.py": {"*": "looks for everybody's events that the broker has not brought back"},
    "todo/activity/feeds.py": {
        "newest_rows": "row numbers alone: whether anything has happened at all",
        "next_deadline": "an instant alone: when the list of overdue tasks changes for anybody",
    },
    "todo/channels/channels.py": {"take_over": "whose channel a browser was before, by its address"},
    "todo/channels/mailboxes.py": {"find_mailboxes": "whose mailbox an address is, to send them a link"},
    "todo/channels/links.py": {"find_link": "the owner is what it looks for, by a signed number"},
    "todo/channels/queue.py": {"*": "the sender serves everybody"},
    "todo/channels/past.py": {"forget_old": "what is old goes, whosever it is"},
    "todo/calendars/calendars.py": {
        "find_calendar": "the owner is what it looks for, by the hash of a secret",
    },
    "todo/record/queries.py": {
        "load_due_series": "the scheduler serves everybody",
        "next_reminder_at": "the scheduler serves everybody",
        "next_series_at": "the scheduler serves everybody",
    },
    "todo/rings.py": {
        "fire_due": "the scheduler serves everybody",
        "next_ring_at": "the scheduler serves everybody",
        "ring_again": "the scheduler serves everybody",
    },
    "todo/requests/confirmations.py": {
        "newest_questions": "an id and an instant alone: whether anything was asked or decided at all",
    },
    "todo/tasks/search.py": {
        "_reach": "row numbers of texts that the index has not seen; the search they belong to begins at its owner",
    },
    "todo/tasks/search_index.py": {
        "index_step": "the index is one for everybody",
        "wants_indexing": "the index is one for everybody",
    },
}
"""The functions whose statements rightly do not begin at an owner, with the reason."""


UNOWNED: dict[str, str] = {}
"""What `watch_statements` has found since the last test: the text of each statement by `module:function: tables`."""


def find_unowned(statement: Any) -> list[str]:
    """Return the tables that a statement, or a query inside it, reaches without their owner.

    A table's rows are their owner's if a condition that must hold compares its `user_id` with a value, compares it or
    a key with the same column of a table that is the owner's already, or takes its key from a query that is.
    """
    if isinstance(statement, TextClause):
        return find_unowned_text(statement.text)
    return _judge(statement, ())


def find_unowned_text(sql: str) -> list[str]:
    """Return the tables that a statement in plain SQL reaches; one that names an owner is taken to begin there."""
    if sql.lstrip()[:6].upper() == "INSERT" and "SELECT" not in sql.upper():
        return []
    return [] if OWNER in sql else [name.lower() for name in _NAMED.findall(sql)]


def _judge(part: Any, outside: tuple[Any, ...]) -> list[str]:
    """Judge a statement and the queries in it; `outside` are the tables of the query around it."""
    if isinstance(part, CompoundSelect):
        return [name for each in part.selects for name in _judge(each, outside)]
    if isinstance(part, Select):
        roots = part.get_final_froms()
        tables = [table for root in roots for table in _tables_of(root)]
        # A query in a condition or a column is correlated to the tables around it, as SQLAlchemy does.
        own = [table for table in tables if not _is_among(table, outside)] or tables
        conditions = [*part._where_criteria, *(each.onclause for root in roots for each in _joins_of(root))]
        columns = list(part._raw_columns)
    elif isinstance(part, Update | Delete):
        own, conditions, columns = [part.table], list(part._where_criteria), []
    else:
        return []
    found = _find_open(own, conditions, outside)
    for inner, is_correlated in _queries_in([*columns, *conditions, *own]):
        found += _judge(inner, (*outside, *own) if is_correlated else ())
    return found


def _find_open(tables: list[Any], conditions: list[Any], outside: tuple[Any, ...]) -> list[str]:
    """Return the names of the tables that no condition ties to their owner."""
    waiting = [table for table in tables if _name_of(table) in OWNED]
    settled = [table for table in (*tables, *outside) if table not in waiting]
    parts = [part for condition in conditions for part in _parts_of(condition)]
    while True:
        tied = [table for table in waiting if any(_ties(table, part, settled) for part in parts)]
        if not tied:
            return [str(_name_of(table)) for table in waiting]
        settled += tied
        waiting = [table for table in waiting if table not in tied]


def _ties(table: Any, part: Any, settled: list[Any]) -> bool:
    """Return whether a condition gives a table its owner."""
    if not isinstance(part, BinaryExpression):
        return False
    sides = [_uncover(part.left), _uncover(part.right)]
    for one, other in (sides, reversed(sides)):
        if not isinstance(one, Column) or not _is_among(one.table, (table,)):
            continue
        if part.operator is operators.in_op:
            queries = [query for query, _ in _queries_in([other])]
            if queries and all(not _judge(query, ()) and _reaches_owned(query) for query in queries):
                return True
        elif part.operator is operators.eq and not isinstance(other, Column):
            if one.name == OWNER:
                return True
        elif part.operator is operators.eq and _is_among(other.table, settled):
            origin = other.table.element if isinstance(other.table, Alias) else other.table
            if one.name == OWNER or (_name_of(origin) in OWNED and _is_key(origin, other.name)):
                return True
    return False


def _is_among(table: Any, tables: Iterable[Any]) -> bool:
    """Return whether a table is one of several; a narrowed statement has copies of aliases, under the same names."""
    return any(
        each is table or (isinstance(each, Alias) and each.name == getattr(table, "name", "")) for each in tables
    )


def _uncover(side: Any) -> Any:
    return next(iter(side.clauses)) if isinstance(side, WithoutIndex) else side


def _reaches_owned(query: Any) -> bool:
    return isinstance(query, Select) and any(
        _name_of(table) in OWNED for root in query.get_final_froms() for table in _tables_of(root)
    )


def _is_key(table: Any, name: str) -> bool:
    column = table.c[name]
    return bool(column.primary_key or column.unique)


def _parts_of(condition: Any) -> Iterator[Any]:
    """Yield every part that must hold for a condition to hold."""
    if isinstance(condition, Grouping):
        yield from _parts_of(condition.element)
    elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for part in condition.clauses:
            yield from _parts_of(part)
    else:
        yield condition


def _queries_in(parts: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield the queries directly inside some parts, and whether each may be correlated to what is around it."""
    for part in parts:
        if isinstance(part, Select | CompoundSelect):
            is_alone = isinstance(part, Select) and not part._auto_correlate and not part._correlate
            yield part, not is_alone
        elif isinstance(part, Subquery):
            yield part.element, False
        elif isinstance(part, visitors.ExternallyTraversible) and not isinstance(part, Table | Column):
            yield from _queries_in(list(part.get_children()))


def _tables_of(root: Any) -> Iterator[Any]:
    if isinstance(root, Join):
        yield from _tables_of(root.left)
        yield from _tables_of(root.right)
    else:
        yield root


def _joins_of(root: Any) -> Iterator[Join]:
    if isinstance(root, Join):
        yield root
        yield from _joins_of(root.left)
        yield from _joins_of(root.right)


def _name_of(table: Any) -> str | None:
    inner = table.element if isinstance(table, Alias) else table
    return inner.name if isinstance(inner, Table) else None


def watch_statements() -> None:
    """Judge every statement that the product executes from now on, on any engine."""
    judged: set[tuple[str, str, str]] = set()

    def look(_c: Connection, _cursor: Any, sql: str, _p: Any, context: Any, _many: bool) -> None:
        module, function = find_place()
        if not module or (module, function, sql) in judged:
            return
        judged.add((module, function, sql))
        compiled = getattr(context, "compiled", None)
        tables = find_unowned_text(sql) if compiled is None else find_unowned(compiled.statement)
        if tables and not is_free(module, function):
            UNOWNED[f"{module}:{function}: {', '.join(tables)}"] = sql

    event.listen(Engine, "before_cursor_execute", look)


def judge_hot_statements() -> None:
    """Let what goes straight to the driver be judged too: once per place it also takes the way that is listened to."""
    judged: set[tuple[str, str, int]] = set()

    def take_both(kind: type[HotQuery | HotUpdate], name: str) -> None:
        straight = getattr(kind, name)

        def run(self: HotQuery | HotUpdate, connection: Any, given: Any = NOTHING) -> Any:
            place = (*find_place(), id(self))
            if type(connection) is Connection and place not in judged:
                judged.add(place)
                connection.execute(self.statement, given if isinstance(given, list) else dict(given))
            return straight(self, connection, given)

        setattr(kind, name, run)

    take_both(HotQuery, "all")
    take_both(HotUpdate, "run_many")


def is_free(module: str, function: str) -> bool:
    """Return whether a place is on the list of those that need no owner."""
    listed = FREE.get(module) or FREE.get(module.rpartition("/")[0], {})
    return function in listed or "*" in listed


@cache
def _read_place(file: str) -> str:
    """Return the module's path in the repository if it is ours and does more than carry statements."""
    path = Path(file)
    if not path.is_relative_to(REPOSITORY):
        return ""
    module = path.relative_to(REPOSITORY).as_posix()
    return "" if module.startswith("app/storage/") or module in _CARRIERS else module


def find_place() -> tuple[str, str]:
    """Return module and function of the product that execute the present statement; empty if it is a test."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if module := _read_place(frame.f_code.co_filename):
            if module.startswith("tests/"):
                return "", ""
            return module, frame.f_code.co_qualname.replace(".<locals>", "")
        frame = frame.f_back
    return "", ""
