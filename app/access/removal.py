"""The removal of a person: every row that is theirs, in every table."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, delete, text

from app.access.models import RateEntry
from app.access.ownership import is_of, list_personal
from app.access.people import find_person
from events.dead_letters import DeadLetter
from events.sql import is_sqlite, table_of
from todo.record.models import Task, User

_DEAD, _RATE, _PERSON = table_of(DeadLetter), table_of(RateEntry), table_of(User)


def remove_person(connection: Connection, name: str, tables: Sequence[Table]) -> int:
    """Erase a person and every row of theirs in `tables`, all that there are; return how many tasks went.

    Events that were published stay with those who consumed them; those that were not published yet are never sent.
    Raises `PersonNotFound`.
    """
    user_id = str(find_person(connection, name).id)
    connection.execute(delete(_RATE).where(_RATE.c.key.startswith(f"person:{user_id}:")))
    connection.execute(delete(_DEAD).where(_DEAD.c.payload.contains(f'"{user_id}"', autoescape=True)))
    if is_sqlite(connection):
        numbers = "SELECT number FROM task WHERE user_id = :user"
        connection.execute(text(f"DELETE FROM task_search WHERE rowid IN ({numbers})"), {"user": user_id})  # noqa: S608  # no input in it
    removed = {
        table.name: connection.execute(delete(table).where(is_of(table, user_id, tables))).rowcount
        for table in list_personal(tables)
    }
    connection.execute(delete(_PERSON).where(_PERSON.c.id == user_id))
    return removed[table_of(Task).name]
