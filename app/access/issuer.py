"""An OpenID Connect issuer: what it says of itself, its keys, and its tokens, checked (RFC 9068, RFC 8725)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from app.origins import is_loopback
from events.ports import Clock
from todo.errors import TodoError
from todo.record.scopes import AGENT, widen

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: with a public key as the secret of an HMAC anybody could sign."""
LEEWAY = timedelta(seconds=60)
KEYS_LAST = timedelta(minutes=10)
REFETCH_EVERY = timedelta(minutes=1)
LONGEST_TOKEN = 16_384
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash")
_ACCESS_KINDS = ("jwt", "at+jwt", "application/at+jwt")
_LONGEST_NAME = 64

FetchJson = Callable[[str], Awaitable[Any]]
"""Returns the JSON at an address; raises `IssuerAway`."""


class IssuerAway(TodoError):
    """The issuer's keys cannot be had now; no token of its can be checked."""

    code = "storage_unavailable"


@dataclass(frozen=True, slots=True)
class Login:
    """Who a token speaks for, as the issuer knows them, and what it allows; `expires_at` is aware.

    `name` is what the issuer calls them, "" where it does not say.
    """

    issuer: str
    subject: str
    scopes: frozenset[str]
    expires_at: datetime
    client: str
    name: str = ""


@dataclass(slots=True)
class Issuer:
    """Checks the tokens of one issuer; its keys, and what it says of itself, are kept for ten minutes.

    A token with an unknown key makes it look for new keys, at most once a minute, so that a flood of made-up key ids
    does not reach the issuer.
    """

    url: str
    audience: str
    fetch: FetchJson
    clock: Clock
    default_scopes: frozenset[str] = frozenset()
    _about: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched_at: datetime | None = None
    _looked_at: datetime | None = None

    async def describe(self) -> dict[str, Any]:
        """Return what the issuer says of itself (OpenID Connect Discovery 1.0, section 3). Raises `IssuerAway`."""
        now = self.clock.now()
        if self._fetched_at is None or now - self._fetched_at >= KEYS_LAST:
            await self._fetch_keys(now)
        return self._about

    async def find_endpoint(self, name: str) -> str:
        """Return the address of one of the issuer's endpoints, https or of this machine. Raises `IssuerAway`."""
        address = (await self.describe()).get(name)
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
            return str(address)
        raise IssuerAway(f"The issuer names no {name} with https.", "Ask the operator.")

    async def verify(self, token: str) -> Login | None:
        """Return whom an access token speaks for; None unless everything about it holds. Raises `IssuerAway`."""
        claims = await self._decode(token, self.audience, _ACCESS_KINDS)
        if claims is None or any(name in claims for name in _ID_TOKEN_CLAIMS) or claims.get("typ") == "ID":
            return None
        given = claims.get("scope", claims.get("scp", ""))
        names = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        # The person's own rights, to decide and to look after others, come from no issuer.
        scopes = widen(each for each in names if each in AGENT) or self.default_scopes
        client = claims.get("azp", claims.get("client_id", ""))
        return self._read(claims, scopes, client[:64] if isinstance(client, str) else "")

    async def verify_id_token(self, token: str, client_id: str, nonce: str) -> Login | None:
        """Return who has logged in, by an ID token for this client and this nonce; None unless everything holds.

        OpenID Connect Core 1.0, section 3.1.3.7. Raises `IssuerAway`.
        """
        claims = await self._decode(token, client_id, ("jwt",))
        if claims is None or "iat" not in claims:
            return None
        made, given, now = _read_time(claims["iat"], self.clock.now()), claims.get("nonce"), self.clock.now()
        if made is None or now + LEEWAY < made or claims.get("azp", client_id) != client_id:
            return None
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            return None
        if not isinstance(given, str) or not compare_digest(given.encode("utf-8", "replace"), nonce.encode()):
            return None
        return self._read(claims, frozenset(), client_id)

    async def _decode(self, token: str, audience: str, kinds: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the claims of a token of these kinds for an audience, if signature and times hold."""
        import jwt

        if len(token) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        if header.get("alg") not in ALGORITHMS or str(header.get("typ", "JWT")).lower() not in kinds:
            return None
        key = await self._find_key(header.get("kid"))
        if key is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=audience,
                issuer=self.url,
                # The clock is the service's own, so times are compared below.
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, TypeError, ValueError):
            return None
        now = self.clock.now()
        ends, begins = _read_time(claims["exp"], now), _read_time(claims.get("nbf", 0), now)
        is_now = ends is not None and begins is not None and ends + LEEWAY > now and now + LEEWAY >= begins
        return claims if is_now else None

    def _read(self, claims: dict[str, Any], scopes: frozenset[str], client: str) -> Login | None:
        subject, name = claims["sub"], claims.get("preferred_username", claims.get("name"))
        ends = _read_time(claims["exp"], self.clock.now())
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable() or ends is None:
            return None
        named = name if isinstance(name, str) and len(name) <= _LONGEST_NAME and name.isprintable() else ""
        return Login(self.url, subject, scopes, ends + LEEWAY, client, named)

    async def _find_key(self, key_id: Any) -> Any:
        now = self.clock.now()
        if self._fetched_at is None or now - self._fetched_at >= KEYS_LAST:
            await self._fetch_keys(now)
        name = key_id if isinstance(key_id, str) else None
        if name not in self._keys and (self._looked_at is None or now - self._looked_at >= REFETCH_EVERY):
            await self._fetch_keys(now)
        if name is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(name)

    async def _fetch_keys(self, now: datetime) -> None:
        import jwt

        self._looked_at = now
        about = await self.fetch(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(about, dict) or about.get("issuer") != self.url or not isinstance(about.get("jwks_uri"), str):
            raise IssuerAway("The issuer describes itself otherwise than TODO_OIDC_ISSUER.", "Tell the operator.")
        found = await self.fetch(about["jwks_uri"])
        keys: dict[str, Any] = {}
        for each in found.get("keys", []) if isinstance(found, dict) else []:
            try:
                if each.get("use", "sig") == "sig":
                    keys[str(each.get("kid"))] = jwt.PyJWK.from_dict(each)
            except (jwt.PyJWKError, jwt.InvalidKeyError, AttributeError, ValueError, TypeError):
                continue
        self._about, self._keys, self._fetched_at = about, keys, now


def _read_time(value: Any, now: datetime) -> datetime | None:
    """Return a NumericDate (RFC 7519, section 2) as an instant; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, now.tzinfo)
    except (OverflowError, ValueError, OSError):
        return None
