"""Credentials: secrets that are shown once, stored as their SHA-256, and end by expiry or by being revoked."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from zlib import crc32

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from app.access.models import Credential
from app.identity import Caller
from events.instants import read_instant, write_instant
from events.ports import Ids
from events.sql import table_of
from todo.record.models import User
from todo.record.scopes import ADMIN, AGENT, PERSON, widen

Kind = Literal["personal", "invitation", "session", "connection", "access", "refresh"]
"""The kinds that are stored; the secret of a connection is the code with which it began."""
ADMITTED = ("personal", "session", "access", "issued")
"""The kinds that let a caller in; the others are only exchanged for something."""

PREFIXES: dict[Kind | Literal["question", "calendar"], str] = {
    "personal": "etp_",
    "invitation": "eti_",
    "session": "ets_",
    "connection": "etc_",
    "access": "eta_",
    "refresh": "etr_",
    "question": "etq_",
    "calendar": "etf_",
}
INVITATION_LASTS = timedelta(hours=72)
SESSION_LASTS = timedelta(days=90)
SESSION_IDLES = timedelta(days=14)
TOUCHED_EVERY = timedelta(minutes=1)
_LENGTH = 4 + 43 + 6
_T = table_of(Credential)
_P = table_of(User)
_PARENT = _T.alias("parent")
_INSERT = insert(_T)
_FIND = (
    select(
        _T,
        _P.c.name,
        _P.c.is_admin,
        _P.c.disabled_at,
        _PARENT.c.revoked_at.label("parent_revoked_at"),
        _PARENT.c.expires_at.label("parent_expires_at"),
        _PARENT.c.used_at.label("parent_used_at"),
    )
    .join(_P, _P.c.id == _T.c.user_id)
    .outerjoin(_PARENT, _PARENT.c.id == _T.c.parent_id)
    .where(_T.c.digest == bindparam("digest"))
)
_TOUCH = update(_T).where(_T.c.id == bindparam("key")).values(used_at=bindparam("at"))
_SPEND = (
    update(_T)
    .where(_T.c.id == bindparam("key"), _T.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"), used_at=bindparam("at"))
)
_OF_PERSON = _T.c.user_id == bindparam("user")
_REVOKE = (
    update(_T)
    .where(_OF_PERSON, _T.c.revoked_at.is_(None))
    .where(or_(_T.c.id == bindparam("key"), _T.c.parent_id == bindparam("key")))
    .values(revoked_at=bindparam("at"))
)
_REVOKE_ALL = (
    update(_T)
    .where(_OF_PERSON, _T.c.kind == bindparam("of_kind"), _T.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_LIST = select(_T).where(_OF_PERSON, _T.c.kind == bindparam("of_kind")).order_by(_T.c.id.desc()).limit(500)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a new credential allows: whose it is, its label, its scopes (none: all of the person's), and its end.

    `lists` are the ids of the lists that it is bound to; None for all.
    """

    user_id: str
    kind: Kind
    label: str = ""
    scopes: frozenset[str] = frozenset()
    expires_at: str | None = None
    parent_id: str | None = None
    client_id: str | None = None
    lists: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A credential that holds, with the caller whom it admits; `issued` is a token of an outside issuer.

    `is_stale` says that its last use should be noted.
    """

    caller: Caller
    kind: Kind | Literal["issued"]
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A new credential: its id, and the secret, which nothing stores."""

    id: str
    secret: str


def write_secret(kind: Kind | Literal["question", "calendar"], chance: bytes) -> str:
    """Return a secret of 256 random bits: a prefix that scanners know, the bits, and their checksum."""
    body = PREFIXES[kind] + _encode(chance)
    return body + _encode(crc32(body.encode()).to_bytes(4, "big"))


def digest_secret(secret: str) -> str | None:
    """Return the SHA-256 under which a secret is stored, in hexadecimal; None for what cannot be one of ours.

    The checksum tells a mistyped or cut one without a look into the database.
    """
    if len(secret) != _LENGTH or not secret.isascii() or secret[:4] not in PREFIXES.values():
        return None
    if _encode(crc32(secret[:-6].encode()).to_bytes(4, "big")) != secret[-6:]:
        return None
    return sha256(secret.encode()).hexdigest()


def create_credential(connection: Connection, grant: Grant, now: datetime, ids: Ids, draw: Callable[[], bytes]) -> Made:
    """Store a credential and return its id and its secret."""
    made = Made(ids.new(), write_secret(grant.kind, draw()))
    store_credential(connection, made.id, digest_secret(made.secret) or "", grant, now)
    return made


