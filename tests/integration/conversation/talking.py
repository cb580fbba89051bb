"""A world with a scripted model behind the page's chat and the OpenAI-compatible API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from pydantic_core import from_json

from agent.messages import ChatModel
from app.http.app import build_app
from app.http.server import bind
from app.testing.scripted_model import ScriptedModel
from tests.world import URL, World, open_world

Event = tuple[str, dict[str, Any]]


@asynccontextmanager
async def open_talk(folder: Path, *lines: Any, **overrides: Any) -> AsyncIterator[tuple[World, ScriptedModel]]:
    """Open a world whose only model answers with these lines."""
    model = ScriptedModel(list(lines))
    async with open_talk_with(folder, model, **overrides) as world:
        yield world, model


@asynccontextmanager
async def open_talk_with(folder: Path, *models: ChatModel, **overrides: Any) -> AsyncIterator[World]:
    """Open a world with these models."""
    async with open_world(folder, **overrides) as world, AsyncExitStack() as stack:
        app = build_app(world.service, background=False, models={model.name: model for model in models})
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx2.ASGITransport(app=app)
        for name, base in (("http", URL), ("rest", f"{URL}/api")):
            client = httpx2.AsyncClient(transport=transport, base_url=base, timeout=30)
            setattr(world, name, await stack.enter_async_context(client))
        yield world


@asynccontextmanager
async def serve_talk(folder: Path, *lines: Any) -> AsyncIterator[tuple[World, ScriptedModel, str]]:
    """Serve a world with a scripted model on a real port of the loopback interface."""
    model = ScriptedModel(list(lines))
    async with open_world(folder) as world:
        app = build_app(world.service, background=False, models={model.name: model})
        listener = bind("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server._serve([listener]))
        try:
            yield world, model, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            await serving


async def say(world: World, message: str, conversation_id: str | None = None, key: str = "") -> dict[str, Any]:
    """Send a message, require a successful answer, and return it."""
    body = {"message": message} | ({"conversation_id": conversation_id} if conversation_id else {})
    response = await world.rest.post("/chat", json=body, headers={"Idempotency-Key": key} if key else {})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def stream(world: World, message: str, **body: Any) -> list[Event]:
    """Send a message and return the events that come back."""
    response = await world.rest.post(
        "/chat", json={"message": message, **body}, headers={"Accept": "text/event-stream"}
    )
    assert response.status_code == 200, response.text
    return read_events(response.text)


def read_events(text: str) -> list[Event]:
    """Return server-sent events as (name, data)."""
    frames = [dict(line.split(": ", 1) for line in frame.split("\n")) for frame in text.strip().split("\n\n")]
    return [(frame["event"], from_json(frame["data"])) for frame in frames if "event" in frame]


def names_of(events: list[Event]) -> list[str]:
    """Return the names of events, without immediate repetitions."""
    names: list[str] = []
    for name, _ in events:
        if not names or names[-1] != name:
            names.append(name)
    return names
