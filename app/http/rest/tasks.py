"""The REST routes on tasks, reminders, series and plans: the same use cases as the tools."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic_core import to_json

from app.http.rest.requests import PATCHES, fill_id, patch_to_arguments, read_body, read_query, read_versions
from app.identity import identify_rest
from app.problems import refuse
from todo import reminders
from todo.activity import history
from todo.errors import InvalidArguments, TodoError
from todo.record.changes import check_version
from todo.record.queries import load_reminder, load_task
from todo.record.views import View
from todo.record.work import Store, Work
from todo.requests import schemas
from todo.requests.arguments import Request as Arguments
from todo.requests.arguments import describe_model, read_arguments
from todo.requests.idempotency import once
from todo.series import create as recurring
from todo.series import update as revising
from todo.tasks import search as finding
from todo.tasks import tasks
from todo.undo import plans, undo


@dataclass(frozen=True, slots=True)
class Write:
    """One writing route; it shares the tool's `name`, so that one `request_id` is one call over all surfaces.

    `id_field` is the argument that the path gives.
    """

    method: Literal["POST", "PATCH", "DELETE"]
    path: str
    name: str
    request: type[Arguments]
    use_case: Callable[[Work, Any], View]
    id_field: str | None = "task_id"
    status: int = 200


WRITES = (
    Write("POST", "/tasks", "create_task", schemas.CreateTask, tasks.create_task, None, 201),
    Write("PATCH", "/tasks/{id}", "update_task", schemas.UpdateTask, tasks.update_task),
    Write("DELETE", "/tasks/{id}", "delete_task", schemas.DeleteTask, tasks.delete_task),
    Write("POST", "/tasks/{id}/complete", "complete_task", schemas.CompleteTask, tasks.complete_task),
    Write("POST", "/tasks/{id}/reopen", "reopen_task", schemas.ReopenTask, tasks.reopen_task),
    Write("POST", "/tasks/{id}/reminders", "set_reminder", schemas.SetReminder, reminders.set_reminder, status=201),
    Write(
        "POST",
        "/reminders/{id}/snooze",
        "snooze_reminder",
        schemas.SnoozeReminder,
        reminders.snooze_reminder,
        "reminder_id",
    ),
    Write(
        "DELETE", "/reminders/{id}", "cancel_reminder", schemas.CancelReminder, reminders.cancel_reminder, "reminder_id"
    ),
    Write(
        "POST",
        "/recurring-tasks",
        "create_recurring_task",
        schemas.CreateRecurringTask,
        recurring.create_recurring_task,
        None,
        201,
    ),
    Write(
        "PATCH",
        "/recurring-tasks/{id}",
        "update_recurring_task",
        schemas.UpdateRecurringTask,
        revising.update_recurring_task,
    ),
    Write("POST", "/undo", "undo", schemas.Undo, undo.undo, None),
    Write("POST", "/plans", "plan_changes", schemas.PlanChanges, plans.plan_changes, None),
    Write("POST", "/plans/{id}/apply", "apply_plan", schemas.ApplyPlan, plans.apply_plan, "plan_id"),
)


_CLEAR = re.compile(r'use clear=\["\w+"\]')


class PlainRoute(APIRoute):
    """A route whose endpoint takes the plain request; FastAPI only describes it.

    `todo.requests.arguments` reads the arguments, as for the tools. Measured: 30-40 µs less per call.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


