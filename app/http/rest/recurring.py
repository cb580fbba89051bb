"""The REST route that previews a recurrence rule."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.rest.requests import read_body
from app.http.rest.tasks import PROBLEMS, PlainRoute, write_json
from app.identity import identify_rest
from todo.record.work import Store
from todo.requests import schemas
from todo.requests.arguments import describe_model, read_arguments
from todo.series import create as recurring


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
        given = read_arguments(schemas.PreviewOccurrences, await read_body(request))
        answer = await store.read(identify_rest(), lambda work: recurring.preview_occurrences(work, given.request))
        return write_json(answer, given.warnings)

    return router
