"""Programs that may ask for a connection: those that registered themselves, and those that an https URL describes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mcp.shared.auth import InvalidRedirectUriError, InvalidScopeError, OAuthClientInformationFull
from pydantic import AnyUrl
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from app.access.models import Credential, OAuthClient
from app.oauth.redirects import check_redirect, find_match
from events.instants import write_instant
from events.sql import table_of
from todo.record.scopes import AGENT, SCOPES
from todo.text.display import is_seen, show_text

LONGEST_NAME = 64
MOST_REDIRECTS = 20
MOST_UNUSED = 1_000
"""The most registered programs that have never got a person's consent."""
UNUSED_LASTS, UNUSED_LASTS_WHEN_FULL = timedelta(days=1), timedelta(hours=1)
IDLE_LASTS = timedelta(days=30)
"""How long a program is known after its last consent, once it has no connection left."""
_T = table_of(OAuthClient)
_C = table_of(Credential)
_ROW = select(_T).where(_T.c.id == bindparam("key"))
_IS_REGISTERED = _T.c.fresh_until.is_(None)


class Client(OAuthClientInformationFull):
    """A program as the SDK's handlers know it, with our rules on redirects and scopes.

    Its secret is never here, only the SHA-256 of it. `shown_name` is safe in a sentence. `asked_redirect` is the
    redirect address of the present request to the character, before it was parsed.
    """

    secret_digest: str | None = None
    shown_name: str = ""
    asked_redirect: str = ""

    @property
    def is_described(self) -> bool:
        """Whether its id is the URL of its description."""
        return is_address(self.client_id)

    @property
    def addresses(self) -> list[str]:
        """Its redirect addresses."""
        return [str(each) for each in self.redirect_uris or []]

    def validate_scope(self, requested_scope: str | None) -> list[str] | None:
        """Return the scopes of ours that a request names; None without any. Names of others' are passed over.

        Raises `InvalidScopeError` if none is left, or one that is never given to a program.
        """
        wanted = set((requested_scope or "").split())
        if refused := sorted((wanted & set(SCOPES)) - AGENT):
            raise InvalidScopeError(f"{refused[0]} is never given to a program. There are: {_list_scopes()}.")
        if wanted and not wanted & AGENT:
            raise InvalidScopeError(f"These scopes are unknown here. There are: {_list_scopes()}.")
        return sorted(wanted & AGENT) or None

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """Return the redirect address of a request; raises `InvalidRedirectUriError` unless the program named it."""
        if redirect_uri is None and len(self.addresses) == 1:
            return AnyUrl(self.addresses[0])
        if redirect_uri is None or not find_match(self.asked_redirect, self.addresses):
            raise InvalidRedirectUriError("This is not an address that the program has registered for its answers.")
        return redirect_uri


def is_address(client_id: str) -> bool:
    """Return whether a client's id is the address of its description."""
    return client_id.startswith("https://")


def name_client(given: Any, fallback: str) -> str:
    """Return a program's name as people see it: nothing hidden in it, at most 64 characters."""
    name = show_text(" ".join(str(given or "").split()))[:LONGEST_NAME]
    return name if is_seen(name) else fallback[:LONGEST_NAME]


def check_redirects(addresses: Iterable[str]) -> str:
    """Return what is wrong with a program's redirect addresses; "" if all may be used."""
    given = list(addresses)
    if not 0 < len(given) <= MOST_REDIRECTS:
        return f"One to {MOST_REDIRECTS} redirect addresses are needed."
    for address in given:
        if problem := check_redirect(address):
            return f"{address[:200]!r} {problem}."
    return ""


def store_client(connection: Connection, client: Client, now: datetime, fresh_until: datetime | None = None) -> None:
    """Store a program, or what its description says now; `fresh_until` is for a described one."""
    values = {
        "name": client.shown_name,
        "metadata_json": to_json(
            {
                "redirect_uris": client.addresses,
                "grant_types": client.grant_types,
                "token_endpoint_auth_method": client.token_endpoint_auth_method,
            }
        ).decode(),
        "secret_digest": client.secret_digest,
        "fresh_until": None if fresh_until is None else write_instant(fresh_until),
    }
    if connection.execute(update(_T).where(_T.c.id == client.client_id).values(**values)).rowcount == 0:
        connection.execute(insert(_T), {"id": client.client_id, "created_at": write_instant(now), **values})


def find_client(connection: Connection, client_id: str) -> tuple[Client, str] | None:
    """Return a stored program and until when its description is fresh ("" for a registered one)."""
    row = connection.execute(_ROW, {"key": client_id}).one_or_none()
    if row is None:
        return None
    client = Client.model_validate({"client_id": row.id, "client_name": row.name, **from_json(row.metadata_json)})
    return client.model_copy(update={"secret_digest": row.secret_digest, "shown_name": row.name}), row.fresh_until or ""


def count_unused(connection: Connection) -> int:
    """Return how many registered programs have never got a consent."""
    statement = select(func.count()).select_from(_T).where(_IS_REGISTERED, _T.c.used_at.is_(None))
    return int(connection.execute(statement).scalar_one())


def note_consent(connection: Connection, client_id: str, now: datetime) -> None:
    """Note that a program got a person's consent: from now on it counts as used."""
    connection.execute(update(_T).where(_T.c.id == client_id).values(used_at=write_instant(now)))


def forget_idle(connection: Connection, now: datetime, unused_lasts: timedelta = UNUSED_LASTS) -> None:
    """Delete the programs without a connection: a while after they came, or a month after their last consent."""
    idle = or_(
        and_(_T.c.used_at.is_(None), _T.c.created_at <= write_instant(now - unused_lasts)),
        _T.c.used_at <= write_instant(now - IDLE_LASTS),
    )
    connection.execute(delete(_T).where(idle, ~_has_connection(now)))


def forget_disconnected(connection: Connection, client_id: str, now: datetime) -> None:
    """Delete a registered program whose last connection has ended: it hears `invalid_client`, and registers again."""
    connection.execute(delete(_T).where(_T.c.id == client_id, _IS_REGISTERED, ~_has_connection(now)))


def _has_connection(now: datetime) -> Any:
    return exists().where(
        _C.c.client_id == _T.c.id,
        _C.c.kind == "connection",
        _C.c.revoked_at.is_(None),
        _C.c.expires_at > write_instant(now),
    )


def _list_scopes() -> str:
    return ", ".join(each for each in SCOPES if each in AGENT)
