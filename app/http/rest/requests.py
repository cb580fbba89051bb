"""The parts of a REST request as raw arguments: body, query, path and preconditions."""

import re
from typing import Any, get_args

from fastapi import Request
from pydantic_core import from_json

from app.problems import HttpRefusal
from todo.requests.schemas import Clearable
from todo.requests.settings import ClearableSetting

JSON = frozenset({"application/json"})
PATCHES = frozenset({"application/json", "application/merge-patch+json"})

_HEADER_OF = {"request_id": "Idempotency-Key", "expected_version": "If-Match"}
_CLEARABLE = get_args(Clearable)
_NEVER_EMPTY = ("title", "rule", "first_due", "zone", "mode", "catch_up")
_TAG = re.compile(r'"([!#-~]*)"')
_VERSION = re.compile(r"[1-9][0-9]{0,17}")


async def read_body(request: Request, types: frozenset[str] = JSON) -> dict[str, Any]:
    """Return the JSON object of a body; an absent body is an empty object.

    Raises `HttpRefusal`: 415 for another content type, 400 for invalid JSON or another JSON value.
    """
    body = await request.body()
    if not body:
        return {}
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in types:
        raise HttpRefusal(415, "unsupported_media_type", f"Send {' or '.join(sorted(types))}.")
    try:
        raw = from_json(body, allow_inf_nan=True)
    except ValueError:
        raise HttpRefusal(
            400, "bad_json", "The body is not valid JSON; check quotes, commas, nesting and UTF-8."
        ) from None
    if not isinstance(raw, dict):
        raise HttpRefusal(400, "bad_json", "A JSON object is wanted here.")
    for name, header in _HEADER_OF.items():
        if name in raw:
            raise HttpRefusal(422, "invalid_arguments", f"{name} does not go into the body; send the header {header}.")
    return raw


def read_query(request: Request) -> dict[str, Any]:
    """Return the query as arguments; a repeated parameter becomes a list."""
    raw: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in raw:
            raw[name] = value
        elif isinstance(raw[name], list):
            raw[name].append(value)
        else:
            raw[name] = [raw[name], value]
    return raw


def read_scalars(request: Request, *names: str) -> dict[str, str]:
    """Return the query of a route that takes only these parameters, each at most once.

    Raises `HttpRefusal` 422 for any other.
    """
    query = read_query(request)
    for name, value in query.items():
        if name not in names or isinstance(value, list) or "\0" in value:
            allowed = ", ".join(names) or "none"
            detail = f"A parameter of the query cannot be used; allowed, once each: {allowed}."
            raise HttpRefusal(422, "invalid_arguments", detail)
    return query


def read_repeated(request: Request, name: str) -> list[str]:
    """Return the values of the one parameter that a route takes, which may be repeated.

    Raises `HttpRefusal` 422 for any other.
    """
    query = read_query(request)
    values = query.pop(name, [])
    given: list[str] = values if isinstance(values, list) else [values]
    if query or any("\0" in value for value in given):
        detail = f"A parameter of the query cannot be used; allowed, once or more: {name}."
        raise HttpRefusal(422, "invalid_arguments", detail)
    return given


def fill_id(raw: dict[str, Any], name: str, request: Request) -> dict[str, Any]:
    """Return arguments with the path's id added; raises `HttpRefusal` 422 if they name one as well."""
    if name in raw:
        raise HttpRefusal(422, "invalid_arguments", f"{name} is given by the path; leave it out.")
    return {**raw, name: request.path_params["id"]}


def read_versions(request: Request) -> list[int] | None:
    """Return the versions in `If-Match` (RFC 9110, section 13.1.1); None without the header or for `*`.

    A tag that cannot be a version matches no task and is left out.

    Raises `HttpRefusal` 400 for weak tags and for anything but a list of entity tags.
    """
    header = ", ".join(request.headers.getlist("if-match")).strip()
    if not header or header == "*":
        return None
    tags = [tag.strip() for tag in header.split(",")]
    matches = [_TAG.fullmatch(tag) for tag in tags]
    if any(tag.startswith("W/") for tag in tags):
        raise HttpRefusal(400, "bad_request", "If-Match takes strong tags only: the ETag as it was sent.")
    if not all(matches):
        raise HttpRefusal(400, "bad_request", 'If-Match is a list of entity tags, such as "3", or *.')
    return [int(match[1]) for match in matches if match and _VERSION.fullmatch(match[1])]


def patch_settings(body: dict[str, Any]) -> dict[str, Any]:
    """Return a merge patch of a person's settings as arguments: its `null` fields go into `clear`."""
    if "clear" in body:
        raise HttpRefusal(422, "invalid_arguments", "clear is not for REST; here a null empties a field.")
    cleared = [name for name in get_args(ClearableSetting) if name in body and body[name] is None]
    return {**body, "clear": cleared} if cleared else body


def patch_to_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON merge patch (RFC 7396) as arguments: its `null` fields go into `clear`."""
    if "clear" in body:
        raise HttpRefusal(422, "invalid_arguments", "clear is for tools; here a null empties a field.")
    for name in _NEVER_EMPTY:
        if name in body and body[name] is None:
            raise HttpRefusal(422, "invalid_arguments", f"{name} cannot be emptied; give another one, or leave it out.")
    cleared = [name for name in _CLEARABLE if name in body and body[name] is None]
    kept = {name: value for name, value in body.items() if name not in cleared}
    if "reminders" in kept and kept["reminders"] is None:
        kept["reminders"] = []
    if "subtasks" in kept and kept["subtasks"] is None:
        kept["subtasks"] = []
    if "ends" in kept and kept["ends"] is None:
        kept["ends"] = "never"
    return {**kept, "clear": cleared} if cleared else kept
