"""Several events at once leave what they leave one by one; one that fails does not touch the others."""

import pytest
from sqlalchemy import Connection, text

from events.catalog import TaskEvent
from events.cloudevent import decode_event
from tests.world import World
from todo.activity.reactions import REACTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

LEFT = {
    "inbox_entry": "consumer, event_id",
    "activity": "event_id, user_id, type, task_id, version, timestamp, text",
    "notification": "id, user_id, task_id, title, text, remind_at, late_by_seconds",
    "counted_task": "task_id, version, created_day, completed_day",
    "day_count": "user_id, day, created, completed",
    "channel_delivery": "id, channel_id, what, event_id, reminder_id, sequence",
}
"""What the reactions leave, without row numbers."""


async def make_history(world: World) -> list[TaskEvent]:
    """Return the events of two tasks over two days, of a series, and of a reminder that rang."""
    hook = {"kind": "webhook", "name": "Hook", "address": "https://1.1.1.1/"}
    assert (await world.rest.post("/channels", json=hook)).status_code == 201
    rings = [{"at": "2026-11-23T12:00"}]
    first = (await world.rest.post("/tasks", json={"title": "One", "reminders": rings})).json()["task"]["id"]
    await world.rest.post("/recurring-tasks", json={"title": "Water plants", "rule": "FREQ=DAILY"})
    second = (await world.rest.post("/tasks", json={"title": "Two"})).json()["task"]["id"]
    await world.rest.post(f"/tasks/{second}/complete")
    await world.tick(days=1)
    await world.rest.post(f"/tasks/{second}/reopen")
    await world.rest.post(f"/tasks/{second}/complete")
    await world.rest.delete(f"/tasks/{first}")
    return [decode_event(row[0]) for row in await world.query("SELECT payload FROM outbox_entry ORDER BY seq")]


def read_left(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: sorted(map(tuple, connection.execute(text(f"SELECT {columns} FROM {table}"))), key=str)  # noqa: S608
        for table, columns in LEFT.items()
    }


async def test_several_at_once_leave_what_they_leave_one_by_one(world: World) -> None:
    events = await make_history(world)

    def compare(connection: Connection) -> None:
        found = []
        for batches in ([[each] for each in events], [events], [events[3:], events[:3]], [events, events[2:]]):
            for table in LEFT:
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
            for batch in batches:
                for consumer in REACTIONS:
                    consumer.deliver(connection, batch, "now")
            found.append(read_left(connection))
        assert all(found[0].values()), "each reaction has left something"
        assert found[1:] == found[:1] * 3

    await world.service.database.write(compare)
