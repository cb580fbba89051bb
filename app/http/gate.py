"""The gate: middleware that asks every request who calls, before any surface sees it."""

import asyncio
import re
from collections import Counter
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.door import TRUSTED_FOR, Door
from app.access.page_login import LOGGED_IN
from app.access.rates import Kind, Meter
from app.access.strangers import Strangers
from app.http.edge import MCP_PATH
from app.identity import CALLER_KEY, LOCAL, LOCAL_READING, READ_ONLY, WANTED_SCOPE, Caller
from app.problems import refuse_at, status_of
from todo.errors import RateLimited, TodoError
from todo.record.scopes import READ, WRITE

SIGN_IN = "/api/session"
LOGIN = "/login"
"""Where a browser leaves for the outside issuer."""
PAGE_HEADER = b"x-todo-page"
"""What the page's own writes carry: a form of another site cannot send a header."""
_OPEN = re.compile(
    r"/|/page/.*|/healthz|/readyz|/\.well-known/.*|/api/session(?:/link)?|/login(?:/callback)?|/token|/register|/revoke"
    r"|/events/.*|/dapr/.*|/bindings/.*|/favicon\.ico|/act/[0-9A-Za-z_-]{1,64}|/calendar/.*"
)
"""Served without a caller: the page's files, health, metadata and signing in. Dapr's routes have their own token,
programs that want a connection show their own secrets, and so do the links of reminders and calendars."""
_SIGN_IN_FIRST = re.compile(
    r"/docs|/confirm/[0-9A-Za-z-]{1,64}|/authorize|/consent/[0-9A-Za-z_-]{1,64}|/mail/[0-9A-Za-z._-]{1,128}"
)
"""What people open in a browser: without a session they are led to the page, which brings them back."""
_INSIDE = re.compile(
    r"/mcp|/v1/.*|/docs|/openapi\.json|/api/(?:chat|conversations|tasks|recurring-tasks|reminders|plans|undo|changes"
    r"|notifications|activity|statistics|read)(?:/.*)?"
)
"""What a token for lists may call: what is about tasks, and narrowed to those in its lists."""
_INSIDE_READ = re.compile(r"/api/(?:lists|confirmations|me)")
"""What it may only read."""
_SIGN_INS = (("POST", SIGN_IN), ("GET", LOGGED_IN))
"""Attempts to sign in: those that fail are counted by address."""
_FORMS = ("/confirm/", "/consent/", "/mail/")
"""Plain forms, which cannot send the page's header."""
_SAFE = ("GET", "HEAD", "OPTIONS")
MOST_TURNS = 2
"""The most turns of one person's conversations that run at once."""
_MISSING = "Sign in first: send Authorization: Bearer with a personal token, or open the page and sign in there."
PAGE_ALONE = "Only the page itself may write with this session."
_BOUND = (
    "This token is for some lists: it may work on their tasks, and may do nothing with the account and what belongs to "
    "all lists. Ask the person for another token."
)
_REFUSED = "This token is not accepted: it is unknown, revoked or expired. Ask the person for another one."


class LocalGate:
    """ASGI middleware of `local` mode: every request is the local person's; a header limits it to reading."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller."""
        if scope["type"] == "http":
            scope[CALLER_KEY] = LOCAL_READING if _wants_reading(scope) else LOCAL
        await self._app(scope, receive, send)


