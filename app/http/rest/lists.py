"""The REST routes on lists: the same use cases and the same `Idempotency-Key` as for tasks."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.rest.description import describe_body
from app.http.rest.feeds import describe_names
from app.http.rest.requests import PATCHES, fill_id, read_body, read_query
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import HttpRefusal
from todo.operations import OPERATIONS
from todo.record.shapes import Answer
from todo.record.work import Store
from todo.requests.operation import read_call, run_call

_POSITION = {"type": "integer", "minimum": 1, "description": "From 1; the others move up"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 64}
_KEY = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_TASKS = {"name": "tasks", "in": "query", "schema": {"enum": ["keep", "delete"], "default": "keep"}}

Name = Literal["create_list", "update_list", "delete_list"]


def build_list_routes(store: Store) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute)
    described: Any = {"responses": PROBLEMS, "response_class": Response}

    async def run(request: Request, name: Name, raw: dict[str, Any]) -> Answer:
        if (key := request.headers.get("idempotency-key")) is not None:
            raw["request_id"] = key
        return await run_call(store, identify_rest(request), read_call(OPERATIONS[name], raw))

    @router.get("/lists", operation_id="list_lists", openapi_extra=describe_names("archived"), **described)
    async def show(request: Request) -> Response:
        call = read_call(OPERATIONS["list_lists"], read_query(request))
        return write_json(await run_call(store, identify_rest(request), call))

    body = describe_body({"name": _NAME, "position": _POSITION}, "name")
    body["parameters"] = [_KEY]

    @router.post("/lists", operation_id="create_list", status_code=201, openapi_extra=body, **described)
    async def create(request: Request) -> Response:
        answer = await run(request, "create_list", await read_body(request))
        return write_json(answer, status=201, location=f"/api/lists/{answer['list']['id']}")

    patch = describe_body({"name": _NAME, "position": _POSITION, "archived": {"type": "boolean"}})
    patch["parameters"] = [_ID, _KEY]

    @router.patch("/lists/{id}", operation_id="update_list", openapi_extra=patch, **described)
    async def update(request: Request) -> Response:
        raw = await read_body(request, PATCHES)
        if empty := [name for name, value in raw.items() if value is None]:
            raise HttpRefusal(422, "invalid_arguments", f"{empty[0][:40]} cannot be emptied; leave it out.")
        return write_json(await run(request, "update_list", fill_id(raw, "list_id", request)))

    @router.delete(
        "/lists/{id}", operation_id="delete_list", openapi_extra={"parameters": [_ID, _TASKS, _KEY]}, **described
    )
    async def delete(request: Request) -> Response:
        raw = {**await read_body(request), **read_query(request)}
        return write_json(await run(request, "delete_list", fill_id(raw, "list_id", request)))

    return router
