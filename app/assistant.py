"""The assistant of one process: its models and its MCP client for the tools."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.conversation import Conversation
from agent.loop import Bounds
from agent.messages import ChatModel
from app.identity import SPEAKER, identify_speaker
from app.service import Service
from app.settings import Settings
from app.watch.models import WatchedModel
from todo.record.work import Who

if TYPE_CHECKING:
    from mcp import Client
    from mcp.server import MCPServer

    from agent.model import OpenAIModel

AGENT = "tasks-agent"
OFFLINE = "offline-commands"


def build_agent(settings: Settings, model: str) -> "OpenAIModel":
    """Return the language model of this name on the configured server."""
    from agent.model import OpenAIModel

    return OpenAIModel(AGENT, model, settings.openai_base_url, settings.openai_api_key)


def build_models(settings: Settings) -> dict[str, ChatModel]:
    """Return the models by name, the default first: the configured model, if any, and the built-in commands.

    Neither replaces the other: a request for a model that fails reports the failure.
    """
    from agent.builtin.commands import Commands

    models: dict[str, ChatModel] = {}
    if settings.model:
        models[AGENT] = build_agent(settings, settings.model)
    models[OFFLINE] = Commands()
    return models


class ToolClient:
    """One MCP client on a server in this process, shared by all conversations; each call keeps its own caller.

    It makes the server and opens at its first use. Measured: a client per turn compiles the output schemas again, 10 ms
    of CPU a turn.
    """

    def __init__(self, make_server: "Callable[[], MCPServer[Any]]") -> None:
        self._make_server = make_server
        self._opening: asyncio.Future[Client] | None = None
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lend(self, who: Who) -> AsyncIterator["Client"]:
        """Lend the client; within the context, the calls of this asyncio task are made for this caller."""
        token = SPEAKER.set(who)
        try:
            if self._opening is None:
                self._opening = asyncio.get_running_loop().create_future()
                self._task = asyncio.create_task(self._hold(self._opening), name="tools")
            yield await asyncio.shield(self._opening)
        finally:
            SPEAKER.reset(token)

    async def close(self) -> None:
        """Close the client if it is open."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _hold(self, opening: "asyncio.Future[Client]") -> None:
        """Open and close the client in the same task, as its task group requires."""
        from mcp import Client

        try:
            async with Client(self._make_server()) as client:
                opening.set_result(client)
                await self._closing.wait()
        except Exception as error:
            if opening.done():
                raise
            self._opening = None  # the next call tries again
            opening.set_exception(error)


def build_conversation(service: Service, models: dict[str, ChatModel] | None = None) -> Conversation:
    """Return the conversation of a service; it reaches the tools through an MCP client in this process."""
    settings = service.settings
    client = ToolClient(partial(service.build_mcp, identify_speaker))

    async def look(who: Who) -> datetime:
        return await service.store.read(who, lambda work: work.now.astimezone(work.zone))

    bounds = Bounds(
        settings.turn_steps,
        settings.turn_calls,
        settings.turn_repeats,
        settings.turn_seconds,
        settings.history_tokens,
    )
    known = build_models(settings) if models is None else models
    # In place: who gave the models may exchange them later.
    follow = service.tracing.follow_model
    known.update({name: WatchedModel(follow(model), service.metrics) for name, model in known.items()})
    return Conversation(service.store, known, client.lend, look, service.store.ids, client.close, bounds)
