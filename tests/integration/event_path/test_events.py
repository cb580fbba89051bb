"""Events from their recording to their reactions: order, retries, parking, restarts."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.identity import LOCAL_PERSON
from events.catalog import EventType, TaskEvent, name_topic
from events.cloudevent import Unreadable, decode_event, encode_event
from events.consumer import Answer, Consumer, deliver_to_all
from events.dead_letters import park_event
from events.embedded import EmbeddedBroker, count_deliveries, list_parked, replay_parked
from events.outbox import count_backlog, resume_parked
from events.ports import Outcome, Outgoing
from events.relay import Relay
from tests.world import World, open_world
from todo.activity.reactions import REACTIONS

PROMISES = ("nothing-lost", "order-per-task")

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


class ScriptedPublisher:
    """A publisher with preset outcomes by event type; all other events are published."""

    def __init__(self, outcomes: dict[str, str] | None = None) -> None:
        self.outcomes = outcomes or {}
        self.calls: list[list[Outgoing]] = []

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.calls.append(list(batch))
        return [Outcome(each.event_id, self.outcomes.get(each.event_type, "published")) for each in batch]  # type: ignore[arg-type]

    def sent(self) -> list[tuple[str, str]]:
        return [(each.task_id, each.event_type) for call in self.calls for each in call]


def relay_to(world: World, publisher: Any, **options: Any) -> Relay:
    return Relay(world.service.database, publisher, world.clock, **options)


async def make_task(world: World, title: str = "Buy milk") -> dict[str, Any]:
    task: dict[str, Any] = (await world.rest.post("/tasks", json={"title": title})).json()["task"]
    return task


async def test_at_most_one_event_of_a_task_is_in_flight_and_order_holds(world: World) -> None:
    task = await make_task(world)
    await world.rest.patch(f"/tasks/{task['id']}", json={"title": "Buy oat milk"})
    await world.rest.post(f"/tasks/{task['id']}/complete")
    await make_task(world, "Other")
    publisher = ScriptedPublisher()
    relay = relay_to(world, publisher)
    while await relay.step():
        pass
    assert all(len({each.task_id for each in call}) == len(call) for call in publisher.calls)
    own = [kind for task_id, kind in publisher.sent() if task_id == task["id"]]
    assert own == ["task.created", "task.updated", "task.completed"]


async def test_an_unknown_outcome_sends_the_same_bytes_again(world: World) -> None:
    await make_task(world)
    publisher = ScriptedPublisher({"task.created": "unknown"})
    relay = relay_to(world, publisher)
    for _ in range(20):
        await relay.step()
        world.clock.move(minutes=6)
    publisher.outcomes.clear()
    assert await relay.step() == 1
    assert len({call[0].payload for call in publisher.calls}) == 1
    assert len(publisher.calls) == 21, "trouble of the broker never parks an event"


async def test_what_a_long_outage_leaves_unknown_is_not_held_against_it(world: World) -> None:
    other = await make_task(world, "Other")
    publisher = ScriptedPublisher()
    relay = relay_to(world, publisher, park_after=2)
    await relay.step()
    await make_task(world)
    publisher.outcomes = {"task.created": "unknown"}
    for number in range(20):  # each time another event arrives, so that the broker does not count as away
        await world.rest.patch(f"/tasks/{other['id']}", json={"notes": str(number)})
        assert await relay.step() == 1
        world.clock.move(seconds=2)
    publisher.outcomes = {"task.created": "refused"}
    await relay.step()
    assert await world.service.database.read(count_backlog) == (1, 0), "one refusal is not yet for good"
    publisher.outcomes = {}
    world.clock.move(seconds=2)
    assert await relay.step() == 1, "the wait has not grown with the outage"


async def test_a_refused_event_parks_its_task_and_no_other(world: World) -> None:
    task = await make_task(world)
    await world.rest.delete(f"/tasks/{task['id']}")
    other = await make_task(world, "Other")
    publisher = ScriptedPublisher({"task.created": "refused"})
    relay = relay_to(world, publisher, park_after=3)
    for _ in range(5):
        await relay.step()
        world.clock.move(minutes=6)
    assert await world.service.database.read(count_backlog) == (1, 2)
    publisher.outcomes.clear()
    third = await make_task(world, "Third")
    await relay.step()
    assert publisher.sent()[-1] == (third["id"], "task.created")
    assert (await world.http.get("/readyz")).json()["status"] == "degraded"
    assert await world.service.database.write(resume_parked) == 2
    publisher.calls.clear()
    while await relay.step():
        pass
    assert publisher.sent() == [
        (task["id"], "task.created"),
        (other["id"], "task.created"),
        (task["id"], "task.deleted"),
    ]


async def test_a_crash_between_publishing_and_marking_delivers_once_in_effect(world: World) -> None:
    await make_task(world)

    def crash(point: str) -> None:
        if point == "relay.after_publish":
            raise KeyError(point)

    with pytest.raises(KeyError):
        await relay_to(world, world.service.broker, crash=crash).step()
    await world.service.broker.step()
    await world.settle()
    assert len((await world.rest.get("/activity")).json()["entries"]) == 1
    assert await world.query("SELECT count(*) FROM delivery") == [(3,)]


async def test_what_was_committed_before_a_kill_is_published_after_the_restart(tmp_path: Path) -> None:
    async with open_world(tmp_path) as before:
        task = await make_task(before)
        await before.service.relay.step()
        await before.rest.post(f"/tasks/{task['id']}/complete")
    async with open_world(tmp_path) as after:
        await after.settle()
        entries = (await after.rest.get("/activity")).json()["entries"]
        assert [entry["type"] for entry in entries] == ["task.completed", "task.created"]
        assert (await after.rest.get("/statistics")).json()["days"][-1]["completed"] == 1


class Fragile:
    """A reaction that fails for one title until it is mended."""

    def __init__(self) -> None:
        self.broken = True
        self.seen: list[tuple[str, int]] = []

    def __call__(self, connection: Connection, events: Sequence[TaskEvent]) -> None:
        for event in events:
            connection.execute(text("INSERT INTO lease VALUES (:name, 'x', 1, 1)"), {"name": event.event_id})
            if self.broken and event.task["title"].startswith("Bad"):
                raise ValueError("no such word")
        self.seen += [(event.task_id, event.version) for event in events]


async def test_a_failing_reaction_is_undone_retried_in_order_then_parked_and_replayed(world: World) -> None:
    react = Fragile()
    broker = EmbeddedBroker(
        world.service.database, [Consumer("fragile", frozenset(EventType), react)], world.clock, park_after=3
    )
    relay = relay_to(world, broker)
    bad, good = await make_task(world, "Bad"), await make_task(world, "Good")
    await world.rest.post(f"/tasks/{bad['id']}/complete")
    for _ in range(2):
        await relay.step()
        await broker.step()
    assert react.seen == [(good["id"], 1)], "a later event of the task waits behind the failed one, others do not"
    assert await world.query("SELECT count(*) FROM lease") == [(1,)], "a failed reaction leaves nothing"
    for _ in range(2):
        world.clock.move(minutes=6)
        while await broker.step():
            pass
    user = LOCAL_PERSON.user_id
    [first] = await world.service.database.read(lambda connection: list_parked(connection, user))
    assert (first["consumer"], first["reason"]) == ("fragile", "ValueError: no such word")
    react.broken = False
    world.clock.move(minutes=6)
    assert await world.service.database.write(lambda connection: replay_parked(connection, user)) == 1
    while await broker.step():
        pass
    assert set(react.seen) == {(good["id"], 1), (bad["id"], 1), (bad["id"], 2)}
    assert await broker.step() == 0


async def test_a_reaction_put_off_by_a_clock_that_was_ahead_comes_when_it_is_right_again(world: World) -> None:
    react = Fragile()
    consumers = [Consumer("fragile", frozenset(EventType), react)]
    broker = EmbeddedBroker(world.service.database, consumers, world.clock)
    bad = await make_task(world, "Bad")
    world.clock.move(hours=1)
    await relay_to(world, broker).step()
    react.broken = False
    assert await broker.step() == 0, "it waits for its next attempt"
    world.clock.move(hours=-1)
    assert await broker.step() == 1
    assert react.seen == [(bad["id"], 1)]


async def test_a_consumer_drops_what_it_does_not_know_and_reacts_once(world: World) -> None:
    seen: list[str] = []
    consumer = Consumer(
        "only", frozenset({EventType.TASK_CREATED}), lambda _c, events: seen.extend(each.event_id for each in events)
    )
    await make_task(world)
    [envelope] = await world.events()
    event = TaskEvent.model_validate(envelope["data"])
    deleted = event.model_copy(update={"event_type": EventType.TASK_DELETED})
    answers = [
        await world.service.database.write(partial(consumer.deliver, events=[each], now="now"))
        for each in (event, event, deleted)
    ]
    assert answers == [Answer.SUCCESS, Answer.SUCCESS, Answer.DROP]
    assert seen == [event.event_id]


async def test_statistics_do_not_depend_on_the_order_of_events(world: World) -> None:
    from todo.activity.reactions import count_tasks

    task = await make_task(world)
    await world.rest.post(f"/tasks/{task['id']}/complete")
    await world.rest.post(f"/tasks/{task['id']}/reopen")
    await world.rest.post(f"/tasks/{task['id']}/complete")
    events = [TaskEvent.model_validate(each["data"]) for each in await world.events()]
    for event in [*events, *reversed(events)]:
        await world.service.database.write(partial(count_tasks, events=[event]))
    assert (await world.rest.get("/statistics")).json()["days"][-1] == {
        "day": "2026-11-23",
        "created": 1,
        "completed": 1,
    }


async def test_an_event_is_a_whole_cloudevent(world: World) -> None:
    task = await make_task(world, "Ünïcode \u202e 牛乳")
    [payload] = [row[0] for row in await world.query("SELECT payload FROM outbox_entry")]
    [event] = await world.events()
    assert "\\u" not in payload
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": data["event_id"],
        "source": "evolution-todo",
        "type": "task.created",
        "subject": f"task/{task['id']}",
        "time": "2026-11-23T09:00:00.000000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:evolution-todo:event:task.created:1",
        "partitionkey": task["id"],
        "taskversion": 1,
    }
    assert data["data"]["task"] == task
    assert data["data"]["actor"] == {"kind": "person", "surface": "rest"}
    assert decode_event(payload) == TaskEvent.model_validate(data)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "{}",
        '{"specversion":"1.0"}',
        "\x00",
        '{"specversion":"1.0","id":"1","source":"x","type":"y","data":3}',
    ],
)
async def test_what_is_no_event_of_ours_is_unreadable(payload: str) -> None:
    with pytest.raises(Unreadable):
        decode_event(payload)


async def test_an_event_over_the_limit_is_refused_when_recorded() -> None:
    event = TaskEvent(
        event_id="e",
        event_type=EventType.TASK_CREATED,
        timestamp="2026-11-23T09:00:00.000000Z",
        user_id="u",
        task_id="t",
        data={"version": 1, "task": {"notes": "x" * 950_000}},
    )
    with pytest.raises(ValueError, match="over the limit"):
        encode_event(event)


async def test_topics_in_three_styles() -> None:
    kinds = list(EventType)
    assert [name_topic(kind, "type") for kind in kinds] == [kind.value for kind in kinds]
    assert [name_topic(kind, "convention") for kind in kinds] == [
        "evolution-todo.tasks.created",
        "evolution-todo.tasks.updated",
        "evolution-todo.tasks.completed",
        "evolution-todo.tasks.deleted",
        "evolution-todo.reminders.due",
        "evolution-todo.recurring.trigger",
    ]
    assert {name_topic(kind, "single") for kind in kinds} == {"evolution-todo.events"}


async def test_a_dead_letter_that_comes_before_the_event_itself_is_no_trouble_once_that_has_been_reacted_to(
    world: World,
) -> None:
    # A dead-letter topic is shared: another service may have given up an event that is still in flight to us.
    await world.rest.post("/tasks", json={"title": "one"})
    [envelope] = await world.events()
    event = TaskEvent.model_validate(envelope["data"])
    database, at = world.service.database, envelope["time"]
    consumers = [each for each in REACTIONS if event.event_type in each.types]
    assert consumers
    await database.write(lambda connection: park_event(connection, [each.name for each in consumers], event, at))
    assert (await database.read(count_deliveries))[1] == len(consumers)

    assert await database.write(lambda connection: deliver_to_all(connection, consumers, event, at)) == []

    assert (await database.read(count_deliveries))[1] == 0
    assert await database.read(lambda connection: list_parked(connection, event.user_id)) == []
