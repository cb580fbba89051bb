"""What a new token or invitation allows, as a person or an operator asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.access.bindings import bind_lists, read_lists
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
    """A personal token as it is asked for: its label, its scopes, how long it lasts (None: for ever), and its lists.

    `lists` are the names of those that it is bound to; None for all.
    """

    label: str
    scopes: frozenset[str]
    lasts: timedelta | None
    lists: tuple[str, ...] | None = None

    def make_grant(self, who: Who, connection: Connection, now: datetime) -> Grant:
        """Return the grant for the asking person.

        Raises `Forbidden` for a scope that they do not have themselves, and as `grant_to` does.
        """
        who.require(*sorted(self.scopes))
        return self.grant_to(who.user_id, connection, now)

    def grant_to(self, user_id: str, connection: Connection, now: datetime) -> Grant:
        """Return the grant for a person, as the operator decides it.

        Raises `InvalidArguments` for a list that they do not have.
        """
        expires_at = None if self.lasts is None else write_instant(now + self.lasts)
        lists = None if self.lists is None else bind_lists(connection, user_id, self.lists)
        return Grant(user_id, "personal", self.label, self.scopes, expires_at, lists=lists)

    def view(self, grant: Grant) -> dict[str, Any]:
        """Return the token as its owner sees it, without the secret."""
        view: dict[str, Any] = {"name": self.label, "scopes": sorted(self.scopes)}
        if grant.lists is not None:
            view["lists"] = sorted(grant.lists)
        return view if grant.expires_at is None else {**view, "expires_at": grant.expires_at}


def read_token(raw: Mapping[str, Any]) -> NewToken:
    """Read `{name?, scopes?, expires?, lists?}`; raises `InvalidArguments` and `InvalidTime`.

    Without `scopes` it is what an agent may have: reading, changing and deleting tasks. `expires` is a duration such as
    `90d`. `lists` are names of lists to which it is bound; such a token decides nothing for the person.
    """
    if unknown := raw.keys() - {"name", "scopes", "expires", "lists"}:
        raise InvalidArguments(f"{min(unknown)[:40]!r} is not known here.", "Use name, scopes, expires and lists.")
    lists = read_lists(raw.get("lists"))
    label, scopes, expires = (raw.get(name) for name in ("name", "scopes", "expires"))
    # Nothing else that is empty stands for "not given": {} or false may be a mistake in what it should allow.
    label, scopes = "" if label is None else label, [] if scopes is None else scopes
    if not isinstance(label, str) or len(label) > LONGEST_LABEL or not label.isprintable():
        raise InvalidArguments("name is a text of at most 64 characters.", 'Give one such as "my laptop".')
    if isinstance(scopes, str):
        scopes = scopes.replace(",", " ").split()
    if not isinstance(scopes, list) or not all(isinstance(each, str) and each in SCOPES for each in scopes):
        raise InvalidArguments("scopes has one that does not exist.", f"There are: {', '.join(SCOPES)}.")
    if lists is not None and not AGENT.issuperset(scopes):
        raise InvalidArguments(
            "A token for some lists cannot have confirm or admin: both are about all that is the person's.",
            f"Leave them out; there are: {', '.join(scope for scope in SCOPES if scope in AGENT)}.",
        )
    return NewToken(label.strip(), widen(scopes) if scopes else AGENT, _read_life(expires), lists)


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
