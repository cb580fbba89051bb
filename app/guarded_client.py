"""The HTTP client for addresses that people and programs name: where it may go, and how much it takes from there."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit, urlunsplit

import httpx2

if TYPE_CHECKING:
    from aiohttp import ClientSession

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

    session: "ClientSession"
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
                if self.is_guarded and self.transport is None:
                    await self._exchange(_Call(method, target, sent, content, extensions["sni_hostname"]), answer)
                else:
                    request = httpx2.Request(method, target, headers=sent, content=content, extensions=extensions)
                    await self._read_response(await self._send(request), answer)
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
            await each.session.close()
        if self._trusting is not None:
            await self._trusting.aclose()
        self._trusting = None

    async def _prepare(self) -> None:
        """Load what calls need, in a thread, since that takes a while."""
        if self.transport is None and self._context is None:
            load = _load_own if self.is_guarded else _load_trusting
            self._context = await asyncio.to_thread(load) if self.verify is True else self.verify

    async def _find_kept(self, name: str) -> _Kept:
        """Return the connections to a name; a pool of its own, since a pool knows only the number."""
        kept = self._kept.pop(name, None)
        if kept is None:
            if self._context is None:
                raise OSError("closed since")
            kept = _Kept(_open_session(self._context))
        self._kept[name] = kept
        idle = [each for each, other in self._kept.items() if not other.users and other is not kept]
        for each in idle[: max(len(self._kept) - MOST_KEPT, 0)]:
            await self._kept.pop(each).session.close()
        return kept

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an address of the operator, or by a given transport alone: a client logs addresses."""
        if self.is_guarded and self.transport is not None:
            return await self.transport.handle_async_request(request)
        if self._trusting is None:
            verify = self.verify if self._context is None else self._context
            self._trusting = httpx2.AsyncClient(transport=self.transport, timeout=self.seconds, verify=verify)
        return await self._trusting.send(request, stream=True, follow_redirects=False)

    async def _exchange(self, call: "_Call", answer: list[Answer]) -> None:
        """Make a guarded call and add to `answer`: once when its status is known, and again with its body."""
        import aiohttp

        try:
            await self._talk_or_again(call, answer)
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from None

    async def _talk_or_again(self, call: "_Call", answer: list[Answer]) -> None:
        import aiohttp

        kept = await self._find_kept(call.name)
        try:
            await self._talk(call, kept, answer)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not kept.answered or answer:
                raise
            # The server has let a kept connection go in the same moment: a new one tells whether it is there.
            self._kept.pop(call.name, None)
            if not kept.users:
                await kept.session.close()
            await self._talk(call, await self._find_kept(call.name), answer)

    async def _talk(self, call: "_Call", kept: _Kept, answer: list[Answer]) -> None:
        from yarl import URL

        kept.users += 1
        try:
            async with kept.session.request(
                call.method,
                URL(call.target, encoded=True),
                headers=call.headers,
                data=call.content,
                allow_redirects=False,
                server_hostname=call.host,
            ) as response:
                await self._read(response.status, response.headers, response.content.iter_any(), answer)
            kept.answered += 1
        finally:
            kept.users -= 1

    async def _read_response(self, response: httpx2.Response, answer: list[Answer]) -> None:
        try:
            await self._read(response.status_code, response.headers, response.aiter_raw(), answer)
        finally:
            await response.aclose()

    async def _read(
        self, status: int, headers: Mapping[str, str], parts: AsyncIterator[bytes], answer: list[Answer]
    ) -> None:
        answer.append(Answer(status, headers, b"", "time"))
        body = bytearray()
        async for part in parts:
            body += part
            if len(body) > self.most_bytes:
                answer.append(Answer(status, headers, b"", "size"))
                return
        answer.append(Answer(status, headers, bytes(body)))


@dataclass(frozen=True, slots=True)
class _Call:
    """A guarded call: `target` has the number that was checked, `host` the name for which it was."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None
    host: str

    @property
    def name(self) -> str:
        """Scheme, name and port, by which connections are kept."""
        parts = urlsplit(self.target)
        return f"{parts.scheme}://{self.host}:{parts.port}"


# Once for all clients of the process: it takes some 25 ms.
@cache
def _load_own() -> ssl.SSLContext:
    """Return the machine's certificates, and load the library that calls."""
    import aiohttp  # noqa: F401  # here, so that no event loop waits for it

    return httpx2.create_ssl_context(trust_env=False)


@cache
def _load_trusting() -> ssl.SSLContext:
    """Return the machine's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name."""
    return httpx2.create_ssl_context()


def _open_session(context: ssl.SSLContext | bool) -> "ClientSession":
    """Return connections that follow nothing, keep no cookies, and add nothing to what is sent."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=KEPT_SECONDS, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
        auto_decompress=False,
    )


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
    """Return the IPv4 address inside an IPv6 one: mapped, 6to4 or NAT64 (RFC 4291, 3056, 6052); Teredo has none."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
