"""A page in any order is read from an index: SQLite sorts no more than what stands level."""

from typing import Any, Literal

import pytest
from sqlalchemy import Connection

from app.identity import LOCAL_PERSON
from tests.world import World
from todo.record.work import Work
from todo.requests.schemas import FindTasks
from todo.tasks.search import find_tasks

pytestmark = [pytest.mark.anyio, pytest.mark.database("sqlite")]

Sort = Literal["due", "-due", "priority", "created", "completed", "title"]


async def explain(world: World, request: FindTasks) -> str:
    """Return how SQLite reads the page that a search asks for."""

    def ask(connection: Connection) -> list[str]:
        seen: list[str] = []
        raw: Any = connection.connection.driver_connection
        raw.set_trace_callback(seen.append)
        find_tasks(Work(connection, LOCAL_PERSON, world.clock.now(), world.ids), request)
        raw.set_trace_callback(None)
        ordered = [each for each in seen if "ORDER BY" in each and "FROM task" in each and "key_0" in each]
        assert ordered
        return [row[-1] for statement in ordered for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}")]

    return " ".join(await world.service.database.read(ask))


@pytest.mark.parametrize("sort", ["due", "-due", "priority", "created", "completed", "title"])
@pytest.mark.parametrize("given", [{}, {"has_reminder": False}, {"due_until": "2100-01-01"}], ids=str)
async def test_a_page_is_read_in_order(world: World, sort: Sort, given: dict[str, Any]) -> None:
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    plan = await explain(world, FindTasks(sort=sort, status="open", **given))
    assert "SEARCH task USING" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.parametrize("sort", ["priority", "created", "completed", "title"])
async def test_what_is_due_between_two_days_is_found_first(world: World, sort: Sort) -> None:
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    plan = await explain(world, FindTasks(sort=sort, due_from="2026-12-01", due_until="2026-12-02"))
    assert "ix_task_due (user_id=? AND kind=? AND status=? AND deadline>? AND deadline<?)" in plan
