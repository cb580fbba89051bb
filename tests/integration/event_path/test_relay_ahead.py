"""The relay on a backlog: it marks and prefetches while a batch is in flight, and keeps the order of each task."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from events.ports import Outcome, Outgoing
from events.relay import FRESH, Relay
from tests.integration.event_path.test_relay import Broker, drain, make_tasks, relay_to
from tests.world import World
from todo.errors import StorageUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

BATCH = 3


class Watched(Broker):
    """A broker that runs an action while a batch is in flight."""

    def __init__(self, in_flight: Callable[[int], Awaitable[None]]) -> None:
        super().__init__()
        self.in_flight = in_flight

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        outcomes = await super().publish(batch)
        await self.in_flight(len(self.batches))
        return outcomes


def relay_of(world: World, broker: Broker) -> Relay:
    return relay_to(world, broker, batch=BATCH)


async def make_backlog(world: World, tasks: int, changes: int) -> list[str]:
    """Create tasks, each with a number of changes after its creation; return their ids."""
    made = await make_tasks(world, *(f"Task {number}" for number in range(tasks)))
    for change in range(changes):
        for task in made:
            assert (await world.rest.patch(f"/tasks/{task}", json={"notes": f"{change}"})).status_code == 200
    return made


async def count_published(world: World) -> int:
    [(number,)] = await world.query("SELECT count(*) FROM outbox_entry WHERE published_at IS NOT NULL")
    return int(number)


def assert_in_order(broker: Broker, tasks: Sequence[str], versions: int, *, once: bool = True) -> None:
    """Assert that all events of each task were first sent in the order of their versions."""
    sent = [each for batch in broker.batches for each in batch]
    for task in tasks:
        own = [each.event_id for each in sent if each.task_id == task]
        first = list(dict.fromkeys(own))
        assert first == sorted(first), "the ids count up"
        assert len(first) == versions
        assert not once or own == first


async def test_one_batch_is_marked_and_another_read_while_the_next_one_travels(world: World) -> None:
    tasks = await make_backlog(world, 3 * BATCH, 0)
    unmarked: list[int] = []
    marked: list[int] = []

    async def see(number: int) -> None:
        unmarked.append(len(relay._unmarked))
        async with asyncio.timeout(5):
            while await count_published(world) < BATCH * (number - 1):
                await asyncio.sleep(0)
        marked.append(await count_published(world))

    broker = Watched(see)
    relay = relay_of(world, broker)
    await drain(world, relay)
    assert unmarked == [0, BATCH, BATCH]
    assert marked == [0, BATCH, 2 * BATCH]
    assert await count_published(world) == 3 * BATCH, "the last one is marked at once"
    assert_in_order(broker, tasks, 1)


@pytest.mark.parametrize("tasks", [1, 2, BATCH, BATCH + 1, 2 * BATCH, 3 * BATCH + 1])
async def test_of_a_task_there_is_never_more_than_one_event_on_the_way(world: World, tasks: int) -> None:
    made = await make_backlog(world, tasks, 4)
    broker = Broker()
    await drain(world, relay_of(world, broker))
    assert all(len({each.task_id for each in batch}) == len(batch) for batch in broker.batches)
    assert_in_order(broker, made, 5)
    assert await count_published(world) == 5 * tasks


@pytest.mark.parametrize("tasks", [2, BATCH, 2 * BATCH, 3 * BATCH + 1])
async def test_what_may_not_have_arrived_keeps_its_task_back_in_the_batch_that_was_read_ahead(
    world: World, tasks: int
) -> None:
    made = await make_backlog(world, tasks, 3)
    broker = Broker()
    broker.named.add("Task 1")
    relay = relay_of(world, broker)
    await drain(world, relay)
    sent = [each for batch in broker.batches for each in batch if each.task_id == made[1]]
    assert len({each.event_id for each in sent}) == 1, "nothing of this task goes past its first event"
    broker.named.clear()
    world.clock.move(seconds=1)
    await drain(world, relay)
    assert_in_order(broker, made, 4, once=False)


async def test_a_broker_that_goes_away_in_the_middle_loses_nothing_and_repeats_one_batch(world: World) -> None:
    made = await make_backlog(world, 3 * BATCH, 1)

    async def go(number: int) -> None:
        broker.away = number == 1

    broker = Watched(go)
    relay = relay_of(world, broker)
    assert await relay.step() == BATCH
    assert await relay.step() == 0
    assert await count_published(world) == BATCH, "what arrived before is marked all the same"
    assert relay.wait_seconds() > 0
    world.clock.move(seconds=1)
    await drain(world, relay)
    assert_in_order(broker, made, 2, once=False)
    assert sum(map(len, broker.batches)) == 2 * len(made) + BATCH
    assert await count_published(world) == 2 * len(made)


async def test_a_publisher_that_breaks_down_sends_the_same_batch_again_and_not_the_one_read_ahead(
    world: World,
) -> None:
    made = await make_backlog(world, BATCH, 1)

    async def break_down(number: int) -> None:
        if number == 1:
            raise ValueError("broken")

    broker = Watched(break_down)
    relay = relay_of(world, broker)
    with pytest.raises(ValueError, match="broken"):
        await relay.step()
    await drain(world, relay)
    assert broker.batches[0] == broker.batches[1]
    assert_in_order(broker, made, 2, once=False)


async def test_what_was_read_ahead_too_long_ago_is_read_again_after_marking(world: World) -> None:
    made = await make_backlog(world, 3 * BATCH, 1)
    broker = Broker()
    relay = relay_of(world, broker)
    while await relay.step():
        world.clock.at += FRESH + timedelta(milliseconds=1)
    assert_in_order(broker, made, 2)
    assert await count_published(world) == 2 * len(made)


async def test_another_process_that_took_over_meanwhile_is_not_repeated(world: World) -> None:
    await make_backlog(world, 3 * BATCH, 0)
    broker, other = Broker(), Broker()
    paused = relay_of(world, broker)
    assert await paused.step() == BATCH
    world.clock.move(seconds=2)
    await drain(world, relay_of(world, other))
    await drain(world, paused)
    assert [len(batch) for batch in broker.batches] == [BATCH], "it begins with what is left, which is nothing"


async def test_a_process_that_ends_in_order_marks_what_has_arrived(world: World) -> None:
    await make_backlog(world, 3 * BATCH, 0)
    background = world.service.background
    background.relay = relay_of(world, Broker())
    assert await background.relay.step() == BATCH
    assert await count_published(world) == 0, "that waits for the next batch"
    await background.stop()
    assert await count_published(world) == BATCH


async def test_what_could_not_be_marked_is_marked_later_and_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make_backlog(world, 3 * BATCH, 1)
    broker = Broker()
    relay = relay_of(world, broker)
    assert await relay.step() == BATCH

    async def refuse(*_: Any) -> None:
        raise StorageUnavailable("The disk is full.", "Free some room.")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.service.database), "write", refuse)
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await relay.step()
    assert len(broker.batches) == 2, "no third batch goes out before the first two are marked"
    await drain(world, relay)
    assert_in_order(broker, made, 2)
    assert await count_published(world) == 2 * len(made)
