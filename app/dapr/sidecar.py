"""This process's Dapr sidecar: its client, and the checks of the sidecar and of our own event routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from app.dapr.routes import DEAD_ROUTE, list_subscriptions
from app.settings import Settings
from events.catalog import TopicStyle

if TYPE_CHECKING:
    import httpx2
    from starlette.types import ASGIApp

PROBE = {"specversion": "1.0", "id": "self-test", "source": "evolution-todo", "type": "self.test", "data": {}}
"""An event of an unknown type: every route must answer DROP without any effect."""


@dataclass(slots=True)
class Sidecar:
    """The sidecar's client, pub/sub component, topic style and own port with us, if it has one; `broken` lists event
    routes that fail the self-test."""

    client: "httpx2.AsyncClient"
    pubsub: str
    style: TopicStyle
    app_token: str | None
    port: int | None = None
    broken: list[str] = field(default_factory=list)

    async def check_routes(self, app: "ASGIApp") -> None:
        """Post an unknown event to every declared route: a route that answered 404 would lose every event.

        Failures are listed in `broken`, and so in `/readyz`.
        """
        import httpx2

        headers = {"content-type": "application/cloudevents+json", "dapr-api-token": self.app_token or ""}
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        base = f"http://127.0.0.1:{self.port}" if self.port else "http://127.0.0.1"
        async with httpx2.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
            routes = _read_routes(await client.get("/dapr/subscribe"))
            missing = set(list_subscriptions(self.style).values()) - routes
            self.broken = [f"{route} is not declared" for route in sorted(missing)]
            for route in sorted(routes):
                if route.startswith(DEAD_ROUTE):
                    # This route stores every body, so probe it with a method that it does not have.
                    status = (await client.options(route)).status_code
                    well = status == 405
                else:
                    answer = await client.post(route, content=to_json(PROBE))
                    status = answer.status_code
                    well = status == 200 and answer.content == b'{"status":"DROP"}'
                if not well:
                    self.broken.append(f"{route} answers {status}")

    async def examine(self) -> list[str]:
        """Return one sentence for each problem of our own routes, of the sidecar and of its components."""
        import httpx2

        troubles = [f"event route {each}: events would be lost" for each in self.broken]
        try:
            response = await self.client.get("/v1.0/healthz/outbound", timeout=1.0)
            if not response.is_success:
                troubles.append(f"the Dapr sidecar is not ready: it answers {response.status_code}")
        except httpx2.HTTPError as error:
            troubles.append(f"the Dapr sidecar does not answer at {self.client.base_url}: {type(error).__name__}")
        return troubles

    async def read_metadata(self) -> dict[str, Any]:
        """Return the sidecar's metadata: `components`, `subscriptions`, `runtimeVersion` and more.

        Raises `httpx2.HTTPError`.
        """
        response = await self.client.get("/v1.0/metadata", timeout=2.0)
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found


def _read_routes(answer: "httpx2.Response") -> set[str]:
    try:
        return {str(each["route"]) for each in answer.json()}
    except (ValueError, TypeError, KeyError):
        return set()


@asynccontextmanager
async def open_sidecar(settings: Settings) -> AsyncIterator[Sidecar | None]:
    """Open the sidecar's client in `dapr` mode; yield None in `memory` mode."""
    if settings.broker != "dapr":
        yield None
        return
    from events.dapr import open_client

    async with open_client(settings.sidecar_url, settings.dapr_api_token) as client:
        yield Sidecar(client, settings.pubsub, settings.topic_style, settings.app_api_token, settings.events_port)
