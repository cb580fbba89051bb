"""`add`: a task from one line, read as the page and the conversation read it."""

from agent.typed_task import MAKING, ReadLine, read_typed_line
from app.access.door import admit_program
from app.cli.call_tool import carry_out
from app.service import open_service
from app.settings import Settings
from todo.operations import OPERATIONS
from todo.record.shapes import Answer
from todo.requests.arguments import read_arguments
from todo.requests.operation import read_call


async def add_task(settings: Settings, line: str) -> tuple[Answer, list[str]]:
    """Add a task; return the answer, and a sentence for each time that was not understood. Raises `TodoError`."""
    wanted = read_arguments(ReadLine, {"text": line}).request
    async with open_service(settings) as service:
        caller = await admit_program(service.door, settings.token)
        who = caller.make_who("person", "mcp", "shell", "shell")
        reading = await service.store.read(who, lambda work: read_typed_line(work, wanted))
        operation = OPERATIONS["create_recurring_task" if "rule" in reading else "create_task"]
        call = read_call(operation, {name: reading[name] for name in MAKING if name in reading})
        answer = await carry_out(service, who, call)
    return answer, [span["reason"] for span in reading["spans"] if "reason" in span]
