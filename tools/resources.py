"""The resources: one task, today's and the overdue ones, with news for those who listen."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.resources import FunctionResource
from pydantic_core import to_json

from todo.errors import TodoError
from todo.record.queries import find_task
from todo.record.rows import show_task
from todo.record.shapes import Answer
from todo.record.work import Store, Who, Work
from todo.requests.schemas import FindTasks
from todo.tasks.search import find_tasks
from todo.text.when import local_day

TODAY, OVERDUE = "tasks://today", "tasks://overdue"
LISTS = (TODAY, OVERDUE)
TASK = "task://"
JSON = "application/json"

CALLER: ContextVar[Who] = ContextVar("caller")
"""Who asks: set for each request, because a resource of a fixed address is read without its context."""

Query = Callable[[Work], Answer]


def add_resources(server: MCPServer[Any], store: Store) -> None:
    """Add the resources to a server; each caller sees their own."""

    def offer(uri: str, name: str, title: str, description: str, query: Query) -> None:
        async def read() -> str:
            return to_json(await store.read(CALLER.get(), query)).decode()

        server.add_resource(
            FunctionResource(uri=uri, name=name, title=title, description=description, mime_type=JSON, fn=read)
        )

    offer(TODAY, "today", "Today", "Open tasks due today, in the person's zone.", list_today)
    offer(OVERDUE, "overdue", "Overdue", "Open tasks whose time has passed.", list_overdue)

    @server.resource("task://{id}", name="task", title="Task", description="One task.", mime_type=JSON)
    async def read_task(id: str) -> str:  # noqa: A002  # the address names it so
        try:
            task = await store.read(CALLER.get(), lambda work: _show(work, id))
        except TodoError:
            task = None
        if task is None:
            raise ResourceNotFoundError("There is no task with this id.")
        return to_json(task).decode()


def list_today(work: Work) -> Answer:
    """Return `{tasks, total, now}`: what is open and due on the caller's local day, its first 50."""
    day = local_day(work.now, work.zone).isoformat()
    return find_tasks(work, FindTasks(due_from=day, due_until=day, limit=50))


def list_overdue(work: Work) -> Answer:
    """Return `{tasks, total, now}`: what is open and past its time, its first 50."""
    return find_tasks(work, FindTasks(status="overdue", limit=50))


def list_week(work: Work) -> Answer:
    """Return `{tasks, total, now}`: what was completed in the last seven local days."""
    day = local_day(work.now, work.zone) - timedelta(days=6)
    return find_tasks(work, FindTasks(completed_from=day.isoformat(), sort="completed", limit=50))


async def keep_own(store: Store, who: Who, uris: list[str]) -> list[str]:
    """Return those of the addresses that this caller may listen to: the lists, and tasks of their own."""
    ids = [uri.removeprefix(TASK) for uri in uris if uri.startswith(TASK)]
    owned = await store.read(who, lambda work: {task_id for task_id in ids if find_task(work, task_id) is not None})
    return [uri for uri in uris if uri in LISTS or uri.removeprefix(TASK) in owned]


def name_task(task_id: str) -> str:
    """Return the address of a task."""
    return f"{TASK}{task_id}"


def _show(work: Work, task_id: str) -> Answer | None:
    task = find_task(work, task_id)
    return None if task is None else show_task(work, task)


Publish = Callable[[str], Awaitable[None]]


async def tell_changed(publish: Publish, task_ids: list[str]) -> None:
    """Tell listeners that tasks have changed: each task's address, then those of the lists that may hold it."""
    for task_id in task_ids:
        await publish(name_task(task_id))
    if task_ids:
        for uri in LISTS:
            await publish(uri)
