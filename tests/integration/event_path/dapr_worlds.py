"""A world in `dapr` mode without a sidecar: tests post deliveries to its routes."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from app.dapr.routes import name_route
from events.catalog import EventType, TaskEvent
from tests.world import World, open_world

SIDECAR = "http://127.0.0.1:9"
"""The discard port, on which nothing listens."""
SUCCESS, RETRY, DROP = ({"status": word} for word in ("SUCCESS", "RETRY", "DROP"))


@asynccontextmanager
async def open_dapr(folder: Path, **overrides: Any) -> AsyncIterator[World]:
    async with open_world(folder, broker="dapr", dapr_http=SIDECAR, **overrides) as opened:
        yield opened


@dataclass
class Fragile:
    """A reaction that fails until it is mended; on success it leaves a trace in the database."""

    broken: bool = True

    def __call__(self, connection: Connection, events: Sequence[TaskEvent]) -> None:
        for event in events:
            connection.execute(text("INSERT INTO lease VALUES (:name, 'x', 1, 1)"), {"name": event.event_id})
        if self.broken:
            raise ValueError("no such word")


async def make_event(world: World, title: str = "Buy milk") -> tuple[str, dict[str, Any]]:
    """Return the route and the envelope of a task's first event."""
    await world.rest.post("/tasks", json={"title": title})
    envelope = (await world.events())[-1]
    return name_route(EventType(envelope["type"])), envelope


async def deliver(world: World, route: str, event: Any) -> Any:
    response = await world.http.post(route, content=event if isinstance(event, bytes) else json.dumps(event).encode())
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


async def read_activity(world: World) -> list[str]:
    return [entry["type"] for entry in (await world.rest.get("/activity")).json()["entries"]]
