"""The caller, as each surface establishes it; in `local` mode one person on this machine."""

from contextvars import ContextVar
from typing import Any

from mcp.server.mcpserver import Context
from sqlalchemy import Connection, select
from starlette.requests import Request

from events.sql import HotInsert, table_of
from todo.record.models import User
from todo.record.work import Who

LOCAL_USER = "local"

_U = table_of(User)
_INSERT = HotInsert(lambda insert: insert(_U).on_conflict_do_nothing())


def ensure_local_user(connection: Connection, zone: str, at: str) -> None:
    """Insert the one local person, in the given IANA zone, if the database has none yet."""
    if connection.execute(select(_U.c.id).where(_U.c.id == LOCAL_USER)).first() is None:
        _INSERT.run(connection, {"id": LOCAL_USER, "zone": zone, "day_start": "09:00", "created_at": at})


def identify_rest(client: str = "") -> Who:
    """Return the person behind a REST call; `client` is `page` or the program's own name."""
    return Who(LOCAL_USER, "person", "rest", client, f"rest:{client}" if client else "rest")


def identify_http_agent(context: Context[Any, Any]) -> Who:
    """Return the agent behind an MCP call over HTTP; its origin is the client's name, if it gives one."""
    client = _client_name(context)
    return Who(LOCAL_USER, "agent", "mcp", client, f"mcp:{client}" if client else "mcp")


class StdioIdentity:
    """Identifies the one client of a stdio process; the process is the origin."""

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, context: Context[Any, Any]) -> Who:
        """Return the agent behind a call."""
        return Who(LOCAL_USER, "agent", "mcp", _client_name(context), f"stdio:{self._process}")


SPEAKER: ContextVar[Who] = ContextVar("speaker")
"""The person for whom a conversation's agent calls tools; no tool argument names them."""


def identify_speaker(_context: Context[Any, Any]) -> Who:
    """Return the agent of the conversation behind this call."""
    return SPEAKER.get()


def identify_page_or_app(request: Request) -> Who:
    """Return the person behind a REST call, by the page if a browser calls; names of HTTP libraries say nothing."""
    return identify_rest("page" if name_client(request) == "page" else "")


def name_client(request: Request) -> str:
    """Return the calling program by its User-Agent (RFC 9110, section 10.1.5): its first product; `page` for a browser.

    At most 60 characters.
    """
    product = request.headers.get("user-agent", "").partition("/")[0].strip()[:60]
    return "page" if product == "Mozilla" else product


def identify_chat(client: str = "") -> Who:
    """Return the person who talks to the agent; `client` names their chat client."""
    return Who(LOCAL_USER, "person", "chat", client, f"chat:{client}" if client else "chat")


SCHEDULER = Who("", "scheduler", "scheduler", "", "scheduler")


def _client_name(context: Context[Any, Any]) -> str:
    params = context.request_context.session.client_params
    name = params.client_info.name if params is not None else ""
    return name[:100]
