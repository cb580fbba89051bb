"""The REST route that reads a task as it is typed in one line."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.typed_task import ReadLine, read_typed_line
from app.http.rest.requests import read_body
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from todo.record.scopes import READ
from todo.record.work import Store
from todo.requests.arguments import describe_model, read_arguments


def build_line_routes(store: Store) -> APIRouter:
    """Return the route on a store; it stores nothing."""
    router = APIRouter(route_class=PlainRoute)
    body = {"application/json": {"schema": describe_model(ReadLine)}}

    @router.post(
        "/read",
        operation_id="read_line",
        summary="Read line",
        response_class=Response,
        openapi_extra={"requestBody": {"required": True, "content": body}},
        responses=PROBLEMS,
    )
    async def read_line(request: Request) -> Response:
        who = identify_rest(request, READ)
        wanted = read_arguments(ReadLine, await read_body(request)).request
        return write_json(await store.read(who, lambda work: read_typed_line(work, wanted)))

    return router
