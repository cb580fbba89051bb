"""The relay while the broker is away, and while it does not take single events."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from app.background import Background
from events.outbox import MOST_CHARACTERS, claim_events, count_backlog, resume_parked
from events.ports import Outcome, Outgoing
from events.relay import Relay
from tests.contracts.sidecars import ScriptedSidecar, fail_entries
from tests.world import World

PROMISES = ("publishers",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


class Broker:
    """A publisher that is away, or fails single events by their task's title."""

    def __init__(self) -> None:
        self.away = False
        self.refused: set[str] = set()
        self.named: set[str] = set()
        self.batches: list[list[Outgoing]] = []

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.batches.append(list(batch))
        return [self._judge(each) for each in batch]

    def _judge(self, each: Outgoing) -> Outcome:
        if any(title in each.payload for title in self.refused):
            return Outcome(each.event_id, "refused", "too large")
        if any(title in each.payload for title in self.named):
            return Outcome(each.event_id, "unknown", "no leader", named=True)
        return Outcome(each.event_id, "unknown" if self.away else "published", "away" if self.away else "")


@pytest.fixture
def broker() -> Broker:
    return Broker()


def relay_to(world: World, publisher: Any, **options: Any) -> Relay:
    return Relay(world.service.database, publisher, world.clock, **options)


async def make_tasks(world: World, *titles: str) -> list[str]:
    return [(await world.rest.post("/tasks", json={"title": title})).json()["task"]["id"] for title in titles]


async def rows(world: World) -> list[Any]:
    return await world.query("SELECT * FROM outbox_entry ORDER BY seq")


async def copy_event(world: World, copies: list[dict[str, Any]], payload: str = "{}") -> None:
    """Record the first event `count` more times under other ids, tasks and versions."""
    statement = text(
        "INSERT INTO outbox_entry (event_id, event_type, user_id, task_id, version, payload, recorded_at, attempts) "
        "SELECT :id, 'task.updated', user_id, :task, :version, :payload, recorded_at, 0 FROM outbox_entry WHERE seq = 1"
    ).bindparams(payload=payload)
    await world.service.database.write(lambda connection: connection.execute(statement, copies).close())


async def drain(world: World, relay: Relay) -> None:
    while await relay.step():
        pass


async def test_while_the_broker_is_away_the_pause_doubles_to_five_seconds_and_no_row_is_touched(
    world: World, broker: Broker
) -> None:
    await make_tasks(world, "One", "Two")
    before = await rows(world)
    broker.away = True
    relay = relay_to(world, broker)
    pauses = []
    for _ in range(9):
        assert await relay.step() == 0
        pauses.append(relay.wait_seconds())
        calls = len(broker.batches)
        world.clock.move(seconds=pauses[-1] - 0.01)
        assert await relay.step() == 0
        assert len(broker.batches) == calls, "before the pause ends nobody is asked"
        world.clock.move(seconds=0.01)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])
    assert relay.trouble == "away"
    assert await rows(world) == before
    assert len({tuple(each.payload for each in batch) for batch in broker.batches}) == 1, "the same bytes again"


async def test_the_pause_is_spread_by_the_jitter_that_is_handed_in(world: World, broker: Broker) -> None:
    await make_tasks(world, "One")
    broker.away = True
    factors = count(1)
    relay = relay_to(world, broker, jitter=lambda: next(factors) / 2)
    pauses = []
    for _ in range(3):
        await relay.step()
        pauses.append(relay.wait_seconds())
        world.clock.move(seconds=10)
    assert pauses == pytest.approx([0.05, 0.2, 0.6])


async def test_a_clock_that_is_put_back_during_an_outage_does_not_hold_the_relay_up(
    world: World, broker: Broker
) -> None:
    await make_tasks(world, "One")
    relay = relay_to(world, broker)
    broker.away = True
    assert await relay.step() == 0
    broker.away = False
    assert await relay.step() == 0, "it pauses"
    world.clock.move(hours=-1)
    assert await relay.step() == 1


async def test_what_was_put_off_by_a_clock_that_was_ahead_goes_out_when_it_is_right_again(
    world: World, broker: Broker
) -> None:
    await make_tasks(world, "Poison")
    broker.refused.add("Poison")
    relay = relay_to(world, broker)
    world.clock.move(hours=1)
    assert await relay.step() == 0
    broker.refused.clear()
    assert await relay.step() == 0, "it waits for its next attempt"
    world.clock.move(hours=-1)
    assert await relay.step() == 1


