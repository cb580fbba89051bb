"""Seeded runs of calls, crashes, restarts and an unreliable broker, after which the books must agree."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.identity import SCHEDULER
from events.ports import Outcome, Outgoing, Publisher
from events.relay import Relay
from tests.clock import MONDAY
from tests.long import LONG
from tests.world import World, open_world
from todo.scheduler import step

PROMISES = ("storms",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

SEEDS = range(400 if LONG else 12)
STEPS = 60


class Crash(Exception):
    """Stands for the end of the process."""


class MoodyBroker:
    """A broker behind a line that fails before or after the send; `arrived` keeps what it received, in order."""

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
    """One seeded run over one database; `script` lists its steps so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.script: list[str] = []
        self.chance = Random(seed)  # noqa: S311  # a seed, not a secret
        self.arrived: list[Outgoing] = []
        self.acknowledged: list[str] = []
        self.tasks: list[str] = []
        self.calls = 0

    async def act(self, world: World, broker: MoodyBroker) -> None:
        relay = Relay(world.service.database, broker, world.clock, batch=5, crash=self.maybe_crash)
        action = self.chance.choice(["call", "call", "call", "relay", "relay", "deliver", "ring", "time"])
        self.script.append(action)
        if action == "call":
            await self.call(world)
        elif action == "relay":
            await relay.step()
        elif action == "deliver":
            await world.service.broker.step()
        elif action == "ring":
            await world.service.store.write(SCHEDULER, step)
        else:
            seconds = self.chance.choice([1, 30, 600])
            self.script[-1] = f"{seconds} s pass"
            world.clock.move(seconds=seconds)

    def maybe_crash(self, point: str) -> None:
        if self.chance.random() < 0.15:
            self.script[-1] += f" (crash: {point})"
            raise Crash

    async def call(self, world: World) -> None:
        """Make a call; now and then repeat it with its key, like a client that lost the answer."""
        self.calls += 1
        task = self.chance.choice(self.tasks) if self.tasks else None
        kind = self.chance.choice(["create", "update", "complete", "reopen", "remind"]) if task else "create"
        method, path, body = {
            "create": ("POST", "/tasks", self.draw_task(world)),
            "update": ("PATCH", f"/tasks/{task}", {"title": f"Title {self.calls}"}),
            "complete": ("POST", f"/tasks/{task}/complete", {}),
            "reopen": ("POST", f"/tasks/{task}/reopen", {}),
            "remind": ("POST", f"/tasks/{task}/reminders", {"at": self.soon(world)}),
        }[kind]
        times = self.chance.choice([1, 1, 2])
        self.script[-1] = f"{method} {path} {body}" + (" twice" if times == 2 else "")
        for _ in range(times):
            response = await world.rest.request(
                method, path, json=body, headers={"Idempotency-Key": f"call {self.calls}"}
            )
            answer: dict[str, Any] = response.json()
        if response.is_success:
            self.acknowledged += [event["id"] for event in answer["events"]]
            if kind == "create":
                self.tasks.append(answer["task"]["id"])
                self.tasks += [each["id"] for each in answer.get("subtasks", [])]

    def draw_task(self, world: World) -> dict[str, Any]:
        """Return a new task; every third one has subtasks and stands in a list."""
        task: dict[str, Any] = {"title": f"Task {self.calls}", "reminders": [self.soon(world)]}
        if self.chance.random() < 1 / 3:
            task |= {"subtasks": ["One", "Two"], "list": f"List {self.calls % 2}"}
        return task

    def soon(self, world: World) -> str:
        return (world.clock.now() + timedelta(seconds=self.chance.choice([5, 60, 900]))).isoformat()


def add_steps(error: BaseException, storm: Storm, test_id: str) -> None:
    """Add to a failure the seed, the steps and the command that repeats them."""
    steps = "\n".join(f"{number:3}  {step}" for number, step in enumerate(storm.script, 1))
    long = " --long" if LONG else ""
    error.add_note(f"seed {storm.seed}; repeat it with: python3 run.py test{long} '{test_id}'\n{steps}")


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_storm_the_books_agree(tmp_path: Path, seed: int, request: pytest.FixtureRequest) -> None:
    storm = Storm(seed)
    try:
        await run_storm(tmp_path, storm)
    except BaseException as error:
        add_steps(error, storm, request.node.nodeid)
        raise


async def run_storm(folder: Path, storm: Storm) -> None:
    """Play all steps, reopening the world after each crash; then let everything settle and check the books."""
    clock_at, ids_at, left = MONDAY, 0, STEPS
    while left:
        async with open_world(folder) as world:
            world.clock.at, world.ids.count = clock_at, ids_at
            broker = MoodyBroker(world.service.broker, storm.chance, storm.arrived)
            try:
                while left:
                    left -= 1
                    await storm.act(world, broker)
            except Crash:
                pass
            clock_at, ids_at = world.clock.at, world.ids.count + 1_000
    async with open_world(folder) as world:
        world.clock.at, world.ids.count = clock_at, ids_at
        broker = MoodyBroker(world.service.broker, storm.chance, storm.arrived)
        broker.calm = True
        storm.script.append("calm, an hour later")
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
