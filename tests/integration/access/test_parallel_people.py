"""Two people make 200 calls at once through one process, again and again: nothing of one ever reaches the other."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.access.house import House, Person, open_house
from tests.long import LONG

PROMISES = ("never-meet",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

AT_ONCE = 200
SECONDS = 60.0 if LONG else 0.0
"""How long the calls go on; one round in any case."""
BUSY = 503
"""A database that cannot take more in its time says so; on a slow machine 200 calls at once reach that."""


async def test_two_hundred_calls_at_once_keep_apart(tmp_path: Path) -> None:
    async with open_house(tmp_path, rate_writes=0, rate_reads=0) as house:
        ann, ben = await house.join("zebra"), await house.join("lion")
        for person in (ann, ben):
            await person.make(f"{person.name} first", notes=person.name, tags=[person.name], due="2026-11-24")
        statuses: Counter[int] = Counter()
        end = time.monotonic() + SECONDS
        while not statuses or time.monotonic() < end:
            await play_round(ann, ben, statuses)
        assert statuses[BUSY] < sum(statuses.values()) / 2, statuses
        assert set(statuses) <= {200, 201, 404, BUSY}, statuses
        await look_at_the_rows(house, ann, ben)


async def play_round(ann: Person, ben: Person, statuses: Counter[int]) -> None:
    """Make 200 calls at once, half of them each person's, and look at every answer."""
    ids = {person.user_id: await find_ids(person) for person in (ann, ben)}

    async def call(person: Person, other: Person, number: int) -> None:
        make = CALLS[number % len(CALLS)]
        status, text = await make(person, ids[person.user_id], ids[other.user_id])
        statuses[status] += 1
        assert other.name not in text, (make, text[:500])
        assert other.user_id not in text
        assert status != 200 or make is not look_at_anothers

    pairs = [((ann, ben) if number % 2 else (ben, ann), number // 2) for number in range(AT_ONCE)]
    await asyncio.gather(*(call(person, other, number) for (person, other), number in pairs))


async def find_ids(person: Person) -> list[str]:
    return [task["id"] for task in (await person.rest("GET", "/tasks")).json()["tasks"]]


Answer = tuple[int, str]


async def create(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answer = await person.rest("POST", "/tasks", json={"title": f"{person.name} more"})
    return answer.status_code, answer.text


async def search(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answer = await person.rest("GET", "/tasks?text=first&status=all")
    return answer.status_code, answer.text


async def look_at_own(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answer = await person.rest("GET", f"/tasks/{own[0]}")
    assert answer.status_code == BUSY or person.name in answer.text
    return answer.status_code, answer.text


async def look_at_anothers(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answer = await person.rest("GET", f"/tasks/{foreign[0]}")
    return answer.status_code, answer.text


async def change_anothers(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answer = await person.rest("PATCH", f"/tasks/{foreign[-1]}", json={"title": f"{person.name} took it"})
    assert answer.status_code in (404, BUSY)
    return answer.status_code, answer.text


async def read_feeds(person: Person, own: list[str], foreign: list[str]) -> Answer:
    answers = [await person.rest("GET", path) for path in ("/activity", "/statistics", "/me", "/changes")]
    return max(each.status_code for each in answers), "".join(each.text for each in answers)


async def call_tool(person: Person, own: list[str], foreign: list[str]) -> Answer:
    call = {"name": "find_tasks", "arguments": {"text": "first"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"authorization": f"Bearer {person.token}", "mcp-protocol-version": "2025-11-25"}
    answer = await person.world.http.post("/mcp", json=body, headers=headers)
    return answer.status_code, answer.text


CALLS: tuple[Callable[[Person, list[str], list[str]], Awaitable[Answer]], ...] = (
    create,
    search,
    look_at_own,
    look_at_anothers,
    change_anothers,
    read_feeds,
    call_tool,
)


async def look_at_the_rows(house: House, ann: Person, ben: Person) -> None:
    names = {ann.user_id: ann.name, ben.user_id: ben.name}
    for user_id, title in await house.world.query("SELECT user_id, title FROM task"):
        assert title.split()[0] == names[user_id]
    for event in await house.world.events():
        assert event["data"]["data"]["task"]["title"].split()[0] == names[event["data"]["user_id"]]
