"""The plain page behind a reminder's link, on which a person answers it; a GET changes nothing."""

from html import escape
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from app.channels.carrier import BUTTONS
from app.http.forms.page import MOST_BYTES, draw_page, draw_text
from app.http.routes import PlainRoute
from app.problems import refuse, status_of
from app.service import Service
from todo.buttons import ACTIONS, Ring, press_button, read_ring
from todo.channels.links import Link, LinkUnknown, find_link
from todo.errors import InvalidArguments, TodoError
from todo.record.scopes import READ, WRITE
from todo.record.work import Who
from todo.text.display import show_text

_CLIENT = "reminder link"


def build_action_routes(service: Service) -> APIRouter:
    """Return the routes of the page and of its buttons; who has the link may press them, signed in or not."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.get("/act/{token}")
    async def show(token: str, request: Request) -> Response:
        try:
            link = await _find(service, token)
            ring = await service.store.read(_act_as(link), lambda work: read_ring(work, link.number))
        except TodoError as error:
            return _refuse(request, error)
        return draw_page("a reminder", show_text(ring.title), _draw_buttons(ring, request.query_params.get("do")), 200)

    @router.post("/act/{token}")
    async def press(token: str, request: Request) -> Response:
        try:
            link = await _find(service, token)
            action = await _read_action(request)
            said = await service.store.write(_act_as(link), lambda work: press_button(work, link.number, action))
        except TodoError as error:
            return _refuse(request, error)
        if _wants_page(request):
            return draw_page("a reminder", "That is done", draw_text(said), 200)
        return Response(to_json({"message": said}), media_type="application/json")

    return router


async def _find(service: Service, token: str) -> Link:
    key = await service.outfit.find_link_key()
    link = await service.database.read(lambda connection: find_link(connection, key, token))
    if link is None:
        raise LinkUnknown("This link is not one of ours.", "Open the list instead.")
    return link


def _act_as(link: Link) -> Who:
    """Return the person of a link; it allows what the buttons do, and the buttons are all that it leads to."""
    return Who(link.user_id, "person", "rest", _CLIENT, f"link:{link.number}", scopes=frozenset([READ, WRITE]))


async def _read_action(request: Request) -> str:
    action = request.query_params.get("do", "")
    if not action:
        given = dict(parse_qsl((await request.body())[:MOST_BYTES].decode("utf-8", "replace")))
        action = given.get("do", "")
    if action not in ACTIONS:
        raise InvalidArguments("This is none of the buttons.", f"do is one of {', '.join(ACTIONS)}.")
    return action


def _draw_buttons(ring: Ring, chosen: str | None) -> str:
    buttons = "".join(
        f'<button name="do" value="{name}"{" autofocus" if name == chosen else ""}>{escape(label)}</button> '
        for name, label in BUTTONS
        if name in ring.actions
    )
    # An address of its own, so that what the link asked for does not decide what the form sends.
    return f'<form method="post" action="?">{buttons}</form>'


def _refuse(request: Request, error: TodoError) -> Response:
    if _wants_page(request):
        return draw_page("a reminder", error.sentence, draw_text(error.next_step), status_of(error.code))
    return refuse(error)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") or request.method == "GET"
