"""The authorization server's hall: people in their browsers, and programs that want a connection."""

import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from pydantic_core import to_json

from app.access.json_fetcher import JsonFetcher
from app.oauth.descriptions import Descriptions
from tests.integration.access.house import House, Person, open_house

ADDRESS = "https://todo.example"
RESOURCE = f"{ADDRESS}/mcp"
CALLBACK = "https://claude.example/api/callback"
DESCRIBED = "https://claude.example/oauth/client.json"
VERIFIER = "v" * 43


def challenge(verifier: str = VERIFIER) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Web:
    """What the guarded fetcher sees: names with their addresses, and the documents there."""

    addresses: dict[str, list[str]] = field(default_factory=lambda: {"claude.example": ["93.184.215.14"]})
    documents: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    asked: list[httpx2.Request] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    async def resolve(self, host: str, _port: int) -> list[str]:
        self.resolved.append(host)
        if host not in self.addresses:
            raise OSError(host)
        return self.addresses[host]

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        address = f"https://{request.headers['host']}{request.url.raw_path.decode()}"
        if address not in self.documents:
            return httpx2.Response(404, content=_send_nothing())
        document = self.documents[address]
        content = document if isinstance(document, bytes) else to_json(document)

        async def send() -> AsyncIterator[bytes]:
            yield content

        return httpx2.Response(self.status, content=send(), headers=self.headers)

    def describe(self, **changes: Any) -> dict[str, Any]:
        """Put Claude's description up, with these members changed."""
        document = {
            "client_id": DESCRIBED,
            "client_name": "Claude",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            **changes,
        }
        self.documents[DESCRIBED] = document
        return document


