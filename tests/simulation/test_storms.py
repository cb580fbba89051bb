"""Storms: seeded runs of calls, crashes, restarts and a moody broker; then calm, and the books must agree."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.identity import SCHEDULER
from events.ports import Outcome, Outgoing, Publisher
from events.relay import Relay
from tests.world import World, open_world
from todo.scheduler import step

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

SEEDS = range(400 if os.environ.get("TODO_TEST_LONG") else 12)
STEPS = 60


# The ids of a world are CountedIds and its clock a MovableClock; the store knows them by their ports only.


class Crash(Exception):
    """The process ends here."""


class MoodyBroker:
    """A broker behind a line that fails before or after the send; keeps what truly reached it, in order."""

    def __init__(self, inner: Publisher, chance: Random, arrived: list[Outgoing]) -> None:
        self.inner, self.chance, self.arrived = inner, chance, arrived
        self.calm = False

    async def publish(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        outcomes = []
        for each in batch:
            mood = "good" if self.calm else self.chance.choice(["good", "good", "lost", "ack lost"])
            if mood != "lost":
                self.arrived.append(each)
                await self.inner.publish([each])
            outcomes.append(Outcome(each.event_id, "published" if mood == "good" else "unknown"))
        return outcomes


class Storm:
    """One seeded run over one database file."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311  # a seed, not a secret
        self.arrived: list[Outgoing] = []
        self.acknowledged: list[str] = []
        self.tasks: list[str] = []
        self.calls = 0

    async def act(self, world: World, broker: MoodyBroker) -> None:
        relay = Relay(world.service.database, broker, world.clock, batch=5, crash=self.maybe_crash)
        action = self.chance.choice(["call", "call", "call", "relay", "relay", "deliver", "ring", "time"])
        if action == "call":
            await self.call(world)
        elif action == "relay":
            await relay.step()
        elif action == "deliver":
            await world.service.broker.step()
        elif action == "ring":
            await world.service.store.write(SCHEDULER, step)
        else:
            world.clock.move(seconds=self.chance.choice([1, 30, 600]))

    def maybe_crash(self, _point: str) -> None:
        if self.chance.random() < 0.15:
            raise Crash

    async def call(self, world: World) -> None:
        """Make a call and repeat it by its key as a client does that lost the answer, now and then."""
        self.calls += 1
        task = self.chance.choice(self.tasks) if self.tasks else None
        kind = self.chance.choice(["create", "update", "complete", "reopen", "remind"]) if task else "create"
        method, path, body = {
            "create": ("POST", "/tasks", {"title": f"Task {self.calls}", "reminders": [self.soon(world)]}),
            "update": ("PATCH", f"/tasks/{task}", {"title": f"Title {self.calls}"}),
            "complete": ("POST", f"/tasks/{task}/complete", {}),
            "reopen": ("POST", f"/tasks/{task}/reopen", {}),
            "remind": ("POST", f"/tasks/{task}/reminders", {"at": self.soon(world)}),
        }[kind]
        for _ in range(self.chance.choice([1, 1, 2])):
            response = await world.rest.request(
                method, path, json=body, headers={"Idempotency-Key": f"call {self.calls}"}
            )
            answer: dict[str, Any] = response.json()
        if response.is_success:
            self.acknowledged += [event["id"] for event in answer["events"]]
            if kind == "create":
                self.tasks.append(answer["task"]["id"])

    def soon(self, world: World) -> str:
        from datetime import timedelta

        return (world.clock.now() + timedelta(seconds=self.chance.choice([5, 60, 900]))).isoformat()


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_storm_the_books_agree(tmp_path: Path, seed: int) -> None:
    storm = Storm(seed)
    clock_at, ids_at, left = None, 0, STEPS
    while left:
        async with open_world(tmp_path) as world:
            if clock_at is not None:
                world.clock.at, world.service.store.ids.count = clock_at, ids_at  # type: ignore[attr-defined]  # counted
            broker = MoodyBroker(world.service.broker, storm.chance, storm.arrived)
            try:
                while left:
                    left -= 1
                    await storm.act(world, broker)
            except Crash:
                pass
            clock_at, ids_at = world.clock.at, world.service.store.ids.count + 1_000  # type: ignore[attr-defined]  # counted
    async with open_world(tmp_path) as world:
        world.clock.at, world.service.store.ids.count = clock_at or world.clock.at, ids_at  # type: ignore[attr-defined]  # counted
        broker = MoodyBroker(world.service.broker, storm.chance, storm.arrived)
        broker.calm = True
        world.clock.move(hours=1)
        while await world.service.store.write(SCHEDULER, step):
            pass
        relay = Relay(world.service.database, broker, world.clock)
        while await relay.step() + await world.service.broker.step():
            pass
        await check_books(world, storm)


async def check_books(world: World, storm: Storm) -> None:
    recorded = [
        (row[0], row[1], row[2])
        for row in await world.query("SELECT event_id, task_id, payload FROM outbox_entry ORDER BY seq")
    ]
    assert set(storm.acknowledged) <= {event_id for event_id, _, _ in recorded}, "an acknowledged event is recorded"
    sent = {each.event_id: each.payload for each in storm.arrived}
    assert sent == {event_id: payload for event_id, _, payload in recorded}, "all is published, nothing else"
    assert all(sent[each.event_id] == each.payload for each in storm.arrived), "a repeat is the same bytes"
    firsts: dict[str, list[str]] = {}
    for each in storm.arrived:
        if each.event_id not in firsts.setdefault(each.task_id, []):
            firsts[each.task_id].append(each.event_id)
    expected: dict[str, list[str]] = {}
    for event_id, task_id, _ in recorded:
        expected.setdefault(task_id, []).append(event_id)
    assert firsts == expected, "first arrivals of a task keep its order"
    reacted = Counter(row[0] for row in await world.query("SELECT event_id FROM activity"))
    assert reacted == Counter(event_id for event_id, _, _ in recorded), "each event is reacted to once"
    due = "SELECT count(*) FROM outbox_entry WHERE event_type = 'reminder.due'"
    assert await world.query("SELECT count(*) FROM notification") == await world.query(due)
    assert await world.query("SELECT count(*) FROM reminder WHERE status = 'scheduled'") == [(0,)]
    completed = await world.query("SELECT count(*) FROM task WHERE status = 'completed'")
    assert await world.query("SELECT coalesce(sum(completed), 0) FROM day_count") == completed
