"""The providers that the MCP SDK's handlers ask: for a person's request to connect, and for what programs send."""

from dataclasses import dataclass
from hashlib import sha256
from math import inf

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyUrl
from sqlalchemy import Connection

from app.access.credentials import revoke_credential
from app.identity import Caller
from app.oauth.authority import Authority
from app.oauth.clients import (
    MOST_UNUSED,
    UNUSED_LASTS_WHEN_FULL,
    Client,
    check_redirects,
    count_unused,
    forget_idle,
    name_client,
    store_client,
)
from app.oauth.connections import (
    ACCESS_LASTS,
    Held,
    Tokens,
    end_by_code,
    end_connection,
    find_held,
    is_remembered,
    open_connection,
    rotate,
)
from app.oauth.redirects import is_local
from app.oauth.steps import Request, Step, find_step, take_step
from todo.record.scopes import AGENT, widen

CONSENT = "/consent"
MOST_STATE = 4_096
_USED = "This code is unknown, used or expired. Begin again at /authorize."
_ENDED = "This refresh token is unknown or used, or its connection has ended. Begin again at /authorize."


class HeldToken(AccessToken):
    """An access token that a program shows."""

    held: Held


class HeldRefresh(RefreshToken):
    """A refresh token that a program shows."""

    held: Held


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to `/authorize`: the program, which was found beforehand, and the person whose session it came in."""

    authority: Authority
    client: Client
    caller: Caller
    asks_again: bool

    async def get_client(self, client_id: str) -> Client | None:
        """Return the program of the request."""
        return self.client if client_id == self.client.client_id else None

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:  # noqa: ARG002  # the protocol's
        """Return the address of the consent page, or of the program if the person has agreed to as much before."""
        authority, caller = self.authority, self.caller
        if not authority.accepts(params.resource):
            raise AuthorizeError("invalid_target", f"The resource here is {authority.resource}.")
        if params.state is not None and len(params.state) > MOST_STATE:
            raise AuthorizeError("invalid_request", f"state has at most {MOST_STATE} characters.")
        offered = widen(params.scopes or AGENT) & caller.scopes
        if not offered:
            raise AuthorizeError("invalid_scope", "This session has none of these scopes itself.")
        request = Request(
            redirect_uri=str(params.redirect_uri),
            is_redirect_given=params.redirect_uri_provided_explicitly,
            scopes=sorted(offered),
            challenge=params.code_challenge,
            resource=authority.resource,
            state=params.state,
        )
        return await authority.database.write(lambda connection: self._answer(connection, request, offered))

    def _answer(self, connection: Connection, request: Request, offered: frozenset[str]) -> str:
        authority, caller, client_id = self.authority, self.caller, self.client.client_id
        # Any program of this computer can give out a well-known address for its own and listen on a port.
        is_known = not (self.client.is_described and is_local(request.redirect_uri)) and not self.asks_again
        now = authority.clock.now()
        if is_known and is_remembered(connection, caller.user_id, client_id, offered, now):
            return authority.give_code(connection, caller, client_id, request, offered)
        step = Step("question", caller.user_id, client_id, caller.credential, request)
        return f"{authority.url}{CONSENT}/{authority.ask(step, connection)}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The requests that programs send themselves: `/token`, `/revoke`, `/register`."""

    authority: Authority

    async def get_client(self, client_id: str) -> Client | None:
        """Return a program that is known; nothing is fetched for a stranger's request."""
        known = await self.authority.descriptions.recall(client_id)
        return None if known is None else known[0]

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Store a program that registers itself. Raises `RegistrationError`."""
        given = client_info.model_dump(exclude={"client_secret"})
        client = Client.model_validate({**given, "shown_name": name_client(client_info.client_name, "A program")})
        if problem := check_redirects(client.addresses):
            raise RegistrationError("invalid_redirect_uri", problem)
        if client_info.client_secret is not None:
            digest = sha256(client_info.client_secret.encode()).hexdigest()
            client = client.model_copy(update={"secret_digest": digest})
        now = self.authority.clock.now()

        def store(connection: Connection) -> bool:
            forget_idle(connection, now)
            if count_unused(connection) >= MOST_UNUSED:
                forget_idle(connection, now, UNUSED_LASTS_WHEN_FULL)
            if count_unused(connection) >= MOST_UNUSED:
                return False
            store_client(connection, client, now)
            return True

        if not await self.authority.database.write(store):
            raise RegistrationError(
                "invalid_client_metadata", "Too many programs have registered. Try again in an hour."
            )

    async def load_authorization_code(
        self,
        client: OAuthClientInformationFull,  # noqa: ARG002  # the protocol's
        authorization_code: str,
    ) -> AuthorizationCode | None:
        """Return a code that holds; one that was used ends what it has opened.

        The handler compares times by the machine's clock: this has been done here by the service's.
        """
        now = self.authority.clock.now()
        step = await self.authority.database.read(
            lambda connection: find_step(connection, "code", authorization_code, now)
        )
        if step is None:
            if await self.authority.database.write(lambda connection: end_by_code(connection, authorization_code, now)):
                self.authority.door.forget()
            return None
        request = step.request
        return AuthorizationCode(
            code=authorization_code,
            scopes=request.scopes,
            expires_at=inf,
            client_id=step.client_id,
            code_challenge=request.challenge,
            redirect_uri=AnyUrl(request.redirect_uri),
            redirect_uri_provided_explicitly=request.is_redirect_given,
            resource=request.resource,
            subject=step.user_id,
        )

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Open the connection of a code, which is used up by that. Raises `TokenError`."""
        assert isinstance(client, Client)  # noqa: S101  # get_client returns nothing else
        code, now, keys = authorization_code.code, self.authority.clock.now(), self.authority.keys

        def open_by_code(connection: Connection) -> Tokens | None:
            step = take_step(connection, "code", code, now)
            if step is None or step.client_id != client.client_id:
                end_by_code(connection, code, now)
                return None
            return open_connection(connection, client, code, step, now, keys)

        return self._write(await self.authority.database.write(open_by_code), _USED)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> HeldRefresh | None:
        """Return a program's refresh token, also a used one: whether it is a copy shows when it is exchanged."""
        now = self.authority.clock.now()
        held = await self.authority.database.read(
            lambda connection: find_held(connection, "refresh", refresh_token, now)
        )
        if held is None or held.client_id != client.client_id:
            return None
        return HeldRefresh(token=refresh_token, client_id=held.client_id, scopes=sorted(held.scopes), held=held)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: HeldRefresh, scopes: list[str]
    ) -> OAuthToken:
        """Exchange a refresh token for new tokens. Raises `TokenError`."""
        assert isinstance(client, Client)  # noqa: S101  # as above
        now, keys = self.authority.clock.now(), self.authority.keys
        tokens = await self.authority.database.write(
            lambda connection: rotate(connection, refresh_token.token, client, scopes, now, keys)
        )
        return self._write(tokens, _ENDED)

    async def load_access_token(self, token: str) -> HeldToken | None:
        """Return an access token, for revoking it; the handler compares the program."""
        now = self.authority.clock.now()
        held = await self.authority.database.read(lambda connection: find_held(connection, "access", token, now))
        if held is None:
            return None
        return HeldToken(token=token, client_id=held.client_id, scopes=sorted(held.scopes), held=held)

    async def revoke_token(self, token: HeldToken | HeldRefresh) -> None:
        """Revoke an access token, or by its refresh token a whole connection (RFC 7009, section 2.1)."""
        now, held = self.authority.clock.now(), token.held

        def revoke(connection: Connection) -> None:
            if isinstance(token, HeldRefresh):
                end_connection(connection, held.user_id, held.connection_id, now)
            else:
                revoke_credential(connection, held.user_id, held.id, now)

        await self.authority.database.write(revoke)
        self.authority.door.forget()

    def _write(self, tokens: Tokens | None, refusal: str) -> OAuthToken:
        """Return tokens as a program gets them; raises `TokenError` without any."""
        if tokens is None:
            self.authority.door.forget()
            raise TokenError("invalid_grant", refusal)
        return OAuthToken(
            access_token=tokens.access,
            expires_in=int(ACCESS_LASTS.total_seconds()),
            scope=" ".join(sorted(tokens.scopes)),
            refresh_token=tokens.refresh,
        )
