"""Calls of the tests on lists, starts and subtasks, over REST in one world."""

from typing import Any

from tests.world import World


async def rest(
    world: World, method: str, path: str, body: dict[str, Any] | None = None, **query: Any
) -> dict[str, Any]:
    """Call a route that must succeed and return its answer."""
    response = await world.rest.request(method, path, json=body, params=query)
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def refuse(world: World, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> str:
    """Call a route that must refuse with a sentence and store nothing; return `code: sentence`."""
    before = await count_rows(world)
    response = await world.rest.request(method, path, json=body, params=query)
    assert response.status_code in (404, 409, 422), response.text
    problem = response.json()
    assert await count_rows(world) == before, "a refusal stores nothing"
    return f"{problem['code']}: {problem['detail']}"


async def add(world: World, title: str, **fields: Any) -> dict[str, Any]:
    """Create a task and return it."""
    task: dict[str, Any] = (await rest(world, "POST", "/tasks", {"title": title, **fields}))["task"]
    return task


async def find(world: World, **filters: Any) -> list[str]:
    """Return the titles of the tasks that a search finds."""
    return [task["title"] for task in (await rest(world, "GET", "/tasks", **filters))["tasks"]]


async def count_rows(world: World) -> list[int]:
    """Return how many rows there are of what a change writes."""
    tables = ("task", "task_list", "change", "change_item", "change_list", "outbox_entry")
    return [(await world.query(f"SELECT count(*) FROM {table}"))[0][0] for table in tables]  # noqa: S608  # names of ours
