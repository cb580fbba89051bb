"""The REST routes on tasks, reminders, series and plans: the same use cases as the tools."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from app.http.rest.requests import PATCHES, fill_id, patch_to_arguments, read_body, read_query, read_versions
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import refuse
from todo.activity import history
from todo.errors import Forbidden, InvalidArguments, TodoError
from todo.operations import OPERATIONS
from todo.record.conflicts import check_version
from todo.record.queries import load_reminder, load_task
from todo.record.shapes import Answer
from todo.record.work import Store, Work
from todo.requests import schemas
from todo.requests.arguments import describe_model
from todo.requests.operation import Operation, UseCase, read_call, run_call
from todo.requests.request import Request as Arguments


@dataclass(frozen=True, slots=True)
class Route:
    """One writing route of an operation; `id_field` is the argument that the path fills in."""

    method: Literal["POST", "PATCH", "DELETE"]
    path: str
    name: str
    id_field: str | None = "task_id"
    status: int = 200

    @property
    def operation(self) -> Operation:
        """The operation, under the name that all surfaces share: one `request_id` is one call over all of them."""
        return OPERATIONS[self.name]


ROUTES = (
    Route("POST", "/tasks", "create_task", None, 201),
    Route("PATCH", "/tasks/{id}", "update_task"),
    Route("DELETE", "/tasks/{id}", "delete_task"),
    Route("POST", "/tasks/{id}/complete", "complete_task"),
    Route("POST", "/tasks/{id}/reopen", "reopen_task"),
    Route("POST", "/tasks/{id}/reminders", "set_reminder", status=201),
    Route("POST", "/reminders/{id}/snooze", "snooze_reminder", "reminder_id"),
    Route("DELETE", "/reminders/{id}", "cancel_reminder", "reminder_id"),
    Route("POST", "/recurring-tasks", "create_recurring_task", None, 201),
    Route("PATCH", "/recurring-tasks/{id}", "update_recurring_task"),
    Route("POST", "/undo", "undo", None),
    Route("POST", "/plans", "plan_changes", None),
    Route("POST", "/plans/{id}/apply", "apply_plan", "plan_id"),
)
"""Every writing route; reading ones differ enough to be written out below."""


_CLEAR = re.compile(r'use clear=\["\w+"\]')


def build_task_routes(store: Store) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute)
    for route in ROUTES:
        router.add_api_route(
            route.path,
            _build_write(store, route),
            methods=[route.method],
            status_code=route.status,
            response_class=Response,
            openapi_extra=_describe_write(route),
            summary=route.name.replace("_", " ").capitalize(),
            operation_id=route.name,
            responses=PROBLEMS,
        )

    @router.get(
        "/tasks",
        response_class=Response,
        operation_id="find_tasks",
        openapi_extra=_describe_query(schemas.FindTasks),
        responses=PROBLEMS,
    )
    async def find_tasks(request: Request) -> Response:
        call = read_call(OPERATIONS["find_tasks"], read_query(request))
        return write_json(await run_call(store, identify_rest(request), call))

    @router.get(
        "/tasks/{id}",
        response_class=Response,
        operation_id="get_task",
        openapi_extra={"parameters": [_ID, *_GET_PARAMETERS]},
        responses=PROBLEMS,
    )
    async def get_task(request: Request) -> Response:
        query = read_query(request)
        at = query.pop("at", None)
        call = read_call(OPERATIONS["get_task"], fill_id(query, "task_id", request))
        if at is not None:
            if not isinstance(at, str):
                raise InvalidArguments("Give one time with at.", "Write it as 2026-11-27T17:00.")
            task_id = str(request.path_params["id"])
            past = await store.read(identify_rest(request), lambda work: history.read_past(work, task_id, at))
            return write_json({**past, "warnings": list(call.warnings)} if call.warnings else past)
        answer = await run_call(store, identify_rest(request), call)
        more = {name: answer[name] for name in ("occurrences", "history", "warnings") if name in answer}
        return write_json({**answer["task"], **more}, etag=answer["task"]["version"])

    return router


def _build_write(store: Store, route: Route) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        patch = route.method == "PATCH"
        raw = await read_body(request, PATCHES) if patch else await read_body(request)
        if patch:
            raw = patch_to_arguments(raw)
        if route.id_field is not None:
            raw = fill_id(raw, route.id_field, request)
        if (key := request.headers.get("idempotency-key")) is not None:
            raw["request_id"] = key
        versions = read_versions(request)
        operation = route.operation
        if versions is not None and (len(versions) == 1 or "expected_version" not in operation.request.model_fields):
            # What has no version refuses each in the same words.
            raw["expected_version"] = next(iter(versions), 0)
        elif versions is not None:
            # The list of versions is part of the call that an Idempotency-Key identifies.
            name = f"{route.name} if {sorted(set(versions))}"
            operation = replace(operation, name=name, use_case=_any_of(versions, operation.use_case))
        try:
            call = read_call(operation, raw)
            answer = await run_call(store, identify_rest(request), replace(call, warnings=_reword_clear(call.warnings)))
        except Forbidden:
            raise
        except TodoError as error:
            return refuse(error, precondition=versions is not None)
        task = answer.get("task")
        unchanged = answer.get("events") == []
        location = f"/api/tasks/{task['id']}" if task and route.status == 201 and not unchanged else None
        return write_json(
            answer,
            status=200 if unchanged else route.status,
            etag=task["version"] if task else None,
            location=location,
        )

    return endpoint


def _reword_clear(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return warnings in REST's terms: there a null empties a field, where tools have `clear`."""
    return tuple(_CLEAR.sub("clear it with null", warning) for warning in warnings)


