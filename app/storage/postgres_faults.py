"""What goes wrong with PostgreSQL, and what is said of it."""

import ssl

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from todo.errors import InvalidArguments, StorageUnavailable

FAULTS = (
    *(DBAPIError, PoolTimeoutError, PendingRollbackError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError),
)
"""What a call may meet that is the database's fault and not its own."""

_HELD = ("Another call holds what this one needs.", "Try again in a moment.")
_AWAY = ("The database cannot be reached.", "Try again in a moment; check that it runs.")
CROWDED = ("Too many calls wait for the database.", "Try again in a moment.")
SILENT = ("The database does not answer.", "Try again in a moment; check that it runs.")
_REFUSED = ("The database refuses this program's user.", "Check TODO_DATABASE_URL and the user's rights.")
_IO = ("The database's disk reported an error.", "Check the database server.")
# By SQLSTATE, or by its class: the first two characters (PostgreSQL, appendix A).
_SENTENCES = {
    "08": _AWAY,
    "28": _REFUSED,
    "3D": ("There is no such database.", "Create it, or correct TODO_DATABASE_URL."),
    "40": _HELD,
    "42501": _REFUSED,
    "53": ("The database has no room or no memory left.", "Free some, then try again."),
    "53300": ("The database has too many connections.", "Try again in a moment."),
    "55P03": _HELD,
    "57": _AWAY,
    "57014": ("The database took too long.", "Try again in a moment."),
    "58": _IO,
    "25006": ("The database is read-only.", "Point TODO_DATABASE_URL at a server that takes writes."),
    "25P03": _AWAY,
    "XX": _IO,
}
_UNSTORABLE = ("A text holds a character that cannot be stored, such as NUL.", "Leave it out.")
_CLOSED = "connection is closed"
"""What asyncpg says of a statement after the loss; it has no class of its own for it."""
GONE = ("08", "57P", "25P03")

MISCONFIGURED = (
    asyncpg.ClientConfigurationError,
    ssl.SSLError,
    ConnectionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.ProtocolViolationError,
)
"""What an attempt to connect may raise because of the address or of the server's configuration."""
_NO_TLS = (
    "The database server offers no TLS, which sslmode in TODO_DATABASE_URL asks for.",
    "Turn TLS on at the server, or ask for less with sslmode=prefer.",
)
_NO_TRUST = (
    "The TLS connection to the database is refused: {why}.",
    "Check sslmode, sslrootcert and the other ssl… options in TODO_DATABASE_URL.",
)
_NO_SETTING = (
    "The database server does not know a setting that options in TODO_DATABASE_URL gives.",
    "Correct options, or leave it out.",
)
_NO_POOLER = (
    "The pooler before the database does not take the settings of a session.",
    "Let PgBouncer ignore them (ignore_startup_parameters), or connect to the server itself.",
)
_WHY = 200
"""Most characters of a library's reason in a sentence."""
_NO_ADDRESS = ("The database's address cannot be used: {why}.", "Correct TODO_DATABASE_URL.")


def sqlstate_of(error: BaseException | None) -> str:
    """Return the SQLSTATE of a database error, or "" if it has none."""
    if isinstance(error, DBAPIError):
        error = error.orig
    return getattr(error, "sqlstate", None) or ""


def is_conflict(error: BaseException) -> bool:
    """Return whether a concurrent transaction caused the failure: a serialisation failure or a deadlock."""
    return sqlstate_of(error) in ("40001", "40P01")


def is_gone(error: BaseException) -> bool:
    """Return whether the connection is lost."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, PendingRollbackError | ConnectionResetError | BrokenPipeError):
        return True  # the first: a statement after the one that met the loss
    if isinstance(error, asyncpg.InterfaceError) and _CLOSED in str(error):
        return True
    return sqlstate_of(error).startswith(GONE)


def name_cause(error: BaseException) -> str:
    """Return the name of the driver's own error, such as `AdminShutdownError`: its text may hold a statement."""
    inner = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return type(inner.__cause__ or inner).__name__


def to_refusal(error: Exception) -> Exception:
    """Return a storage fault as a `StorageUnavailable`, text that cannot be stored as `InvalidArguments`.

    Any other error is returned unchanged.
    """
    state = sqlstate_of(error)
    sentence = _SENTENCES.get(state) or _SENTENCES.get(state[:2])
    if sentence is None and isinstance(error, PoolTimeoutError):
        sentence = _HELD
    elif sentence is None and (isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError) or is_gone(error)):
        sentence = _AWAY
    if sentence is None:
        # A character that PostgreSQL cannot store, which no row can hold either: NUL, half a surrogate pair.
        return InvalidArguments(*_UNSTORABLE) if state in ("22021", "22P05") else error
    unavailable = StorageUnavailable(*sentence)
    unavailable.__cause__ = error
    return unavailable


def refuse_configuration(error: Exception) -> StorageUnavailable | None:
    """Return the refusal for a connection that cannot come about as it is configured; None for any other failure."""
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", "") or (error.reason or "it failed").replace("_", " ").lower()
        return StorageUnavailable(_NO_TRUST[0].format(why=why[:_WHY]), _NO_TRUST[1])
    if isinstance(error, asyncpg.UndefinedObjectError | asyncpg.InvalidParameterValueError):
        return StorageUnavailable(*_NO_SETTING)
    if isinstance(error, asyncpg.ProtocolViolationError):
        return StorageUnavailable(*_NO_POOLER) if "startup parameter" in str(error) else None
    if isinstance(error, asyncpg.ClientConfigurationError):
        return StorageUnavailable(_NO_ADDRESS[0].format(why=str(error).rstrip(".")[:_WHY]), _NO_ADDRESS[1])
    # The driver has no class of its own for a server that answers no.
    return StorageUnavailable(*_NO_TLS) if "rejected SSL upgrade" in str(error) else None
