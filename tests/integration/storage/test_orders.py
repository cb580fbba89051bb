"""A page in any order is read from an index: SQLite sorts no more than what stands level."""

from functools import partial
from typing import Any, Literal

import pytest
from sqlalchemy import Connection

from app.identity import LOCAL_PERSON
from tests.world import World
from todo.record.work import Work
from todo.requests.schemas import FindTasks
from todo.tasks import search

pytestmark = [pytest.mark.anyio, pytest.mark.database("sqlite")]

Sort = Literal["due", "-due", "priority", "created", "completed", "title"]


async def explain(world: World, request: FindTasks, part: str = "key_0") -> str:
    """Return how SQLite reads the page that a search asks for, or another statement that has this `part`."""

    def ask(connection: Connection) -> list[str]:
        seen: list[str] = []
        raw: Any = connection.connection.driver_connection
        raw.set_trace_callback(seen.append)
        search.find_tasks(Work(connection, LOCAL_PERSON, world.clock.now(), world.ids), request)
        raw.set_trace_callback(None)
        ordered = [each for each in seen if "task" in each and part in each]
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


@pytest.mark.parametrize("sort", ["due", "-due", "priority", "created", "completed", "title"])
async def test_of_many_reminders_the_order_leads_to_a_page_and_they_to_the_count(
    world: World, sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        reminders = [{"before": "1h"}, {"before": "2h"}]
        task = {"title": f"Buy milk {number}", "due": "2030-01-02T10:00", "reminders": reminders}
        assert (await world.rest.post("/tasks", json=task)).is_success
    for number in range(2):
        assert (await world.rest.post("/tasks", json={"title": f"No hurry {number}"})).is_success
    asked = FindTasks(sort=sort, status="open", has_reminder=True, limit=2)
    of_few = await explain(world, asked)
    assert "ix_reminder_waiting (user_id=?)" in of_few
    few = await find_all(world, asked)

    monkeypatch.setattr(search, "FEW_HITS", 2)
    of_many = await explain(world, asked)
    assert "ix_reminder_waiting (user_id=? AND task_id=?)" in of_many
    assert "USE TEMP B-TREE FOR ORDER BY" not in of_many
    assert "SEARCH reminder USING" in await explain(world, asked, "DISTINCT")
    assert await find_all(world, asked) == few
    assert (len(few[0]), few[1]) == (4, {4})
    left, _ = await find_all(world, asked.model_copy(update={"has_reminder": False}))
    assert sorted(left) == ["No hurry 0", "No hurry 1"]


async def test_what_is_completed_waits_for_no_reminder(world: World) -> None:
    task = {"title": "Buy milk", "due": "2030-01-02T10:00", "reminders": [{"before": "1h"}]}
    made = (await world.rest.post("/tasks", json=task)).json()["task"]
    await world.rest.post(f"/tasks/{made['id']}/complete")
    for status in ("completed", "all", "open"):
        assert await find_all(world, FindTasks(status=status, has_reminder=True)) == ([], {0})
    assert await find_all(world, FindTasks(status="completed", has_reminder=False)) == (["Buy milk"], {1})


async def find_all(world: World, request: FindTasks) -> tuple[list[str], set[int]]:
    """Return the titles of all pages, and the totals that they give."""
    titles: list[str] = []
    totals: set[int] = set()
    cursor: str | None = None
    while True:
        page = request.model_copy(update={"cursor": cursor})
        found = await world.service.store.read(LOCAL_PERSON, partial(search.find_tasks, request=page))
        titles += [each["title"] for each in found["tasks"]]
        totals.add(found["total"])
        cursor = found.get("next_cursor")
        if cursor is None:
            return titles, totals
