"""The plain page behind a confirmation's link, on which a person agrees to an agent's call or refuses it."""

import hmac
from hmac import compare_digest
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.types import Scope

from app.http.forms.page import FOREIGN, draw_page, draw_text, read_answer
from app.http.gate import name_cookie, read_secret
from app.http.routes import PlainRoute
from app.identity import CALLER_KEY, Caller, identify_rest
from todo.errors import TodoError
from todo.record.scopes import CONFIRM
from todo.record.work import Store
from todo.requests.confirmations import ConfirmationView, decide_confirmation, read_confirmation
from todo.text.display import show_text

_FORM = """<form method="post">{seal}<button name="decision" value="accept">Agree</button>
<button name="decision" value="reject" autofocus>Refuse</button></form>
<p class="fact">Asked by {origin}. The question holds until {expires}; an agreement is good for one use.</p>"""
_SEAL = '<input type="hidden" name="seal" value="{seal}">'
_STALE = "This form does not belong to your present session. Open the question again, and decide there."


def build_confirm_routes(store: Store, url: str) -> APIRouter:
    """Return the routes of the page and its form; the edge accepts posts only from this server's own pages.

    In a session the form carries a seal of that session and this question, which is decided once.
    """
    cookie = name_cookie(url)
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.get("/confirm/{confirmation_id}")
    async def show(confirmation_id: str, request: Request) -> HTMLResponse:
        try:
            view = await store.read(identify_rest(request), lambda work: read_confirmation(work, confirmation_id))
            return _show(view, seal_form(request.scope, cookie, confirmation_id))
        except TodoError as error:
            return _say("There is no such question", error.text, 404)

    @router.post("/confirm/{confirmation_id}")
    async def decide(confirmation_id: str, request: Request) -> HTMLResponse:
        given = await read_answer(request)
        if given is None:
            return _say(*FOREIGN)
        seal, decision = seal_form(request.scope, cookie, confirmation_id), given.get("decision", "")
        if seal and not compare_digest(given.get("seal", "").encode(), seal.encode()):
            return _say(FOREIGN[0], _STALE, 403)
        try:
            answer = await store.write(
                identify_rest(request, CONFIRM), lambda work: decide_confirmation(work, confirmation_id, decision)
            )
        except TodoError as error:
            return _say("That cannot be decided", error.text, 409)
        return _show(answer)

    return router


def seal_form(scope: Scope, cookie: str, confirmation_id: str) -> str:
    """Return what only a page of this session can know of a question's form; "" where no session is in use."""
    caller: Caller = scope[CALLER_KEY]
    if not caller.by_page:
        return ""
    secret, _ = read_secret(scope, cookie)
    return hmac.new(secret.encode(), f"confirm {confirmation_id}".encode(), "sha256").hexdigest()


def _show(view: ConfirmationView, seal: str = "") -> HTMLResponse:
    headings = {
        "pending": ("An agent wants to do this", ""),
        "accepted": ("You have agreed", "The agent can go on now."),
        "rejected": ("You have refused", "Nothing was done."),
        "used": ("This is done", "The agreement was used."),
    }
    heading, note = headings[view["state"]]
    expires = view["expires_at"][11:16]
    form = (
        _FORM.format(
            seal=_SEAL.format(seal=seal) if seal else "",
            origin=escape(show_text(view["origin"])),
            expires=f"{expires} UTC",
        )
        if view["state"] == "pending"
        else ""
    )
    form = form or f'<p class="fact">{note}</p>'
    if len(view["items"]) < 2:
        return _say(heading, view["summary"], 200, form)
    return _say(heading, f"{view['action']}:", 200, form, _list_items(view))


def _list_items(view: ConfirmationView) -> str:
    lines = [
        f'<li><bdi>{escape(item["title"])}</bdi> <span class="fact">{escape(_say_fact(item))}</span></li>'
        for item in view["items"]
    ]
    more = view["total"] - len(view["items"])
    rest = f'<p class="fact">and {more} more</p>' if more > 0 else ""
    return f"<ol>{''.join(lines)}</ol>{rest}"


def _say_fact(item: dict[str, Any]) -> str:
    return "recurring" if item.get("kind") == "recurring" else str(item.get("due_text", ""))


def _say(heading: str, text: str, status: int, form: str = "", items: str = "") -> HTMLResponse:
    return draw_page("your agreement", heading, f"{draw_text(text)}{items}{form}", status)