def build_task_routes(store: Store) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute)
    for write in WRITES:
        router.add_api_route(
            write.path,
            _build_write(store, write),
            methods=[write.method],
            status_code=write.status,
            response_class=Response,
            openapi_extra=_describe_write(write),
            summary=write.name.replace("_", " ").capitalize(),
            operation_id=write.name,
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
        given = read_arguments(schemas.FindTasks, read_query(request))
        answer = await store.read(identify_rest(), lambda work: finding.find_tasks(work, given.request))
        return write_json(answer, given.warnings)

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
        given = read_arguments(schemas.GetTask, fill_id(query, "task_id", request))
        if at is not None:
            if not isinstance(at, str):
                raise InvalidArguments("at is one time.", "Write it as 2026-11-27T17:00.")
            past = await store.read(identify_rest(), lambda work: history.read_past(work, given.request.task_id, at))
            return write_json(past, given.warnings)
        answer = await store.read(identify_rest(), lambda work: tasks.get_task(work, given.request))
        more: View = {name: answer[name] for name in ("occurrences", "history") if name in answer}
        return write_json({**answer["task"], **more}, given.warnings, etag=answer["task"]["version"])

    return router


def _build_write(store: Store, write: Write) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        patch = write.method == "PATCH"
        raw = await read_body(request, PATCHES) if patch else await read_body(request)
        if patch:
            raw = patch_to_arguments(raw)
        if write.id_field is not None:
            raw = fill_id(raw, write.id_field, request)
        if (key := request.headers.get("idempotency-key")) is not None:
            raw["request_id"] = key
        versions = read_versions(request)
        operation, use_case = write.name, write.use_case
        if versions is not None and len(versions) == 1:
            raw["expected_version"] = versions[0]
        elif versions is not None:
            # The list of versions is part of the call that an Idempotency-Key identifies.
            operation, use_case = f"{write.name} if {sorted(set(versions))}", _any_of(versions, write)
        try:
            given = read_arguments(write.request, raw)
            answer = await store.write(
                identify_rest(), partial(once, operation=operation, request=given.request, use_case=use_case)
            )
        except TodoError as error:
            return refuse(error, precondition=versions is not None)
        task = answer.get("task")
        unchanged = answer.get("events") == []
        location = f"/api/tasks/{task['id']}" if task and write.status == 201 and not unchanged else None
        return write_json(
            answer,
            _reword_clear(given.warnings),
            status=200 if unchanged else write.status,
            etag=task["version"] if task else None,
            location=location,
        )

    return endpoint


def _reword_clear(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return warnings in REST's terms: there a null empties a field, where tools have `clear`."""
    return tuple(_CLEAR.sub("clear it with null", warning) for warning in warnings)


def _any_of(versions: list[int], write: Write) -> Callable[[Work, Any], View]:
    """Wrap a use case so that it runs only if the task is at one of the versions in `If-Match`."""

    def check(work: Work, request: Any) -> View:
        task_id = getattr(request, "task_id", None)
        if task_id is None and (reminder := load_reminder(work, request.reminder_id)) is not None:
            task_id = reminder["task_id"]
        if task_id is not None:
            task = load_task(work, task_id)
            if task["version"] not in versions:
                check_version(work, task, max(versions, default=0))
        return write.use_case(work, request)

    return check


def write_json(
    answer: View, warnings: tuple[str, ...], *, status: int = 200, etag: int | None = None, location: str | None = None
) -> Response:
    """Return an answer as JSON with the warnings of its arguments, `ETag` and `Location`."""
    if warnings:
        answer = {**answer, "warnings": [*answer.get("warnings", []), *warnings]}
    headers = {}
    if etag is not None:
        headers["ETag"] = f'"{etag}"'
    if location is not None:
        headers["Location"] = location
    return Response(to_json(answer), status, headers, "application/json")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    for status, text in {
        400: "The body is no JSON object, or a header cannot be read.",
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


def _describe_write(write: Write) -> dict[str, Any]:
    schema = describe_model(write.request)
    hidden = {"request_id", "expected_version", "clear", write.id_field}
    properties = {name: value for name, value in schema["properties"].items() if name not in hidden}
    required = [name for name in schema.get("required", []) if name not in hidden]
    body = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        body["required"] = required
    kinds = sorted(PATCHES) if write.method == "PATCH" else ["application/json"]
    parameters: list[dict[str, Any]] = [_ID] if write.id_field is not None else []
    parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if write.id_field is not None:
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