@dataclass
class Browser:
    """A person's browser, which is signed in."""

    http: httpx2.AsyncClient

    async def open(self, address: str) -> httpx2.Response:
        """Open an address as a link does."""
        return await self.http.get(address)

    async def decide(
        self, page: str, *, decision: str = "accept", scope: str = "tasks:delete", **headers: str
    ) -> httpx2.Response:
        """Send the form of a consent page."""
        given = {"origin": ADDRESS, **headers}
        return await self.http.post(
            page, data={"decision": decision, "scope": scope}, headers={k: v for k, v in given.items() if v}
        )

    async def api(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Call the API as the page does."""
        headers = {"origin": ADDRESS, "x-todo-page": "1"}
        return await self.http.request(method, f"/api{path}", headers=headers, **options)

    async def agree(self, address: str, **choice: str) -> dict[str, str]:
        """Open `/authorize`, answer the consent page if it comes; return what the program gets."""
        shown = await self.open(address)
        assert shown.status_code == 302, shown.text
        location = shown.headers["location"]
        if location.startswith(f"{ADDRESS}/consent/"):
            page = await self.open(location)
            assert page.status_code == 200, page.text
            answered = await self.decide(location, **choice)
            assert answered.status_code == 303, answered.text
            location = answered.headers["location"]
        return dict(parse_qsl(urlsplit(location).query))


@dataclass
class Program:
    """A registered program, driven by hand."""

    hall: "Hall"
    client_id: str
    secret: str = ""
    redirect: str = CALLBACK

    def address(self, **changes: str | None) -> str:
        """Return the address of its request to connect; None leaves a parameter out."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "state": "st4te",
            "scope": "tasks:read tasks:write",
            "resource": RESOURCE,
            **changes,
        }
        return str(httpx2.URL(f"{ADDRESS}/authorize", params={k: v for k, v in query.items() if v is not None}))

    async def token(self, **form: str | None) -> httpx2.Response:
        """Send a form to `/token`; None leaves a field out."""
        given = {"client_id": self.client_id, "client_secret": self.secret or None, **form}
        return await self.hall.stranger.post("/token", data={k: v for k, v in given.items() if v is not None})

    async def exchange(self, code: str, **changes: str | None) -> httpx2.Response:
        """Exchange a code."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": VERIFIER,
            "resource": RESOURCE,
        }
        return await self.token(**{**form, **changes})

    async def refresh(self, token: str, **changes: str | None) -> httpx2.Response:
        """Exchange a refresh token."""
        form: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.token(**{**form, **changes})

    async def connect(self, browser: Browser, level: str = "tasks:delete", **changes: str | None) -> dict[str, Any]:
        """Go the whole way by hand and return the tokens."""
        asked = {"scope": "tasks:read tasks:write tasks:delete", **changes}
        answer = await browser.agree(self.address(**asked), scope=level)
        response = await self.exchange(answer["code"])
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens


@dataclass
class Kept:
    """Where the SDK's client keeps its tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    auth: OAuthClientProvider | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Hall:
    """A service with its authorization server, and the web that its descriptions come from."""

    house: House
    web: Web
    stranger: httpx2.AsyncClient
    stack: AsyncExitStack

    @property
    def descriptions(self) -> Descriptions:
        """Where the service finds programs."""
        authority = self.house.world.service.authority
        assert authority is not None
        return authority.descriptions

    async def sign_in(self, person: Person) -> Browser:
        """Open a browser and sign a person in by an invitation."""
        http = await self.stack.enter_async_context(self.open_http())
        secret = await self.house.invite(person)
        response = await http.post("/api/session", json={"token": secret}, headers={"origin": ADDRESS})
        assert response.status_code == 201, response.text
        return Browser(http)

    def open_http(self, **options: Any) -> httpx2.AsyncClient:
        """Return a new HTTP client at the public address."""
        return httpx2.AsyncClient(transport=self.house.world.http._transport, base_url=ADDRESS, **options)

    async def register(self, redirect: str = CALLBACK, **metadata: Any) -> Program:
        """Register a program."""
        body = {"client_name": "Claude", "redirect_uris": [redirect], "token_endpoint_auth_method": "none", **metadata}
        response = await self.stranger.post("/register", json=body)
        assert response.status_code == 201, response.text
        made = response.json()
        return Program(self, made["client_id"], made.get("client_secret", ""), redirect)

    async def call(self, token: str, path: str = "/api/tasks") -> int:
        """Return the status of a read with an access token."""
        return (await self.stranger.get(path, headers={"authorization": f"Bearer {token}"})).status_code

    async def join(
        self, browser: Browser, kept: Kept, *, described: bool = False, mode: str = "auto", **metadata: Any
    ) -> Client:
        """Return the official SDK's client, which connects by itself when it is first used."""
        got: dict[str, str] = {}

        async def redirect(address: str) -> None:
            got.update(await browser.agree(address))

        async def callback() -> AuthorizationCodeResult:
            return AuthorizationCodeResult(code=got["code"], state=got.get("state"), iss=got.get("iss"))

        auth = OAuthClientProvider(
            RESOURCE,
            OAuthClientMetadata(redirect_uris=[AnyUrl(CALLBACK)], client_name="Claude", **metadata),
            kept,
            redirect,
            callback,
            DESCRIBED if described else None,
        )
        kept.auth = auth
        http = await self.stack.enter_async_context(self.open_http(auth=auth))
        transport = streamable_http_client(RESOURCE, http_client=http)
        return await self.stack.enter_async_context(Client(transport, mode=mode))


@asynccontextmanager
async def open_hall(folder: Path, **overrides: Any) -> AsyncIterator[Hall]:
    """Open a service with its authorization server on a folder."""
    settings = {"oauth": "on", "public_url": ADDRESS, **overrides}
    async with open_house(folder, **settings) as house, AsyncExitStack() as stack:
        web, authority = Web(), house.world.service.authority
        assert authority is not None
        fetcher = JsonFetcher(True, 64 * 1024, web.resolve, httpx2.MockTransport(web.answer))
        put_in_place(authority.descriptions, fetcher)
        stranger = httpx2.AsyncClient(transport=house.world.http._transport, base_url=ADDRESS)
        await stack.enter_async_context(stranger)
        yield Hall(house, web, stranger, stack)


def put_in_place(descriptions: Descriptions, fetcher: JsonFetcher) -> None:
    """Let descriptions come from a test's fetcher."""
    object.__setattr__(descriptions, "fetcher", fetcher)


def read_text(html: str) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def _send_nothing() -> AsyncIterator[bytes]:
    """Send an empty body as a network does: it is still to be read."""
    yield b""
