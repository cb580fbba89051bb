"""Receivers: what answers behind a channel's address; many channels can share one, and its share of the sender."""

from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}


def name_receiver(kind: str, address: str) -> str:
    """Return the name of what answers at a channel's address: a host and port, the mail server, or a target."""
    if kind == "email":
        return "email"
    if kind == "apprise":
        return f"apprise {address}"
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"
