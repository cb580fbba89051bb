"""The REST routes for signing in and out on the page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from app.access.credentials import (
    SESSION_LASTS,
    Found,
    Grant,
    create_credential,
    revoke_all,
    revoke_credential,
    spend_invitation,
)
from app.access.door import Door
from app.access.strangers import Strangers, read_networks
from app.channels.addresses import check_mail_address
from app.http.gate import LOGIN, PAGE_ALONE, is_from_page, name_cookie, read_secret
from app.http.rest.description import TEXT, describe_body
from app.http.rest.requests import read_body, read_scalars
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.origins import name_host
from app.problems import HttpRefusal
from app.service import Service
from events.instants import write_instant
from todo.errors import RateLimited

Draw = Callable[[], bytes]
"""Draws 256 bits for a secret."""
_UNKNOWN = "This token or invitation is unknown, used, revoked or expired. Ask for a new one."
_ON_ITS_WAY = (
    "If this address is one where reminders arrive, a link is on its way. It holds for 15 minutes; at most three are "
    "sent in an hour."
)
MOST_LINKS, LINK_EVERY = 5, timedelta(minutes=1)
"""From one network address five links may be asked for at once, and then one in a minute."""
_ALONE = "One person uses this service, on this machine, so nobody signs in. TODO_AUTH=token changes that."


def build_session_routes(service: Service, draw: Draw) -> APIRouter:
    """Return the routes for signing in and out; the gate lets every request reach them."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)
    _add_links(router, service)

    @router.get("/session", operation_id="get_session")
    async def get_session(request: Request) -> Response:
        if service.door is None:
            return write_json({"auth": "local", "signed_in": True})
        found = await Sessions(service, service.door, draw).find(request)
        view = _view_session(found)
        if found is None and service.login is not None:
            view["login"] = {"name": name_host(service.login.issuer.url), "address": f"{service.settings.url}{LOGIN}"}
        if found is None and _sends_mail(service):
            view["link"] = True
        return keep_out_of_caches(write_json(view))

    @router.post(
        "/session", operation_id="sign_in", status_code=201, openapi_extra=describe_body({"token": TEXT}, "token")
    )
    async def sign_in(request: Request) -> Response:
        body = await read_body(request)
        sessions = Sessions(service, require_door(service), draw)
        secret = body.get("token")
        if body.keys() != {"token"} or not isinstance(secret, str):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"token": "…"}: a personal token or an invitation.')
        return await sessions.open(request, secret.strip())

    @router.delete("/session", operation_id="sign_out", status_code=204)
    async def sign_out(request: Request) -> Response:
        everywhere = read_scalars(request, "everywhere").get("everywhere") == "true"
        return await Sessions(service, require_door(service), draw).close(request, everywhere=everywhere)

    return router


def _add_links(router: APIRouter, service: Service) -> None:
    """Add the route on which a person asks for a link to sign in; it answers all addresses alike."""
    strangers = Strangers(service.store.clock, read_networks(service.settings.proxies), MOST_LINKS, LINK_EVERY)

    body_of_link = describe_body({"email": TEXT}, "email")

    @router.post("/session/link", operation_id="mail_link", status_code=202, openapi_extra=body_of_link)
    async def mail_link(request: Request) -> Response:
        body = await read_body(request)
        require_door(service)
        if not _sends_mail(service):
            raise HttpRefusal(409, "no_mail", "This service sends no mail. Ask for an invitation instead.")
        address = body.get("email")
        if body.keys() != {"email"} or not isinstance(address, str):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"email": "…"}: the address where your reminders arrive.')
        if wait := strangers.find_wait(request.scope):
            raise RateLimited("links to sign in", wait)
        check_mail_address(address.strip())
        strangers.count_failure(request.scope)
        service.mailing.begin_sign_in(address.strip())
        return keep_out_of_caches(write_json({"message": _ON_ITS_WAY}, status=202))


