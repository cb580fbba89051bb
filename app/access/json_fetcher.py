"""Fetches small JSON documents: an issuer's metadata, keys and tokens, and descriptions of programs to connect."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from pydantic_core import from_json

SECONDS = 5.0
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Not compressed, so that the size on the wire is the size."""
_NAT64 = IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host name and port; raises `OSError`."""


class FetchFailed(Exception):
    """A document cannot be had; the message completes "The document …". `status` is what its server answered, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and the headers that it came with."""

    body: Any
    headers: Mapping[str, str]


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class JsonFetcher:
    """Fetches JSON within five seconds, without redirects, up to a size.

    A guarded one fetches what strangers name: https alone, from public addresses alone. It resolves the name once and
    connects to the very address that it has checked, so that a name that changes its address in between leads nowhere.
    """

    is_guarded: bool
    most_bytes: int
    resolve: Resolve = resolve_host
    transport: httpx2.AsyncBaseTransport | None = None
    seconds: float = SECONDS

    async def fetch(
        self, address: str, form: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> Fetched:
        """Return the JSON at an address, or its answer to a form; `more` are further headers. Raises `FetchFailed`."""
        try:
            async with asyncio.timeout(self.seconds):
                target, headers, extensions = await self._aim(address) if self.is_guarded else (address, {}, {})
                return await self._read(target, form, {**_ACCEPTED, **headers, **(more or {})}, extensions)
        except TimeoutError:
            raise FetchFailed("takes too long to come") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            raise FetchFailed("cannot be reached") from None

    async def _aim(self, address: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Return the checked address to connect to, with the name for the header and for TLS."""
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
        if parts.scheme != "https" or not host:
            raise FetchFailed("is not at an https address")
        found = await self.resolve(host, port)
        if not found or not all(is_public(each) for each in found):
            raise FetchFailed("is not at a public address")
        numeric = f"[{found[0]}]" if ":" in found[0] else found[0]
        target = urlunsplit(("https", f"{numeric}:{port}", parts.path, parts.query, ""))
        return target, {"Host": parts.netloc.rpartition("@")[2]}, {"sni_hostname": host}

    async def _read(
        self, target: str, form: Mapping[str, str] | None, headers: dict[str, str], extensions: dict[str, Any]
    ) -> Fetched:
        body, method = bytearray(), "GET" if form is None else "POST"
        async with (
            httpx2.AsyncClient(
                timeout=self.seconds,
                follow_redirects=False,
                transport=self.transport,
                # A proxy of the environment would resolve the name again.
                trust_env=not self.is_guarded,
            ) as client,
            client.stream(method, target, data=form, headers=headers, extensions=extensions) as response,
        ):
            if response.status_code != 200:
                raise FetchFailed(f"is not there: its server answered {response.status_code}", response.status_code)
            async for part in response.aiter_raw():
                body += part
                if len(body) > self.most_bytes:
                    raise FetchFailed("is too large")
        try:
            return Fetched(from_json(bytes(body)), response.headers)
        except ValueError:
            raise FetchFailed("is not JSON") from None


def is_public(text: str) -> bool:
    """Return whether an address is one of the public Internet, also the one that it stands for or is mapped to."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _find_inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _find_inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one: mapped, 6to4, Teredo or NAT64 (RFC 4291, 3056, 4380, 6052)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
