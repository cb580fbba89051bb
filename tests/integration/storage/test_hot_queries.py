"""A query that goes straight to the driver returns what it returns through SQLAlchemy."""

import sys
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from app.identity import LOCAL_PERSON
from events.embedded import redeliver
from events.sql import MOST_KEYS, NOTHING, HotQuery
from tests.world import World
from todo.requests.schemas import FindTasks
from todo.tasks.search import FindAnswer, find_tasks

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

LATE = "9999-01-01T00:00:00.000000Z"
SELDOM = frozenset(
    {
        "events.embedded._WAITING",
        "events.lease._SELECT",
        "todo.channels.queue._AGAIN_DUE",
        "todo.record.lists._ARCHIVED",
    }
)
"""What has rows after a failed reaction or delivery, with background work, or with an archived list alone."""


def list_queries() -> dict[str, HotQuery]:
    """Return every hot query of the product, by module and name."""
    return {
        f"{module}.{name}": value
        for module, loaded in list(sys.modules.items())
        if module.partition(".")[0] in ("events", "todo", "app")
        for name, value in vars(loaded).items()
        if isinstance(value, HotQuery)
    }


async def test_each_query_returns_the_same_rows_both_ways(world: World) -> None:
    rings = [{"at": "2030-01-01T09:00", "urgent": True}]
    made = await world.rest.post("/tasks", json={"title": "Buy milk", "due": "2030-01-01T10:00", "reminders": rings})
    series = await world.rest.post("/recurring-tasks", json={"title": "Water plants", "rule": "FREQ=DAILY"})
    channel = await world.rest.post(
        "/channels", json={"kind": "webhook", "name": "Hook", "address": "https://1.1.1.1/"}
    )
    listed = await world.rest.post("/tasks", json={"title": "Dig", "list": "Garden", "subtasks": ["Find the spade"]})
    # The channel has been there before this one.
    told = await world.rest.post("/tasks", json={"title": "Sweep"})
    while await world.service.relay.step() + await world.service.broker.step():
        pass
    waits = await world.rest.post("/tasks", json={"title": "Mop"})
    answers = (made, series, channel, listed, told, waits)
    assert {each.status_code for each in answers} == {201}, [each.text for each in answers]
    task, waiting, event = made.json()["task"]["id"], waits.json()["task"]["id"], (await world.events())[-1]["id"]
    await world.service.database.write(lambda connection: redeliver(connection, [("activity", event, waiting)]))
    person = (await world.query("SELECT user_id FROM task LIMIT 1"))[0].user_id
    channel_id = (await world.query("SELECT id FROM channel"))[0].id
    series_id, parent = series.json()["task"]["recurring_id"], listed.json()["task"]
    keys = [task, series_id, parent["id"], parent["list"]["id"]]
    given = {"user": person, "limit": 10, "now": LATE, "latest": LATE, "id": person, "keys": keys, "tasks": keys}
    given |= {"channel": channel_id, "exact": "sweep", "owner": person}
    ways = [(task, person), (series_id, parent["list"]["id"]), (task, "garden"), (task, channel_id)]

    def compare(connection: Connection) -> set[str]:
        filled: set[str] = set()
        for task_id, key in ways:
            for name, query in list_queries().items():
                asked = {**given, "task_id": task_id, "key": key}
                quick = query.all(connection, asked)
                slow = connection.execute(query.statement, asked).all()
                assert [tuple(row) for row in slow] == [tuple(row) for row in quick], name
                assert [list(map(type, row)) for row in slow] == [list(map(type, row)) for row in quick], name
                filled |= {name} if quick else set()
        return filled

    assert await world.service.database.write(compare) == set(list_queries()) - SELDOM


async def test_a_query_by_keys_takes_any_number_of_them(world: World) -> None:
    made = [(await world.rest.post("/tasks", json={"title": f"Task {number}"})).json()["task"] for number in range(3)]
    await world.rest.post(f"/tasks/{made[1]['id']}/reminders", json={"at": "2030-01-01T09:00"})
    person = (await world.query("SELECT user_id FROM task LIMIT 1"))[0].user_id
    query = list_queries()["todo.record.queries._REMINDERS_OF"]

    def find(keys: list[str], connection: Connection) -> list[str]:
        return [row.task_id for row in query.all(connection, {"tasks": keys, "user": person})]

    for keys, found in (
        ([], []),
        ([made[0]["id"]], []),
        ([each["id"] for each in made], [made[1]["id"]]),
        ([made[1]["id"]], [made[1]["id"]]),
        ([f"{number}" for number in range(MOST_KEYS)] + [made[1]["id"]], [made[1]["id"]]),
    ):
        assert await world.service.database.read(partial(find, keys)) == found


SEARCHES: tuple[dict[str, Any], ...] = (
    {},
    {"status": "all", "sort": "-due", "limit": 2},
    {"status": "overdue", "sort": "priority"},
    {"text": "task"},
    {"text": "Task 2", "sort": "title"},
    {"tags": ["home"]},
    {"tags": ["home", "garden"], "has_reminder": True},
    {"list": "Garden", "available": True},
    {"due_from": "2026-01-01", "has_reminder": False, "priority": "none"},
    {"completed_from": "2026-01-01", "completed_until": "2100-01-01", "status": "all"},
    {"available": False},
)


async def test_a_search_finds_the_same_both_ways(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 5):
        task = {
            "title": f"Task {number}",
            "tags": ["home", "garden"],
            "list": "Garden",
            "due": f"2030-01-0{number + 1}",
        }
        made = await world.rest.post("/tasks", json={**task, "reminders": [{"before": "1h"}]})
        assert made.status_code == 201, made.text
    hidden = (await world.rest.post("/lists", json={"name": "Old"})).json()["list"]["id"]
    await world.rest.patch(f"/lists/{hidden}", json={"archived": True})

    async def find(given: dict[str, Any]) -> FindAnswer:
        request = FindTasks(**given)
        return await world.service.store.read(LOCAL_PERSON, lambda work: find_tasks(work, request))

    async def find_all() -> list[FindAnswer]:
        found = [(given, await find(given)) for given in SEARCHES]
        nexts = [{**given, "cursor": page["next_cursor"]} for given, page in found if "next_cursor" in page]
        return [*(page for _, page in found), *[await find(given) for given in nexts]]

    quick = await find_all()
    monkeypatch.setattr(
        HotQuery, "all", lambda self, connection, given=NOTHING: connection.execute(self.statement, dict(given)).all()
    )
    assert await find_all() == quick
    assert sum(bool(page["tasks"]) for page in quick) > len(SEARCHES) / 2
