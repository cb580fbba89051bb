"""Connections: what a person lets a program do, and the tokens by which it does it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic_core import from_json
from sqlalchemy import Connection, Row, bindparam, delete, select, update

from app.access.credentials import (
    Grant,
    Made,
    create_credential,
    digest_secret,
    revoke_credential,
    store_credential,
    view_credential,
)
from app.access.models import Credential, OAuthClient
from app.oauth.clients import Client, forget_disconnected, is_address, note_consent
from app.oauth.redirects import name_target
from app.oauth.steps import Step
from events.instants import read_instant, write_instant
from events.ports import Ids
from events.sql import table_of
from todo.record.models import User

ACCESS_LASTS = timedelta(hours=1)
REFRESH_LASTS = timedelta(days=30)
GRACE = timedelta(seconds=10)
"""How long a refresh token that was just used still works: hosts send the same one from several machines at once."""
_T, _P, _CLIENT = table_of(Credential), table_of(User), table_of(OAuthClient)
_PARENT = _T.alias("parent")
_LIVE = (_T.c.kind == "connection", _T.c.revoked_at.is_(None), _T.c.expires_at > bindparam("at"))
_OF_PERSON = (_T.c.user_id == bindparam("user"), *_LIVE)
_LIST = select(_T).where(*_OF_PERSON).order_by(_T.c.id.desc()).limit(500)
_PROGRAMS = select(_CLIENT.c.id, _CLIENT.c.metadata_json).where(_CLIENT.c.id.in_(bindparam("keys", expanding=True)))
_SCOPES = select(_T.c.scopes).where(*_OF_PERSON, _T.c.client_id == bindparam("client"))
_CLIENTS = select(_T.c.client_id).where(*_OF_PERSON, _T.c.id == bindparam("key"))
_BY_CODE = select(_T.c.id, _T.c.user_id, _T.c.client_id).where(
    _T.c.kind == "connection", _T.c.digest == bindparam("digest")
)
_TOKEN = (
    select(
        _T,
        _PARENT.c.label.label("name"),
        _PARENT.c.scopes.label("granted"),
        _PARENT.c.client_id.label("of_client"),
        _PARENT.c.expires_at.label("ends_at"),
        _PARENT.c.revoked_at.label("ended_at"),
        _P.c.disabled_at,
    )
    .join(_PARENT, _PARENT.c.id == _T.c.parent_id)
    .join(_P, _P.c.id == _T.c.user_id)
    .where(_T.c.digest == bindparam("digest"), _T.c.kind == bindparam("of_kind"))
)
_SPEND = (
    update(_T)
    .where(_T.c.id == bindparam("key"), _T.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"), used_at=bindparam("at"))
)
_EXTEND = update(_T).where(_T.c.id == bindparam("key")).values(expires_at=bindparam("ends"))
_EXPIRED = delete(_T).where(_T.c.parent_id == bindparam("key"), _T.c.expires_at <= bindparam("at"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Where new ids and secrets come from."""

    ids: Ids
    draw: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The secrets that a program gets, and what the access token allows."""

    access: str
    refresh: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A token that a program shows: its connection, and what that allows."""

    id: str
    connection_id: str
    user_id: str
    client_id: str
    scopes: frozenset[str]


def open_connection(
    connection: Connection, client: Client, code: str, step: Step, now: datetime, keys: Keys
) -> Tokens | None:
    """Open the connection that a code was given for; None if the person is gone or disabled.

    The connection keeps the code's digest, so that a code that is shown again is recognised.
    """
    person = connection.execute(select(_P.c.disabled_at).where(_P.c.id == step.user_id)).one_or_none()
    if person is None or person.disabled_at is not None:
        return None
    ends = write_instant(now + REFRESH_LASTS)
    scopes = frozenset(step.request.scopes)
    grant = Grant(step.user_id, "connection", client.shown_name, scopes, ends, client_id=client.client_id)
    key = keys.ids.new()
    store_credential(connection, key, digest_secret(code) or "", grant, now)
    note_consent(connection, client.client_id, now)
    held = Held("", key, step.user_id, client.client_id, scopes)
    return _issue(connection, held, client.shown_name, scopes, now, keys)


def end_by_code(connection: Connection, code: str, now: datetime) -> bool:
    """End what a code has opened, since it is shown a second time; return whether there was something."""
    row = connection.execute(_BY_CODE, {"digest": digest_secret(code)}).one_or_none()
    return row is not None and end_connection(connection, row.user_id, row.id, now)


