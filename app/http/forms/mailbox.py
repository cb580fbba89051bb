"""The plain page behind the link in a mail, on which a person confirms that the address is theirs."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.http.forms.page import FOREIGN, draw_page, draw_text, read_answer
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import status_of
from app.service import Service
from todo.channels.channels import ChannelNotFound
from todo.channels.mailboxes import Mailbox, confirm_mailbox, read_mailbox
from todo.errors import TodoError
from todo.record.scopes import CONFIRM

_ASKED = "{address} is to get the reminders of the person who is signed in here."
_DONE = "Reminders go to {address} from now on."
_FORM = '<form method="post"><button name="decision" value="confirm">Confirm</button></form>'
_FOREIGN = "This address was added by another person, or is deleted. Sign in as the person who has added it."


def build_mailbox_routes(service: Service) -> APIRouter:
    """Return the routes of the page and its form; a GET changes nothing, since programs look at mails too.

    The link says that the mailbox is read, the session that its reader is the person: a mistyped address opens nothing
    to who reads there.
    """
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)

    @router.get("/mail/{token}")
    async def show(token: str, request: Request) -> HTMLResponse:
        try:
            key = await service.outfit.find_link_key()
            return _show(await service.store.read(identify_rest(request), lambda work: read_mailbox(work, token, key)))
        except TodoError as error:
            return _refuse(error)

    @router.post("/mail/{token}")
    async def confirm(token: str, request: Request) -> HTMLResponse:
        if await read_answer(request) is None:
            return _say(*FOREIGN)
        try:
            key, who = await service.outfit.find_link_key(), identify_rest(request, CONFIRM)
            return _show(await service.store.write(who, lambda work: confirm_mailbox(work, token, key)))
        except TodoError as error:
            return _refuse(error)

    return router


def _show(mailbox: Mailbox) -> HTMLResponse:
    if mailbox.is_confirmed:
        return _say("This address is confirmed", _DONE.format(address=mailbox.address), 200)
    return _say("Is this your address?", _ASKED.format(address=mailbox.address), 200, _FORM)


def _refuse(error: TodoError) -> HTMLResponse:
    if isinstance(error, ChannelNotFound):
        return _say("This link is not for you", _FOREIGN, status_of(error.code))
    return _say(error.sentence, error.next_step, status_of(error.code))


def _say(heading: str, text: str, status: int, form: str = "") -> HTMLResponse:
    return draw_page("an e-mail address", heading, f"{draw_text(text)}{form}", status)
