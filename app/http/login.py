"""The routes on which a browser goes to the outside issuer and comes back; a plain page says what went wrong."""

import logging
import shlex
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.access.door import UnknownPerson
from app.access.issuer import Login
from app.access.page_login import ATTEMPT_LASTS, LOGGED_IN, Attempt, ForeignAnswer, PageLogin
from app.http.forms.page import draw_page, draw_text
from app.http.gate import LOGIN, find_way_back
from app.http.rest.session import Draw, Sessions
from app.http.routes import PlainRoute
from app.problems import status_of
from todo.errors import TodoError

_LONGEST_WAY = 2_000
"""Browsers keep 4 KiB of a cookie."""
_LOG = logging.getLogger(__name__)


def build_login_routes(login: PageLogin, sessions: Sessions, url: str, draw: Draw) -> APIRouter:
    """Return the two routes; the gate lets every browser reach them."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)
    cookie = _Cookie("__Host-todo-login" if url.startswith("https://") else "todo_login", url)

    @router.get(LOGIN)
    async def begin(request: Request) -> Response:
        wanted = find_way_back(request.query_params.get("next", ""))
        attempt = Attempt(urlsafe_b64encode(draw()).rstrip(b"=").decode())
        try:
            address = await login.ask(attempt)
        except TodoError as error:
            return _say(error, wanted)
        response = _lead(address)
        cookie.put(response, attempt, wanted)
        return response

    @router.get(LOGGED_IN)
    async def finish(request: Request) -> Response:
        given = request.query_params.multi_items()
        answer = dict(given)
        attempt, wanted = cookie.read(request)
        try:
            if attempt is None or len(answer) != len(given):
                raise ForeignAnswer("This browser has not begun to log in, or too long ago.", "Begin again.")
            known = await login.read_answer(attempt, answer)
            response = await _let_in(sessions, request, known, wanted)
        except ForeignAnswer as error:
            # The attempt that this browser did begin goes on.
            return _say(error, wanted)
        except TodoError as error:
            _LOG.info("a login by the issuer was refused: %s", error.code)
            response = _say(error, wanted)
        cookie.take(response)
        return response

    return router


async def _let_in(sessions: Sessions, request: Request, known: Login, wanted: str) -> Response:
    """Begin a session of who has logged in, and lead on; or say what the operator has to do."""
    try:
        person = await sessions.door.recognise(known)
    except UnknownPerson as error:
        command = f"<code>person link NAME {escape(shlex.quote(known.subject))}</code>"
        return _say(error, wanted, f'<p class="fact">An operator lets you in with {command}.</p>')
    response = _lead(wanted)
    await sessions.begin(request, response, person.id)
    return response


@dataclass(frozen=True, slots=True)
class _Cookie:
    """The cookie of an attempt: its secret, and where its person wants to go."""

    name: str
    url: str

    def put(self, response: Response, attempt: Attempt, wanted: str) -> None:
        """Give a browser its attempt; the one before is void."""
        way = urlsafe_b64encode(wanted[:_LONGEST_WAY].encode() if len(wanted) <= _LONGEST_WAY else b"/").decode()
        self._set(response, f"{attempt.secret}.{way.rstrip('=')}", int(ATTEMPT_LASTS.total_seconds()))

    def take(self, response: Response) -> None:
        """End a browser's attempt."""
        self._set(response, "", 0)

    def read(self, request: Request) -> tuple[Attempt | None, str]:
        """Return the attempt of a browser, None without one, and where its person wants to go."""
        secret, _, way = request.cookies.get(self.name, "").partition(".")
        try:
            wanted = urlsafe_b64decode(way + "=" * (-len(way) % 4)).decode()
        except ValueError:
            wanted = ""
        return Attempt(secret) if secret else None, find_way_back(wanted)

    def _set(self, response: Response, value: str, seconds: int) -> None:
        secure = self.url.startswith("https://")
        # Lax: the issuer's answer is a visit that begins on its own site.
        response.set_cookie(self.name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _lead(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _say(error: TodoError, wanted: str, more: str = "") -> Response:
    """Return a plain page with a refusal, more HTML, and the ways on."""
    again = f"{LOGIN}?next={quote(wanted, safe='')}"
    ways = f'<p><a href="{escape(again)}">Log in again</a></p><p><a href="/">Sign in another way</a></p>'
    status = 400 if isinstance(error, ForeignAnswer) else status_of(error.code)
    heading = "You are not known here" if isinstance(error, UnknownPerson) else "You are not signed in"
    # A program that opened this in a window of its own is waiting for it there.
    opener = {"Cross-Origin-Opener-Policy": "unsafe-none"}
    return draw_page("logging in", heading, draw_text(error.text) + more + ways, status, more=opener)
