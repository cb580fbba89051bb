"""The door: recognises who a request comes from by the secret that it shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from app.access.credentials import ADMITTED, Found, digest_secret, find_credential, touch_credential
from app.access.issuer import Issuer, Login
from app.access.people import find_login
from app.identity import LOCAL, Caller
from app.storage.port import Database
from events.instants import write_instant
from events.ports import Clock
from todo.errors import Forbidden, StorageUnavailable, TodoError

TRUSTED_FOR = timedelta(seconds=0.8)
"""How long a look into the database is trusted: what is revoked anywhere is refused everywhere within a second."""
MOST_KNOWN = 10_000


@dataclass(slots=True)
class Door:
    """Admits callers by their credentials; one that was seen less than a second ago costs no query."""

    database: Database
    clock: Clock
    issuer: Issuer | None = None
    provision: Callable[[Connection, Login], None] | None = None
    """Adds a person for an unknown subject of the issuer; None where operators alone add people."""
    _known: dict[str, tuple[Found, datetime]] = field(default_factory=dict)

    async def admit(self, secret: str) -> Caller | None:
        """Return the caller with this token or session, None for anything else.

        An invitation does not admit: it only opens a session. Nor do codes and refresh tokens. Raises
        `StorageUnavailable`.
        """
        found = await self.find(secret)
        return found.caller if found is not None and found.kind in ADMITTED else None

    async def find(self, secret: str) -> Found | None:
        """Return the credential behind a secret if it holds now. Raises `StorageUnavailable`."""
        if self.issuer is not None and secret.count(".") == 2:
            return await self._find_login(self.issuer, secret)
        digest = digest_secret(secret)
        if digest is None:
            return None
        now = self.clock.now()
        if (known := self._recall(digest, now)) is not None:
            return known
        found = await self.database.read(lambda connection: find_credential(connection, digest, now))
        if found is None:
            return None
        if found.is_stale:
            await self._touch(found, now)
        self._keep(digest, found, now)
        return found

    async def recheck(self, secret: str, caller: Caller) -> Caller | None:
        """Return whom a secret admits now, None if it has ended.

        If the database is away, that cannot be known: the caller stays, and the storage refuses their calls itself.
        """
        try:
            return await self.admit(secret)
        except StorageUnavailable:
            return caller
        except TodoError:
            return None

    async def recognise(self, login: Login) -> Any:
        """Return the row of the person whom an issuer vouches for; raises `UnknownPerson`."""
        row = await self.database.read(lambda connection: find_login(connection, login.issuer, login.subject))
        if row is None and self.provision is not None:
            provision = self.provision
            await self.database.write(lambda connection: provision(connection, login))
            row = await self.database.read(lambda connection: find_login(connection, login.issuer, login.subject))
        if row is None:
            raise UnknownPerson(
                "The issuer vouches for you, but nobody here knows you, or you are disabled.", "Ask the operator."
            )
        return row

    async def _find_login(self, issuer: Issuer, token: str) -> Found | None:
        """Return the caller behind an issuer's access token; raises `Forbidden` for an unknown subject."""
        now, digest = self.clock.now(), sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        if (known := self._recall(digest, now)) is not None:
            return known
        login = await issuer.verify(token)
        if login is None:
            return None
        row = await self.recognise(login)
        # An issuer's tokens are short-lived: what they have in common is the client that they were issued to.
        caller = Caller(
            row.id,
            login.scopes,
            credential=f"oidc:{login.client or login.issuer}",
            label=login.client,
            name=row.name or "",
            expires_at=write_instant(login.expires_at),
        )
        found = Found(caller, "issued", is_stale=False)
        self._keep(digest, found, now)
        return found

    def _recall(self, digest: str, now: datetime) -> Found | None:
        """Return what was found under a digest if that was less than a second ago and has not ended since."""
        found, until = self._known.get(digest, (None, now))
        end = "" if found is None else found.caller.expires_at
        return found if now < until and not (end and end <= write_instant(now)) else None

    def _keep(self, digest: str, found: Found, now: datetime) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[digest] = (found, now + TRUSTED_FOR)

    def forget(self) -> None:
        """Forget whom the door knows, after a credential or a person has changed in this process."""
        self._known.clear()

    async def _touch(self, found: Found, now: datetime) -> None:
        """Note the last use; a database that takes no writes still lets its people read."""
        try:
            await self.database.write(lambda connection: touch_credential(connection, found.caller.credential, now))
        except StorageUnavailable:
            return


class UnknownPerson(Forbidden):
    """An issuer's token holds, but its subject is unknown here."""


class Unauthenticated(TodoError):
    """No credential was shown, or one that does not hold."""

    code = "unauthenticated"


async def admit_program(door: Door | None, secret: str | None) -> Caller:
    """Return the caller of a program on this machine: the local person, or whose token it shows.

    Raises `Unauthenticated`.
    """
    if door is None:
        return LOCAL
    caller = await door.admit(secret) if secret else None
    if caller is None:
        raise Unauthenticated(
            "This service has several people (TODO_AUTH=token), and TODO_TOKEN names none of them.",
            "Make one with `token create --user NAME`, and set TODO_TOKEN or TODO_TOKEN_FILE.",
        )
    return caller
