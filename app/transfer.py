"""Exports and imports of one person: read in one snapshot, written in batches that one undo takes back."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import IO, Any

from sqlalchemy import Connection, Table

from agent.builtin.language import load_language
from app.access.ownership import PERSON, is_of, list_personal
from app.migrations import HEAD
from app.migrations.schema import TABLES
from app.storage.pace import Pace
from app.storage.store import DatabaseStore
from todo.record.scopes import READ, WRITE
from todo.record.work import Who, Work
from todo.transfer.detect import Found, read_file
from todo.transfer.draft import Remark
from todo.transfer.intake import Intake, look_around, plan_intake, take_in
from todo.transfer.own import Rows, describe_head, describe_rows, list_exported, write_head, write_rows
from todo.transfer.returned import bring_back, bring_lists, check_tasks, find_ids, plan_return

Progress = Callable[[int, int], None]
"""Is given how many tasks are written, and of how many."""
Written = tuple[str | None, list[Remark]]
"""The change into which a part of an import was written, and what was refused of it."""
MOST, LEAST, LONG = 200, 10, 0.02
"""Tasks written in one transaction at most and at least, and the seconds from which on it was too long for others.

With fewer than ten each commit would cost more than what it holds."""


@dataclass(frozen=True, slots=True)
class Load:
    """Lists and tasks that come in: each part is written into a change, or with None into a new one."""

    begin: Callable[[Work, str | None], Written] | None
    items: Sequence[Any]
    write: Callable[[Work, Sequence[Any], str | None], Written]


async def export_person(store: DatabaseStore, who: Who, file: IO[bytes]) -> int:
    """Write everything that is a person's into a file, as of one moment; return how many lines there are."""
    who.require(READ)
    now = store.clock.now()

    def write(connection: Connection) -> int:
        file.seek(0)
        file.truncate()
        work = Work(connection, who, now, store.ids, reads_only=True)
        count = 0
        for line in _write_lines(work):
            file.write(line)
            count += 1
        return count

    return await store.database.read_apart(write, who.user_id)


def _write_lines(work: Work) -> Iterator[bytes]:
    yield write_head(work.who.user_id, HEAD, work.at)
    person = next(table for table in TABLES if table.name == PERSON)
    yield from write_rows(work.connection, person, person.c.id == work.who.user_id)
    for table in list_exported(list_personal(TABLES)):
        yield from write_rows(work.connection, table, is_of(table, work.who.user_id, TABLES))


def describe_export(tables: Sequence[Table]) -> dict[str, Any]:
    """Return the JSON Schema of a line of an export, made from the tables."""
    person = [table for table in tables if table.name == PERSON]
    rows = [describe_rows(table) for table in [*person, *list_exported(list_personal(tables))]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of an export",
        "type": "object",
        "oneOf": [describe_head(), *rows],
    }


async def import_file(
    store: DatabaseStore,
    who: Who,
    content: bytes,
    wanted: str | None,
    *,
    apply: bool,
    progress: Progress = lambda _, __: None,
    timer: Callable[[], float] = perf_counter,
) -> dict[str, Any]:
    """Return what a file would bring, or with `apply` what it has brought, with the id of its one change.

    Raises `InvalidArguments` for a file that cannot be read, and stores nothing then.
    """
    who.require(WRITE)
    found = await asyncio.to_thread(read_file, content, wanted)
    planned = _plan_intake(store, who, found) if found.rows is None else _plan_return(store, who, found.rows)
    intake, load = await planned
    if not apply:
        view = intake.view(found)
        return {**view, "applied": False, "message": f"{view['message']} Nothing is changed yet."}
    change_id, refused = await _write(store, who, load, progress, Pace(MOST, LEAST, LONG, timer))
    intake.refused += refused
    view = intake.view(found)
    said = "It is done; undo takes all of it back." if change_id else "There was nothing to do."
    view |= {"applied": True, "message": f"{view['message']} {said}"}
    return view if change_id is None else {**view, "change_id": change_id}


async def _plan_intake(store: DatabaseStore, who: Who, found: Found) -> tuple[Intake, Load]:
    """Return what a file of another product would bring, and how it is written; other calls go on beside it."""
    here = await store.read_apart(who, lambda work: look_around(work, found))
    intake = await asyncio.to_thread(plan_intake, here, found, read_words)
    return intake, Load(None, intake.calls, take_in)


async def _plan_return(store: DatabaseStore, who: Who, rows: Rows) -> tuple[Intake, Load]:
    """Return what a file of ours would bring, and how it is written."""
    checked = await asyncio.to_thread(check_tasks, rows)
    ids = await store.read_apart(who, lambda work: find_ids(work, checked))
    returned = await asyncio.to_thread(plan_return, checked, ids)

    def begin(work: Work, into: str | None) -> Written:
        return bring_lists(work, returned.lists, returned.person, into)

    return returned.intake, Load(begin if returned.lists else None, returned.units, bring_back)


async def _write(store: DatabaseStore, who: Who, load: Load, progress: Progress, pace: Pace) -> Written:
    """Write a load as one change, in transactions so short that the writes of others go on between them."""
    change_id: str | None = None
    refused: list[Remark] = []
    if load.begin is not None:
        begin = load.begin
        change_id, refused = await store.write(who, lambda work: begin(work, None))
    done = 0
    while done < len(load.items):
        part = load.items[done : done + pace.rows]
        change_id, more = await store.write(who, partial(_write_part, load, part, change_id, pace))
        refused += more
        done += len(part)
        progress(done, len(load.items))
    return change_id, refused


def _write_part(load: Load, part: Sequence[Any], into: str | None, pace: Pace, work: Work) -> Written:
    with pace.watch():
        return load.write(work, part, into)


def read_words(text: str, now: datetime) -> tuple[str, str, str] | None:
    """Read a time in words, as the built-in commands do."""
    when = load_language().phrases.read(text, now)
    return None if when is None else (when.due, when.rule, when.first_due)
