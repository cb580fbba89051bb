"""The time from a reminder's due to a push service, with many due at once, and beside a receiver that hangs."""

import asyncio
import json
import sys
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, bindparam, text, update

from app.access.people import add_person
from app.bench.processes import start_child
from app.bench.rows import Row, compare, hold, pick
from app.runtime import calm_collector, run_program
from app.service import Service, open_service
from app.settings import load_settings
from app.system import SystemClock, SystemIds
from events.embedded import has_open
from events.instants import write_instant
from events.outbox import has_pending
from events.sql import table_of
from todo.channels.channels import Given, create_channel
from todo.channels.models import AT_ONCE
from todo.channels.requests import CreateChannel
from todo.record.models import Reminder
from todo.record.scopes import EVERYTHING
from todo.record.work import Who, Work
from todo.requests.parts import ReminderSpec
from todo.requests.schemas import CreateTask
from todo.tasks.tasks import create_task

CHANNELS = 4
AHEAD = timedelta(seconds=2)
"""How long after the last preparation the first reminder is due."""
_R = table_of(Reminder)
_BRING_FORWARD = update(_R).where(_R.c.id == bindparam("key")).values(remind_at=bindparam("at"))
_WAITING = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
    INSERT INTO channel_delivery (id, user_id, channel_id, what, event_id, event_type, task_id, urgent, made_at,
                                  next_at, expires_at, state, attempts, used, cleared)
    SELECT :name || i, :user, channel.id, 'ring', :name || i, 'reminder.due', :name || i, 0,
           '2099-01-01T00:00:00.000000Z', :at, '2099-01-02T00:00:00.000000Z', 'waiting', 0, '', 0
    FROM n, channel WHERE channel.user_id = :user"""
_OPEN = {"TODO_CHANNELS_ALLOW": "http,private"}


async def measure_reach(folder: Path, count: int, waiting: int) -> list[Row]:
    """Let `count` reminders of four people come due within one second; a tenth of them beside a receiver that hangs.

    Then `waiting` deliveries wait for that receiver.
    """
    async with start_child("app.bench.reach", str(count), str(waiting), folder=folder, settings=_OPEN) as child:
        said = child.said
    name = f"{count} reminders in one second over {CHANNELS} channels: due to push service"
    delay = (pick(said["beside"], 0.5) - pick(said["calm"], 0.5)) * 1e3
    return [
        hold(f"{name}: p50", pick(said["all"], 0.5) * 1e3, "ms", below=150),
        hold(f"{name}: p99", pick(said["all"], 0.99) * 1e3, "ms", below=1_000),
        hold("CPU of the service for each of them", said["cpu"] / count * 1e3, "ms"),
        hold("a receiver that hangs delays the others by", delay, "ms", below=100),
        compare(
            f"a step of the sender with {waiting} deliveries waiting",
            said["many"] * 1e3,
            "ms",
            ("a step with 20", said["few"] * 1e3),
            at_most=1.5,
        ),
        hold("memory while they wait", said["memory"], "MB", below=20),
    ]


async def run(count: int, waiting: int) -> None:
    """Print the measurements as a line of JSON."""
    async with (
        start_child("app.bench.receiver", "0", folder=load_settings().data_dir) as receiver,
        open_service(load_settings()) as service,
    ):
        url = f"http://127.0.0.1:{receiver.port}"
        people = [await _add_person(service, number, f"{url}/send/{number}") for number in range(CHANNELS)]
        service.background.start()
        calm_collector()
        said: dict[str, Any] = {}
        few = max(count // 10, CHANNELS)
        try:
            # The first ones pay for what is loaded once.
            await _ring(service, people, CHANNELS, url)
            said["all"], said["cpu"] = await _ring(service, people, count, url)
            said["calm"], _ = await _ring(service, people, few, url)
            hanging = await _add_person(service, CHANNELS, f"{url}/hang/1")
            said["beside"], _ = await _ring(service, [*people, hanging], few + few // CHANNELS, url, hanging)
        finally:
            await service.background.stop()
        said |= await _let_wait(service, url, waiting)
    print(json.dumps(said), flush=True)


async def _let_wait(service: Service, url: str, count: int) -> dict[str, float]:
    """Return the seconds of a step with few and with many deliveries waiting, and how the memory has grown."""
    from resource import RUSAGE_SELF, getrusage  # not on every system

    hanging = await _add_person(service, CHANNELS + 1, f"{url}/hang/1")

    async def fill(name: str, many: int) -> float:
        values = {"user": hanging.user_id, "count": many, "at": AT_ONCE, "name": name}

        def insert(connection: Connection) -> None:
            connection.execute(text(_WAITING), values)
            # It rests after failures, as the channel of a dead receiver does.
            connection.execute(text("UPDATE channel SET next_at = '2099' WHERE user_id = :user"), values)

        await service.database.write(insert)
        return await _time_steps(service)

    few, memory = await fill("few-", 20), getrusage(RUSAGE_SELF).ru_maxrss
    many = await fill("many-", count)
    grown = (getrusage(RUSAGE_SELF).ru_maxrss - memory) / 1024
    await service.sender.finish()
    return {"few": few, "many": many, "memory": grown}


async def _time_steps(service: Service) -> float:
    times = []
    for _ in range(200):
        began = perf_counter()
        await service.sender.step()
        times.append(perf_counter() - began)
    return median(times)


async def _add_person(service: Service, number: int, address: str) -> Who:
    ids, now = SystemIds(), SystemClock().now()
    user_id = await service.database.write(lambda it: add_person(it, f"Person {number}", "UTC", ids, now))
    who = Who(user_id, "person", "rest", scopes=EVERYTHING)
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    keys = {"p256dh": _write64(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)), "auth": "A" * 22}
    request = CreateChannel(kind="webpush", name="Phone")
    await service.store.write(who, lambda work: create_channel(work, request, Given(address, keys)))
    return who


async def _ring(
    service: Service, people: list[Who], count: int, url: str, hanging: Who | None = None
) -> tuple[list[float], float]:
    """Let reminders of these people come due within one second; return the seconds of each, and the CPU used."""

    async def create(number: int) -> str:
        answer = await service.store.write(people[number % len(people)], _create)
        return str(answer["task"]["reminders"][0]["id"])

    keys: list[str] = []
    for start in range(0, count, 50):
        keys += await asyncio.gather(*(create(number) for number in range(start, min(start + 50, count))))
    await _settle(service)
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client, asyncio.timeout(120):
        await client.get("/forget")
        due, cpu = await _bring_forward(service, keys)
        while True:
            # Their number alone, since all of them are much to read in the process that is measured.
            await asyncio.sleep(0.1)
            arriving = [key for number, key in enumerate(keys) if people[number % len(people)] is not hanging]
            if int((await client.get("/count")).text) >= len(arriving):
                break
        used, offset = process_time() - cpu, perf_counter() - SystemClock().now().timestamp()
        seen: dict[str, float] = (await client.get("/seen")).json()
    # Arrivals are noted by the machine's monotonic clock.
    return [seen[key.replace("-", "")] - due[key].timestamp() - offset for key in arriving], used


async def _bring_forward(service: Service, keys: list[str]) -> tuple[dict[str, datetime], float]:
    """Let these reminders come due, one after the other; return when, and the CPU used before."""
    count = len(keys)
    begin = SystemClock().now() + AHEAD
    due = {key: begin + timedelta(seconds=number / count) for number, key in enumerate(keys)}
    values = [{"key": key, "at": write_instant(at)} for key, at in due.items()]
    await service.database.write(lambda connection: connection.execute(_BRING_FORWARD, values))
    service.store.wakeup.notify()
    cpu = process_time()
    await asyncio.sleep((begin - SystemClock().now()).total_seconds() + 1)
    return due, cpu


async def _settle(service: Service) -> None:
    """Wait until all that the preparation has caused is done."""
    while await service.database.read(lambda it: has_pending(it) or has_open(it)):  # noqa: ASYNC110  # a measurement
        await asyncio.sleep(0.2)


def _create(work: Work) -> Any:
    far = work.now + timedelta(days=1)
    return create_task(work, CreateTask(title="Water the plants", reminders=[ReminderSpec(at=write_instant(far))]))


def _write64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


if __name__ == "__main__":
    run_program(run(int(sys.argv[1]), int(sys.argv[2])))
