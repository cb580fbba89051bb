"""No tool shows or changes another person's data; all listed tools are tried, so that a new one is covered too."""

from collections.abc import Callable
from typing import Any

import pytest

from app.identity import ensure_local_user
from tests.world import World
from todo.activity.feeds import get_me, list_activity, list_notifications, read_notification
from todo.activity.statistics import read_statistics
from todo.errors import TodoError
from todo.record.scopes import EVERYTHING
from todo.record.work import Who, Work
from todo.requests.arguments import read_arguments
from tools.catalog import TOOLS
from tools.tool import ToolSpec

PROMISES = ("isolation",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

STRANGER = Who("stranger", "agent", "mcp", "", "stranger", scopes=EVERYTHING)
NOWHERE = "01930000-0000-7000-8000-ffffffffffff"
FILLING: dict[str, dict[str, Any]] = {
    "update_task": {"title": "Mine now"},
    "set_reminder": {"at": "2026-12-01T10:00"},
    "snooze_reminder": {"duration": "1h"},
    "create_recurring_task": {"rule": "FREQ=DAILY"},
    "update_recurring_task": {"paused": True},
}
WITH_TASK = [spec for spec in TOOLS if "task_id" in spec.operation.request.model_fields]
WITH_REMINDER = [spec for spec in TOOLS if "reminder_id" in spec.operation.request.model_fields]


def read_as(spec: ToolSpec, raw: dict[str, Any]) -> Callable[[Work], Any]:
    """Return the call of a reading tool with raw arguments."""
    request = read_arguments(spec.operation.request, raw).request
    return lambda work: spec.operation.use_case(work, request)


async def own_task(world: World) -> tuple[str, str]:
    """Create a stranger and a task of the local person with a fired reminder; return the ids of task and reminder."""
    await world.service.database.write(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO person (id, zone, day_start, created_at) VALUES ('stranger', 'UTC', '09:00', 'x')"
        )
    )
    await world.service.database.write(lambda connection: ensure_local_user(connection, "UTC", "x"))
    body = {"title": "Secret plan", "reminders": ["2026-11-23T11:00"]}
    task = (await world.rest.post("/tasks", json=body)).json()["task"]
    await world.tick(hours=2)
    return task["id"], task["reminders"][0]["id"]


async def refuse(world: World, spec: ToolSpec, **arguments: Any) -> str:
    request = read_arguments(spec.operation.request, {**FILLING.get(spec.name, {}), **arguments}).request
    run = world.service.store.write if spec.operation.effect.writes else world.service.store.read
    with pytest.raises(TodoError) as refused:
        await run(STRANGER, lambda work: spec.operation.use_case(work, request))
    return str(refused.value)


@pytest.mark.parametrize("spec", WITH_TASK, ids=lambda spec: spec.name)
async def test_a_foreign_task_looks_like_none(world: World, spec: ToolSpec) -> None:
    task_id, _ = await own_task(world)
    before = await world.query("SELECT * FROM task")
    foreign = await refuse(world, spec, task_id=task_id)
    assert foreign == await refuse(world, spec, task_id=NOWHERE)
    assert foreign.startswith("task_not_found")
    assert await world.query("SELECT * FROM task") == before


@pytest.mark.parametrize("spec", WITH_REMINDER, ids=lambda spec: spec.name)
async def test_a_foreign_reminder_looks_like_none(world: World, spec: ToolSpec) -> None:
    _, reminder_id = await own_task(world)
    before = await world.query("SELECT * FROM reminder")
    assert await refuse(world, spec, reminder_id=reminder_id) == await refuse(world, spec, reminder_id=NOWHERE)
    assert await world.query("SELECT * FROM reminder") == before


async def test_searches_feeds_and_near_titles_hold_ones_own_only(world: World) -> None:
    await own_task(world)
    await world.index()
    store = world.service.store
    find = next(spec for spec in TOOLS if spec.name == "find_tasks")
    searches: list[dict[str, Any]] = [
        {},
        {"status": "all"},
        {"text": "secret"},
        {"text": "secret plan"},
        {"has_reminder": False},
    ]
    for raw in searches:
        found = await store.read(STRANGER, read_as(find, raw))
        assert (found["tasks"], found["total"], "also_completed" in found) == ([], 0, False)
    near = await refuse(world, next(spec for spec in TOOLS if spec.name == "get_task"), task_id="Secret")
    assert "plan" not in near
    assert (await store.read(STRANGER, list_notifications))["notifications"] == []
    assert (await store.read(STRANGER, list_activity))["entries"] == []
    statistics = await store.read(STRANGER, lambda work: read_statistics(work, by_list=True))
    assert (statistics["open"], {day["created"] for day in statistics["days"]}) == (0, {0})
    assert (await store.read(STRANGER, get_me))["user_id"] == "stranger"
    [notification] = (await world.rest.get("/notifications")).json()["notifications"]
    with pytest.raises(TodoError):
        await store.write(STRANGER, lambda work: read_notification(work, notification["id"]))
    assert not (await world.rest.get("/notifications")).json()["notifications"][0]["read"]


async def test_no_tool_has_an_argument_that_names_a_person() -> None:
    names = {name for spec in TOOLS for name in spec.operation.request.model_fields}
    assert not {name for name in names if any(word in name for word in ("user", "tenant", "role", "owner", "account"))}
