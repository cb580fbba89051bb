"""Rates: how much one token and one person may call, over all processes; GCRA with tokens taken in leases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from sqlalchemy import Connection, bindparam, insert, select, update

from app.access.models import RateEntry
from app.storage.port import Database
from events.ports import Clock
from events.sql import table_of, take_lock
from todo.errors import RateLimited

Kind = Literal["reads", "writes", "turns"]
LEASES = 15
"""A lease is a fifteenth of a rate: with two processes the rate is exact to some 7 %."""
LEASE_LASTS = timedelta(seconds=30)
MOST_KNOWN = 10_000

_T = table_of(RateEntry)
_READ = select(_T.c.arrival).where(_T.c.key == bindparam("name")).with_for_update()
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.key == bindparam("name")).values(arrival=bindparam("to"))


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` calls in `seconds`, all at once if need be; 0 is without a bound."""

    count: int
    seconds: int

    @property
    def interval(self) -> int:
        """Microseconds between two calls that come evenly."""
        return self.seconds * 1_000_000 // self.count

    @property
    def lease(self) -> int:
        """How many calls a process takes at a time."""
        return max(1, self.count // LEASES)


@dataclass(slots=True)
class _Lease:
    """Calls that this process may still let through."""

    left: int
    until: datetime


@dataclass(slots=True)
class Meter:
    """Lets calls through as their rates allow; only one call in some twenty asks the database."""

    database: Database
    clock: Clock
    rates: Mapping[Kind, Rate]
    _leases: dict[str, _Lease] = field(default_factory=dict)

    async def take(self, user_id: str, token: str, kind: Kind) -> None:
        """Count one call of a person, and of their token unless it is "".

        A call that is refused counts for neither. Raises `RateLimited` and `StorageUnavailable`.
        """
        rate = self.rates[kind]
        if not rate.count:
            return
        now = self.clock.now()
        keys = [f"person:{user_id}:{kind}"] + ([f"token:{token}:{kind}"] if token else [])
        empty = [key for key in keys if not self._has_left(key, now)]
        if empty:
            wanted = dict.fromkeys(empty, rate)
            granted = await self.database.write(lambda connection: _grant(connection, wanted, now))
            if isinstance(granted, float):
                raise RateLimited(kind, max(1, ceil(granted)))
            if len(self._leases) >= MOST_KNOWN:
                self._leases.clear()
            for key, count in granted.items():
                self._leases[key] = _Lease(count, now + LEASE_LASTS)
        for key in keys:
            lease = self._leases.get(key)
            if lease is not None:
                lease.left -= 1

    def _has_left(self, key: str, now: datetime) -> bool:
        lease = self._leases.get(key)
        return lease is not None and lease.left > 0 and now < lease.until


def take_one(connection: Connection, rates: Mapping[str, Rate], now: datetime) -> int:
    """Count one call under each of some keys, exactly; return 0, or the seconds to wait if one has none left."""
    granted = _grant(connection, rates, now)
    return max(1, ceil(granted)) if isinstance(granted, float) else 0


def _grant(connection: Connection, rates: Mapping[str, Rate], now: datetime) -> dict[str, int] | float:
    """Return how many calls each key is granted; or, if one has none left, the seconds until it has."""
    at = int(now.timestamp() * 1_000_000)
    arrivals: dict[str, int] = {}
    waits: list[float] = []
    for key, rate in sorted(rates.items(), key=lambda each: each[0]):
        take_lock(connection, "rate", key)
        known = connection.execute(_READ, {"name": key}).scalar()
        arrivals[key] = max(known or 0, at)
        if known is None:
            connection.execute(_INSERT, {"key": key, "arrival": at})
        waits.append((arrivals[key] + rate.interval - rate.count * rate.interval - at) / 1_000_000)
    if max(waits) > 0:
        return max(waits)
    granted: dict[str, int] = {}
    for key, arrival in arrivals.items():
        rate = rates[key]
        granted[key] = min(rate.lease, (at + rate.count * rate.interval - arrival) // rate.interval)
        connection.execute(_UPDATE, {"name": key, "to": arrival + granted[key] * rate.interval})
    return granted
