"""One tool call from the shell, without MCP and without the background work."""

import sys
from functools import partial
from typing import Any

from pydantic_core import from_json

from app.identity import LOCAL_USER
from app.service import Service, open_service
from app.settings import Settings
from todo.errors import InvalidArguments
from todo.record.views import View
from todo.record.work import Who
from todo.requests.arguments import read_arguments
from todo.requests.idempotency import once
from tools.server import TOOLS

SHELL = Who(LOCAL_USER, "person", "mcp", "shell", "shell")


async def call_tool(settings: Settings, name: str, arguments: str) -> View:
    """Call one tool by name with JSON arguments and return its answer; raises `TodoError`.

    If no process does the background work, a write publishes its events before it returns, and a warning on standard
    error says that no reminder fires until `serve` runs.
    """
    spec = next((spec for spec in TOOLS if spec.name == name), None)
    if spec is None:
        raise InvalidArguments("There is no such tool.", f"There are: {', '.join(spec.name for spec in TOOLS)}.")
    try:
        raw: Any = from_json(arguments)
    except ValueError:
        raise InvalidArguments("The arguments are no JSON.", """Write them as '{"title": "Buy milk"}'.""") from None
    given = read_arguments(spec.request, raw)
    async with open_service(settings) as service:
        if not spec.writes:
            answer = await service.store.read(SHELL, lambda work: spec.use_case(work, given.request))
        else:
            answer = await service.store.write(
                SHELL, partial(once, operation=name, request=given.request, use_case=spec.use_case)
            )
            if not await service.database.read(service.background.lease.is_held):
                await settle(service)
                print("No reminder fires until `serve` runs.", file=sys.stderr)
    if given.warnings:
        answer = {**answer, "warnings": [*answer.get("warnings", []), *given.warnings]}
    return answer


async def settle(service: Service) -> None:
    """Publish and deliver everything pending."""
    while await service.relay.step() + await service.broker.step():
        pass
