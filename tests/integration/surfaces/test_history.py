"""The history of tasks: who did what and when, a task at a past time, and erasing for good."""

from typing import Any

import pytest
from sqlalchemy import inspect, text

from tests.contracts.surfaces import make_foreign_task
from tests.integration.safety.agent_calls import do, fail, make, see
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def read(world: World, path: str, **query: Any) -> Any:
    response = await world.rest.get(path, params=query)
    assert response.is_success, response.text
    return response.json()


async def test_history_says_who_what_and_when(world: World) -> None:
    [task] = await make(world, 1)
    world.clock.move(hours=1)
    assert (await world.rest.patch(f"/tasks/{task}", json={"title": "New"})).is_success
    world.clock.move(hours=1)
    await do(world, "delete_task", task_id=task)
    history = (await read(world, f"/tasks/{task}/history"))["history"]
    assert [each["version"] for each in history] == [3, 2, 1]
    assert [each["actor"]["kind"] for each in history] == ["agent", "person", "agent"]
    assert history[0]["actor"]["client"] == "agent"
    assert [each["at"][:16] for each in history] == ["2026-11-23T11:00", "2026-11-23T10:00", "2026-11-23T09:00"]
    assert history[1]["changes"]["title"] == ["Task 0", "New"]
    assert [each["text"].split()[0] for each in history] == ["Deleted", "Changed", "Created"]
    assert all("Berlin" in each["at_text"] for each in history)


async def test_the_scheduler_is_named_for_what_it_made(world: World) -> None:
    await do(world, "create_recurring_task", title="S", rule="FREQ=DAILY;BYHOUR=12", mode="every_occurrence")
    await world.tick(days=1)
    changes = (await read(world, "/changes"))["changes"]
    assert changes[0]["actor"]["kind"] == "scheduler"
    refused = await fail(world, "undo", change_ids=[changes[0]["change_id"]])
    assert refused.code == "invalid_arguments"


async def test_changes_page_newest_first_and_show_what_is_undone(world: World) -> None:
    await make(world, 5)
    undone = await do(world, "undo")
    first = await read(world, "/changes", limit=4)
    rest = await read(world, "/changes", limit=4, cursor=first["next_cursor"])
    changes = first["changes"] + rest["changes"]
    assert "next_cursor" not in rest
    assert [each["kind"] for each in changes] == ["undo"] + ["create_task"] * 5
    assert changes[1]["undone_by"] == undone["change_id"] == changes[0]["change_id"]
    assert (await world.rest.get("/changes", params={"cursor": "x"})).status_code == 422


async def test_history_can_be_had_with_the_task(world: World) -> None:
    [task] = await make(world, 1)
    answer = await do(world, "get_task", task_id=task, include=["history"])
    assert [each["version"] for each in answer["history"]] == [1]
    assert (await read(world, f"/tasks/{task}", include="history"))["history"] == answer["history"]


async def test_a_task_as_it_was(world: World) -> None:
    [task] = await make(world, 1)
    world.clock.move(hours=2)
    await do(world, "update_task", task_id=task, title="New")
    world.clock.move(hours=2)
    await do(world, "delete_task", task_id=task)
    assert (await read(world, f"/tasks/{task}", at="2026-11-23T10:30"))["title"] == "Task 0"
    assert (await read(world, f"/tasks/{task}", at="2026-11-23T11:30Z"))["title"] == "New"
    for at, status in (("2026-11-23T09:59", 404), ("2026-11-23T15:00", 404), ("soon", 422)):
        assert (await world.rest.get(f"/tasks/{task}", params={"at": at})).status_code == status


async def test_foreign_ids_look_missing(world: World) -> None:
    foreign = await make_foreign_task(world)
    for method, path in (
        *(("GET", f"/tasks/%s{end}") for end in ("", "/history", "?at=2026-11-24", "?include=history")),
        ("DELETE", "/tasks/%s/permanently"),
    ):
        told = [(await world.rest.request(method, path % each)) for each in (foreign, foreign[:-4] + "ffff")]
        assert told[0].status_code == told[1].status_code == 404
        assert told[0].json()["detail"] == told[1].json()["detail"]
    assert await world.query("SELECT title FROM task WHERE user_id = 'other'") == [("Their secret",)]
    assert "secret" not in (await world.rest.get("/changes")).text


async def test_erasing_leaves_no_word_behind(world: World) -> None:
    word = "Zanzibar"
    response = await world.rest.post(
        "/tasks",
        json={"title": word, "notes": word, "tags": [word], "reminders": ["2026-11-23T10:30"]},
        headers={"Idempotency-Key": "k"},
    )
    task = response.json()["task"]["id"]
    [other] = await make(world, 1)
    steps = [
        {"tool": "update_task", "arguments": {"task_id": task, "append_notes": word}},
        {"tool": "update_task", "arguments": {"task_id": other, "title": "Other"}},
    ]
    await do(world, "plan_changes", changes=steps, apply=True, request_id="p")
    await do(world, "update_task", task_id=task, title=f"{word} 2")
    refused = await world.rest.delete(f"/tasks/{task}/permanently")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_early"), "its events have not left yet"
    await world.tick(hours=1)
    await world.index()
    assert (await read(world, "/notifications"))["notifications"]
    assert (await world.rest.delete(f"/tasks/{task}/permanently")).is_success
    assert await see(world, task) is None
    assert (await world.rest.get(f"/tasks/{task}/history")).status_code == 404
    assert (await do(world, "find_tasks", text=word, status="all"))["total"] == 0
    assert await see(world, other) is not None
    tables = await world.service.database.read(lambda connection: inspect(connection).get_table_names())
    assert "outbox_entry" in tables
    for table in tables:
        if table.startswith(
            "task_search_"
        ):  # the search engine's own tables; the search above has looked for their words
            continue
        rows = await world.query(f'SELECT * FROM "{table}"')  # noqa: S608  # ours
        assert word.lower() not in str([tuple(row) for row in rows]).lower(), table
    changes = await read(world, "/changes")
    assert "erased" in str(changes)


async def test_x17_what_is_erased_too_early_says_when_it_can_be(world: World) -> None:
    [task] = await make(world, 1)
    path = f"/tasks/{task}/permanently"
    refused = await world.rest.delete(path)
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (409, "too_early", "1")
    assert "Repeat this in a second" in refused.json()["detail"]
    park = text("UPDATE outbox_entry SET parked_at = recorded_at WHERE task_id = :task")
    await world.service.database.write(lambda connection: connection.execute(park, {"task": task}))
    assert "events replay --parked" in (await world.rest.delete(path)).json()["detail"]
    assert await see(world, task) is not None
    clear = text("UPDATE outbox_entry SET parked_at = NULL WHERE task_id = :task")
    await world.service.database.write(lambda connection: connection.execute(clear, {"task": task}))
    await world.settle()
    assert (await world.rest.delete(path)).is_success


async def test_no_tool_erases(world: World) -> None:
    client = await world.connect()
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert not [name for name in names if "erase" in name or "permanent" in name or "confirm" in name]
