"""Access tokens of an OpenID Connect issuer: JWTs that name this service as their audience (RFC 9068, RFC 8725)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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

FetchJson = Callable[[str], Awaitable[Any]]
"""Returns the JSON at an address; raises `IssuerAway`."""


class IssuerAway(TodoError):
    """The issuer's keys cannot be had now; no token of its can be checked."""

    code = "storage_unavailable"


@dataclass(frozen=True, slots=True)
class Login:
    """Who a token speaks for, as the issuer knows them, and what it allows; `expires_at` is aware."""

    issuer: str
    subject: str
    scopes: frozenset[str]
    expires_at: datetime
    client: str


@dataclass(slots=True)
class Issuer:
    """Checks the access tokens of one issuer; its keys are kept for ten minutes.

    A token with an unknown key makes it look for new keys, at most once a minute, so that a flood of made-up key ids
    does not reach the issuer.
    """

    url: str
    audience: str
    fetch: FetchJson
    clock: Clock
    default_scopes: frozenset[str] = frozenset()
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched_at: datetime | None = None
    _looked_at: datetime | None = None

    async def verify(self, token: str) -> Login | None:
        """Return whom an access token speaks for; None unless everything about it holds. Raises `IssuerAway`."""
        import jwt

        if len(token) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        if header.get("alg") not in ALGORITHMS or header.get("typ", "JWT").lower() not in (
            "jwt",
            "at+jwt",
            "application/at+jwt",
        ):
            return None
        key = await self._find_key(header.get("kid"))
        if key is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=self.audience,
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
        return self._read(claims)

    def _read(self, claims: dict[str, Any]) -> Login | None:
        now, subject = self.clock.now(), claims["sub"]
        ends, begins = _read_time(claims["exp"], now), _read_time(claims.get("nbf", 0), now)
        if ends is None or begins is None or ends + LEEWAY <= now or now + LEEWAY < begins:
            return None
        if any(name in claims for name in _ID_TOKEN_CLAIMS) or claims.get("typ") == "ID":
            return None
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
            return None
        given = claims.get("scope", claims.get("scp", ""))
        names = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        # The person's own rights, to decide and to look after others, come from no issuer.
        scopes = widen(each for each in names if each in AGENT) or self.default_scopes
        client = claims.get("azp", claims.get("client_id", ""))
        return Login(self.url, subject, scopes, ends + LEEWAY, client[:64] if isinstance(client, str) else "")

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
        self._keys, self._fetched_at = keys, now


def _read_time(value: Any, now: datetime) -> datetime | None:
    """Return a NumericDate (RFC 7519, section 2) as an instant; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, now.tzinfo)
    except (OverflowError, ValueError, OSError):
        return None
