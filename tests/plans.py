"""Finds SQL statements that name a row by its key and yet walk through all rows of its person, or all (SQLite)."""

import re
from typing import Any

from sqlalchemy import Connection, Engine, event

from app.access.ownership import OWNER
from tests.ownership import find_place

FREE: dict[str, dict[str, str]] = {
    "agent/unconfirmed_calls.py": {"*": "the calls that wait for an answer are few"},
    "app/access/credentials.py": {"revoke_credential": "a person's tokens and sessions are few"},
    "app/access/people.py": {"*": "a person is removed once"},
    "app/access/removal.py": {"*": "a person is removed once"},
    "app/oauth/clients.py": {"forget_idle": "all programs are looked at, for those that nobody has used"},
    "events/outbox.py": {"*": "a task is erased for good once, and the outbox is not large"},
    "todo/activity/statistics.py": {"_count_days": "the days of a token for lists are counted over the person's tasks"},
    "todo/channels/where.py": {"_has_heard": "looks at the newest fifty changes from one place"},
    "todo/tasks/conditions.py": {
        "Search.read_page": "a page goes along the index of its order, and looks at lists and reminders on the way"
    },
    "todo/activity/history.py": {
        "*": "a task is erased for good once; its last ring is looked for from the newest notification backwards"
    },
}
"""The functions that may walk, with the reason."""

WALKS: dict[str, str] = {}
"""What `watch_plans` has found since the last test: the text of each statement by `module:function: table`."""

_STEP = re.compile(rf"(?:SEARCH (\w+) USING (?:COVERING )?INDEX \w+ \({OWNER}=\?\)|SCAN (\w+))$")


def find_walks(plan: list[str], sql: str) -> list[str]:
    """Return the tables of a statement's plan that are walked although the statement compares one of their keys."""
    found = []
    for step in plan:
        if match := _STEP.match(step):
            table = match[1] or match[2]
            if re.search(rf"\b{table}\.(?!{OWNER}\b)(?:\w+_)?id\)? (?:=|IN)|= {table}\.id\b", sql):
                found.append(table)
    return found


def watch_plans() -> None:
    """Ask SQLite from now on how it carries out every statement that the product executes."""
    judged: set[str] = set()

    def look(connection: Connection, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        if connection.dialect.name != "sqlite" or sql in judged:
            return
        judged.add(sql)
        module, function = find_place()
        if not module or sql.lstrip()[:6].upper() not in ("SELECT", "UPDATE", "DELETE"):
            return
        raw: Any = connection.connection.driver_connection
        asked = raw.execute(f"EXPLAIN QUERY PLAN {sql}", values[0] if many else values)
        tables = find_walks([row[-1] for row in asked.fetchall()], sql)
        listed = FREE.get(module, {})
        if tables and function not in listed and "*" not in listed:
            WALKS[f"{module}:{function}: {', '.join(tables)}"] = sql

    event.listen(Engine, "before_cursor_execute", look)
