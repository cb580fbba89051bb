"""Receivers of the tests of channels: what a world sends goes to them and nowhere else."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import http_ece  # type: ignore[import-untyped]  # it ships no types
import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic_core import from_json
from standardwebhooks import Webhook

from app.guarded_client import GuardedClient
from tests.world import URL, World

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


@dataclass
class Mailbox:
    """A mail server that keeps what it gets."""

    refused: tuple[str, ...] = ()
    code: str = "250 OK"
    held: asyncio.Event | None = None
    got: list[tuple[list[str], bytes]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        if self.held is not None:
            await self.held.wait()
        if self.code.startswith("250"):
            self.got.append((list(envelope.rcpt_tos), cast("bytes", envelope.content)))
        return self.code

    def read(self) -> list[EmailMessage]:
        return [message_from_bytes(each, policy=policy.default) for _, each in self.got]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[dict[str, str]]:
        """Yield the settings of a service that sends mail here."""
        server = await asyncio.get_running_loop().create_server(lambda: SMTP(self), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield {"smtp_url": f"smtp://127.0.0.1:{port}", "smtp_from": "todo@house.example"}
        finally:
            server.close()
            await server.wait_closed()

    def take_link(self, wanted: str) -> str:
        """Return the path of the newest link of a kind, and forget the mail in which it was."""
        for number, message in reversed(list(enumerate(self.read()))):
            if found := re.search(rf"{URL}(/{wanted}\S+)", message.get_content()):
                del self.got[number]
                return found[1]
        raise AssertionError(f"no mail with a link to /{wanted}")


async def confirm(world: World, mailbox: Mailbox) -> None:
    """Confirm the address of the newest question."""
    form = {"origin": URL, "content-type": "application/x-www-form-urlencoded"}
    answered = await world.http.post(mailbox.take_link("mail/"), headers=form, content="decision=confirm")
    assert "is confirmed" in answered.text, answered.text


async def add_mailbox(world: World, mailbox: Mailbox, address: str = "anna@example.org") -> dict[str, Any]:
    """Make a channel to a mailbox and confirm it; return it as it was made."""
    made = await make(world, kind="email", address=address)
    assert made["confirmation"]["ok"], made
    await confirm(world, mailbox)
    return made