class Gate:
    """ASGI middleware of `token` mode: a bearer token, or the page's cookie, or 401 with a challenge.

    A request that lasts is cut off within a second of its credential's end.
    """

    def __init__(self, app: ASGIApp, door: Door, meter: Meter, strangers: Strangers, url: str) -> None:
        self._app = app
        self._door = door
        self._meter = meter
        self._strangers = strangers
        self._turns: Counter[str] = Counter()
        self._cookie = name_cookie(url)
        self._metadata = f"{url}/.well-known/oauth-protected-resource"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller, or refuse it."""
        if scope["type"] != "http" or _OPEN.fullmatch(scope["path"]):
            is_sign_in = scope["type"] == "http" and (scope["method"], scope["path"]) in _SIGN_INS
            await (self._sign_in if is_sign_in else self._app)(scope, receive, send)
            return
        try:
            secret, is_cookie = read_secret(scope, self._cookie)
            caller = await self._door.admit(secret) if secret else None
        except TodoError as error:
            await refuse_at(scope["path"], status_of(error.code), error.code, error.text)(scope, receive, send)
            return
        refusal = self._refuse(scope, secret, caller, is_cookie=is_cookie)
        if refusal is not None or caller is None:
            await (refusal or self._challenge(scope, secret))(scope, receive, send)
            return
        scope[CALLER_KEY] = replace(caller, scopes=caller.scopes & {READ}) if _wants_reading(scope) else caller
        kind = _kind_of(scope)
        try:
            if kind is not None:
                await self._take(caller, kind)
        except TodoError as error:
            await _refuse_for_now(scope, error)(scope, receive, send)
            return
        try:
            await self._serve(scope, receive, send, secret)
        finally:
            if kind == "turns":
                self._turns[caller.user_id] -= 1

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an attempt to sign in on, unless its address has failed too often."""
        if wait := self._strangers.find_wait(scope):
            await _refuse_for_now(scope, RateLimited("failed sign-ins", wait))(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                self._strangers.count_failure(scope)
            await send(message)

        await self._app(scope, receive, counting)

    async def _take(self, caller: Caller, kind: Kind) -> None:
        """Count a call; raises `RateLimited`. A turn lasts, so those that run are counted too."""
        if kind == "turns" and self._turns[caller.user_id] >= MOST_TURNS:
            raise RateLimited("turns at once", 5)
        await self._meter.take(caller.user_id, "" if caller.by_page else caller.credential, kind)
        if kind == "turns":
            self._turns[caller.user_id] += 1

    def _refuse(self, scope: Scope, secret: str, caller: Caller | None, *, is_cookie: bool) -> Response | None:
        path = scope["path"]
        if caller is None:
            if scope["method"] in _SAFE and _SIGN_IN_FIRST.fullmatch(path):
                return RedirectResponse(f"/?next={_quote_path(scope)}", 303, {"Cache-Control": "no-store"})
            return self._challenge(scope, secret)
        if is_cookie != caller.by_page:
            # A session's secret is good in its cookie alone, a token in the header alone.
            return self._challenge(scope, secret)
        if caller.lists is not None and not is_inside(scope["method"], path):
            return refuse_at(path, 403, "forbidden", _BOUND)
        is_write = is_cookie and scope["method"] not in _SAFE
        if is_write and not is_from_page(scope, is_form=path.startswith(_FORMS)):
            return refuse_at(path, 403, "forbidden", PAGE_ALONE)
        return None

    def _challenge(self, scope: Scope, secret: str) -> Response:
        """Return 401 with a challenge (RFC 6750, section 3; RFC 9728, section 5.1); no error code without a token."""
        path = scope["path"]
        if secret and (wait := self._strangers.find_wait(scope)):
            return _refuse_for_now(scope, RateLimited("failed sign-ins", wait))
        if secret:
            self._strangers.count_failure(scope)
        response = refuse_at(path, 401, "unauthenticated", _REFUSED if secret else _MISSING)
        metadata = f"{self._metadata}{MCP_PATH}" if path == MCP_PATH else self._metadata
        error = ', error="invalid_token"' if secret else ""
        response.headers["WWW-Authenticate"] = f'Bearer resource_metadata="{metadata}", scope="{READ} {WRITE}"{error}'
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _serve(self, scope: Scope, receive: Receive, send: Send, secret: str) -> None:
        """Run a request; if it lasts, look again and again whether its credential still holds."""
        is_started = False

        async def noting(message: Message) -> None:
            nonlocal is_started
            if not is_started:
                is_started = True
                message = self._complete(message, scope)
            await send(message)

        watch = _Watch(self._door, secret, scope[CALLER_KEY])
        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if not watch.has_cut:
                raise
            watch.serving.uncancel()
            if is_started:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await self._challenge(scope, secret)(scope, receive, send)
        finally:
            watch.stop()

    def _complete(self, start: Message, scope: Scope) -> Message:
        """Return the start of a response: no cache keeps what is somebody's, and a lacking scope is named."""
        headers = list(start["headers"])
        if not any(name.lower() == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        wanted = scope.get(WANTED_SCOPE)
        if not wanted:
            return {**start, "headers": headers}
        metadata = f'resource_metadata="{self._metadata}{MCP_PATH}"'
        challenge = f'Bearer error="insufficient_scope", scope="{wanted}", {metadata}'
        headers.append((b"www-authenticate", challenge.encode()))
        return {**start, "status": 403, "headers": headers}


class _Watch:
    """Cancels the running request within a second of its credential's end.

    Most requests end before the first look, and pay for a timer only.
    """

    def __init__(self, door: Door, secret: str, caller: Caller) -> None:
        serving = asyncio.current_task()
        assert serving is not None  # noqa: S101  # a request runs in a task
        self.serving = serving
        self.has_cut = False
        self._door = door
        self._secret = secret
        self._caller = caller
        self._looking: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(TRUSTED_FOR.total_seconds(), self._look)

    def stop(self) -> None:
        """End the watch with its request."""
        self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        self._looking = asyncio.create_task(self._cut_off(), name="gate")

    async def _cut_off(self) -> None:
        if await self._door.recheck(self._secret, self._caller) is not None:
            self._timer = asyncio.get_running_loop().call_later(TRUSTED_FOR.total_seconds(), self._look)
            return
        self.has_cut = True
        self.serving.cancel()


def is_inside(method: str, path: str) -> bool:
    """Return whether a token that is bound to lists may make this call at all; what is not named above it may not."""
    return _INSIDE.fullmatch(path) is not None or (method in _SAFE and _INSIDE_READ.fullmatch(path) is not None)


def is_from_page(scope: Scope, *, is_form: bool = False) -> bool:
    """Return whether the page itself has sent a request: with its header, and an origin, which the edge compares."""
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and (is_form or PAGE_HEADER in names)


def find_way_back(wanted: str) -> str:
    """Return where a person goes after signing in: the page of ours that they wanted, else `/`."""
    path, separator, query = wanted.partition("?")
    if not _SIGN_IN_FIRST.fullmatch(path) or (separator and path != "/authorize"):
        return "/"
    return wanted if all("!" <= character <= "~" for character in query) else "/"


def name_cookie(url: str) -> str:
    """Return the name of the session's cookie: browsers bind `__Host-` to this very host, and want https for it."""
    return "__Host-todo" if url.startswith("https://") else "todo_session"


def read_secret(scope: Scope, cookie: str) -> tuple[str, bool]:
    """Return the secret that a request shows and whether it came as the page's cookie; "" without one.

    A header wins over a cookie; two headers, or another scheme, show nothing that could be accepted.
    """
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if given:
        scheme, _, secret = given[0].decode("latin-1").partition(" ")
        usable = len(given) == 1 and scheme.lower() == "bearer" and len(secret) < 16_384
        return (secret.strip() if usable else "?") or "?", False
    for name, value in scope["headers"]:
        if name == b"cookie" and cookie.encode() in value:
            jar: SimpleCookie = SimpleCookie()
            try:
                jar.load(value.decode("latin-1"))
            except CookieError:
                return "", False
            if cookie in jar:
                return jar[cookie].value, True
    return "", False


def _quote_path(scope: Scope) -> str:
    """Return the path and query of a request as one value of a query; a path alone stays readable."""
    path, query = str(scope["path"]), scope["query_string"].decode("latin-1")
    return path + quote(f"?{query}", safe="") if query else path


def _kind_of(scope: Scope) -> Kind | None:
    """Return what a request counts as; None for MCP, whose calls are counted tool by tool."""
    path = scope["path"]
    if path == MCP_PATH:
        return None
    if path in ("/api/chat", "/v1/chat/completions"):
        return "turns"
    return "reads" if scope["method"] in _SAFE else "writes"


def _refuse_for_now(scope: Scope, error: TodoError) -> Response:
    response = refuse_at(scope["path"], status_of(error.code), error.code, error.text)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _wants_reading(scope: Scope) -> bool:
    return any(name == READ_ONLY and value.strip().lower() == b"true" for name, value in scope["headers"])
