"""The stage of the demo: it calls, shows each step, and ends the play at the first that is missed."""

from typing import Any

import httpx2
from mcp import Client
from rich.console import Console


class Missed(Exception):
    """A step of the demo was not seen."""


class Stage:
    """Shows each step, and holds the two clients: MCP and HTTP."""

    def __init__(self, agent: Client, http: httpx2.AsyncClient, console: Console) -> None:
        self.agent = agent
        self.http = http
        self._console = console
        self.steps = 0

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool over MCP, show its message, and return its answer."""
        result = await self.agent.call_tool(tool, arguments)
        answer: dict[str, Any] = result.structured_content or {}
        self.see(
            not result.is_error,
            f"MCP  {tool}",
            str(answer.get("message", answer.get("total", answer.get("rule_text", "")))),
        )
        return answer

    def see(self, happened: bool, step: str, detail: str = "") -> None:
        """Show one step; raises `Missed` if it did not happen."""
        self.steps += 1
        mark = "[green]✓[/green]" if happened else "[red]✗[/red]"
        self._console.print(f"  {mark} {step:<26} {detail}")
        if not happened:
            raise Missed(step)
