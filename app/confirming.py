"""The plain page on which a person agrees to what an agent asks for, until there is a better one."""

from html import escape
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity import identify_rest
from todo.confirmations import decide_confirmation, read_confirmation
from todo.errors import TodoError
from todo.quoting import show_text
from todo.views import View
from todo.work import Store

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Evolution Todo: your agreement</title>
<style>
body {{ font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.5rem; color: #1d2530 }}
h1 {{ font-size: 1.3rem }} p {{ margin: 1rem 0 }} button {{ font: inherit; padding: .5rem 1.2rem; margin-right: .6rem }}
.note {{ color: #5b6675; font-size: .9rem }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181e; color: #e6e9ee }} .note {{ color: #9aa5b4 }} }}
</style>
<h1>{heading}</h1><p>{text}</p>{form}</html>"""
_FORM = """<form method="post"><button name="decision" value="accept">Agree</button>
<button name="decision" value="reject" autofocus>Refuse</button></form>
<p class="note">Asked by {origin}. The question holds until {expires}; an agreement is good for one use.</p>"""


def build_confirm_routes(store: Store) -> APIRouter:
    """Return the page and its form; the edge lets only this server's own pages post here."""
    router = APIRouter(include_in_schema=False)

    @router.get("/confirm/{confirmation_id}")
    async def show(confirmation_id: str) -> HTMLResponse:
        try:
            return _show(await store.read(identify_rest(), lambda work: read_confirmation(work, confirmation_id)))
        except TodoError as error:
            return _say("There is no such question", error.text, 404)

    @router.post("/confirm/{confirmation_id}")
    async def decide(confirmation_id: str, request: Request) -> HTMLResponse:
        if request.headers.get("origin") is None:
            return _say("Not from this page", "Only the page itself can send this form.", 403)
        body = (await request.body())[:1_000].decode("utf-8", "replace")
        decision = dict(parse_qsl(body)).get("decision", "")
        try:
            answer = await store.write(
                identify_rest(), lambda work: decide_confirmation(work, confirmation_id, decision)
            )
        except TodoError as error:
            return _say("That cannot be decided", error.text, 409)
        return _show(answer)

    return router


def _show(view: View) -> HTMLResponse:
    told = {
        "pending": ("An agent wants to do this", ""),
        "accepted": ("You have agreed", "The agent can go on now."),
        "rejected": ("You have refused", "Nothing was done."),
        "used": ("This is done", "The agreement was used."),
    }
    heading, note = told[view["state"]]
    expires = view["expires_at"][11:16]
    form = (
        _FORM.format(origin=escape(show_text(view["origin"])), expires=f"{expires} UTC")
        if view["state"] == "pending"
        else ""
    )
    return _say(heading, view["summary"], 200, form or f'<p class="note">{note}</p>')


def _say(heading: str, text: str, status: int, form: str = "") -> HTMLResponse:
    page = _PAGE.format(heading=escape(heading), text=escape(text), form=form)
    return HTMLResponse(page, status, HEADERS)