def _any_of(versions: list[int], use_case: UseCase) -> UseCase:
    """Wrap a use case so that it runs only if the task is at one of the versions in `If-Match`."""

    def check(work: Work, request: Any) -> Answer:
        task_id = getattr(request, "task_id", None)
        if task_id is None and (reminder := load_reminder(work, request.reminder_id)) is not None:
            task_id = reminder["task_id"]
        if task_id is not None:
            task = load_task(work, task_id)
            if task["version"] not in versions:
                check_version(work, task, max(versions, default=0))
        return use_case(work, request)

    return check


def write_json(answer: Answer, *, status: int = 200, etag: int | None = None, location: str | None = None) -> Response:
    """Return an answer as JSON with `ETag` and `Location`."""
    headers = {}
    if etag is not None:
        headers["ETag"] = f'"{etag}"'
    if location is not None:
        headers["Location"] = location
    return Response(to_json(answer), status, headers, "application/json")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    for status, text in {
        400: "The body is not a JSON object, or a header cannot be read.",
        404: "There is no such task.",
        409: "The task has changed.",
        412: "The task is at none of the versions in If-Match.",
        413: "The body is too large.",
        415: "The body is of another content type.",
        422: "An argument cannot be used.",
        503: "The database cannot be used now.",
    }.items()
}

_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_INCLUDE = {"type": "array", "items": {"type": "string", "enum": ["history", "occurrences"]}}
_GET_PARAMETERS = (
    {"name": "include", "in": "query", "schema": _INCLUDE},
    {"name": "at", "in": "query", "schema": {"type": "string"}, "description": "The task as it was at this time"},
)


def _describe_write(route: Route) -> dict[str, Any]:
    schema = describe_model(route.operation.request)
    hidden = {"request_id", "expected_version", "clear", route.id_field}
    properties = {name: value for name, value in schema["properties"].items() if name not in hidden}
    required = [name for name in schema.get("required", []) if name not in hidden]
    body = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        body["required"] = required
    kinds = sorted(PATCHES) if route.method == "PATCH" else ["application/json"]
    parameters: list[dict[str, Any]] = [_ID] if route.id_field is not None else []
    parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if route.id_field is not None:
        parameters.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}})
    described: dict[str, Any] = {"parameters": parameters}
    if properties:
        described["requestBody"] = {"required": bool(required), "content": {kind: {"schema": body} for kind in kinds}}
    return described


def _describe_query(model: type[Arguments]) -> dict[str, Any]:
    schema = describe_model(model)
    return {
        "parameters": [{"name": name, "in": "query", "schema": value} for name, value in schema["properties"].items()]
    }
