"""How long to wait after a failed attempt."""

from datetime import datetime, timedelta

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 300.0


def next_attempt(now: datetime, attempts: int) -> datetime:
    """Return when to try again after `attempts` failures: 0.1 s, doubled each time, five minutes at the most."""
    return now + timedelta(seconds=min(FIRST_SECONDS * 2 ** min(attempts, 20), LONGEST_SECONDS))
