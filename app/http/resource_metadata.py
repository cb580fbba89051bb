"""What a client that got a 401 needs to know: about the resource (RFC 9728) and its authorization server (RFC 8414)."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic_core import to_json

from app.http.authorization import AUTHORIZE, GRANTS, REGISTER, REVOKE, TOKEN
from app.http.edge import MCP_PATH
from app.http.routes import PlainRoute
from app.settings import Settings
from todo.record.scopes import DELETE, READ, WRITE

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SERVER_WELL_KNOWN = "/.well-known/oauth-authorization-server"


def build_metadata_routes(settings: Settings) -> APIRouter:
    """Return the metadata at the root and at the path of MCP (RFC 9728, section 3.1): clients try both."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)
    servers = [settings.url] if settings.oauth == "on" else []
    _add_document(router, WELL_KNOWN, _describe_resource(settings, servers))
    if servers:
        _add_document(router, SERVER_WELL_KNOWN, _describe_server(settings.url))
    return router


def _describe_resource(settings: Settings, servers: list[str]) -> dict[str, Any]:
    return {
        "resource": f"{settings.url}{MCP_PATH}",
        "resource_name": "Evolution Todo",
        "authorization_servers": [*servers, *([settings.oidc_issuer] if settings.oidc_issuer else [])],
        "scopes_supported": [READ, WRITE, DELETE],
        "bearer_methods_supported": ["header"],
    }


def _describe_server(url: str) -> dict[str, Any]:
    methods = ["none", "client_secret_post", "client_secret_basic"]
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}{AUTHORIZE}",
        "token_endpoint": f"{url}{TOKEN}",
        "registration_endpoint": f"{url}{REGISTER}",
        "revocation_endpoint": f"{url}{REVOKE}",
        "scopes_supported": [READ, WRITE, DELETE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
    }


def _add_document(router: APIRouter, well_known: str, metadata: dict[str, Any]) -> None:
    body = to_json({name: value for name, value in metadata.items() if value})

    async def show() -> Response:
        return Response(body, media_type="application/json")

    for path in (well_known, f"{well_known}{MCP_PATH}"):
        router.add_api_route(path, show, methods=["GET"])
