"""Refusals over HTTP: RFC 9457 problem+json with the product's codes, and the status of each code."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.identity import WANTED_SCOPE
from todo.errors import Forbidden, InternalError, TodoError

CONTENT_TYPE = "application/problem+json"
WIRE = "/v1"
"""The paths under which refusals have OpenAI's shape."""

_STATUS = {
    "task_not_found": 404,
    "version_conflict": 409,
    "undo_conflict": 409,
    "plan_expired": 409,
    "confirmation_required": 409,
    "too_early": 409,
    "request_id_reused": 422,
    "forbidden": 403,
    "unauthenticated": 401,
    "channel_not_found": 404,
    "channel_unconfirmed": 409,
    "link_unknown": 404,
    "link_over": 410,
    "person_not_found": 404,
    "person_exists": 409,
    "internal_error": 500,
    "storage_unavailable": 503,
    "conversation_not_found": 404,
    "conversation_busy": 409,
    "model_not_found": 404,
    "rate_limited": 429,
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


LISTED = "The routes are listed at /docs."


class HttpRefusal(Exception):
    """A refusal by the HTTP edge itself, before any use case: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def write_problem(status: int, code: str, detail: str, details: Mapping[str, Any] | None = None) -> Response:
    """Return a problem response (RFC 9457, section 3): `{type, title, status, detail, code, …}`."""
    body = {
        **(details or {}),
        "type": f"urn:evolution-todo:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    seconds = (details or {}).get("seconds") if code == "rate_limited" else None
    again = str(seconds) if seconds else "1" if status == 503 or code == "too_early" else ""
    headers = {"Retry-After": again} if again else None
    return Response(to_json(body), status, headers, CONTENT_TYPE)


def write_wire_error(status: int, code: str, detail: str, param: str | None = None) -> Response:
    """Return a refusal in OpenAI's shape: `{"error": {message, type, param, code}}`."""
    kind = "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "api_error"
    error = {"message": detail, "type": kind, "param": param, "code": code}
    return Response(to_json({"error": error}), status, media_type="application/json")


def refuse_at(path: str, status: int, code: str, detail: str) -> Response:
    """Return a refusal in the shape that clients of this path read."""
    if path == WIRE or path.startswith(f"{WIRE}/"):
        return write_wire_error(status, code, detail)
    return write_problem(status, code, detail)


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
    async def on_refusal(request: Request, error: TodoError) -> Response:
        if isinstance(error, Forbidden) and "scope" in error.details:
            request.scope[WANTED_SCOPE] = error.details["scope"]
        if request.scope["path"].startswith(f"{WIRE}/"):
            return write_wire_error(status_of(error.code), error.code, error.text)
        return refuse(error)

    @app.exception_handler(HttpRefusal)
    async def on_http_refusal(_request: Request, error: HttpRefusal) -> Response:
        return write_problem(error.status, error.code, error.detail)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "bad_request")
        path = request.scope["path"]
        served = "/v1/chat/completions and /v1/models are served." if path.startswith(WIRE) else LISTED
        response = refuse_at(path, error.status_code, code, f"{error.detail}. {served}")
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_list_methods(app, request))
        return response

    @app.exception_handler(Exception)
    async def on_crash(request: Request, _error: Exception) -> Response:
        error = InternalError()
        return refuse_at(request.scope["path"], status_of(error.code), error.code, error.text)


def _list_methods(app: FastAPI, request: Request) -> list[str]:
    """Return the methods of all routes at the path of a request: the framework names those of the first one.

    A path that the description has as it stands is not also an id in the path of another.
    """
    known = app.openapi()["paths"].get(request.scope["path"])
    found = {
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if (known is None or method.lower() in known)
        and any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)
