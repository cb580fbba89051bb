"""Receivers of the tests of channels: what a world sends goes to them and nowhere else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json
from standardwebhooks import Webhook

from app.guarded_client import GuardedClient
from tests.world import World

Reply = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]
ADDRESS = "93.184.216.34"


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
