"""A connection to PostgreSQL that is lost under a reaction: storage is away, and the reaction is not at fault."""

import contextlib
import logging
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from events.catalog import EventType, TaskEvent
from events.consumer import Consumer
from events.embedded import OVERDUE, EmbeddedBroker, redeliver
from events.relay import Relay
from tests.world import World
from todo.errors import StorageUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.database("postgresql")]

LOSE = "SELECT pg_terminate_backend(pg_backend_pid())"


class Fragile:
    """A reaction whose connection is lost the first few times; it may go on as if nothing had been."""

    def __init__(self, losses: int, *, goes_on: bool) -> None:
        self.left, self.reacted, self._goes_on = losses, 0, goes_on

    def __call__(self, connection: Connection, _events: Sequence[TaskEvent]) -> None:
        if self.left:
            self.left -= 1
            with contextlib.suppress(*([SQLAlchemyError] if self._goes_on else [])):
                connection.exec_driver_sql(LOSE)
            connection.exec_driver_sql("SELECT 1")
        self.reacted += 1


def make_broker(world: World, reaction: Fragile) -> EmbeddedBroker:
    consumers = [Consumer("fragile", frozenset(EventType), reaction)]
    return EmbeddedBroker(world.service.database, consumers, world.service.store.clock)


async def open_delivery(world: World, reaction: Fragile) -> EmbeddedBroker:
    await world.rest.post("/tasks", json={"title": "Milk"})
    [event] = await world.events()
    overdue = [("fragile", event["id"], event["data"]["task_id"])]
    await world.service.database.write(lambda connection: redeliver(connection, overdue))
    return make_broker(world, reaction)


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_connection_lost_at_a_reaction_leaves_the_event_whole_to_the_next_try(
    world: World, goes_on: bool
) -> None:
    reaction = Fragile(4, goes_on=goes_on)
    relay = Relay(world.service.database, make_broker(world, reaction), world.service.store.clock)
    await world.rest.post("/tasks", json={"title": "Milk"})
    published = 0
    while not published:
        assert await world.query("SELECT attempts FROM delivery") == []
        with contextlib.suppress(StorageUnavailable):
            published = await relay.step()
    assert (published, reaction.reacted) == (1, 1)
    assert await world.query("SELECT attempts FROM delivery WHERE delivered_at IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("goes_on", [False, True])
async def test_x13_a_lost_connection_is_no_attempt_of_a_reaction(
    world: World, goes_on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reaction = Fragile(12, goes_on=goes_on)
    broker = await open_delivery(world, reaction)
    with caplog.at_level(logging.INFO):
        while reaction.left:
            with contextlib.suppress(StorageUnavailable):
                await broker.step()
            assert await world.query("SELECT attempts, last_error, parked_at FROM delivery") == [(0, OVERDUE, None)]
        while await broker.step():
            pass
    assert reaction.reacted == 1
    assert await world.query("SELECT attempts FROM delivery WHERE delivered_at IS NOT NULL") == [(0,)]
    assert not [record for record in caplog.records if record.exc_info], "no traceback for what is replaced at once"
    lines = [record.getMessage() for record in caplog.records]
    assert 0 < len(lines) <= 12, "at most a line for each loss"
    assert all("connection" in line and "\n" not in line for line in lines)


async def test_x13_a_reaction_that_fails_by_itself_still_counts(world: World) -> None:
    class Clumsy(Fragile):
        def __call__(self, connection: Connection, _events: Sequence[TaskEvent]) -> None:
            connection.exec_driver_sql("SELECT 1 FROM no_such_table")

    broker = await open_delivery(world, Clumsy(0, goes_on=False))
    await broker.step()
    [(attempts, reason)] = await world.query("SELECT attempts, last_error FROM delivery")
    assert attempts == 1
    assert "no_such_table" in reason
