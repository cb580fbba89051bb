"""A query that goes straight to the driver returns what it returns through SQLAlchemy."""

import sys

import pytest
from sqlalchemy import Connection

from events.embedded import redeliver
from events.sql import HotQuery
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

LATE = "9999-01-01T00:00:00.000000Z"
SELDOM = frozenset({"events.embedded._WAITING", "todo.record.lists._ARCHIVED"})
"""What has rows after a failed reaction, or an archived list, alone."""


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
    assert {each.status_code for each in (made, series, channel)} == {201}, (made.text, series.text, channel.text)
    task, event = made.json()["task"]["id"], (await world.events())[0]["id"]
    await world.service.database.write(lambda connection: redeliver(connection, [("activity", event, task)]))
    person = (await world.query("SELECT user_id FROM task LIMIT 1"))[0].user_id
    given = {"key": person, "user": person, "limit": 10, "now": LATE, "latest": LATE, "id": person}

    def compare(connection: Connection) -> set[str]:
        filled: set[str] = set()
        for task_id in (task, series.json()["task"]["recurring_id"]):
            for name, query in list_queries().items():
                quick = query.all(connection, {**given, "task_id": task_id})
                slow = connection.execute(query.statement, {**given, "task_id": task_id}).all()
                assert [tuple(row) for row in slow] == [tuple(row) for row in quick], name
                assert [list(map(type, row)) for row in slow] == [list(map(type, row)) for row in quick], name
                filled |= {name} if quick else set()
        return filled

    assert await world.service.database.write(compare) == set(list_queries()) - SELDOM
