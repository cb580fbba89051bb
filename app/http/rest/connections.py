"""The REST routes of a person's connections: the programs that may use their tasks by OAuth."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.rest.session import require_door
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.oauth.clients import forget_disconnected
from app.oauth.connections import list_connections, revoke_connection, view_connections
from app.problems import HttpRefusal
from app.service import Service
from todo.record.scopes import CONFIRM


def build_connection_routes(service: Service) -> APIRouter:
    """Return the routes on which a person sees their connections and ends them.

    `address` is what a person gives to a program that they want to connect; it is left out where programs cannot be.
    """
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)
    store = service.store

    @router.get("/connections", operation_id="list_connections")
    async def show(request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        rows = await store.read(who, lambda work: list_connections(work.connection, who.user_id, work.now))
        # Programs belong to the service: a person's transaction does not see them.
        found = await service.database.read(lambda connection: view_connections(connection, rows))
        address = {} if service.authority is None else {"address": service.authority.resource}
        return write_json({"connections": found, **address})

    @router.delete("/connections/{connection_id}", operation_id="end_connection", status_code=204)
    async def end(connection_id: str, request: Request) -> Response:
        who = identify_rest(request, CONFIRM)
        now = store.clock.now()
        client_id = await store.write(
            who, lambda work: revoke_connection(work.connection, who.user_id, connection_id, now)
        )
        if client_id is None:
            raise HttpRefusal(404, "not_found", "There is no such connection, or it has ended already.")
        require_door(service).forget()
        await service.database.write(lambda connection: forget_disconnected(connection, client_id, now))
        return Response(status_code=204)

    return router
