"""What a backup holds, and what is wrong with it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.migrations import HEAD
from todo.errors import InvalidArguments

COUNTED = ("person", "task", "change", "outbox_entry")
"""The tables whose rows a report counts."""
NEEDED = {
    "task": ("id", "version"),
    "change_item": ("change_id", "task_id", "version"),
    "change": ("id",),
    "outbox_entry": ("task_id", "version", "event_type", "published_at"),
}
"""The columns by which the outbox is compared with the record."""

_FINDINGS = (
    (
        (
            "SELECT count(*) FROM outbox_entry AS event JOIN task ON task.id = event.task_id "
            "WHERE event.version > task.version"
        ),
        "events are of a later version than their task",
    ),
    (
        (
            "SELECT count(*) FROM outbox_entry AS event LEFT JOIN task ON task.id = event.task_id "
            "WHERE event.published_at IS NULL AND task.id IS NULL"
        ),
        "events wait for a task that is not there",
    ),
    (
        (
            "SELECT count(*) FROM (SELECT task.id FROM task JOIN change_item AS item ON item.task_id = task.id "
            "GROUP BY task.id, task.version HAVING max(item.version) > task.version)"
        ),
        "tasks are older than their history",
    ),
    (
        (
            'SELECT count(*) FROM change_item AS item LEFT JOIN "change" ON "change".id = item.change_id '
            'WHERE "change".id IS NULL'
        ),
        "parts of changes belong to no change",
    ),
)


@dataclass(frozen=True, slots=True)
class Report:
    """A backup as it was read: its kind (`sqlite` or `postgresql`), its schema, rows by table, and problems."""

    kind: str
    schema: str
    counts: dict[str, int]
    waiting: int
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problems

    def write(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "kind": self.kind,
            "schema": self.schema,
            "counts": self.counts,
            "events_waiting": self.waiting,
            "ok": self.ok,
            "problems": self.problems,
        }

    def describe(self) -> str:
        """Return the report in words."""
        counts, kind = self.counts, "SQLite" if self.kind == "sqlite" else "PostgreSQL"
        rows = f"{counts['person']} people, {counts['task']} tasks, {counts['change']} changes"
        events = f"{counts['outbox_entry']} events ({self.waiting} not published yet)"
        return "\n".join([f"{kind}, schema {self.schema}: {rows}, {events}.", *self.problems])


def judge(raw: sqlite3.Connection, kind: str, schema: str, counts: dict[str, int], also: Sequence[str]) -> Report:
    """Return the report on tables that are open in SQLite; `also` are the problems found before."""
    problems = list(also)
    if schema > HEAD:
        problems.append(f"It is of a newer version: schema {schema}, this is {HEAD}. Upgrade this program first.")
    for query, words in _FINDINGS:
        if found := int(raw.execute(query).fetchone()[0]):
            problems.append(f"{found} {words}.")
    waiting = raw.execute("SELECT count(*) FROM outbox_entry WHERE published_at IS NULL").fetchone()[0]
    return Report(kind, schema, counts, int(waiting), problems)


def read_kind(path: Path) -> str:
    """Return whose backup a file is: `sqlite` or `postgresql`; raises `InvalidArguments`."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InvalidArguments(f"{path} cannot be read: {error.strerror}.", "Name a file that `backup` made.") from None
    if head == b"SQLite format 3\0":
        return "sqlite"
    if head.startswith(b"PGDMP"):
        return "postgresql"
    what = "is empty" if not head else "is not a backup"
    raise InvalidArguments(f"{path} {what}.", "Name a file that `evolution-todo backup` made.")
