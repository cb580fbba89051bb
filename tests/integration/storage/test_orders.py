"""A page in any order is read from an index: SQLite sorts no more than what stands level."""

from typing import Any, Literal

import pytest
from sqlalchemy import Connection, event

from app.identity import LOCAL_PERSON
from tests.world import World
from todo.record.work import Work
from todo.requests.schemas import FindTasks
from todo.tasks.search import find_tasks

pytestmark = [pytest.mark.anyio, pytest.mark.database("sqlite")]

Sort = Literal["due", "-due", "priority", "created", "completed", "title"]


@pytest.mark.parametrize("sort", ["due", "-due", "priority", "created", "completed", "title"])
@pytest.mark.parametrize("given", [{}, {"has_reminder": False}, {"due_until": "2100-01-01"}], ids=str)
async def test_a_page_is_read_in_order(world: World, sort: Sort, given: dict[str, Any]) -> None:
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    request = FindTasks(sort=sort, status="open", **given)

    def explain(connection: Connection) -> list[str]:
        seen: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            seen.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        find_tasks(Work(connection, LOCAL_PERSON, world.clock.now(), world.ids), request)
        event.remove(connection, "before_cursor_execute", note)
        ordered = [each for each in seen if "ORDER BY" in each[0] and "FROM task" in each[0] and "key_0" in each[0]]
        assert ordered
        return [
            row[-1]
            for statement, parameters in ordered
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    plan = await world.service.database.read(explain)
    assert "SEARCH task USING" in " ".join(plan)
    assert "USE TEMP B-TREE FOR ORDER BY" not in " ".join(plan)
