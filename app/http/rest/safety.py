"""The REST routes on changes, requests whose answer was lost, history, erasing and confirmations."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.http.rest.description import describe_body
from app.http.rest.feeds import describe_names, read_limit
from app.http.rest.requests import read_body, read_repeated, read_scalars
from app.http.rest.tasks import PROBLEMS, write_json
from app.http.routes import PlainRoute
from app.identity import identify_rest
from app.problems import HttpRefusal
from todo.activity import history, short_history
from todo.record.scopes import CONFIRM, DELETE
from todo.record.work import Store, Who
from todo.requests import confirmations, idempotency

_REQUESTS: dict[str, Any] = {
    "parameters": [
        {
            "name": "request_id",
            "in": "query",
            "description": "The Idempotency-Key of a write whose answer was lost; may be repeated",
            "schema": {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 100},
        }
    ]
}


async def _forget_history(store: Store, who: Who, task_id: str, text: str | None) -> dict[str, Any]:
    """Forget what happened to a task before a time, in steps that let other calls in between."""
    if text is None:
        raise HttpRefusal(422, "invalid_arguments", "Say before which time: ?before=2026-01-31.")
    before = await store.read(who, lambda work: short_history.read_before(work, text))
    forgotten, more = 0, True
    while more:
        step = await store.write(who, lambda work: short_history.forget_history(work, task_id, before))
        forgotten, more = forgotten + step["forgotten"], step["more"]
    words = f"{forgotten} changes are forgotten; the task is as it was." if forgotten else "Nothing is older."
    return {"task_id": task_id, "forgotten": forgotten, "message": words}


def build_safety_routes(store: Store) -> APIRouter:
    """Return the routes on a store."""
    router = APIRouter(route_class=PlainRoute, responses=PROBLEMS)

    @router.get("/changes", operation_id="list_changes", openapi_extra=describe_names("limit", "cursor"))
    async def list_changes(request: Request) -> Response:
        query = read_scalars(request, "limit", "cursor")
        limit, cursor = read_limit(query.get("limit", "50")), query.get("cursor")
        answer = await store.read(identify_rest(request), lambda work: history.list_changes(work, limit, cursor))
        return write_json(answer)

    @router.get("/requests", operation_id="list_requests", openapi_extra=_REQUESTS)
    async def list_requests(request: Request) -> Response:
        ids = read_repeated(request, "request_id")
        return write_json(await store.read(identify_rest(request), lambda work: idempotency.list_answers(work, ids)))

    @router.get("/tasks/{task_id}/history", operation_id="list_history")
    async def list_history(task_id: str, request: Request) -> Response:
        return write_json(await store.read(identify_rest(request), lambda work: history.list_history(work, task_id)))

    before = {"name": "before", "in": "query", "required": True, "schema": {"type": "string"}}

    @router.delete("/tasks/{task_id}/history", operation_id="forget_history", openapi_extra={"parameters": [before]})
    async def forget_history(task_id: str, request: Request) -> Response:
        who, query = identify_rest(request, DELETE), read_scalars(request, "before")
        return write_json(await _forget_history(store, who, task_id, query.get("before")))

    @router.delete("/tasks/{task_id}/permanently", operation_id="erase_task")
    async def erase_task(task_id: str, request: Request) -> Response:
        return write_json(
            await store.write(identify_rest(request, DELETE), lambda work: history.erase_task(work, task_id))
        )

    @router.get("/confirmations", operation_id="list_confirmations")
    async def list_confirmations(request: Request) -> Response:
        return write_json(await store.read(identify_rest(request), confirmations.list_confirmations))

    body = describe_body({"decision": {"enum": ["accept", "reject"]}}, "decision")

    @router.post("/confirmations/{confirmation_id}", operation_id="decide_confirmation", openapi_extra=body)
    async def decide_confirmation(confirmation_id: str, request: Request) -> Response:
        body = await read_body(request)
        decision = body.get("decision")
        if body.keys() != {"decision"} or not isinstance(decision, str):
            raise HttpRefusal(422, "invalid_arguments", 'Send {"decision": "accept"} or {"decision": "reject"}.')
        answer = await store.write(
            identify_rest(request, CONFIRM),
            lambda work: confirmations.decide_confirmation(work, confirmation_id, decision),
        )
        return write_json(answer)

    return router
