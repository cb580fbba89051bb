"""Calls on recurring tasks through REST that must succeed or be refused, and readers of their outcome."""

from typing import Any

from tests.world import World

NOW = "2026-11-23T09:00:00Z"


async def send(world: World, method: str, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Make a REST call that must succeed and return its answer."""
    response = await world.rest.request(method, path, json=body, headers=headers)
    assert response.is_success, response.text
    return response.json()


async def refuse(world: World, method: str, path: str, **body: Any) -> Any:
    """Make a REST call that must be refused, with nothing stored, and return the problem."""
    stored = await world.query("SELECT count(*), max(seq) FROM outbox_entry")
    response = await world.rest.request(method, path, json=body)
    assert response.is_client_error, response.text
    assert await world.query("SELECT count(*), max(seq) FROM outbox_entry") == stored
    return response.json()


async def create(world: World, rule: str, **more: Any) -> Any:
    if "task_id" not in more:
        more.setdefault("title", "Water the plants")
    return await send(world, "POST", "/recurring-tasks", rule=rule, **more)


async def revise(world: World, task_id: str, **changes: Any) -> Any:
    return await send(world, "PATCH", f"/recurring-tasks/{task_id}", **changes)


async def complete(world: World, task_id: str) -> Any:
    return await send(world, "POST", f"/tasks/{task_id}/complete")


async def reopen(world: World, task_id: str) -> Any:
    return await send(world, "POST", f"/tasks/{task_id}/reopen")


async def delete(world: World, task_id: str) -> Any:
    return await send(world, "DELETE", f"/tasks/{task_id}")


async def read(world: World, task_id: str) -> Any:
    return await send(world, "GET", f"/tasks/{task_id}")


async def instances(world: World, series_id: str, status: str = "") -> list[str]:
    """Return the nominal dates of a series' living instances, in order."""
    statement = (
        "SELECT occurrence FROM task WHERE recurring_id = :series AND deleted_at IS NULL "
        "AND status LIKE :status ORDER BY occurrence"
    )
    return [row[0] for row in await world.query(statement, series=series_id, status=status or "%")]


async def open_ids(world: World, series_id: str) -> list[str]:
    """Return the ids of a series' open instances, by nominal date."""
    statement = (
        "SELECT id FROM task WHERE recurring_id = :series AND deleted_at IS NULL AND status = 'open' "
        "ORDER BY occurrence"
    )
    return [row[0] for row in await world.query(statement, series=series_id)]


async def triggers(world: World) -> list[tuple[str, int]]:
    """Return (occurrence, skipped) of every `recurring.trigger` event, in order."""
    return [
        (event["data"]["data"]["occurrence"], event["data"]["data"]["skipped"])
        for event in await world.events()
        if event["type"] == "recurring.trigger"
    ]


def kinds(answer: Any) -> list[str]:
    """Return the types of an answer's events."""
    return [event["type"] for event in answer["events"]]
