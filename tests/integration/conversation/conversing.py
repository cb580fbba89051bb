"""A conversation with the built-in commands over the real tools, without the loop of a turn."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mcp import Client
from mcp.types import TextContent
from pydantic_core import from_json

from agent.builtin.commands import Commands
from agent.messages import Finished, Message, ModelRequest, TextPiece, Tool
from tests.world import World


@dataclass
class Talk:
    """A conversation with its messages so far."""

    world: World
    client: Client
    tools: list[Tool]
    messages: list[Message] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """The calls that answered the newest message."""

    async def say(self, text: str) -> str:
        self.messages.append(Message("user", text))
        self.calls, said = [], []
        for _ in range(8):
            pieces = [piece async for piece in Commands().answer(self._request())]
            words = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
            finished = pieces[-1]
            assert isinstance(finished, Finished)
            said.append(words)
            self.messages.append(Message("assistant", words, finished.calls))
            if not finished.calls:
                return "\n".join(said).strip()
            for call in finished.calls:
                args = from_json(call.arguments)
                self.calls.append((call.name, args))
                result = await self.client.call_tool(call.name, args)
                content = result.content[0]
                assert isinstance(content, TextContent)
                hint = str((result.structured_content or {}).get("hint", "")) if result.is_error else ""
                failed = bool(result.is_error)
                self.messages.append(Message("tool", content.text, call_id=call.call_id, failed=failed, hint=hint))
        raise AssertionError("the model does not come to an end")

    def _request(self) -> ModelRequest:
        now: datetime = self.world.clock.now().astimezone(ZoneInfo("Europe/Berlin"))
        return ModelRequest("", tuple(self.messages), self.tools, now)


async def open_talk(world: World) -> Talk:
    client = await world.connect()
    tools = [Tool(tool.name, tool.description or "", tool.input_schema) for tool in (await client.list_tools()).tools]
    return Talk(world, client, tools)
