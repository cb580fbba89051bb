"""Logging in on the page by an outside issuer: code, PKCE, nonce (OpenID Connect Core 1.0, section 3.1; RFC 7636)."""

import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlencode

from app.access.issuer import Issuer, Login
from todo.errors import TodoError

LOGGED_IN = "/login/callback"
"""Where a browser comes back with the issuer's answer."""
ATTEMPT_LASTS = timedelta(minutes=10)
SCOPES = "openid profile"
_LONGEST_CODE = 4_096

Exchange = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[Any]]
"""Sends a form with further headers and returns the JSON answer; raises `IssuerAway`, and `LoginRefused` for 4xx."""


class LoginRefused(TodoError):
    """The issuer's answer does not show that this browser's person has logged in."""

    code = "unauthenticated"


class ForeignAnswer(TodoError):
    """An answer of the issuer to a question that this browser has not asked, or no longer asks."""

    code = "bad_request"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One browser's attempt to log in: all that it sends is made of one secret, which only this browser has.

    So nothing is stored, an answer is good in the browser that asked alone, and the next attempt voids this one.
    """

    secret: str

    @property
    def state(self) -> str:
        """What the issuer sends back, so that the answer belongs to this browser (RFC 6749, section 10.12)."""
        return self._derive("state")

    @property
    def nonce(self) -> str:
        """What the ID token must repeat, so that it belongs to this attempt."""
        return self._derive("nonce")

    @property
    def verifier(self) -> str:
        """What makes the code of use to this service alone (RFC 7636, section 4.1)."""
        return self._derive("verifier")

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier (RFC 7636, section 4.2)."""
        return _encode(sha256(self.verifier.encode()).digest())

    def _derive(self, what: str) -> str:
        return _encode(hmac.digest(self.secret.encode(), what.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class PageLogin:
    """The service as a client of the issuer; a public one has no secret."""

    issuer: Issuer
    client_id: str
    client_secret: str
    redirect_uri: str
    exchange: Exchange

    async def ask(self, attempt: Attempt) -> str:
        """Return the address at the issuer where a person logs in. Raises `IssuerAway`."""
        endpoint = await self.issuer.find_endpoint("authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPES,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def read_answer(self, attempt: Attempt, answer: Mapping[str, str]) -> Login:
        """Return who has logged in, by the issuer's answer to an attempt.

        Raises `ForeignAnswer`, `LoginRefused` and `IssuerAway`.
        """
        if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), attempt.state.encode()):
            raise ForeignAnswer("This answer is not for this browser, or it is used up.", "Begin again.")
        await self._check_sender(answer.get("iss"))
        if answer.get("error") == "access_denied":
            raise LoginRefused("You have not logged in.", "Begin again if you want to.")
        code = answer.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise LoginRefused("The issuer could not log you in.", "Begin again, or ask the operator.")
        token = await self._redeem(code, attempt.verifier)
        login = await self.issuer.verify_id_token(token, self.client_id, attempt.nonce)
        if login is None:
            raise LoginRefused("What the issuer says of you does not hold.", "Begin again, or ask the operator.")
        return login

    async def _check_sender(self, named: str | None) -> None:
        """Refuse an answer in another issuer's name (RFC 9207, section 2.4)."""
        about = await self.issuer.describe()
        must_name = about.get("authorization_response_iss_parameter_supported") is True
        if named != self.issuer.url and (must_name or named is not None):
            raise LoginRefused("This answer is another issuer's.", "Begin again.")

    async def _redeem(self, code: str, verifier: str) -> str:
        """Return the ID token for a code (RFC 6749, section 4.1.3)."""
        endpoint = await self.issuer.find_endpoint("token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "code_verifier": verifier,
        }
        headers = {}
        if self.client_secret and await self._takes_basic():
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        elif self.client_secret:
            form["client_secret"] = self.client_secret
        given = await self.exchange(endpoint, form, headers)
        token = given.get("id_token") if isinstance(given, dict) else None
        if not isinstance(token, str):
            raise LoginRefused("The issuer says nothing of who you are.", "Ask the operator.")
        return token

    async def _takes_basic(self) -> bool:
        """Return whether the issuer takes the secret in a header, as it does unless it says otherwise."""
        methods = (await self.issuer.describe()).get("token_endpoint_auth_methods_supported")
        return not isinstance(methods, list) or "client_secret_basic" in methods or "client_secret_post" not in methods


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
