"""The real clock, ids and chance; the only module that asks the machine for them."""

import secrets
from datetime import UTC, datetime
from random import Random

import uuid_utils

_CHANCE = Random()  # noqa: S311  # for pauses, not for secrets


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, timezone-aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock


class SystemIds:
    """UUIDv7 (RFC 9562, section 5.7): ids that sort by their time of creation."""

    def new(self) -> str:
        """Return a new id in lower case."""
        return str(uuid_utils.uuid7())


def spread_pauses() -> float:
    """Return a factor from 0.8 to 1.2 for a pause: processes that failed together retry at different times."""
    return _CHANCE.uniform(0.8, 1.2)


def draw_secret() -> bytes:
    """Return 256 bits from the machine's source for secrets."""
    return secrets.token_bytes(32)


Chance = Random
"""Seeded chance: the same seed gives the same sequence."""
