"""The routes of the authorization server: `/authorize` for people, `/token`, `/register` and `/revoke` for programs."""

from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from fastapi import APIRouter
from fastapi.responses import Response
from mcp.server.auth.handlers.authorize import AuthorizationHandler
from mcp.server.auth.handlers.register import RegistrationHandler
from mcp.server.auth.handlers.revoke import RevocationHandler
from mcp.server.auth.handlers.token import TokenHandler
from mcp.server.auth.middleware.client_auth import AuthenticationError, ClientAuthenticator
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.types import Message

from app.access.strangers import Network, Strangers
from app.http.forms.consent import say, say_forbidden
from app.http.routes import PlainRoute
from app.identity import get_caller
from app.oauth.authority import Authority
from app.oauth.clients import Client
from app.oauth.descriptions import ClientRefused
from app.oauth.provider import CONSENT, Asking, Exchange
from app.oauth.redirects import add_query
from todo.record.scopes import AGENT, SCOPES

AUTHORIZE, TOKEN, REGISTER, REVOKE = "/authorize", "/token", "/register", "/revoke"
_FORM = "application/x-www-form-urlencoded"
GRANTS = ("authorization_code", "refresh_token")
_CHALLENGE_LENGTH = 43
_NOT_CONNECTED = "This program cannot be connected"

Handle = Callable[[Request], Awaitable[Response]]


def build_authorization_routes(authority: Authority, proxies: tuple[Network, ...]) -> APIRouter:
    """Return the four routes. Programs' requests are counted by address: they come without a caller."""
    router = APIRouter(route_class=PlainRoute, include_in_schema=False)
    # The handlers want the SDK's whole protocol, of which each asks for a part.
    exchange: Any = Exchange(authority)
    secrets = HashedSecrets(exchange)
    options = ClientRegistrationOptions(enabled=True, default_scopes=sorted(AGENT))
    registers = Strangers(authority.clock, proxies, most=20, every=timedelta(seconds=30))
    exchanges = Strangers(authority.clock, proxies, most=120, every=timedelta(seconds=1))
    tokens = Tokens(authority, TokenHandler(exchange, secrets).handle)
    revocations = RevocationHandler(exchange, secrets)

    async def authorize(request: Request) -> Response:
        return await ask_person(authority, request)

    async def register(request: Request) -> Response:
        return await limit(registers, request, RegistrationHandler(exchange, options).handle)

    async def token(request: Request) -> Response:
        return await limit(exchanges, request, tokens.handle)

    async def revoke(request: Request) -> Response:
        return await limit(exchanges, request, lambda it: read_form(it, revocations.handle))

    router.add_api_route(AUTHORIZE, authorize, methods=["GET"])
    for path, handle in ((TOKEN, token), (REGISTER, register), (REVOKE, revoke)):
        router.add_api_route(path, handle, methods=["POST"])
    return router


async def ask_person(authority: Authority, request: Request) -> Response:
    """Send a signed-in person to the consent page, or back to the program; what cannot go back is said to them."""
    caller = get_caller(request)
    if (refusal := say_forbidden(caller)) is not None:
        return refusal
    given = request.query_params.multi_items()
    query = dict(given)
    if len(query) != len(given):
        return say(_NOT_CONNECTED, "Its request names something twice. Go back to that program and begin again.", 400)
    try:
        client = await authority.descriptions.find(query.get("client_id", ""))
    except ClientRefused as refused:
        return say(_NOT_CONNECTED, refused.text, 400)
    client = client.model_copy(update={"asked_redirect": query.get("redirect_uri", "")})
    asking: Any = Asking(authority, client, caller, asks_again="consent" in query.get("prompt", "").split())
    scope = {**request.scope, "query_string": urlencode(_insist(query)).encode()}
    response = await AuthorizationHandler(asking).handle(Request(scope, request.receive))
    location = response.headers.get("location")
    if location is None:
        return say(_NOT_CONNECTED, _read_refusal(bytes(response.body)), 400)
    issuer = f"iss={quote(authority.url, safe='')}"
    if not location.startswith(f"{authority.url}{CONSENT}/") and issuer not in location:
        # The handler's own refusals do not name their sender.
        response.headers["location"] = add_query(location, {"iss": authority.url})
    return response


