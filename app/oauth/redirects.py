"""Redirect addresses: which ones a program may have its answers sent to, and when two of them are the same."""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit, urlunsplit

from app.origins import is_loopback, read_origin

PRIVATE_SCHEMES = ("cursor", "vscode", "vscode-insiders")
"""The schemes of editors that take their answers by an address of their own (RFC 8252, section 7.1)."""
LONGEST = 2_000


def check_redirect(address: str) -> str:
    """Return what is wrong with a redirect address; "" if it may be used."""
    if len(address) > LONGEST or not address.isascii() or not address.isprintable():
        return "is too long or has unusual characters"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "cannot be read"
    if port == 0:
        return "names the port 0"
    if "#" in address:
        return "has a fragment"
    if "\\" in address or " " in address or read_origin(f"http://{parts.netloc}") is None:
        return "has a user name or unusual characters"
    is_usable = parts.scheme in ("https", *PRIVATE_SCHEMES) or (parts.scheme == "http" and is_loopback(host))
    return "" if is_usable else "is neither https, nor http on this computer, nor of a known editor"


def find_match(given: str, registered: Iterable[str]) -> bool:
    """Return whether a redirect address is one of those that a program has named.

    They must be the same to the character; on loopback any port will do (RFC 8252, section 7.3).
    """
    named = set(registered)
    return given in named or (_is_loopback(given) and _leave_port_out(given) in map(_leave_port_out, named))


def is_local(address: str) -> bool:
    """Return whether an address leads to a program on the person's own computer, which cannot prove its name."""
    return urlsplit(address).scheme != "https"


def name_target(address: str) -> str:
    """Return where an address leads, for people to read: its host, or its scheme."""
    parts = urlsplit(address)
    return (parts.hostname or "") if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def find_source(address: str) -> str:
    """Return an address as a source of a content security policy (CSP 3, section 2.3.1): origin or scheme."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def add_query(address: str, values: dict[str, str | None]) -> str:
    """Return an address with further query parameters; those that are None are left out."""
    parts = urlsplit(address)
    added = [f"{name}={quote(value, safe='')}" for name, value in values.items() if value is not None]
    return urlunsplit(parts._replace(query="&".join([*([parts.query] if parts.query else []), *added])))


def _is_loopback(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def _leave_port_out(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.hostname or "")) if _is_loopback(address) else address
