"""The exponential backoff after failed attempts."""

from datetime import datetime, timedelta

from events.instants import write_instant

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 300.0


def next_attempt(now: datetime, attempts: int) -> datetime:
    """Return when to retry after `attempts` failures: after 0.1 s, doubled each time, at most five minutes."""
    return now + timedelta(seconds=min(FIRST_SECONDS * 2 ** min(attempts, 20), LONGEST_SECONDS))


def write_span(now: datetime) -> dict[str, str]:
    """Return `{now, latest}`: an attempt is due up to `now`, and after `latest`, where only a wrong clock puts it."""
    return {"now": write_instant(now), "latest": write_instant(now + timedelta(seconds=LONGEST_SECONDS))}
