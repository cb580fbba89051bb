"""Exports and imports of one person: read in one snapshot, written in batches that one undo takes back."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import IO, Any

from sqlalchemy import Connection, Table

from agent.builtin.language import load_language
from app.access.ownership import PERSON, is_of, list_personal
from app.migrations import HEAD
from app.migrations.schema import TABLES
from app.storage.store import DatabaseStore
from todo.record.scopes import READ, WRITE
from todo.record.work import Store, Who, Work
from todo.transfer.detect import Found, read_file
from todo.transfer.draft import Remark
from todo.transfer.intake import Intake, cut_batches, plan_intake, take_in
from todo.transfer.own import describe_head, describe_rows, list_exported, write_head, write_rows
from todo.transfer.resolve import Call
from todo.transfer.returned import Return, Unit, bring_back, bring_lists, plan_return

Progress = Callable[[int, int], None]
"""Is given how many batches are written, and of how many."""
Batch = Callable[[Work, str | None], tuple[str | None, list[Remark]]]
"""Writes a part of an import into a change, or with None into a new one; returns the change and what was refused."""


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
    store: Store, who: Who, content: bytes, wanted: str | None, *, apply: bool, progress: Progress = lambda _, __: None
) -> dict[str, Any]:
    """Return what a file would bring, or with `apply` what it has brought, with the id of its one change.

    Raises `InvalidArguments` for a file that cannot be read, and stores nothing then.
    """
    who.require(WRITE)
    found = await asyncio.to_thread(read_file, content, wanted)
    batches: list[Batch]
    if found.rows is not None:
        rows = found.rows
        returned = await store.read(who, lambda work: plan_return(work, rows))
        intake, batches = returned.intake, [partial(_return_lists, returned)] if returned.lists else []
        batches += [partial(_return, part) for part in cut_batches(returned.units)]
    else:
        intake = await store.read(who, lambda work: plan_intake(work, found, read_words))
        batches = [partial(_take, part) for part in cut_batches(intake.calls)]
    if not apply:
        view = intake.view(found)
        return {**view, "applied": False, "message": f"{view['message']} Nothing is changed yet."}
    return await _apply(store, who, found, intake, batches, progress)


async def _apply(
    store: Store,
    who: Who,
    found: Found,
    intake: Intake,
    batches: Sequence[Batch],
    progress: Progress,
) -> dict[str, Any]:
    change_id: str | None = None
    for count, batch in enumerate(batches, 1):
        change_id, refused = await store.write(who, partial(_run, batch, change_id))
        intake.refused += refused
        progress(count, len(batches))
    view = intake.view(found)
    said = "It is done; undo takes all of it back." if change_id else "There was nothing to do."
    view |= {"applied": True, "message": f"{view['message']} {said}"}
    return view if change_id is None else {**view, "change_id": change_id}


def _run(batch: Batch, into: str | None, work: Work) -> tuple[str | None, list[Remark]]:
    return batch(work, into)


def _take(part: Sequence[tuple[Call, str]], work: Work, into: str | None) -> tuple[str | None, list[Remark]]:
    return take_in(work, part, into)


def _return_lists(returned: Return, work: Work, into: str | None) -> tuple[str | None, list[Remark]]:
    return bring_lists(work, returned.lists, returned.person, into)


def _return(part: Sequence[Unit], work: Work, into: str | None) -> tuple[str | None, list[Remark]]:
    return bring_back(work, part, into)


def read_words(text: str, now: datetime) -> tuple[str, str, str] | None:
    """Read a time in words, as the built-in commands do."""
    when = load_language().phrases.read(text, now)
    return None if when is None else (when.due, when.rule, when.first_due)
