"""Refusals over HTTP: RFC 9457 problem+json with the product's codes, and the status of each code."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from todo.errors import InternalError, TodoError

CONTENT_TYPE = "application/problem+json"

_STATUS = {
    "task_not_found": 404,
    "version_conflict": 409,
    "undo_conflict": 409,
    "plan_expired": 409,
    "confirmation_required": 409,
    "request_id_reused": 422,
    "forbidden": 403,
    "internal_error": 500,
    "storage_unavailable": 503,
    "conversation_not_found": 404,
    "conversation_busy": 409,
    "model_not_found": 404,
    "model_rate_limited": 429,
    "model_unavailable": 503,
    "model_stalled": 504,
    "model_truncated": 502,
    "model_nonsense": 502,
    "model_empty": 502,
    "model_filtered": 502,
    "model_refused": 502,
    "model_refused_key": 502,
    "model_unknown": 502,
    "turn_limit": 504,
    "turn_failed": 502,
}
_CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class HttpRefusal(Exception):
    """A refusal by the HTTP edge itself, before any use case: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def write_problem(status: int, code: str, detail: str, details: dict[str, Any] | None = None) -> Response:
    """Return a problem response (RFC 9457, section 3): `{type, title, status, detail, code, …}`."""
    body = {
        **(details or {}),
        "type": f"urn:evolution-todo:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(to_json(body), status, headers, CONTENT_TYPE)


def status_of(code: str) -> int:
    """Return the HTTP status of a refusal's code."""
    return _STATUS.get(code, 422)


def refuse(error: TodoError, *, precondition: bool = False) -> Response:
    """Return a use case's refusal as a problem; under `If-Match` a conflict is 412 (RFC 9110, section 13.1.1)."""
    status = status_of(error.code)
    if precondition and status == 409:
        status = 412
    return write_problem(status, error.code, error.text, error.details)


def install_problems(app: FastAPI) -> None:
    """Render every refusal of an app as problem+json that echoes no input."""

    @app.exception_handler(TodoError)
    async def on_refusal(_request: Request, error: TodoError) -> Response:
        return refuse(error)

    @app.exception_handler(HttpRefusal)
    async def on_http_refusal(_request: Request, error: HttpRefusal) -> Response:
        return write_problem(error.status, error.code, error.detail)

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "bad_request")
        response = write_problem(error.status_code, code, f"{error.detail}. The routes are listed at /docs.")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def on_crash(_request: Request, _error: Exception) -> Response:
        return refuse(InternalError())
