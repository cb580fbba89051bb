"""The HTTP client for addresses that people and programs name: where it may go, and how much it takes from there."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import httpx2

SECONDS = 5.0
MOST_BYTES = 64 * 1024
MOST_KEPT = 32
"""Names to which connections are kept; beyond them, the one that was longest not called loses its own."""
KEPT_SECONDS = 15.0
_PORTS = {"https": 443, "http": 80}
_NAT64 = IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host name and port; raises `OSError`."""


class Unreachable(Exception):
    """No answer can be had; the message completes a sentence on the address, such as `cannot be reached`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `cut` says why the rest of its body was left."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: Literal["", "size", "time"] = ""


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(slots=True)
class _Kept:
    """The connections to one name, how many calls use them now, and how many have had an answer by them."""

    transport: httpx2.AsyncHTTPTransport
    users: int = 0
    answered: int = 0


@dataclass(slots=True)
class GuardedClient:
    """Calls an address once: no redirects, within `seconds` in all, and with `most_bytes` of the answer.

    A guarded one goes where strangers say: by https alone, to public addresses alone; an operator may allow `http` and
    `private`. It resolves the name once and connects to the very address that it has checked, so that a name that
    changes its address in between leads nowhere. A connection serves later calls of the name for which it was made,
    at the address that was checked for each of them.
    """

    is_guarded: bool = True
    most_bytes: int = MOST_BYTES
    resolve: Resolve = resolve_host
    transport: httpx2.AsyncBaseTransport | None = None
    seconds: float = SECONDS
    allowed: frozenset[str] = frozenset()
    verify: ssl.SSLContext | bool = True
    _context: ssl.SSLContext | bool | None = field(default=None, init=False)
    _kept: dict[str, _Kept] = field(default_factory=dict, init=False)
    _trusting: httpx2.AsyncClient | None = field(default=None, init=False)

    async def call(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """Return what the server at an address answers; raises `Unreachable`."""
        answer: list[Answer] = []
        await self._prepare()
        try:
            async with asyncio.timeout(self.seconds):
                target, more, extensions = await self.aim(address) if self.is_guarded else (address, {}, {})
                # Not compressed, so that the size on the wire is the size.
                sent = {"Accept-Encoding": "identity", **(headers or {}), **more}
                request = httpx2.Request(method, target, headers=sent, content=content, extensions=extensions)
                await self._exchange(request, answer)
        except TimeoutError:
            return _cut_off(answer, f"does not answer within {self.seconds:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            return _cut_off(answer, "cannot be reached")
        return answer[-1]

    async def aim(self, address: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Return the checked address to connect to, with the name for the header and for TLS.

        Raises `Unreachable`, `OSError` or `ValueError`.
        """
        parts = urlsplit(address)
        host, scheme = parts.hostname or "", parts.scheme
        if not host or (scheme != "https" and not (scheme == "http" and "http" in self.allowed)):
            raise Unreachable("is not at an https address")
        port = parts.port or _PORTS[scheme]
        found = await self.resolve(host, port)
        if not found or not ("private" in self.allowed or all(is_public(each) for each in found)):
            raise Unreachable("is not at a public address")
        numeric = f"[{found[0]}]" if ":" in found[0] else found[0]
        target = urlunsplit((scheme, f"{numeric}:{port}", parts.path, parts.query, ""))
        return target, {"Host": parts.netloc.rpartition("@")[2]}, {"sni_hostname": host}

    async def close(self) -> None:
        """Close what is open."""
        kept, self._kept = list(self._kept.values()), {}
        for each in kept:
            await each.transport.aclose()
        if self._trusting is not None:
            await self._trusting.aclose()
        self._trusting = None

    async def _prepare(self) -> None:
        """Read the machine's certificates, in a thread, since that takes a while."""
        if self.is_guarded and self.transport is None and self._context is None:
            self._context = (
                await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False)
                if self.verify is True
                else self.verify
            )

    async def _find_kept(self, request: httpx2.Request) -> _Kept:
        """Return the connections to the name of a request; a pool of its own, since a pool knows only the number."""
        name = _name_of(request)
        kept = self._kept.pop(name, None)
        if kept is None:
            if self._context is None:
                raise OSError("closed since")
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=4, keepalive_expiry=KEPT_SECONDS)
            kept = _Kept(httpx2.AsyncHTTPTransport(verify=self._context, limits=limits, trust_env=False))
        self._kept[name] = kept
        idle = [each for each, other in self._kept.items() if not other.users and other is not kept]
        for each in idle[: max(len(self._kept) - MOST_KEPT, 0)]:
            await self._kept.pop(each).transport.aclose()
        return kept

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; a guarded one by the transport alone, since a client would log its address."""
        if self.is_guarded and self.transport is not None:
            return await self.transport.handle_async_request(request)
        if self._trusting is None:
            self._trusting = httpx2.AsyncClient(transport=self.transport, timeout=self.seconds, verify=self.verify)
        return await self._trusting.send(request, stream=True, follow_redirects=False)

    async def _exchange(self, request: httpx2.Request, answer: list[Answer]) -> None:
        """Send a request and add to `answer`: once when its status is known, and again with its body."""
        if not self.is_guarded or self.transport is not None:
            await self._read(await self._send(request), answer)
            return
        kept = await self._find_kept(request)
        try:
            await self._talk(request, kept, answer)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            if not kept.answered or answer:
                raise
            # The server has let a kept connection go in the same moment: a new one tells whether it is there.
            self._kept.pop(_name_of(request), None)
            if not kept.users:
                await kept.transport.aclose()
            await self._talk(request, await self._find_kept(request), answer)

    async def _talk(self, request: httpx2.Request, kept: _Kept, answer: list[Answer]) -> None:
        kept.users += 1
        try:
            await self._read(await kept.transport.handle_async_request(request), answer)
            kept.answered += 1
        finally:
            kept.users -= 1

    async def _read(self, response: httpx2.Response, answer: list[Answer]) -> None:
        try:
            answer.append(Answer(response.status_code, response.headers, b"", "time"))
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self.most_bytes:
                    answer.append(Answer(response.status_code, response.headers, b"", "size"))
                    return
            answer.append(Answer(response.status_code, response.headers, bytes(body)))
        finally:
            await response.aclose()


def _name_of(request: httpx2.Request) -> str:
    """Return scheme, name and port of a guarded request, whose address is a number."""
    return f"{request.url.scheme}://{request.extensions['sni_hostname']}:{request.url.port}"


def _cut_off(answer: list[Answer], reason: str) -> Answer:
    """Return what has come of an answer; raises `Unreachable` if that is not even its status."""
    if not answer:
        raise Unreachable(reason) from None
    return answer[-1]


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
