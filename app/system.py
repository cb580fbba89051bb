"""The real clock, the real ids and real chance: the only place that asks the machine for any of them."""

from datetime import UTC, datetime
from random import Random

import uuid_utils

_CHANCE = Random()  # noqa: S311  # pauses, not secrets


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock


class SystemIds:
    """UUIDv7 (RFC 9562, section 5.7): sorts by time of creation."""

    def new(self) -> str:
        """Return a new id as lower-case text."""
        return str(uuid_utils.uuid7())


def spread_pauses() -> float:
    """Return a factor around 1 for a pause, so that processes that failed together do not try again together."""
    return _CHANCE.uniform(0.8, 1.2)


Chance = Random
"""Chance that repeats itself: begun with the same seed it takes the same turns."""
