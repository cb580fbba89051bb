"""What a new token or invitation allows, as a person or an operator asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.access.credentials import INVITATION_LASTS, Grant
from events.instants import write_instant
from todo.errors import InvalidArguments
from todo.record.scopes import AGENT, SCOPES, widen
from todo.record.work import Who
from todo.text.when import read_duration

LONGEST_LABEL = 64
SHORTEST_LIFE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A personal token as it is asked for: its label, its scopes, and how long it lasts; None is for ever."""

    label: str
    scopes: frozenset[str]
    lasts: timedelta | None

    def make_grant(self, who: Who, now: datetime) -> Grant:
        """Return the grant for the asking person. Raises `Forbidden` for a scope that they do not have themselves."""
        who.require(*sorted(self.scopes))
        return self.grant_to(who.user_id, now)

    def grant_to(self, user_id: str, now: datetime) -> Grant:
        """Return the grant for a person, as the operator decides it."""
        expires_at = None if self.lasts is None else write_instant(now + self.lasts)
        return Grant(user_id, "personal", self.label, self.scopes, expires_at)

    def view(self, grant: Grant) -> dict[str, Any]:
        """Return the token as its owner sees it, without the secret."""
        view: dict[str, Any] = {"name": self.label, "scopes": sorted(self.scopes)}
        return view if grant.expires_at is None else {**view, "expires_at": grant.expires_at}


def read_token(raw: Mapping[str, Any]) -> NewToken:
    """Read `{name?, scopes?, expires?}`; raises `InvalidArguments` and `InvalidTime`.

    Without `scopes` it is what an agent may have: reading, changing and deleting tasks. `expires` is a duration such as
    `90d`.
    """
    if unknown := raw.keys() - {"name", "scopes", "expires"}:
        raise InvalidArguments(f"{min(unknown)[:40]!r} is not known here.", "Use name, scopes and expires.")
    label, scopes, expires = (raw.get(name) for name in ("name", "scopes", "expires"))
    # Nothing else that is empty stands for "not given": {} or false may be a mistake in what it should allow.
    label, scopes = "" if label is None else label, [] if scopes is None else scopes
    if not isinstance(label, str) or len(label) > LONGEST_LABEL or not label.isprintable():
        raise InvalidArguments("name is a text of at most 64 characters.", 'Give one such as "my laptop".')
    if isinstance(scopes, str):
        scopes = scopes.replace(",", " ").split()
    if not isinstance(scopes, list) or not all(isinstance(each, str) and each in SCOPES for each in scopes):
        raise InvalidArguments("scopes has one that does not exist.", f"There are: {', '.join(SCOPES)}.")
    return NewToken(label.strip(), widen(scopes) if scopes else AGENT, _read_life(expires))


def grant_invitation(user_id: str, now: datetime) -> Grant:
    """Return the grant of an invitation: one sign-in within 72 hours."""
    return Grant(user_id, "invitation", expires_at=write_instant(now + INVITATION_LASTS))


def _read_life(text: Any) -> timedelta | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise InvalidArguments("expires is a duration.", 'Write it as "90d" or "12h".')
    duration = read_duration(text)
    lasts = timedelta(days=duration.days, seconds=duration.seconds)
    if lasts < SHORTEST_LIFE:
        raise InvalidArguments("expires is at least one minute.", 'Write it as "90d" or "12h".')
    return lasts


def link_invitation(url: str, secret: str) -> str:
    """Return the link of an invitation; a fragment is sent to no server, so that the secret is in no log."""
    return f"{url}/#invitation={secret}"