def find_held(connection: Connection, kind: Literal["access", "refresh"], secret: str, now: datetime) -> Held | None:
    """Return a token of a connection that has not ended, a refresh token also if it was used already."""
    row = connection.execute(_TOKEN, {"digest": digest_secret(secret), "of_kind": kind}).one_or_none()
    at = write_instant(now)
    if row is None or row.disabled_at is not None:
        return None
    if row.ended_at is not None or row.ends_at <= at or row.expires_at <= at:
        return None
    granted = row.granted if kind == "refresh" else row.scopes
    return Held(row.id, row.parent_id, row.user_id, row.of_client, frozenset(granted.split()))


def rotate(
    connection: Connection, secret: str, client: Client, scopes: Iterable[str], now: datetime, keys: Keys
) -> Tokens | None:
    """Exchange a refresh token for new tokens; None if it holds no more.

    One that was used before, longer ago than the grace, was copied: the whole connection ends.
    """
    held = find_held(connection, "refresh", secret, now)
    if held is None or held.client_id != client.client_id:
        return None
    if connection.execute(_SPEND, {"key": held.id, "at": write_instant(now)}).rowcount != 1:
        row = connection.execute(select(_T.c.used_at).where(_T.c.id == held.id)).one()
        if row.used_at is None or read_instant(row.used_at) + GRACE < now:
            end_connection(connection, held.user_id, held.connection_id, now)
            return None
    connection.execute(_EXPIRED, {"key": held.connection_id, "at": write_instant(now)})
    connection.execute(_EXTEND, {"key": held.connection_id, "ends": write_instant(now + REFRESH_LASTS)})
    return _issue(connection, held, client.shown_name, frozenset(scopes) & held.scopes, now, keys)


def revoke_connection(connection: Connection, user_id: str, connection_id: str, now: datetime) -> str | None:
    """Revoke a person's connection with all its tokens; return its program, None if there is none that holds.

    It reaches that person's rows alone, so that it may run for them: their transactions see no programs.
    """
    key = {"user": user_id, "key": connection_id, "at": write_instant(now)}
    row = connection.execute(_CLIENTS, key).one_or_none()
    if row is None:
        return None
    revoke_credential(connection, user_id, connection_id, now)
    return str(row.client_id)


def end_connection(connection: Connection, user_id: str, connection_id: str, now: datetime) -> bool:
    """Revoke a connection and forget its program if that was the last one; return whether there was one that held."""
    client_id = revoke_connection(connection, user_id, connection_id, now)
    if client_id is not None:
        forget_disconnected(connection, client_id, now)
    return client_id is not None


def is_remembered(connection: Connection, user_id: str, client_id: str, scopes: Iterable[str], now: datetime) -> bool:
    """Return whether the person lets this program do all of this already."""
    wanted = set(scopes)
    key = {"user": user_id, "client": client_id, "at": write_instant(now)}
    return any(wanted <= set(row.scopes.split()) for row in connection.execute(_SCOPES, key))


def list_connections(connection: Connection, user_id: str, now: datetime) -> list[Row[Any]]:
    """Return the rows of a person's connections, newest first."""
    return list(connection.execute(_LIST, {"user": user_id, "at": write_instant(now)}).all())


def view_connections(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Return connections as their person sees them, with what is known of their programs.

    Each is `{id, name, host, verified, scopes, created_at, expires_at, last_used_at?}`; `host` is where the program's
    answers go, `verified` says that its name comes from a description at that host.
    """
    keys = sorted({row.client_id for row in rows})
    known = {row.id: from_json(row.metadata_json) for row in connection.execute(_PROGRAMS, {"keys": keys})}
    views = []
    for row in rows:
        addresses = known.get(row.client_id, {}).get("redirect_uris", [])
        host = name_target(row.client_id) if is_address(row.client_id) else next(map(name_target, addresses), "")
        views.append({**view_credential(row), "host": host, "verified": is_address(row.client_id)})
    return views


def _issue(
    connection: Connection, held: Held, name: str, scopes: frozenset[str], now: datetime, keys: Keys
) -> Tokens | None:
    def make(kind: Literal["access", "refresh"], allowed: frozenset[str], lasts: timedelta) -> Made:
        ends = write_instant(now + lasts)
        grant = Grant(held.user_id, kind, name, allowed, ends, held.connection_id, held.client_id)
        return create_credential(connection, grant, now, keys.ids, keys.draw)

    if not scopes:
        return None
    access = make("access", scopes, ACCESS_LASTS)
    return Tokens(access.secret, make("refresh", held.scopes, REFRESH_LASTS).secret, scopes)