def _sends_mail(service: Service) -> bool:
    return service.door is not None and "email" in service.outfit.kinds


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens and closes the sessions of the page; the secret of one is in a cookie that scripts cannot read."""

    service: Service
    door: Door
    draw: Draw

    async def find(self, request: Request) -> Found | None:
        """Return the session of a request, if it has one that holds."""
        secret, is_cookie = read_secret(request.scope, name_cookie(self.service.settings.url))
        return await self.door.find(secret) if is_cookie else None

    async def open(self, request: Request, secret: str) -> Response:
        """Open a session by a personal token or an invitation; the one before ends. Raises `HttpRefusal` 401."""
        found, before = await self.door.find(secret), await self.find(request)
        if found is None or found.kind not in ("personal", "invitation"):
            raise HttpRefusal(401, "unauthenticated", _UNKNOWN)
        now = self.service.store.clock.now()
        made = await self.service.database.write(lambda connection: self._store(connection, found, before, now))
        if made is None:
            raise HttpRefusal(401, "unauthenticated", _UNKNOWN)
        self.door.forget()
        response = write_json(_view_session(found), status=201)
        self._set_cookie(response, made, int(SESSION_LASTS.total_seconds()))
        return keep_out_of_caches(response)

    async def begin(self, request: Request, response: Response, user_id: str) -> None:
        """Begin a session of a person whom the outside issuer vouches for; the one before ends."""
        now, before = self.service.store.clock.now(), await self.find(request)
        grant = Grant(user_id, "session", expires_at=write_instant(now + SESSION_LASTS))
        secret = await self.service.database.write(lambda connection: self._replace(connection, grant, before, now))
        self.door.forget()
        self._set_cookie(response, secret, int(SESSION_LASTS.total_seconds()))

    async def close(self, request: Request, *, everywhere: bool) -> Response:
        """Close the session of a request, or all of that person's; raises `HttpRefusal` 403 for a foreign page."""
        found = await self.find(request)
        if found is not None:
            if not is_from_page(request.scope):
                raise HttpRefusal(403, "forbidden", PAGE_ALONE)
            now, caller = self.service.store.clock.now(), found.caller
            if everywhere and caller.lists is not None:
                raise HttpRefusal(403, "forbidden", "A token for lists signs out here alone.")

            def end(connection: Connection) -> None:
                if everywhere:
                    revoke_all(connection, caller.user_id, ("session", "invitation"), now)
                else:
                    revoke_credential(connection, caller.user_id, caller.credential, now)

            await self.service.database.write(end)
            self.door.forget()
        response = Response(status_code=204)
        self._set_cookie(response, "", 0)
        return keep_out_of_caches(response)

    def _store(self, connection: Connection, found: Found, before: Found | None, now: datetime) -> str | None:
        """Store a session and return its secret; None if the invitation was spent in the same moment.

        A session that a token opened has the token's rights and lists, and ends with it.
        """
        caller, by_token = found.caller, found.kind == "personal"
        if not by_token and not spend_invitation(connection, caller.credential, now):
            return None
        grant = Grant(
            caller.user_id,
            "session",
            caller.label if by_token else "",
            caller.scopes if by_token else frozenset(),
            write_instant(now + SESSION_LASTS),
            caller.credential if by_token else None,
            lists=caller.lists if by_token else None,
        )
        return self._replace(connection, grant, before, now)

    def _replace(self, connection: Connection, grant: Grant, before: Found | None, now: datetime) -> str:
        """Store a session in the place of the one before; return its secret."""
        if before is not None:
            revoke_credential(connection, before.caller.user_id, before.caller.credential, now)
        return create_credential(connection, grant, now, self.service.store.ids, self.draw).secret

    def _set_cookie(self, response: Response, value: str, seconds: int) -> None:
        url = self.service.settings.url
        response.set_cookie(
            name_cookie(url),
            value,
            max_age=seconds,
            path="/",
            secure=url.startswith("https://"),
            httponly=True,
            samesite="lax",
        )


def _view_session(found: Found | None) -> dict[str, Any]:
    """Return `{auth, signed_in, name?, scopes?}`.

    The caller adds `login` where the outside issuer logs people in, and `link` where one can be mailed.
    """
    if found is None:
        return {"auth": "token", "signed_in": False}
    return {"auth": "token", "signed_in": True, "name": found.caller.name, "scopes": sorted(found.caller.scopes)}


def require_door(service: Service) -> Door:
    """Return the door of a service; raises `HttpRefusal` 409 in `local` mode."""
    if service.door is None:
        raise HttpRefusal(409, "no_sign_in", _ALONE)
    return service.door


def keep_out_of_caches(response: Response) -> Response:
    """Return a response that no cache may keep."""
    response.headers["Cache-Control"] = "no-store"
    return response
