"""Rates: how much a token and a person may call, over all surfaces and processes, and how often an address may fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agent.messages import ModelRequest
from app.access.strangers import MOST_FAILURES, find_address, read_networks
from tests.integration.access.house import House, Person, open_house
from tests.integration.conversation.talking import open_talk

PROMISES = ("rates",)

pytestmark = pytest.mark.anyio

WRITES, READS, TURNS = 30, 60, 4


@pytest.fixture
async def house(tmp_path: Path, anyio_backend: str, storage: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, rate_writes=WRITES, rate_reads=READS, rate_turns=TURNS) as opened:
        yield opened


async def write_until_refused(person: Person, most: int = 3 * WRITES) -> int:
    """Return how many tasks could be created."""
    for count in range(most):
        response = await person.rest("POST", "/tasks", json={"title": f"Task {count}"})
        if response.status_code == 429:
            assert response.json()["code"] == "rate_limited"
            assert 1 <= int(response.headers["retry-after"]) <= 60
            return count
    return most


@pytest.mark.on_both_databases
async def test_writes_are_bounded_and_come_back_evenly(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    assert await write_until_refused(ann) == WRITES
    assert len(await ann.titles()) == 20, "reading goes on"
    assert await write_until_refused(ben) == WRITES, "one person's calls cost another nothing"
    house.world.clock.move(seconds=10)
    assert await write_until_refused(ann) == WRITES // 6
    house.world.clock.move(minutes=5)
    assert await write_until_refused(ann) == WRITES, "not more than a minute's worth is saved up"


async def test_a_person_with_many_tokens_gets_no_more(house: House) -> None:
    ann = await house.join("Ann")
    first = ann.token
    counts = []
    for _ in range(3):
        counts.append(await write_until_refused(ann, WRITES // 2))
        ann.token = (await house.give_token(ann.user_id)).secret
    assert sum(counts) == WRITES
    ann.token = first
    assert await write_until_refused(ann) == 0


async def test_reads_are_bounded_apart(house: House) -> None:
    ann = await house.join("Ann")
    statuses = [(await ann.rest("GET", "/me")).status_code for _ in range(READS + 1)]
    assert statuses == [200] * READS + [429]
    assert (await ann.rest("POST", "/tasks", json={"title": "x"})).status_code == 201


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_count_with_rest_and_say_when_to_go_on(house: House, mode: str) -> None:
    ann = await house.join("Ann")
    assert await write_until_refused(ann) == WRITES
    client = await ann.connect(mode)
    refused = await client.call_tool("create_task", {"title": "One more"})
    assert refused.is_error
    assert refused.structured_content is not None
    assert refused.structured_content["code"] == "rate_limited"
    assert 1 <= refused.structured_content["seconds"] <= 60
    assert not (await client.call_tool("find_tasks", {})).is_error


async def test_turns_are_bounded_by_the_hour(house: House) -> None:
    ann = await house.join("Ann")
    statuses = [(await ann.rest("POST", "/chat", json={"message": "help"})).status_code for _ in range(TURNS + 1)]
    assert statuses == [200] * TURNS + [429]
    headers = {"authorization": f"Bearer {ann.token}"}
    body = {"model": "offline-commands", "messages": [{"role": "user", "content": "help"}]}
    wire = await house.world.http.post("/v1/chat/completions", json=body, headers=headers)
    assert wire.status_code == 429
    assert wire.json()["error"]["type"] == "rate_limit_error"
    house.world.clock.move(minutes=15)
    assert (await ann.rest("POST", "/chat", json={"message": "help"})).status_code == 200


async def test_two_processes_let_through_little_more_than_one(house: House, tmp_path: Path) -> None:
    ann = await house.join("Ann")
    async with open_house(tmp_path, rate_writes=WRITES, rate_reads=READS, rate_turns=TURNS) as other:
        other.world.clock.at = house.world.clock.at
        other.world.ids.count = 1_000_000
        twin = Person(other.world, ann.user_id, "Ann", ann.token_id, ann.token, other.stack)
        counts = [0, 0]
        for turn in range(4 * WRITES):
            person = (ann, twin)[turn % 2]
            response = await person.rest("POST", "/tasks", json={"title": f"Task {turn}"})
            counts[turn % 2] += response.status_code == 201
        assert min(counts) > 0
        assert sum(counts) <= WRITES * 1.1


async def test_an_address_that_fails_too_often_learns_nothing_more(house: House) -> None:
    ann = await house.join("Ann")
    wrong = {"authorization": "Bearer etp_wrong"}
    statuses = [(await house.world.rest.get("/tasks", headers=wrong)).status_code for _ in range(MOST_FAILURES + 1)]
    assert statuses == [401] * MOST_FAILURES + [429]
    async with house.browser() as browser:
        assert (await browser.post("/api/session", json={"token": await house.invite(ann)})).status_code == 429
    assert (await ann.rest("GET", "/tasks")).status_code == 200, "whoever is known is not hindered"
    house.world.clock.move(seconds=2)
    assert (await house.world.rest.get("/tasks", headers=wrong)).status_code == 401


async def test_failed_sign_ins_count_too(house: House) -> None:
    async with house.browser() as browser:
        statuses = [
            (await browser.post("/api/session", json={"token": "eti_x"})).status_code for _ in range(MOST_FAILURES + 1)
        ]
    assert statuses == [401] * MOST_FAILURES + [429]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("2001:db8::1", "", "2001:db8::/64"),
        ("10.0.0.2", "2001:db8:0:0:1:2:3:4", "2001:db8::/64"),
        ("10.0.0.2", "::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_address_behind_a_proxy(peer: str, forwarded: str, found: str) -> None:
    assert find_address(peer, forwarded, read_networks(["10.0.0.0/8"])) == found


async def test_two_turns_run_at_once_and_a_third_is_sent_away(tmp_path: Path) -> None:
    going = asyncio.Event()

    async def think(_: ModelRequest) -> str:
        await going.wait()
        return "Here you are."

    lines = (think, think, "Here you are.")
    async with open_talk(tmp_path, *lines, auth="token") as (world, model), AsyncExitStack() as stack:
        house = House(world, stack)
        ann = await house.join("Ann")
        running = [asyncio.create_task(ann.rest("POST", "/chat", json={"message": "hello"})) for _ in range(2)]
        while len(model.asked) < 2:
            await asyncio.sleep(0)
        third = await ann.rest("POST", "/chat", json={"message": "hello"})
        assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
        going.set()
        assert [(await turn).status_code for turn in running] == [200, 200]
        assert (await ann.rest("POST", "/chat", json={"message": "hello"})).status_code == 200
