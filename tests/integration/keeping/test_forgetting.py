"""The history of one task, shortened by its person: what is old is gone, what is young can be taken back."""

from typing import Any

import pytest

from tests.world import World
from todo.activity import short_history

PROMISES = ("forgetting",)

pytestmark = pytest.mark.anyio


async def add(world: World, title: str, **fields: Any) -> dict[str, Any]:
    made = await world.rest.post("/tasks", json={"title": title, **fields})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def change(world: World, task_id: str, **fields: Any) -> str:
    changed = await world.rest.patch(f"/tasks/{task_id}", json=fields)
    assert changed.status_code == 200, changed.text
    return str(changed.json()["change_id"])


async def forget(world: World, task_id: str, before: str) -> Any:
    answer = await world.rest.delete(f"/tasks/{task_id}/history", params={"before": before})
    assert answer.status_code == 200, answer.text
    return answer.json()["forgotten"]


async def list_changes(world: World, task_id: str) -> list[str]:
    history = (await world.rest.get(f"/tasks/{task_id}/history")).json()["history"]
    return [entry["change_id"] for entry in reversed(history)]


@pytest.mark.on_both_databases
async def test_what_is_older_is_gone_for_good_and_the_rest_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_history, "AT_ONCE", 2)
    made = await add(world, "Letter", notes="a secret of mine")
    task_id = made["task"]["id"]
    other = await add(world, "Another one")
    old = [made["change_id"], *[await change(world, task_id, notes=f"a secret {number}") for number in range(4)]]
    both = {
        "changes": [
            {"tool": "update_task", "arguments": {"task_id": each, "priority": "high"}}
            for each in (task_id, other["task"]["id"])
        ]
    }
    plan = (await world.rest.post("/plans", json=both)).json()
    shared = (await world.rest.post(f"/plans/{plan['plan_id']}/apply", json={})).json()["change_id"]
    world.clock.move(days=40)
    plain = await change(world, task_id, notes="plain")
    await world.settle()
    assert await list_changes(world, task_id) == [*old, shared, plain]

    assert await forget(world, task_id, "2026-12-01") == 6, "in more than one step"

    assert await list_changes(world, task_id) == [plain]
    left = await world.query("SELECT before, after FROM change_item WHERE task_id = :id", id=task_id)
    assert len(left) == 1
    assert "a secret of mine" not in str(left)
    kept = {row[0] for row in await world.query("SELECT id FROM change")}
    assert kept == {other["change_id"], shared, plain}, "what holds another task's part stays"
    assert await list_changes(world, other["task"]["id"]) == [other["change_id"], shared]
    refused = await world.rest.post("/undo", json={"change_ids": [shared]})
    assert refused.json()["code"] == "undo_conflict", "half of it cannot be taken back"
    past = await world.rest.get(f"/tasks/{task_id}", params={"at": "2026-11-24"})
    assert "does not reach back to" in past.json()["detail"]
    task = (await world.rest.get(f"/tasks/{task_id}")).json()
    assert (task["notes"], task["priority"], task["version"]) == ("plain", "high", 7)
    undone = await world.rest.post("/undo", json={"change_ids": [plain]})
    assert undone.json()["task"]["notes"] == "a secret 3"
    assert await forget(world, task_id, "2026-12-01") == 0


@pytest.mark.on_both_databases
async def test_the_last_day_stays_and_bad_times_are_told(world: World) -> None:
    made = await add(world, "Letter")
    task_id = made["task"]["id"]
    renamed = await change(world, task_id, title="Long letter")
    world.clock.move(hours=23)
    for before, words in (
        ("2026-11-24", "last 24 hours stays"),
        ("2099-01-01", "last 24 hours stays"),
        ("yesterday", "is not a date"),
        ("", "is not a date"),
        ("2026-13-01", "is not a date"),
    ):
        refused = await world.rest.delete(f"/tasks/{task_id}/history", params={"before": before})
        assert (refused.status_code, words in refused.json()["detail"]) == (422, True), before
    missing = await world.rest.delete(f"/tasks/{task_id}/history")
    assert "?before=" in missing.json()["detail"]
    assert (await world.rest.delete("/tasks/none/history?before=2026-01-01")).json()["code"] == "task_not_found"
    assert await forget(world, task_id, "2026-11-20") == 0
    assert await list_changes(world, task_id) == [made["change_id"], renamed]
    undone = await world.rest.post("/undo", json={"change_ids": [renamed]})
    assert undone.json()["task"]["title"] == "Letter"


async def test_the_newest_number_is_not_given_twice_and_a_series_forgets_too(world: World) -> None:
    series = await world.rest.post("/recurring-tasks", json={"title": "Plants", "rule": "FREQ=DAILY;BYHOUR=9"})
    series_id = series.json()["recurring_id"]
    await world.rest.patch(f"/recurring-tasks/{series_id}", json={"notes": "ferns"})
    alone = await add(world, "Alone")
    (newest,) = (await world.query("SELECT max(seq) FROM change"))[0]
    world.clock.move(days=3)
    assert await forget(world, alone["task"]["id"], "2026-11-24") == 1
    assert await list_changes(world, alone["task"]["id"]) == []
    assert await forget(world, series_id, "2026-11-24") == 2
    again = await add(world, "Next")
    (row,) = await world.query("SELECT seq FROM change WHERE id = :id", id=again["change_id"])
    assert row[0] == newest + 1
