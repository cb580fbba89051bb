"""Scopes: what a caller may do, in the words that tokens and OAuth use."""

from collections.abc import Iterable

READ = "tasks:read"
WRITE = "tasks:write"
DELETE = "tasks:delete"
CONFIRM = "confirm"
ADMIN = "admin"

SCOPES = (READ, WRITE, DELETE, CONFIRM, ADMIN)
"""All scopes, the narrow ones first."""

MEANINGS = {
    READ: "read tasks",
    WRITE: "change tasks",
    DELETE: "delete tasks",
    CONFIRM: "decide what agents and tokens may do",
    ADMIN: "look after the people of this service",
}
"""What each scope allows, as the end of "this token may …"."""

_IMPLIED = {WRITE: (READ,), DELETE: (READ, WRITE)}


def widen(scopes: Iterable[str]) -> frozenset[str]:
    """Return scopes with those that they imply: writing implies reading, deleting implies writing."""
    given = frozenset(scopes)
    return given.union(*(_IMPLIED.get(scope, ()) for scope in given))


AGENT = widen([DELETE])
"""The most that an agent's token or connection can have."""
PERSON = widen([DELETE, CONFIRM])
"""What a person may do with what is theirs."""
EVERYTHING = widen(SCOPES)
"""What the local person and the service's own work may do."""
