"""The REST route that previews a recurrence rule."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.rest.requests import read_body
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from todo.operations import OPERATIONS
from todo.record.work import Store
from todo.requests import schemas
from todo.requests.arguments import describe_model
from todo.requests.operation import read_call, run_call


def build_recurring_routes(store: Store) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute)
    body = {"application/json": {"schema": describe_model(schemas.PreviewOccurrences)}}

    @router.post(
        "/recurring-tasks/preview",
        operation_id="preview_occurrences",
        response_class=Response,
        openapi_extra={"requestBody": {"required": True, "content": body}},
        responses=PROBLEMS,
    )
    async def preview_occurrences(request: Request) -> Response:
        call = read_call(OPERATIONS["preview_occurrences"], await read_body(request))
        return write_json(await run_call(store, identify_rest(request), call))

    return router
