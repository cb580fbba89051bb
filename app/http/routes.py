"""How every route of ours calls its endpoint."""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import signature
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from app.problems import LISTED, HttpRefusal

Endpoint = Callable[..., Awaitable[Response]]


class PlainRoute(APIRoute):
    """A route whose endpoint takes the plain request, and names of its path as text; FastAPI only describes it.

    `todo.requests.arguments` reads the arguments, as for the tools. Measured: 30-40 µs less per call; and where FastAPI
    reads one parameter, it imports Pydantic 1 to compare its type: 14 ms of a start.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, *, openapi_extra: dict[str, Any] | None = None, **options: Any
    ) -> None:
        takes = list(signature(endpoint).parameters)
        if takes != ["request"]:
            names = [name for name in takes if name != "request"]
            if names:
                extra = openapi_extra or {}
                parameters = [*map(_describe_name, names), *extra.get("parameters", ())]
                openapi_extra = {**extra, "parameters": parameters}
            endpoint = _fill_in(endpoint, names, with_request="request" in takes)
        super().__init__(path, endpoint, openapi_extra=openapi_extra, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


def _describe_name(name: str) -> dict[str, Any]:
    schema = {"type": "string", "title": name.replace("_", " ").title()}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _fill_in(endpoint: Endpoint, names: list[str], *, with_request: bool) -> Endpoint:
    """Return an endpoint that takes the request alone; it refuses a path with NUL.

    No id has a NUL, and PostgreSQL cannot even compare it.
    """

    async def take(request: Request) -> Response:
        if "\0" in request.scope["path"]:
            raise HttpRefusal(404, "not_found", f"There is nothing at this address. {LISTED}")
        given = {name: request.path_params[name] for name in names}
        return await (endpoint(request=request, **given) if with_request else endpoint(**given))

    take.__name__, take.__doc__ = getattr(endpoint, "__name__", ""), endpoint.__doc__
    return take
