"""The hosts that are served, and the origins whose pages may call."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

_PROGRAM_PATHS = ("/mcp", "/token", "/register", "/revoke")

Origin = tuple[str, str, int]
"""Scheme, host and port (RFC 6454, section 4)."""


def read_origin(text: str) -> Origin | None:
    """Return an origin as browsers write it, `http://localhost:8000`; None for any other text."""
    scheme, separator, authority = text.partition("://")
    match = _AUTHORITY.fullmatch(authority)
    if not separator or scheme not in _PORTS or match is None:
        return None
    return scheme, match[1].lower(), int(match[2] or _PORTS[scheme])


def name_host(url: str) -> str:
    """Return the host of a URL as the header `Host` names it, with brackets around an IPv6 address; "" without one."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Origins:
    """What may call: pages of the served hosts on the port that was called, of the public URL, and `others`.

    `others` are the origins that the operator allows; they may call only what programs call.
    """

    hosts: frozenset[str]
    public: Origin | None = None
    others: frozenset[Origin] = frozenset()

    def serves(self, host: str) -> bool:
        """Return whether a header `Host` names a host of ours."""
        match = _AUTHORITY.fullmatch(host)
        return match is not None and match[1].lower() in self.hosts

    def allows(self, origin: str, host: str, path: str) -> bool:
        """Return whether a page of this origin may call this path under this header `Host`."""
        known = read_origin(origin)
        if known is None:
            return False
        if known == self.public or (known in self.others and is_for_programs(path)):
            return True
        if self.public is not None and self.public[0] == "https" and known[1] == self.public[1]:
            return False  # a page that came without TLS may be anyone's
        called = read_origin(f"http://{host}")
        return called is not None and known[0] == "http" and known[1] in self.hosts and known[2] == called[2]


def is_for_programs(path: str) -> bool:
    """Return whether programs in a browser may call a path, if the operator allows their origin."""
    return path in _PROGRAM_PATHS or path.startswith(("/v1/", "/.well-known/"))


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
