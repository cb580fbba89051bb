"""The caller, as each surface establishes it; in `local` mode one person on this machine."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context
from sqlalchemy import Connection, select
from starlette.requests import Request

from events.sql import HotInsert, table_of
from todo.record.bounds import Bounds
from todo.record.models import User
from todo.record.scopes import EVERYTHING, READ
from todo.record.work import ActorKind, Surface, Who

LOCAL_USER = "local"
READ_ONLY = b"x-todo-read-only"
"""The header with which a client limits its own call to reading."""

_U = table_of(User)
_INSERT = HotInsert(lambda insert: insert(_U).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class Caller:
    """The person on whose behalf a request comes, and what its credential allows.

    `credential` is the id of the token or session, empty in `local` mode; `label` is what history shows of it, `name`
    the person's. `expires_at` is the instant from which it is refused, `by_page` says that it is a session's cookie.
    `lists` are the ids of the lists that it is bound to; None for all.
    """

    user_id: str
    scopes: frozenset[str]
    credential: str = ""
    label: str = ""
    name: str = ""
    expires_at: str = ""
    by_page: bool = False
    lists: frozenset[str] | None = None

    def make_who(self, kind: ActorKind, surface: Surface, client: str = "", origin: str = "") -> Who:
        """Return the caller as use cases know them; with a token, that token is the origin.

        Without one it is `origin`; by default the surface, with the client's name where it has one.
        """
        bounds = None if self.lists is None else Bounds(self.credential, self.lists)
        if self.credential and (bounds is not None or not self.by_page):
            origin = f"token:{self.credential}"
        elif not origin:
            origin = f"{surface}:{client}" if client else surface
        return Who(self.user_id, kind, surface, client, origin, self.label, scopes=self.scopes, bounds=bounds)


LOCAL = Caller(LOCAL_USER, EVERYTHING)
"""The one person of `local` mode."""
LOCAL_PERSON = LOCAL.make_who("person", "rest")
"""The local person, as their own programs act for them in this process."""
LOCAL_READING = Caller(LOCAL_USER, frozenset([READ]))
SCHEDULER = Who("", "scheduler", "scheduler", "", "scheduler", scopes=EVERYTHING)
CALLER_KEY = "caller"
"""Where the gate puts the caller in a request's ASGI scope; without it no surface answers."""
WANTED_SCOPE = "wanted_scope"
"""Where a refusal notes, in a request's ASGI scope, which scopes the call wants: the gate's challenge names them."""


def ensure_local_user(connection: Connection, zone: str, at: str) -> None:
    """Insert the one local person, in the given IANA zone, if the database has none yet."""
    if connection.execute(select(_U.c.id).where(_U.c.id == LOCAL_USER)).first() is None:
        _INSERT.run(
            connection, {"id": LOCAL_USER, "zone": zone, "day_start": "09:00", "created_at": at, "is_admin": False}
        )


def get_caller(request: Request) -> Caller:
    """Return who sent a request; raises `KeyError` for one that passed no gate."""
    caller: Caller = request.scope[CALLER_KEY]
    return caller


def identify_rest(request: Request, *scopes: str) -> Who:
    """Return the person behind a REST call, by the page if a browser calls; names of HTTP libraries say nothing.

    Raises `Forbidden` unless the caller has these scopes; reading is always wanted.
    """
    client = "page" if name_client(request) == "page" else ""
    who = get_caller(request).make_who("person", "rest", client)
    who.require(READ, *scopes)
    return who


def identify_http_agent(context: Context[Any, Any]) -> Who:
    """Return the agent behind an MCP call over HTTP; without a token its origin is the name that the client gives."""
    request: Any = context.request_context.request
    return get_caller(request).make_who("agent", "mcp", _client_name(context))


def note_wanted(context: Context[Any, Any], scope: str) -> None:
    """Note which scopes an MCP call over HTTP wants, for the challenge; elsewhere the refusal itself says it."""
    request: Any = context.request_context.request
    if request is not None:
        request.scope[WANTED_SCOPE] = scope


class StdioIdentity:
    """Identifies the one client of a stdio process; the process is the origin, or its token."""

    def __init__(self, process: str, caller: Caller = LOCAL) -> None:
        self._process = process
        self.caller = caller

    def __call__(self, context: Context[Any, Any]) -> Who:
        """Return the agent behind a call."""
        return self.caller.make_who("agent", "mcp", _client_name(context), f"stdio:{self._process}")


SPEAKER: ContextVar[Who] = ContextVar("speaker")
"""The person for whom a conversation's agent calls tools; no tool argument names them."""


def identify_speaker(_context: Context[Any, Any]) -> Who:
    """Return the agent of the conversation behind this call."""
    return SPEAKER.get()


def name_client(request: Request) -> str:
    """Return the calling program by its User-Agent (RFC 9110, section 10.1.5): its first product; `page` for a browser.

    At most 60 characters.
    """
    product = request.headers.get("user-agent", "").partition("/")[0].strip()[:60]
    return "page" if product == "Mozilla" else product


def identify_chat(request: Request) -> Who:
    """Return the person who talks to the agent, with the name of their chat client; raises `Forbidden` as for REST."""
    who = get_caller(request).make_who("person", "chat", name_client(request))
    who.require(READ)
    return who


def _client_name(context: Context[Any, Any]) -> str:
    params = context.request_context.session.client_params
    name = params.client_info.name if params is not None else ""
    return name[:100]