async def test_an_outage_is_one_line_of_the_log_when_it_begins_and_one_when_it_ends(
    world: World, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    await make_tasks(world, "One")
    broker.away = True
    relay = relay_to(world, broker)
    for _ in range(3):
        await relay.step()
        world.clock.move(seconds=6)
    broker.away = False
    await drain(world, relay)
    await make_tasks(world, "Two")
    await drain(world, relay)
    told = [each.message for each in caplog.records if each.name == "events.relay"]
    assert told == ["the broker does not take events: away", "the broker takes events again"]


async def test_after_the_outage_all_goes_out_in_order_and_the_next_one_begins_small(
    world: World, broker: Broker
) -> None:
    [task] = await make_tasks(world, "One")
    await world.rest.post(f"/tasks/{task}/complete")
    broker.away = True
    relay = relay_to(world, broker)
    for _ in range(8):
        await relay.step()
        world.clock.move(seconds=6)
    broker.away, broker.batches = False, []
    await drain(world, relay)
    assert [each.event_type for batch in broker.batches for each in batch] == ["task.created", "task.completed"]
    assert relay.trouble == ""
    assert relay.wait_seconds() == 0
    await make_tasks(world, "Two")
    broker.away = True
    await relay.step()
    assert relay.wait_seconds() == pytest.approx(0.1)


async def test_an_outage_is_told_by_readiness_and_ends_with_it(world: World, broker: Broker) -> None:
    await make_tasks(world, "One")
    broker.away = True
    relay = world.service.relay
    relay.publisher = broker
    await relay.step()
    background: Background = world.service.background
    done, idle = await background._relay()
    assert done == 0
    assert idle == pytest.approx(0.1, abs=0.03)
    assert (await world.http.get("/readyz")).json()["backlog"] == 1


@pytest.mark.parametrize("trouble", ["refused", "named"])
async def test_a_lone_event_in_trouble_holds_up_no_other_task(world: World, broker: Broker, trouble: str) -> None:
    [bad] = await make_tasks(world, "Poison")
    await world.rest.post(f"/tasks/{bad}/complete")
    getattr(broker, trouble).add("Poison")
    relay = relay_to(world, broker)
    for number in range(12):
        await relay.step()
        assert relay.wait_seconds() == 0, "one event's trouble is not the broker's"
        [good] = await make_tasks(world, f"Good {number}")
        assert await relay.step() == 1
        assert good in {each.task_id for each in broker.batches[-1]}
        world.clock.move(seconds=1.5)
    sent = [each.event_type for batch in broker.batches for each in batch if each.task_id == bad]
    assert set(sent) == {"task.created"}, "the task's later events wait behind it"


async def test_an_event_that_did_not_arrive_while_others_did_is_tried_every_second_and_never_parked(
    world: World, broker: Broker
) -> None:
    [bad, _] = await make_tasks(world, "Poison", "Good")
    broker.named.add("Poison")
    relay = relay_to(world, broker, park_after=3)
    await relay.step()
    for _ in range(10):
        calls = len(broker.batches)
        world.clock.move(seconds=0.99)
        await relay.step()
        assert len(broker.batches) == calls
        world.clock.move(seconds=0.01)
        await relay.step()
        assert len(broker.batches) == calls + 1
    assert await world.service.database.read(count_backlog) == (1, 0)
    broker.named.clear()
    world.clock.move(seconds=1)
    assert await relay.step() == 1
    assert broker.batches[-1][0].task_id == bad


async def test_unknown_outcomes_do_not_count_towards_parking(world: World, broker: Broker) -> None:
    await make_tasks(world, "Poison")
    relay = relay_to(world, broker, park_after=2)
    broker.named.add("Poison")
    for _ in range(5):
        await relay.step()
        world.clock.move(seconds=2)
    broker.named, broker.refused = set(), {"Poison"}
    await relay.step()
    assert await world.service.database.read(count_backlog) == (1, 0), "one refusal is not two"
    world.clock.move(minutes=6)
    await relay.step()
    assert await world.service.database.read(count_backlog) == (0, 1)


async def test_refusals_are_tried_at_doubling_pauses_then_parked_and_resumed_in_order(
    world: World, broker: Broker
) -> None:
    [bad] = await make_tasks(world, "Poison")
    await world.rest.post(f"/tasks/{bad}/complete")
    broker.refused.add("Poison")
    relay = relay_to(world, broker, park_after=4)
    for pause in (0.1, 0.2, 0.4):
        await relay.step()
        calls = len(broker.batches)
        world.clock.move(seconds=pause - 0.001)
        await relay.step()
        assert len(broker.batches) == calls
        world.clock.move(seconds=0.001)
    await relay.step()
    assert await world.service.database.read(count_backlog) == (1, 1)
    world.clock.move(hours=1)
    calls = len(broker.batches)
    await relay.step()
    assert len(broker.batches) == calls, "a parked stream is left alone"
    [(reason, attempts)] = await world.query(
        "SELECT last_error, attempts FROM outbox_entry WHERE parked_at IS NOT NULL"
    )
    assert (reason, attempts) == ("too large", 4)

    broker.refused.clear()
    assert await world.service.database.write(resume_parked) == 1
    await drain(world, relay)
    sent = [each.event_type for batch in broker.batches[calls:] for each in batch]
    assert sent == ["task.created", "task.completed"]


async def test_an_entry_without_an_answer_is_tried_again(world: World) -> None:
    await make_tasks(world, "One", "Two")

    class Forgetful(Broker):
        async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
            return (await super().publish(batch))[:1]

    relay = relay_to(world, Forgetful())
    assert await relay.step() == 1
    world.clock.move(seconds=1)
    assert await relay.step() == 1
    assert await world.service.database.read(count_backlog) == (0, 0)


async def test_the_relay_on_a_scripted_sidecar_parks_only_what_is_too_large(world: World) -> None:
    sidecar = ScriptedSidecar()
    tasks = await make_tasks(world, "One", "Large", "Three")
    events = {row[0]: row[1] for row in await world.query("SELECT task_id, event_id FROM outbox_entry")}
    sidecar.script = fail_entries({events[tasks[1]]: "Message was too large"})
    async with sidecar.open() as client:
        relay = relay_to(world, sidecar.publisher(client), park_after=2)
        assert await relay.step() == 2
        world.clock.move(seconds=1)
        assert await relay.step() == 0
        assert await world.service.database.read(count_backlog) == (0, 1)
        await make_tasks(world, "Four")
        assert await relay.step() == 1
    assert await world.service.database.read(lambda connection: claim_events(connection, world.clock.now(), 10)) == []
    assert await world.query("SELECT count(*) FROM outbox_entry WHERE published_at IS NOT NULL") == [(3,)]


async def test_events_far_back_behind_a_long_backlog_of_one_task_are_found(world: World, broker: Broker) -> None:
    [task] = await make_tasks(world, "Busy")

    await copy_event(world, [{"id": f"copy-{number}", "task": task, "version": number} for number in range(2, 1_200)])
    [other] = await make_tasks(world, "Behind")
    await relay_to(world, broker).step()
    assert [each.task_id for each in broker.batches[0]] == [task, other]


async def test_a_backlog_of_large_events_goes_out_in_small_batches(world: World, broker: Broker) -> None:
    await make_tasks(world, "First")
    copies = [{"id": f"copy-{number}", "task": f"task-{number}", "version": 2} for number in range(100)]
    await copy_event(world, copies, "x" * 250_000)
    await drain(world, relay_to(world, broker, batch=1_000))
    sizes = [sum(len(each.payload) for each in batch) for batch in broker.batches]
    assert sum(map(len, broker.batches)) == 101
    assert max(sizes) <= MOST_CHARACTERS
    assert len(sizes) == 4, "and no smaller than they must be"


async def test_an_event_larger_than_a_batch_may_be_goes_out_alone(world: World, broker: Broker) -> None:
    await make_tasks(world, "First")
    copies = [{"id": f"copy-{number}", "task": f"task-{number}", "version": 2} for number in range(40)]
    await copy_event(world, copies[:1], "x" * (MOST_CHARACTERS + 1))
    await copy_event(world, copies[1:])
    await drain(world, relay_to(world, broker, batch=1_000))
    assert [len(batch) for batch in broker.batches] == [1, 1, 39]
