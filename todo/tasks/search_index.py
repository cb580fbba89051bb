"""The word index of SQLite: which tasks wait for it, and the step that brings it up to date."""

from sqlalchemy import Connection, select, text

from events.sql import is_sqlite
from todo.record.queries import TASK
from todo.record.work import Work
from todo.text.search_words import TITLE_END

UNINDEXED = select(TASK.c.number).where(TASK.c.unindexed == 1)
"""The tasks that the index does not hold as they are."""


def wants_indexing(connection: Connection) -> bool:
    """Return whether any task waits for the search index."""
    return is_sqlite(connection) and connection.execute(UNINDEXED.limit(1)).first() is not None


def index_step(work: Work, limit: int = 400) -> int:
    """Bring the search index up to date with up to `limit` tasks; return how many.

    Outside the use cases on purpose: the index flushes at every savepoint, which would double the cost of a create.
    PostgreSQL does it itself.
    """
    if not is_sqlite(work.connection):
        return 0
    rows = work.connection.execute(
        select(TASK.c.number, TASK.c.words, TASK.c.deleted_at).where(TASK.c.unindexed == 1).limit(limit)
    ).all()
    if not rows:
        return 0
    numbers = [{"number": row.number} for row in rows]
    work.connection.execute(text("DELETE FROM task_search WHERE rowid = :number"), numbers)
    alive = [
        {"number": row.number, "words": row.words.replace(TITLE_END, " ")} for row in rows if row.deleted_at is None
    ]
    if alive:
        work.connection.execute(text("INSERT INTO task_search(rowid, words) VALUES (:number, :words)"), alive)
    work.connection.execute(text("UPDATE task SET unindexed = 0 WHERE number = :number"), numbers)
    return len(rows)
