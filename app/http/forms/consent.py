"""The plain page on which a person lets a program use their tasks, or refuses it."""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.http.forms.page import FOREIGN, draw_page, draw_text, read_answer
from app.http.routes import PlainRoute
from app.identity import Caller, get_caller
from app.oauth.authority import Authority
from app.oauth.clients import Client
from app.oauth.provider import CONSENT
from app.oauth.redirects import find_source, is_local, name_target
from app.oauth.steps import Step
from todo.record.scopes import CONFIRM, DELETE, READ, WRITE, widen

LEVELS = (
    (DELETE, "Read, change and delete tasks"),
    (WRITE, "Read and change tasks"),
    (READ, "Only read tasks"),
)
"""What a person can let a program do; each includes those below it."""
_QUESTION = """<p>{who} Its answers go to <strong>{host}</strong>.</p>{warning}
<form method="post"><fieldset><legend>It may</legend>{levels}</fieldset>
<button name="decision" value="accept">Connect</button>
<button name="decision" value="reject" autofocus>Refuse</button></form>
<p class="fact">It cannot agree to anything in your place, make tokens, or see what is not yours. You can end the
connection at any time: on the page, under me.</p>
<p class="fact">You are signed in as {person}. This question holds for ten minutes.</p>"""
_DESCRIBED = "<bdi>{name}</bdi> wants to use your tasks. <strong>{source}</strong> vouches for this name."
_REGISTERED = "A program that calls itself <bdi>{name}</bdi> wants to use your tasks. This name is not checked."
_LOCAL = (
    '<p class="warning">This program runs on the computer in front of you, where any other could take its name. '
    "Connect it only if you have just started this there yourself.</p>"
)
_OVER = "This question is over"
_BEGIN_AGAIN = "Go back to the program and begin again."


def build_consent_routes(authority: Authority) -> APIRouter:
    """Return the routes of the page and its form, for the session in which the question was asked."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.get(f"{CONSENT}/{{secret}}")
    async def show(secret: str, request: Request) -> Response:
        caller = get_caller(request)
        if (refusal := say_forbidden(caller)) is not None:
            return refusal
        step = await authority.find_question(secret, caller)
        known = None if step is None else await authority.descriptions.recall(step.client_id)
        if step is None or known is None:
            return say(_OVER, _BEGIN_AGAIN, 404)
        return _ask(known[0], step, caller)

    @router.post(f"{CONSENT}/{{secret}}")
    async def decide(secret: str, request: Request) -> Response:
        caller = get_caller(request)
        form = await read_answer(request)
        if form is None:
            return say(*FOREIGN)
        if (refusal := say_forbidden(caller)) is not None:
            return refusal
        level = form.get("scope", "")
        accepts = form.get("decision") == "accept" and level in dict(LEVELS)
        scopes = widen([level]) if accepts else frozenset[str]()
        target = await authority.database.write(lambda connection: authority.decide(connection, secret, caller, scopes))
        if target is None:
            return say(_OVER, _BEGIN_AGAIN, 404)
        return RedirectResponse(target, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    return router


def say_forbidden(caller: Caller) -> Response | None:
    """Return the refusal of who may connect no programs: only people may, on the page."""
    if not caller.by_page:
        return say("Only on the page", "A person connects programs, in a browser in which they are signed in.", 403)
    if CONFIRM not in caller.scopes:
        return say(
            "Not with this session",
            "It was opened by a token that may not connect programs. Sign in by an invitation instead.",
            403,
        )
    return None


def _ask(client: Client, step: Step, caller: Caller) -> Response:
    redirect, offered = step.request.redirect_uri, widen(step.request.scopes)
    who = _DESCRIBED if client.is_described else _REGISTERED
    levels = [(scope, words) for scope, words in LEVELS if scope in offered]
    content = _QUESTION.format(
        who=who.format(name=escape(client.shown_name), source=escape(name_target(client.client_id))),
        host=escape(name_target(redirect)),
        warning=_LOCAL if is_local(redirect) else "",
        levels="".join(_draw_level(scope, words, is_chosen=at == 0) for at, (scope, words) in enumerate(levels)),
        person=f"<bdi>{escape(caller.name)}</bdi>",
    )
    # Browsers hold the policy of a form against the redirect that answers it, too.
    return say(f"Connect {client.shown_name}?", "", 200, content, f" {find_source(redirect)}")


def _draw_level(scope: str, words: str, *, is_chosen: bool) -> str:
    chosen = " checked" if is_chosen else ""
    return f'<label><input type="radio" name="scope" value="{scope}"{chosen}> {words}</label>'


def say(heading: str, text: str, status: int, content: str = "", target: str = "") -> Response:
    """Return a page with a heading and a sentence, or other content; `target` is where its form may lead."""
    # A program that opened this in a window of its own is waiting for it there.
    opener = {"Cross-Origin-Opener-Policy": "unsafe-none"}
    return draw_page("a connection", heading, content or draw_text(text), status, target=target, more=opener)