def _insist(query: dict[str, str]) -> dict[str, str]:
    """Return a request for the handler, which takes a missing method for S256; by RFC 7636 it is `plain`."""
    insisted = {"code_challenge_method": "plain", **query}
    if len(query.get("code_challenge", "")) != _CHALLENGE_LENGTH:
        insisted.pop("code_challenge", None)
    return insisted


def _read_refusal(body: bytes) -> str:
    return str(from_json(body).get("error_description") or "Its request cannot be read.")


async def limit(strangers: Strangers, request: Request, handle: Handle) -> Response:
    """Handle a program's request, unless too many came from its address."""
    if wait := strangers.find_wait(request.scope):
        response = refuse("temporarily_unavailable", f"Too many requests. Try again in {wait} seconds.", 429)
        response.headers["Retry-After"] = str(wait)
        return response
    strangers.count_failure(request.scope)
    return await handle(request)


def refuse(error: str, description: str, status: int = 400) -> Response:
    """Return a refusal as programs read it (RFC 6749, section 5.2)."""
    body = to_json({"error": error, "error_description": description})
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Checks what the SDK's handler of `/token` does not look at, and hands the rest to it."""

    authority: Authority
    handler: Callable[[Request], Awaitable[Any]]

    async def handle(self, request: Request) -> Response:
        """Answer a request for tokens."""
        return await read_form(request, self._exchange, self._check)

    def _check(self, form: dict[str, str]) -> Response | None:
        if form.get("grant_type") not in GRANTS:
            return refuse("unsupported_grant_type", f"grant_type is one of {', '.join(GRANTS)}.")
        if not self.authority.accepts(form.get("resource")):
            return refuse("invalid_target", f"The resource here is {self.authority.resource}.")
        if wanted := form.pop("scope", "").split():
            # Names that are not ours were passed over when the person was asked.
            form |= {"scope": " ".join(each for each in wanted if each in SCOPES)}
        return None

    async def _exchange(self, request: Request) -> Response:
        response: Response = await self.handler(request)
        return response


async def read_form(
    request: Request, handle: Handle, check: Callable[[dict[str, str]], Response | None] = lambda _: None
) -> Response:
    """Hand a form to a handler of the SDK as it wants it: each name once, `client_id` also from the Basic header."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return refuse("invalid_request", f"Send a form: {_FORM}.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return refuse("invalid_request", "The form cannot be read.")
    if pairs and Counter(name for name, _ in pairs).most_common(1)[0][1] > 1:
        return refuse("invalid_request", "The form names something twice.")
    basic = _read_basic(request.headers.get("authorization", ""))
    form = {"client_secret": basic[1], **({"client_id": basic[0]} if basic[0] else {}), **dict(pairs)}
    if (refusal := check(form)) is not None:
        return refusal
    body = urlencode(form).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await handle(Request(request.scope, receive))


def _read_basic(header: str) -> tuple[str, str]:
    """Return client and secret of a Basic header (RFC 6749, section 2.3.1); empty without one that can be read."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote(client_id), unquote(secret)


class HashedSecrets(ClientAuthenticator):
    """Knows programs by their secrets, of which only the SHA-256 is stored; public ones have none."""

    async def authenticate_request(self, request: Request) -> OAuthClientInformationFull:
        """Return the program that sends a form; raises `AuthenticationError`, which is answered by 401."""
        form = await request.form()
        client = await self.provider.get_client(str(form.get("client_id", "")))
        if not isinstance(client, Client):
            raise AuthenticationError("This client is unknown here. Register it again.")
        given = sha256(str(form.get("client_secret", "")).encode()).hexdigest()
        if client.secret_digest is not None and not compare_digest(given, client.secret_digest):
            raise AuthenticationError("The client's secret is missing or wrong.")
        return client
