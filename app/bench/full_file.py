"""A database file full of tasks with tags, dues and reminders, written in bulk and indexed for search."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from sqlalchemy import insert

from app.identity import LOCAL_USER, SCHEDULER, ensure_local_user
from app.migrations import migrate_file
from app.storage.sqlite import SqliteFile
from app.system import SystemClock, SystemIds
from events.instants import write_instant
from events.sql import table_of
from todo.record.list_models import TaskList
from todo.record.models import NO_DEADLINE, TaskTag
from todo.record.queries import REMINDER, TASK
from todo.record.work import Work
from todo.tasks.search_index import index_step
from todo.text import when
from todo.text.list_names import fold_name
from todo.text.search_words import fold_tag, fold_task

ZONE = "UTC"
TAGS = tuple(f"tag{number:02}" for number in range(20))
RARE_WORD = "zephyr"
"""Occurs in ten tasks of any file."""
COMMON_WORD = "chore"
"""Occurs in every task."""
LISTS = tuple(f"List {number}" for number in range(10))
PARENT = "01930000-0000-7000-8000-000000000001"
"""The first task of the local person, which has twenty subtasks."""
_BELOW, _EVERY = 20, 50
_WORDS = ("garden", "invoice", "doctor", "kitchen", "report", "ticket", "present", "laundry", "meeting", "letter")
_BATCH = 5_000


def fill_file(path: Path, count: int) -> None:
    """Write a database with `count` tasks of the local user."""
    migrate_file(path)
    clock, ids = SystemClock(), SystemIds()
    handle = SqliteFile(path).writer()
    now = clock.now()
    work = Work(handle.connection, SCHEDULER, now, ids)
    try:
        handle.raw.execute("BEGIN IMMEDIATE")
        ensure_local_user(handle.connection, ZONE, work.at)
        handle.connection.execute(insert(table_of(TaskList)), [_make_list(each, work.at) for each in range(len(LISTS))])
        for first in range(0, count, _BATCH):
            made = list(make_rows(first, min(first + _BATCH, count), count, now, ids))
            handle.connection.execute(insert(TASK), [task for task, _, _ in made])
            if tags := [tag for _, tags, _ in made for tag in tags]:
                handle.connection.execute(insert(table_of(TaskTag)), tags)
            if reminders := [reminder for _, _, reminders in made for reminder in reminders]:
                handle.connection.execute(insert(REMINDER), reminders)
        handle.raw.execute("COMMIT")
        handle.raw.execute("BEGIN IMMEDIATE")
        while index_step(work, _BATCH):
            pass
        handle.raw.execute("COMMIT")
    finally:
        handle.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def open_tasks(path: Path) -> list[str]:
    """Return the ids of all open tasks of a filled file."""
    with closing(sqlite3.connect(path)) as raw:
        return [row[0] for row in raw.execute("SELECT id FROM task WHERE status = 'open' ORDER BY number")]


Rows = tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]


def make_rows(
    first: int, last: int, count: int, now: datetime, ids: SystemIds, user: str = LOCAL_USER
) -> Iterator[Rows]:
    """Yield the rows of the tasks `first` to `last` of `count`: the task, its tags, its reminders."""
    zone = when.read_zone(ZONE)
    parent_id, list_id = None, None
    rare_every = max(count // 10, 1)
    for index in range(first, last):
        # Spread deterministically: multiplying by a large odd number permutes the residues of a power of two.
        mixed = (index * 2_654_435_761) % 2**32
        created = now - timedelta(days=700 * (count - index) / count)
        title = f"{_WORDS[mixed % 10].title()} {_WORDS[mixed // 10 % 10]} {COMMON_WORD} {index}"
        if index % rare_every == 0 and index // rare_every < 10:
            title += f" {RARE_WORD}"
        notes = "Details that somebody wrote down on the way home. " * (mixed // 100 % 4)
        tags = [TAGS[(mixed // 1_000 + step) % 20] for step in (0, 7)[: mixed // 7 % 3]]
        due = _make_due(mixed // 11, now)
        completed = mixed // 13 % 10 == 0
        deadline = NO_DEADLINE if due is None else when.deadline_of(due, zone)
        key, words = fold_task(title, notes, tags)
        at = write_instant(created)
        start = f"{now + timedelta(days=mixed // 29 % 60 - 30):%Y-%m-%d}" if mixed // 23 % 4 == 0 else None
        task_id = PARENT if index == 0 and user == LOCAL_USER else ids.new()
        if not 0 < index % _EVERY <= _BELOW:
            parent_id, list_id = None, name_list_id(mixed // 31 % (2 * len(LISTS)))
        task = {
            "id": task_id,
            "list_id": list_id,
            "parent_id": parent_id,
            "has_subtasks": int(index % _EVERY == 0),
            "start": start,
            "starts_at": None if start is None else when.begins_at(start, zone),
            "user_id": user,
            "kind": "task",
            "title": title,
            "notes": notes,
            "status": "completed" if completed else "open",
            "due": due,
            "zone": ZONE if due is not None and not when.is_date(due) else None,
            "deadline": deadline,
            "priority": mixed // 17 % 4,
            "tags": to_json(tags).decode() if tags else "[]",
            "recurring_id": None,
            "occurrence": None,
            "edited": "",
            "version": 2 if completed else 1,
            "created_at": at,
            "updated_at": at,
            "completed_at": write_instant(created + timedelta(days=1)) if completed else None,
            "deleted_at": None,
            "title_key": key,
            "words": words,
            "unindexed": 1,
        }
        if index % _EVERY == 0:
            parent_id = task_id
        yield task, [_make_tag(task, tag) for tag in tags], _make_reminders(task, mixed // 19, now, ids)


def name_list_id(number: int) -> str | None:
    """Return the id of a list by its number; None from the tenth on: half of the tasks are in none."""
    return f"01930000-0000-7000-8000-0000000001{number:02}" if number < len(LISTS) else None


def _make_list(number: int, at: str) -> dict[str, Any]:
    name = LISTS[number]
    row = {"id": name_list_id(number), "user_id": LOCAL_USER, "name": name, "name_key": fold_name(name)}
    return {**row, "position": number + 1, "archived": False, "created_at": at, "deleted_at": None}


def _make_due(mixed: int, now: datetime) -> str | None:
    """Return None for one task in four, else a date or an instant between 30 days ago and 90 days ahead."""
    if mixed % 4 == 0:
        return None
    at = now + timedelta(minutes=mixed // 4 % (120 * 1440) - 30 * 1440)
    return f"{at:%Y-%m-%d}" if mixed % 4 == 1 else f"{at:%Y-%m-%dT%H:%M}:00Z"


def _make_tag(task: dict[str, Any], tag: str) -> dict[str, Any]:
    folded = fold_tag(tag)
    return {"task_id": task["id"], "folded": folded} | {
        name: task[name] for name in ("user_id", "kind", "status", "deadline")
    }


def _make_reminders(task: dict[str, Any], mixed: int, now: datetime, ids: SystemIds) -> list[dict[str, Any]]:
    if mixed % 8:
        return []
    waits = task["status"] == "open"
    return [
        {
            "id": ids.new(),
            "user_id": task["user_id"],
            "task_id": task["id"],
            "remind_at": write_instant(now + timedelta(days=1 + mixed % 300)),
            "before": None,
            "status": "scheduled" if waits else "cancelled",
            "sequence": 1,
            "cancelled_by": None if waits else "completed",
            "fired_at": None,
        }
    ]
