"""Durations and instants as other products write them."""

import re
from datetime import UTC, datetime

_PERIOD = re.compile(r"([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?")
_COMPACT = re.compile(r"(\d{8})T(\d{6})Z")


def read_trigger(text: str) -> str | None:
    """Return a trigger (RFC 5545, section 3.8.6.3) before its due as a duration of ours; None for one after it."""
    found = _PERIOD.fullmatch(text.strip())
    if found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    total = ((weeks * 7 + days) * 24 + hours) * 60 + minutes + seconds // 60
    if total and found[1] != "-":
        return None
    return write_minutes(total)


def write_minutes(total: int) -> str:
    """Return minutes as a duration of ours."""
    if total and total % 1_440 == 0:
        return f"{total // 1_440}d"
    return f"{total}m"


def read_compact(text: str) -> str:
    """Return an instant written `20261127T160000Z` in the usual form; raises ValueError."""
    found = _COMPACT.fullmatch(text)
    if found is None:
        raise ValueError(text[:40])
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat()
