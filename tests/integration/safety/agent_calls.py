"""Calls of agents that must succeed or be refused, for the tests of undo, plans and confirmations."""

from typing import Any

from tests.contracts.surfaces import Reply, Surface, call
from tests.world import World
from todo.requests.confirmations import MANY_LOSSES

KINDS = {"task.created", "task.updated", "task.completed", "task.deleted"}


async def do(world: World, tool: str, client: str = "agent", surface: Surface = "modern", **arguments: Any) -> Any:
    """Call a tool as an agent; it must succeed."""
    reply = await call(world, surface, tool, arguments, client)
    assert not reply.code, reply.text
    return reply.answer


async def fail(world: World, tool: str, client: str = "agent", surface: Surface = "modern", **arguments: Any) -> Reply:
    """Call a tool that must be refused, with no task, change or event stored, and return the refusal."""
    stored = await count(world)
    reply = await call(world, surface, tool, arguments, client)
    assert reply.code, reply.text
    assert await count(world) == stored
    return reply


def excepting(plan_id: str, numbers: list[int]) -> dict[str, Any]:
    """Return arguments of `apply_plan` that leave out these changes; `except` is a Python keyword."""
    return {"plan_id": plan_id, "except": numbers}


async def count(world: World) -> list[Any]:
    tables = ("task", "reminder", "change", "outbox_entry", "request_entry", "plan")
    held = [(await world.query(f'SELECT count(*) FROM "{table}"'))[0][0] for table in tables]  # noqa: S608  # ours
    return [*held, (await world.query("SELECT sum(version) FROM task"))[0][0]]


async def see(world: World, task_id: str) -> Any:
    """Return a task without the fields that undo does not restore; None if it is gone."""
    response = await world.rest.get(f"/tasks/{task_id}")
    if response.status_code == 404:
        return None
    task = response.json()
    for each in task.get("reminders", []):
        del each["sequence"]
    return {name: value for name, value in task.items() if name not in ("version", "updated_at")}


def types(answer: Any) -> list[str]:
    return [event["type"] for event in answer["events"]]


async def make(world: World, number: int, client: str = "agent", surface: Surface = "modern", **more: Any) -> list[str]:
    """Create tasks as an agent and return their ids."""
    made = [await do(world, "create_task", client, surface, title=f"Task {n}", **more) for n in range(number)]
    return [str(answer["task"]["id"]) for answer in made]


async def delete_up_to_the_limit(world: World, client: str = "agent", surface: Surface = "modern") -> None:
    """Delete as many tasks as an agent may without confirmation."""
    for task_id in await make(world, MANY_LOSSES - 1, client, surface):
        await do(world, "delete_task", client, surface, task_id=task_id)