def store_credential(connection: Connection, key: str, digest: str, grant: Grant, now: datetime) -> None:
    """Store a credential under an id and a digest that exist already."""
    connection.execute(
        _INSERT,
        {
            "id": key,
            "user_id": grant.user_id,
            "kind": grant.kind,
            "label": grant.label,
            "digest": digest,
            "scopes": " ".join(sorted(grant.scopes)),
            "parent_id": grant.parent_id,
            "created_at": write_instant(now),
            "expires_at": grant.expires_at,
            "client_id": grant.client_id,
            "lists": None if grant.lists is None else " ".join(sorted(grant.lists)),
        },
    )


def find_credential(connection: Connection, digest: str, now: datetime) -> Found | None:
    """Return the credential with this digest if it holds at this instant and its person is not disabled."""
    row = connection.execute(_FIND, {"digest": digest}).one_or_none()
    at = write_instant(now)
    if row is None or row.disabled_at is not None:
        return None
    ends = [end for end in (row.expires_at, row.parent_expires_at) if end is not None]
    if row.kind == "session":
        ends.append(write_instant(read_instant(row.used_at or row.created_at) + SESSION_IDLES))
    if row.revoked_at is not None or row.parent_revoked_at is not None or any(end <= at for end in ends):
        return None
    rights = widen(row.scopes.split()) if row.scopes else PERSON | ({ADMIN} if row.is_admin else frozenset())
    is_access = row.kind == "access"
    lists = None if row.lists is None else frozenset(row.lists.split())
    caller = Caller(
        row.user_id,
        # A connection is never the person themselves, even if its row said so; nor is a token for some of their lists.
        rights & AGENT if is_access or lists is not None else rights,
        # Its tokens change every hour; what is undone, counted and noted is the connection's.
        credential=row.parent_id if is_access else row.id,
        label="" if row.kind == "session" else row.label,
        expires_at=min(ends, default=""),
        by_page=row.kind == "session",
        name=row.name or "",
        lists=lists,
    )
    used_at = row.parent_used_at if is_access else row.used_at
    is_stale = used_at is None or read_instant(used_at) + TOUCHED_EVERY <= now
    return Found(caller, row.kind, is_stale)


def touch_credential(connection: Connection, credential_id: str, now: datetime) -> None:
    """Note the last use of a credential."""
    connection.execute(_TOUCH, {"key": credential_id, "at": write_instant(now)})


def spend_invitation(connection: Connection, credential_id: str, now: datetime) -> bool:
    """Use an invitation up; return False if somebody else has just done so."""
    return connection.execute(_SPEND, {"key": credential_id, "at": write_instant(now)}).rowcount == 1


def revoke_credential(connection: Connection, user_id: str, credential_id: str, now: datetime) -> bool:
    """Revoke one credential of a person, with the sessions that were opened by it; return whether there was one."""
    key = {"user": user_id, "key": credential_id, "at": write_instant(now)}
    return connection.execute(_REVOKE, key).rowcount > 0


def revoke_any(connection: Connection, credential_id: str, now: datetime) -> bool:
    """Revoke one credential of anybody, as the operator; return whether there was one."""
    owner = connection.execute(select(_T.c.user_id).where(_T.c.id == credential_id)).scalar()
    return owner is not None and revoke_credential(connection, owner, credential_id, now)


def revoke_all(connection: Connection, user_id: str, kinds: Iterable[Kind], now: datetime) -> int:
    """Revoke all credentials of a person of these kinds; return how many there were."""
    at = write_instant(now)
    return sum(connection.execute(_REVOKE_ALL, {"user": user_id, "of_kind": kind, "at": at}).rowcount for kind in kinds)


def list_credentials(connection: Connection, user_id: str, kind: Kind, now: datetime) -> list[dict[str, Any]]:
    """Return a person's credentials of a kind that still hold, newest first.

    Each is `{id, name, scopes, created_at, expires_at?, last_used_at?}`; no secret can be shown again.
    """
    at = write_instant(now)
    rows = connection.execute(_LIST, {"user": user_id, "of_kind": kind})
    return [
        view_credential(row)
        for row in rows
        if row.revoked_at is None and (row.expires_at is None or row.expires_at > at)
    ]


def view_credential(row: Any) -> dict[str, Any]:
    """Return a credential as its owner sees it."""
    view = {"id": row.id, "name": row.label, "scopes": row.scopes.split(), "created_at": row.created_at}
    if row.expires_at is not None:
        view["expires_at"] = row.expires_at
    if row.used_at is not None:
        view["last_used_at"] = row.used_at
    if row.lists is not None:
        view["lists"] = row.lists.split()
    return view


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
