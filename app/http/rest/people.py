"""The REST routes of personal tokens, and of the people of the service."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.access import people
from app.access.bindings import name_bindings
from app.access.credentials import create_credential, list_credentials, revoke_credential
from app.access.grants import grant_invitation, link_invitation, read_token
from app.access.removal import remove_person
from app.http.rest.description import TEXT, describe_body
from app.http.rest.requests import PATCHES, read_body
from app.http.rest.session import Draw, keep_out_of_caches, require_door
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.migrations.schema import TABLES
from app.problems import HttpRefusal
from app.service import Service
from todo.record.scopes import ADMIN, CONFIRM
from todo.record.work import Work

_MAYBE = {"type": ["string", "null"]}
_TEXTS = {"type": ["array", "string", "null"], "items": TEXT}
_TOKEN = describe_body({"name": _MAYBE, "scopes": _TEXTS, "expires": _MAYBE, "lists": _TEXTS})
_PERSON = describe_body({"name": TEXT, "zone": TEXT, "admin": {"type": "boolean"}}, "name")
_CHANGE = describe_body({"disabled": {"type": "boolean"}}, "disabled", also=("application/merge-patch+json",))


def build_token_routes(service: Service, draw: Draw) -> APIRouter:
    """Return the routes of a person's own tokens; who may decide what agents do may give out tokens."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)
    store = service.store

    @router.get("/tokens", operation_id="list_tokens")
    async def list_tokens(request: Request) -> Response:
        who = identify_rest(request, CONFIRM)

        def look(work: Work) -> list[dict[str, Any]]:
            tokens = list_credentials(work.connection, who.user_id, "personal", work.now)
            name_bindings(work.connection, who.user_id, tokens)
            return tokens

        return write_json({"tokens": await store.read(who, look)})

    @router.post("/tokens", operation_id="create_token", status_code=201, openapi_extra=_TOKEN)
    async def create_token(request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        wanted = read_token(await read_body(request))

        def create(work: Work) -> dict[str, Any]:
            grant = wanted.make_grant(who, work.connection, work.now)
            made = create_credential(work.connection, grant, work.now, work.ids, draw)
            view = wanted.view(grant)
            name_bindings(work.connection, who.user_id, [view])
            return {"id": made.id, "token": made.secret, **view}

        require_door(service)
        return keep_out_of_caches(write_json(await store.write(who, create), status=201))

    @router.delete("/tokens/{token_id}", operation_id="revoke_token", status_code=204)
    async def revoke_token(token_id: str, request: Request) -> Response:
        who = identify_rest(request, CONFIRM)

        def revoke(work: Work) -> bool:
            return revoke_credential(work.connection, who.user_id, token_id, work.now)

        if not await store.write(who, revoke):
            raise HttpRefusal(404, "not_found", "There is no such token, or it is revoked already.")
        require_door(service).forget()
        return Response(status_code=204)

    return router


def build_people_routes(service: Service, draw: Draw) -> APIRouter:
    """Return the routes with which an admin looks after the people."""
    router = APIRouter(route_class=PlainRoute, prefix="/people", responses=PROBLEMS)
    store = service.store

    @router.get("", operation_id="list_people")
    async def list_people(request: Request) -> Response:
        who = identify_rest(request, ADMIN)
        return write_json({"people": await store.read_for_all(who, lambda work: people.list_people(work.connection))})

    @router.post("", operation_id="add_person", status_code=201, openapi_extra=_PERSON)
    async def add_person(request: Request) -> Response:
        who = identify_rest(request, ADMIN)
        body = await read_body(request)
        name, zone, admin = body.get("name"), body.get("zone", service.settings.zone), body.get("admin", False)
        if body.keys() - {"name", "zone", "admin"} or not isinstance(name, str) or not isinstance(admin, bool):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"name": "anna"}, and zone or admin if needed.')
        require_door(service)

        def add(work: Work) -> dict[str, Any]:
            user_id = people.add_person(work.connection, name, str(zone), work.ids, work.now, admin=admin)
            return {"user_id": user_id, **_invite(service, draw, work, user_id)}

        return keep_out_of_caches(write_json(await store.write_for_all(who, add), status=201))

    @router.post("/{name}/invitations", operation_id="invite_person", status_code=201)
    async def invite_person(name: str, request: Request) -> Response:
        who = identify_rest(request, ADMIN)
        require_door(service)

        def invite(work: Work) -> dict[str, Any]:
            return _invite(service, draw, work, str(people.find_person(work.connection, name).id))

        return keep_out_of_caches(write_json(await store.write_for_all(who, invite), status=201))

    _add_ends(router, service)
    return router


def _add_ends(router: APIRouter, service: Service) -> None:
    store = service.store

    @router.patch("/{name}", operation_id="disable_person", openapi_extra=_CHANGE)
    async def disable_person(name: str, request: Request) -> Response:
        who = identify_rest(request, ADMIN)
        body = await read_body(request, PATCHES)
        disabled = body.get("disabled")
        if body.keys() != {"disabled"} or not isinstance(disabled, bool):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"disabled": true} or {"disabled": false}.')

        def change(work: Work) -> str:
            _refuse_own(work, name)
            return people.set_disabled(work.connection, name, work.now, disabled=disabled)

        user_id = await store.write_for_all(who, change)
        require_door(service).forget()
        return write_json({"user_id": user_id, "disabled": disabled})

    @router.delete("/{name}", operation_id="remove_person")
    async def remove(name: str, request: Request) -> Response:
        who = identify_rest(request, ADMIN)

        def erase(work: Work) -> int:
            _refuse_own(work, name)
            return remove_person(work.connection, name, TABLES)

        removed = await store.write_for_all(who, erase)
        require_door(service).forget()
        return write_json({"removed": name, "tasks": removed, "message": "Events that were published stay."})


def _invite(service: Service, draw: Draw, work: Work, user_id: str) -> dict[str, Any]:
    grant = grant_invitation(user_id, work.now)
    made = create_credential(work.connection, grant, work.now, work.ids, draw)
    return {"invitation": link_invitation(service.settings.url, made.secret), "expires_at": grant.expires_at}


def _refuse_own(work: Work, name: str) -> None:
    if people.find_person(work.connection, name).id == work.who.user_id:
        raise HttpRefusal(
            409, "own_account", "This is your own account; another admin, or the command line, can do it."
        )
