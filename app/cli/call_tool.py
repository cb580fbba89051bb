"""One tool call from the shell, without MCP and without the background work."""

import sys
from typing import Any

from pydantic_core import from_json

from app.access.door import admit_program
from app.service import Service, open_service
from app.settings import Settings
from todo.errors import InvalidArguments
from todo.operations import OPERATIONS
from todo.record.shapes import Answer
from todo.record.work import Who
from todo.requests.operation import Call, read_call, run_call
from tools.catalog import TOOLS


async def call_tool(settings: Settings, name: str, arguments: str) -> Answer:
    """Call one tool by name with JSON arguments and return its answer; raises `TodoError`.

    If no process does the background work, a write publishes its events before it returns, and a warning on standard
    error says that no reminder fires until `serve` runs.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise InvalidArguments("There is no such tool.", f"There are: {', '.join(spec.name for spec in TOOLS)}.")
    try:
        raw: Any = from_json(arguments)
    except ValueError:
        raise InvalidArguments(
            "The arguments are not valid JSON.", """Write them as '{"title": "Buy milk"}'."""
        ) from None
    call = read_call(operation, raw)
    async with open_service(settings) as service:
        caller = await admit_program(service.door, settings.token)
        return await carry_out(service, caller.make_who("person", "mcp", "shell", "shell"), call)


async def carry_out(service: Service, who: Who, call: Call) -> Answer:
    """Run a call, and what follows from it where no process does the background work."""
    answer = await run_call(service.store, who, call)
    if call.operation.effect.writes and not await service.database.read(service.background.lease.is_held):
        await settle(service)
        print("No reminder fires until `serve` runs.", file=sys.stderr)
    return answer


async def settle(service: Service) -> None:
    """Publish and deliver everything pending."""
    while await service.relay.step() + await service.broker.step():
        pass
