"""Access tokens of an outside issuer: what holds, what is refused, and how often its keys are asked for."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.access.issuer import IssuerAway
from app.access.people import link_login
from tests.integration.access.house import House, open_house

PROMISES = ("issuer",)

pytestmark = pytest.mark.anyio

ISSUER = "https://id.example/realms/home"
RESOURCE = "http://127.0.0.1:8000/mcp"
RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


@dataclass
class TestIssuer:
    """An issuer that signs what a test wants, and counts how often it is asked."""

    __test__ = False

    keys: dict[str, Any] = field(default_factory=lambda: {"one": RSA})
    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    async def fetch(self, address: str) -> Any:
        self.asked.append(address)
        if self.is_away:
            raise IssuerAway("The issuer cannot be reached.", "Try again in a minute.")
        if address.endswith("/.well-known/openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        return {"keys": [self._publish(name, key) for name, key in self.keys.items()]}

    @staticmethod
    def _publish(name: str, key: Any) -> dict[str, Any]:
        kind = (
            jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
        )
        public: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
        return {**public, "kid": name, "use": "sig"}


@dataclass
class Lodge:
    """A house that trusts the tests' issuer."""

    house: House
    issuer: TestIssuer

    def sign(
        self, *, key: Any = RSA, kid: str | None = "one", algorithm: str = "RS256", header: Any = None, **claims: Any
    ) -> str:
        """Return a token of Ann's, good in everything except what is given; None leaves a claim out."""
        now = self.house.world.clock.now()
        given = {
            "iss": ISSUER,
            "sub": "ann-1",
            "aud": RESOURCE,
            "exp": now + timedelta(minutes=5),
            "iat": now,
            "scope": "openid tasks:write",
            "azp": "claude",
            **claims,
        }
        headers = {"typ": "at+jwt", **({"kid": kid} if kid else {}), **(header or {})}
        held = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(held, key, algorithm, headers)

    async def try_token(self, token: str) -> tuple[int, str]:
        """Return the status and the code of a read with a token."""
        response = await self.house.world.rest.get("/tasks", headers={"authorization": f"Bearer {token}"})
        return response.status_code, response.json().get("code", "")


