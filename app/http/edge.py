"""The edge: middleware that refuses foreign hosts and origins, and large bodies."""

import re
from contextlib import suppress

from pydantic_core import from_json, to_json
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.origins import Origins, is_for_programs
from app.problems import refuse_at, write_problem

KIB = 1024
SMALL_BODY = 256 * KIB
LARGE_BODY = 2 * KIB * KIB
HUGE_BODY = 32 * KIB * KIB
MCP_PATH = "/mcp"
IMPORT_PATH = "/api/import"
_LARGE = ("/events/", "/v1/", "/api/chat")
_MCP = re.compile(r"/+mcp/*")
_ACCEPTED = (b"application/json", b"text/event-stream", b"application/*", b"*/*")
FOREIGN_HOST = (
    "This host name is not served here. If people use it for this service, set TODO_PUBLIC_URL to that address, such "
    "as http://todo.lan:8000."
)


class Branch:
    """ASGI middleware that hands one path to another application, before this one matches its routes.

    Measured: matching every REST route first costs an MCP call 65 µs.
    """

    def __init__(self, app: ASGIApp, path: str, branch: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._branch = branch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on by its path."""
        matches = scope["type"] == "http" and scope["path"] == self._path
        await (self._branch if matches else self._app)(scope, receive, send)


class _TooLarge(Exception):
    """The body exceeds its limit."""


class Edge:
    """ASGI middleware around everything: answers a foreign `Host` with 421, a foreign `Origin` with 403, and a body
    over 256 KiB (2 MiB on `/events/*`, `/v1/*`, `/api/chat`) with 413, before the application reads it. On `/mcp` it
    answers another content type than JSON with 415, and it answers HEAD as GET without its body.

    Neither a page of another site or port, nor a name rebound to this address may act for the local person.
    """

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _MCP.fullmatch(scope["path"]):
            scope = _scope_mcp(scope)
            send = _shorten_errors(send)
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        refusal = self._refuse(scope, headers, origin)
        if refusal is None and is_for_programs(scope["path"]):
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                refusal = _allow_call(headers)
            send = _allow_reading(send, origin) if origin else send
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["method"] == "HEAD" and not scope["path"].endswith("/stream"):
            scope, send = {**scope, "method": "GET"}, _leave_body_out(send)
        length = headers.get(b"content-length")
        limit = _find_limit(scope["path"])
        if length is not None:
            if not length.isdigit() or len(length) > 18 or int(length) > limit:
                await _say_too_large(limit, scope)(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        await self._count(scope, receive, send, limit)

    def _refuse(self, scope: Scope, headers: dict[bytes, bytes], origin: str) -> Response | None:
        path = scope["path"]
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._origins.serves(host):
            return refuse_at(path, 421, "foreign_host", FOREIGN_HOST)
        if b"origin" in headers and not self._origins.allows(origin, host, path):
            return refuse_at(path, 403, "forbidden", "Pages of other sites and ports may not call this service.")
        if path == MCP_PATH and scope["method"] == "GET":
            # It would be a stream that carries nothing: without sessions the service has nothing to say unasked.
            response = write_problem(405, "method_not_allowed", "Send POST: there is no stream of messages unasked.")
            response.headers["Allow"] = "POST"
            return response
        if path == MCP_PATH and scope["method"] == "POST":
            content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if content_type != b"application/json":
                return write_problem(415, "unsupported_media_type", "Send application/json.")
        return None

    async def _count(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        read = 0
        started = False

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _TooLarge
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal started
            if started or read <= limit:
                started = True
                await send(message)

        # The application may answer the broken body in its own way; ours replaces that answer.
        with suppress(_TooLarge):
            await self._app(scope, receive_counted, send_unless_too_large)
        if read > limit and not started:
            await _say_too_large(limit, scope)(scope, receive, send)


def _say_too_large(limit: int, scope: Scope) -> Response:
    if scope["path"].startswith("/events/"):
        # The sidecar knows three statuses; a retry would be too large again.
        return Response(b'{"status":"DROP"}', media_type="application/json")
    detail = f"A body of at most {limit // KIB} KiB is taken here."
    return refuse_at(scope["path"], 413, "too_large", detail)


def _find_limit(path: str) -> int:
    """Return the most bytes of a body: a file that is imported is larger than any call."""
    if path == IMPORT_PATH:
        return HUGE_BODY
    return LARGE_BODY if path.startswith(_LARGE) else SMALL_BODY


def _scope_mcp(scope: Scope) -> Scope:
    """Return a request to `/mcp` under its one path, without the slashes around it, with what its `Accept` means.

    No header means every type (RFC 9110, section 12.5.1); our answers to calls are JSON, also for a client that names
    only the type of streams.
    """
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept"]
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    if not accepted or any(kind in accepted for kind in _ACCEPTED):
        accepted = b"application/json, text/event-stream"
    return {
        **scope,
        "path": MCP_PATH,
        "raw_path": MCP_PATH.encode(),
        "headers": [*headers, (b"accept", accepted)],
    }


def _allow_call(headers: dict[bytes, bytes]) -> Response:
    """Return the answer to a browser's question whether a page of an allowed origin may call (Fetch, section 3.2)."""
    wanted = headers.get(b"access-control-request-headers", b"")[:1_000].decode("latin-1")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": wanted,
            "Access-Control-Max-Age": "600",
        },
    )


def _allow_reading(send: Send, origin: str) -> Send:
    """Wrap `send` so that a page of this origin, which is allowed, may read the answer."""
    added = [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"mcp-session-id, mcp-protocol-version, www-authenticate"),
        (b"vary", b"Origin"),
    ]

    async def allowing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return allowing


def _leave_body_out(send: Send) -> Send:
    async def without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without_body


def _shorten_errors(send: Send) -> Send:
    """Wrap `send` so that the error for an invalid JSON-RPC message has one sentence instead of the parser's notes."""
    start: Message | None = None
    body = b""

    async def shortened(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start" and message["status"] == 400:
            start = message
        elif start is None:
            await send(message)
        else:
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = _say_shortly(body)
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
            await send({**message, "body": body})

    return shortened


def _say_shortly(body: bytes) -> bytes:
    try:
        answer = from_json(body)
        if "\n" not in answer["error"]["message"]:
            return body
        answer["error"]["message"] = "The body is not a JSON-RPC message."
    except (ValueError, LookupError, TypeError):
        return body
    return to_json(answer)
