"""Receivers of the tests of channels: what a world sends goes to them and nowhere else."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import http_ece  # type: ignore[import-untyped]  # it ships no types
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic_core import from_json
from standardwebhooks import Webhook

from app.guarded_client import GuardedClient
from tests.world import World

Reply = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]
ADDRESS = "93.184.216.34"
PUSH = "https://push.example/send/abc"


@dataclass
class Web:
    """All hosts of the Internet of a test, by name: each resolves to a public address and answers by a function."""

    world: World
    hosts: dict[str, str] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Let the world's one client come here."""
        client: GuardedClient = self.world.service.outfit.client
        client.resolve = self.resolve
        client.transport = httpx2.MockTransport(self.answer)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(f"{host}:{port}")
        known = self.hosts.get(host, ADDRESS)
        if known == "":
            raise OSError("no such host")
        return known.split()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.asked.append(request)
        host = request.headers["host"].partition(":")[0]
        given = self.replies.get(host, answer(200))(request)
        response = given if isinstance(given, httpx2.Response) else await given
        if response.is_stream_consumed:
            return httpx2.Response(response.status_code, headers=response.headers, content=_stream(response.content))
        return response

    def bodies(self, host: str) -> list[dict[str, Any]]:
        """Return the JSON that a host was sent, in order."""
        return [from_json(each.content) for each in self.asked if each.headers["host"] == host]


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


def verify(secret: object, request: httpx2.Request, world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a webhook's body as the field's own library accepts it, by the world's clock; it raises otherwise."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(world.clock.now().timestamp(), tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Clock)
    body: dict[str, Any] = Webhook(str(secret)).verify(request.content, dict(request.headers))
    return body


def answer(status: int, **options: Any) -> Reply:
    """Return a reply that is always the same."""
    return lambda _request: httpx2.Response(status, **options)


async def make(world: World, **body: Any) -> dict[str, Any]:
    made = await world.rest.post("/channels", json=body)
    assert made.status_code == 201, made.text
    view: dict[str, Any] = made.json()
    return view


async def ring(world: World, title: str = "Buy milk", **reminder: Any) -> dict[str, Any]:
    """Let a reminder ring, and send what is due; return its task."""
    body = {"title": title, "reminders": [{"at": "2026-11-23T10:30", **reminder}]}
    made = await world.rest.post("/tasks", json=body)
    assert made.status_code == 201, made.text
    await world.settle()
    await world.tick(minutes=30)
    await world.send()
    task: dict[str, Any] = made.json()["task"]
    return task


@dataclass
class Browser:
    """A browser that has subscribed: it alone can read what a push service passes on."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"0123456789abcdef"

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, endpoint: str = PUSH, **keys: str) -> dict[str, Any]:
        """Return what `PushSubscription.toJSON()` gives."""
        own = {"p256dh": write64(self.point), "auth": write64(self.secret)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": {**own, **keys}}

    def read(self, request: httpx2.Request) -> dict[str, Any]:
        """Decrypt a message with the browser's own key."""
        plain = http_ece.decrypt(request.content, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        message: dict[str, Any] = from_json(plain)
        return message


def write64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
