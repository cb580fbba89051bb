"""The database's address as an operator writes it: options of libpq taken, or refused by name."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")

_DRIVER = frozenset(
    (
        *("host", "port", "dbname", "user", "password", "passfile", "service", "target_session_attrs"),
        *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib"),
    )
)
"""Options of libpq (PostgreSQL 18, section 32.1.2) that the driver reads itself."""
_OURS = frozenset(("connect_timeout", "application_name", "options"))
_WATCHED = (*("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"), "tcp_user_timeout")
_HOLDS: dict[str, frozenset[str] | None] = {
    # Each call has its own limit of time, so a dead connection is noticed without the system's help.
    **dict.fromkeys(_WATCHED),
    "fallback_application_name": None,
    "channel_binding": frozenset(("prefer", "disable")),
    "client_encoding": frozenset(("auto", "utf8", "utf-8")),
    "gssdelegation": frozenset(("0",)),
    "gssencmode": frozenset(("prefer", "disable")),
    "load_balance_hosts": frozenset(("disable",)),
    "replication": frozenset(("false", "off", "no", "0")),
    "sslcertmode": frozenset(("allow",)),
    "sslcompression": frozenset(("0",)),
    "sslsni": frozenset(("1",)),
}
"""Options whose values, if they are these, ask for what is so anyway; None: any value."""
_REFUSED = frozenset(
    (
        *("hostaddr", "min_protocol_version", "max_protocol_version", "require_auth", "requirepeer", "requiressl"),
        *("scram_client_key", "scram_server_key", "sslcrldir", "sslkeylogfile"),
        *("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
    )
)
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "gsslib": ("gssapi", "sspi"),
}
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
_UNREADABLE = (
    "the address cannot be read: a port is a number from 1 to 65535, and in a user's name or password / is written "
    "%2F, ? is %3F, # is %23, @ is %40, : is %3A"
)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server's address without what the driver does not know: options of the session, and a limit in seconds."""

    dsn: str
    session: dict[str, str]
    connect_seconds: float | None


def check_database_url(url: str) -> list[str]:
    """Return what is wrong with a database's address, one sentence each; no sentence holds a secret."""
    if url.startswith(SQLITE):
        return _check_file(url.removeprefix(SQLITE))
    if not url.startswith(POSTGRESQL):
        return ["sqlite:///… or postgresql://… is served"]
    try:
        parts = urlsplit(url)
    except ValueError:
        return [_UNREADABLE]
    if parts.fragment or parts.netloc.count("@") > 1 or not _are_ports(parts.netloc.rpartition("@")[2]):
        return [_UNREADABLE]
    try:
        options = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
    except ValueError:
        return ["what stands after ? has the form name=value, with & between several"]
    return [problem for name, value in options if (problem := _check_option(name, value)) is not None]


def read_server_address(url: str) -> ServerAddress:
    """Read an address in which `check_database_url` finds nothing wrong."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    session = {name: value for name, value in options.items() if name in ("application_name", "options")}
    seconds = int(options.get("connect_timeout", "0"))
    driver = {name: value for name, value in options.items() if name in _DRIVER}
    return ServerAddress(parts._replace(query=urlencode(driver)).geturl(), session, seconds or None)


def _check_file(path: str) -> list[str]:
    if "?" in path:
        return ["a SQLite file takes no options: leave out what stands after ? (a ? in its name is written %3F)"]
    if path in ("", ":memory:"):
        return ["a file is needed, such as sqlite:///todo.db"]
    return []


def _check_option(name: str, value: str) -> str | None:
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"{name} is one of {', '.join(_CHOICES[name])}"
    if name in ("connect_timeout", *_WATCHED) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        return f"{name} is a whole number"
    if name in _FILES and not _is_readable(value):
        return f"{name}: the file cannot be read"
    if name == "port" and not _are_ports(f":{value.replace(',', ',:')}"):
        return "port is a number from 1 to 65535"
    if name in _DRIVER | _OURS:
        return None
    if name in _HOLDS:
        kept = _HOLDS[name]
        held = kept is None or value.casefold() in kept
        return None if held else f"{name} can only be {' or '.join(sorted(kept or ()))} here: leave it out"
    if name in _REFUSED:
        return f"{name} is not supported here: leave it out"
    return _say_unknown(name)


def _say_unknown(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:40])
    near = get_close_matches(name[:40], [*_DRIVER, *_OURS, *_HOLDS], 1, 0.8)
    advice = f"did you mean {near[0]}?" if near else "leave it out; a server's setting is options=-c%20name%3Dvalue"
    return f"{shown} is no option of an address: {advice}"


def _is_readable(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError:
        return False


def _are_ports(hosts: str) -> bool:
    """Return whether every host of a list has a port that can be, or none."""
    for host in hosts.split(","):
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            return False
    return True
