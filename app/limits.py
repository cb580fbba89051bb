"""The edge's own refusals: foreign hosts and origins, and bodies that are too large."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import write_problem

KIB = 1024
SMALL_BODY = 256 * KIB
LARGE_BODY = 2 * KIB * KIB
_LARGE = ("/events/", "/v1/", "/api/chat")


class _TooLarge(Exception):
    """More bytes came than the limit allows."""


class Edge:
    """ASGI middleware over everything: answers a foreign `Host` with 421, a foreign `Origin` with 403, and a body
    over 256 KiB (2 MiB on `/events/*`, `/v1/*`, `/api/chat`) with 413, before anything reads it.

    A page of another site, or a name rebound to this address, must not act for the local person.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = origin = length = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"content-length":
                length = value
        if host is None or _name_of(f"//{host}") not in self._hosts:
            await write_problem(421, "foreign_host", "This host name is not served here.")(scope, receive, send)
            return
        if origin is not None and _name_of(origin) not in self._hosts:
            await write_problem(403, "forbidden", "Pages of other sites may not call this service.")(
                scope, receive, send
            )
            return
        limit = LARGE_BODY if scope["path"].startswith(_LARGE) else SMALL_BODY
        too_large = write_problem(413, "too_large", f"A body of at most {limit // KIB} KiB is taken here.")
        if length is not None:
            if not length.isdigit() or int(length) > limit:
                await too_large(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        await self._count(scope, receive, send, limit, too_large)

    async def _count(self, scope: Scope, receive: Receive, send: Send, limit: int, too_large: ASGIApp) -> None:
        read = 0
        started = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLarge:
            if not started:
                await too_large(scope, receive, send)


def _name_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
