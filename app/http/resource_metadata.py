"""The metadata of the protected resource (RFC 9728): what a client that got a 401 needs to know."""

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic_core import to_json

from app.http.edge import MCP_PATH
from app.settings import Settings
from todo.record.scopes import DELETE, READ, WRITE

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def build_metadata_routes(settings: Settings) -> APIRouter:
    """Return the metadata at the root and at the path of MCP (RFC 9728, section 3.1): clients try both."""
    router = APIRouter(include_in_schema=False)
    metadata = {
        "resource": f"{settings.url}{MCP_PATH}",
        "resource_name": "Evolution Todo",
        "authorization_servers": [settings.oidc_issuer] if settings.oidc_issuer else [],
        "scopes_supported": [READ, WRITE, DELETE],
        "bearer_methods_supported": ["header"],
    }
    body = to_json({name: value for name, value in metadata.items() if value})

    async def show() -> Response:
        return Response(body, headers={"Access-Control-Allow-Origin": "*"}, media_type="application/json")

    for path in (WELL_KNOWN, f"{WELL_KNOWN}{MCP_PATH}"):
        router.add_api_route(path, show, methods=["GET"])
    return router
