"""The assistant of one process: its models, and its way to the tools, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from agent.conversation import Conversation
from agent.messages import ChatModel
from agent.turn import Bounds
from app.identity import SPEAKER, identify_speaker
from app.settings import Settings
from todo.work import Who

if TYPE_CHECKING:
    from mcp import Client

    from app.main import Service

AGENT = "tasks-agent"
OFFLINE = "offline-commands"


def build_models(settings: Settings) -> dict[str, ChatModel]:
    """Return what can answer, the default first: the model that is set, and always the built-in commands.

    The one never stands in for the other: who asks for a model that fails is told that it failed.
    """
    from agent.commands import Commands

    models: dict[str, ChatModel] = {}
    if settings.model:
        from agent.model import OpenAIModel

        models[AGENT] = OpenAIModel(AGENT, settings.model, settings.openai_base_url, settings.openai_api_key)
    models[OFFLINE] = Commands()
    return models


def build_conversation(service: "Service", models: dict[str, ChatModel] | None = None) -> Conversation:
    """Return the conversation of a service; it reaches the tools by an MCP client in this process."""
    settings = service.settings
    server = service.build_mcp(identify_speaker)

    @asynccontextmanager
    async def connect(who: Who) -> AsyncIterator["Client"]:
        from mcp import Client

        token = SPEAKER.set(who)
        try:
            async with Client(server) as client:
                yield client
        finally:
            SPEAKER.reset(token)

    async def look(who: Who) -> datetime:
        return await service.store.read(who, lambda work: work.now.astimezone(work.zone))

    bounds = Bounds(
        settings.turn_steps,
        settings.turn_calls,
        settings.turn_repeats,
        settings.turn_seconds,
        settings.history_tokens,
    )
    return Conversation(service.store, models or build_models(settings), connect, look, service.store.ids, bounds)