@pytest.fixture
async def lodge(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[Lodge]:
    settings = {"oidc_issuer": ISSUER, "oidc_audience": RESOURCE}
    async with open_house(tmp_path, **settings) as house:
        issuer = TestIssuer()
        door = house.world.service.door
        assert door is not None
        assert door.issuer is not None
        door.issuer.fetch = issuer.fetch
        await house.join("Ann")
        now = house.world.clock.now()
        await house.world.service.database.write(lambda it: link_login(it, "Ann", ISSUER, "ann-1", now))
        yield Lodge(house, issuer)


async def test_a_token_of_the_issuer_is_the_person_with_its_scopes(lodge: Lodge) -> None:
    headers = {"authorization": f"Bearer {lodge.sign()}"}
    made = await lodge.house.world.rest.post("/tasks", json={"title": "Water"}, headers=headers)
    assert made.status_code == 201
    (event,) = await lodge.house.world.events()
    assert event["data"]["data"]["actor"]["token"] == "claude"  # noqa: S105  # a label
    task_id = made.json()["task"]["id"]
    assert (await lodge.house.world.rest.delete(f"/tasks/{task_id}", headers=headers)).status_code == 403
    assert (await lodge.house.world.rest.get("/tokens", headers=headers)).status_code == 403
    assert lodge.issuer.asked == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys"]


BAD: dict[str, Callable[[Lodge], str]] = {
    "another issuer": lambda it: it.sign(iss="https://id.example/realms/homes"),
    "an issuer with a slash": lambda it: it.sign(iss=f"{ISSUER}/"),
    "another audience": lambda it: it.sign(aud="http://127.0.0.1:8000"),
    "no audience": lambda it: it.sign(aud=None),
    "an audience one character off": lambda it: it.sign(aud=f"{RESOURCE}/"),
    "no subject": lambda it: it.sign(sub=None),
    "an empty subject": lambda it: it.sign(sub=""),
    "a subject with a line break": lambda it: it.sign(sub="ann\n1"),
    "a long subject": lambda it: it.sign(sub="a" * 256),
    "no end": lambda it: it.sign(exp=None),
    "ended": lambda it: it.sign(exp=it.house.world.clock.now() - timedelta(seconds=60)),
    "not begun": lambda it: it.sign(nbf=it.house.world.clock.now() + timedelta(seconds=61)),
    "an ID token by its nonce": lambda it: it.sign(nonce="n"),
    "an ID token by its hash": lambda it: it.sign(at_hash="h"),
    "an ID token by its type": lambda it: it.sign(typ="ID"),
    "a token of another kind": lambda it: it.sign(header={"typ": "logout+jwt"}),
    "signed by another key": lambda it: it.sign(key=OTHER),
    "an unknown key": lambda it: it.sign(key=OTHER, kid="two"),
    "a key of the token's own": lambda it: it.sign(
        key=OTHER, kid="mine", header={"jku": "https://evil.example/keys", "jwk": {"kty": "RSA"}}
    ),
    "another algorithm": lambda it: it.sign(algorithm="HS256", key="x" * 32),
    "no algorithm": lambda it: it.sign(algorithm="none", key=None),
    "no signature": lambda it: it.sign().rpartition(".")[0] + ".",
    "changed after signing": lambda it: it.sign()[:-4] + "AAAA",
    "too long": lambda it: it.sign(more="x" * 20_000),
    "three parts of nothing": lambda _: "a.b.c",
}


@pytest.mark.parametrize("what", BAD)
async def test_a_token_that_is_off_in_one_thing_is_refused(lodge: Lodge, what: str) -> None:
    assert (await lodge.try_token(lodge.sign()))[0] == 200
    assert await lodge.try_token(BAD[what](lodge)) == (401, "unauthenticated")
    assert (await lodge.try_token(lodge.sign()))[0] == 200


async def test_the_public_key_is_no_secret(lodge: Lodge) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    import base64
    import hashlib
    import hmac
    import json

    def encode(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = encode(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": "one"}).encode())
    ends = int((lodge.house.world.clock.now() + timedelta(minutes=5)).timestamp())
    claims = {"iss": ISSUER, "sub": "ann-1", "aud": RESOURCE, "exp": ends, "scope": "tasks:read"}
    body = encode(json.dumps(claims).encode())
    signature = encode(hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest())
    assert await lodge.try_token(f"{head}.{body}.{signature}") == (401, "unauthenticated")


async def test_clocks_may_differ_by_a_minute(lodge: Lodge) -> None:
    now = lodge.house.world.clock.now()
    assert (await lodge.try_token(lodge.sign(exp=now - timedelta(seconds=59))))[0] == 200
    assert (await lodge.try_token(lodge.sign(nbf=now + timedelta(seconds=59))))[0] == 200


async def test_a_subject_that_nobody_knows_is_told_so(lodge: Lodge) -> None:
    assert await lodge.try_token(lodge.sign(sub="ben-1")) == (403, "forbidden")
    assert await lodge.try_token(lodge.sign(sub="local")) == (403, "forbidden")


async def test_a_token_without_our_scopes_may_do_nothing(lodge: Lodge) -> None:
    for scope in ("openid profile", "", "admin confirm", None):
        assert (await lodge.try_token(lodge.sign(scope=scope)))[0] == 403, scope


async def test_scopes_come_as_a_list_too(lodge: Lodge) -> None:
    assert (await lodge.try_token(lodge.sign(scope=None, scp=["tasks:read"])))[0] == 200


async def test_keys_rotate_and_a_flood_of_key_ids_asks_once_a_minute(lodge: Lodge) -> None:
    assert (await lodge.try_token(lodge.sign()))[0] == 200
    lodge.issuer.keys = {"two": CURVE}
    rotated = lodge.sign(key=CURVE, kid="two", algorithm="ES256")
    assert (await lodge.try_token(rotated))[0] == 401, "the keys were looked at in this minute"
    lodge.house.world.clock.move(minutes=1)
    assert (await lodge.try_token(lodge.sign(key=CURVE, kid="two", algorithm="ES256")))[0] == 200
    asked = len(lodge.issuer.asked)
    for number in range(30):
        assert (await lodge.try_token(lodge.sign(kid=f"made up {number}")))[0] == 401
    assert len(lodge.issuer.asked) == asked
    lodge.house.world.clock.move(minutes=10)
    assert (await lodge.try_token(lodge.sign(key=CURVE, kid="two", algorithm="ES256")))[0] == 200
    assert len(lodge.issuer.asked) == asked + 2


async def test_an_issuer_that_is_away_is_no_reason_to_let_in(lodge: Lodge) -> None:
    lodge.issuer.is_away = True
    assert await lodge.try_token(lodge.sign()) == (503, "storage_unavailable")
    lodge.issuer.is_away = False
    assert (await lodge.try_token(lodge.sign()))[0] == 200


async def test_a_disabled_person_is_refused_whatever_the_issuer_says(lodge: Lodge) -> None:
    admin = await lodge.house.join("Root", scopes="admin tasks:read")
    assert (await lodge.try_token(lodge.sign()))[0] == 200
    assert (await admin.rest("PATCH", "/people/Ann", json={"disabled": True})).status_code == 200
    assert (await lodge.try_token(lodge.sign()))[0] == 403


async def test_unknown_subjects_become_people_where_the_operator_wants_it(tmp_path: Path) -> None:
    settings = {"oidc_issuer": ISSUER, "oidc_audience": RESOURCE, "oidc_provision": True}
    async with open_house(tmp_path, **settings) as house:
        issuer, door = TestIssuer(), house.world.service.door
        assert door is not None
        assert door.issuer is not None
        door.issuer.fetch = issuer.fetch
        lodge = Lodge(house, issuer)
        for subject in ("ben-1", "BEN-1", "ben-1"):
            assert (await lodge.try_token(lodge.sign(sub=subject)))[0] == 200
        assert len(await house.world.query("SELECT * FROM person")) == 2
