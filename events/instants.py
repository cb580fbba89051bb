"""Instants as text of fixed width in UTC, so that text order is time order."""

from datetime import UTC, datetime


def write_instant(at: datetime) -> str:
    """Return `2026-11-23T15:04:05.123456Z` (RFC 3339); raises `ValueError` for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_instant(text: str) -> datetime:
    """Return the aware UTC datetime of a text that `write_instant` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)


def shorten_instant(text: str) -> str:
    """Return an instant without a fraction of zero, as answers and events show it."""
    return text.replace(".000000Z", "Z")
