"""The people of a service: added and invited by name, disabled, removed with all that is theirs."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from app.access.issuer import Login
from app.access.models import Credential, OutsideLogin
from app.identity import LOCAL_USER
from events.instants import write_instant
from events.ports import Ids
from events.sql import table_of
from todo.errors import InvalidArguments, TodoError
from todo.record.models import Change, Task, User
from todo.text.search_words import fold_words
from todo.text.when import read_zone

_P = table_of(User)
_C = table_of(Credential)
_L = table_of(OutsideLogin)
_TASK = table_of(Task)
_CHANGE = table_of(Change)
_BY_NAME = select(_P).where(_P.c.name_key == bindparam("key"))
_LONGEST_NAME = 64


class PersonNotFound(TodoError):
    """There is no person with this name."""

    code = "person_not_found"


class PersonExists(TodoError):
    """A person with this name exists, or owns what would be mixed up."""

    code = "person_exists"


def read_name(text: str) -> tuple[str, str]:
    """Return a person's name and its key, which has neither case nor accents; raises `InvalidArguments`."""
    name = " ".join(text.split())
    key = " ".join(fold_words(name))
    if not key or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidArguments(
            "A name has 1 to 64 characters, among them a letter or a digit.", "Give one such as anna."
        )
    return name, key


def add_person(connection: Connection, name: str, zone: str, ids: Ids, now: datetime, *, admin: bool = False) -> str:
    """Add a person, in an IANA zone; return their user id. Raises `PersonExists` and `InvalidTime`."""
    name, key = read_name(name)
    if connection.execute(_BY_NAME, {"key": key}).first() is not None:
        raise PersonExists(f"There is a person called {name} already.", "Choose another name.")
    user_id = ids.new()
    connection.execute(
        insert(_P),
        {
            "id": user_id,
            "zone": read_zone(zone).key,
            "day_start": "09:00",
            "created_at": write_instant(now),
            "name": name,
            "name_key": key,
            "is_admin": admin,
        },
    )
    return user_id


def find_person(connection: Connection, name: str) -> Any:
    """Return a person's row by name; raises `PersonNotFound`."""
    row = connection.execute(_BY_NAME, {"key": read_name(name)[1]}).one_or_none()
    if row is None:
        raise PersonNotFound("There is no person with this name.", "`person list` shows them.")
    return row


def list_people(connection: Connection) -> list[dict[str, Any]]:
    """Return everybody by name: `{user_id, name, zone, admin, disabled, open, created_at}`; `open` counts tasks."""
    open_tasks = (
        select(func.count())
        .where(
            _TASK.c.user_id == _P.c.id,
            _TASK.c.kind == "task",
            _TASK.c.status == "open",
            _TASK.c.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
    rows = connection.execute(select(_P, open_tasks.label("open")).order_by(_P.c.name_key, _P.c.id))
    return [
        {
            "user_id": row.id,
            "name": row.name or "(the local person)",
            "zone": row.zone,
            "admin": bool(row.is_admin),
            "disabled": row.disabled_at is not None,
            "open": row.open,
            "created_at": row.created_at,
        }
        for row in rows
    ]


def set_disabled(connection: Connection, name: str, now: datetime, *, disabled: bool) -> str:
    """Disable or enable a person; what a disabled person has stays, and no credential of theirs is accepted."""
    row = find_person(connection, name)
    at = write_instant(now) if disabled else None
    connection.execute(update(_P).where(_P.c.id == row.id).values(disabled_at=at))
    return str(row.id)


def adopt_local(connection: Connection, name: str) -> str:
    """Give the local person's tasks to a person, by giving the local person their name; return the user id.

    Published events carry the local user's id, so that id stays and the name moves. A person of that name who has
    nothing yet is merged: their credentials come along. Raises `PersonExists` if they have tasks of their own.
    """
    name, key = read_name(name)
    local = connection.execute(select(_P).where(_P.c.id == LOCAL_USER)).one_or_none()
    if local is None or local.name is not None:
        raise PersonNotFound("There is no local person without a name.", "It was adopted already, or never existed.")
    known = connection.execute(_BY_NAME, {"key": key}).one_or_none()
    values: dict[str, Any] = {"name": name, "name_key": key, "is_admin": local.is_admin}
    if known is not None:
        if connection.execute(select(_CHANGE.c.id).where(_CHANGE.c.user_id == known.id).limit(1)).first() is not None:
            raise PersonExists(f"{name} has tasks already; two people's tasks are not mixed.", "Adopt by another name.")
        for table in (_C, _L):
            connection.execute(update(table).where(table.c.user_id == known.id).values(user_id=LOCAL_USER))
        connection.execute(delete(_P).where(_P.c.id == known.id))
        values |= {"is_admin": known.is_admin, "zone": known.zone, "disabled_at": known.disabled_at}
    connection.execute(update(_P).where(_P.c.id == LOCAL_USER).values(**values))
    return LOCAL_USER


def link_login(connection: Connection, name: str, issuer: str, subject: str, now: datetime) -> None:
    """Let an issuer's subject be this person.

    Raises `PersonNotFound`, and `PersonExists` if the subject is another person already.
    """
    row = find_person(connection, name)
    known = connection.execute(select(_L.c.user_id).where(_L.c.issuer == issuer, _L.c.subject == subject)).scalar()
    if known == row.id:
        return
    if known is not None:
        raise PersonExists("This subject is another person already.", "Remove that person first.")
    connection.execute(
        insert(_L), {"issuer": issuer, "subject": subject, "user_id": row.id, "created_at": write_instant(now)}
    )


def find_login(connection: Connection, issuer: str, subject: str) -> Any:
    """Return the row of the person whom an issuer knows by this subject; None for an unknown or a disabled one."""
    statement = select(_P).join(_L, _L.c.user_id == _P.c.id)
    row = connection.execute(statement.where(_L.c.issuer == issuer, _L.c.subject == subject)).one_or_none()
    return None if row is None or row.disabled_at is not None else row


def provision_login(connection: Connection, login: Login, zone: str, ids: Ids, now: datetime) -> None:
    """Add a person for an unknown subject, under the issuer's name for them; under a marked one if that is taken."""
    issuer, subject = login.issuer, login.subject
    if connection.execute(select(_L.c.user_id).where(_L.c.issuer == issuer, _L.c.subject == subject)).first():
        return
    # The mark keeps names apart, also of subjects that differ in case alone.
    mark = sha256(f"{issuer} {subject}".encode()).hexdigest()[:6]
    name = login.name
    if not fold_words(name) or connection.execute(_BY_NAME, {"key": read_name(name)[1]}).first() is not None:
        name = f"{(name or subject)[:40]} {mark}"
    add_person(connection, name, zone, ids, now)
    link_login(connection, name, issuer, subject, now)
