"""The real clock and the real ids: the only place that asks the machine for either."""

from datetime import UTC, datetime

import uuid_utils


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
