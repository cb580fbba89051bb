"""Strangers: how often an address has failed to sign in, in the memory of this process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from events.ports import Clock

MOST_FAILURES = 30
EVERY = timedelta(seconds=2)
"""An address may fail thirty times at once, and then once in two seconds."""
MOST_KNOWN = 10_000

Network = IPv4Network | IPv6Network


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of trusted proxies."""
    return tuple(ip_network(text, strict=False) for text in texts)


def find_address(peer: str, forwarded: str, proxies: tuple[Network, ...]) -> str:
    """Return the address that a request comes from, an IPv6 one as its /64, which one customer has.

    `peer` is who has connected. `forwarded` (`X-Forwarded-For`) is believed from the right, as long as trusted proxies
    say so.
    """
    hops = [part.strip() for part in forwarded.split(",") if part.strip()][-20:]
    found = peer
    while hops and is_among(found, proxies):
        found = hops.pop()
    try:
        address = ip_address(found)
    except ValueError:
        return peer
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return str(ip_network(f"{found}/64", strict=False)) if address.version == 6 else found


def is_among(text: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address is in one of these networks."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


@dataclass(slots=True)
class Strangers:
    """Counts failures by address; who has failed too often learns nothing more for a while.

    `most` of them are let through at once, and then one in `every`; counted are also requests of strangers.
    """

    clock: Clock
    proxies: tuple[Network, ...] = ()
    most: int = MOST_FAILURES
    every: timedelta = EVERY
    _arrivals: dict[str, datetime] = field(default_factory=dict)

    def find_wait(self, scope: Mapping[str, object]) -> int:
        """Return the seconds that the address behind a request has to wait before it may fail again; 0 for none."""
        now = self.clock.now()
        arrival = max(self._arrivals.get(self._find(scope), now), now)
        wait = (arrival + self.every - now - self.most * self.every).total_seconds()
        return max(1, round(wait)) if wait > 0 else 0

    def count_failure(self, scope: Mapping[str, object]) -> None:
        """Count a failure of the address behind a request."""
        now, address = self.clock.now(), self._find(scope)
        if len(self._arrivals) >= MOST_KNOWN:
            self._arrivals.clear()
        self._arrivals[address] = max(self._arrivals.get(address, now), now) + self.every

    def _find(self, scope: Mapping[str, object]) -> str:
        client = scope.get("client")
        peer = str(client[0]) if isinstance(client, tuple) else ""
        headers = scope.get("headers")
        given = headers if isinstance(headers, list) else []
        forwarded = ",".join(value.decode("latin-1") for name, value in given if name == b"x-forwarded-for")
        return find_address(peer, forwarded, self.proxies)
