"""Sending safely: where a channel may lead, and how much of an answer is taken."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from app.guarded_client import GuardedClient, Unreachable
from tests.integration.channels.receivers import Web, answer
from tests.world import World

PROMISES = ("channels-safe",)

pytestmark = pytest.mark.anyio

INSIDE = (
    "127.0.0.1",
    "10.0.0.8",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104  # an address to refuse
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:0:4136:e378:8000:63bf:a247:27dd",
    "4000::1",
    "nonsense",
)
BAD_ADDRESSES = (
    "http://hooks.example/x",
    "ftp://hooks.example/x",
    "https://",
    "https:///x",
    "hooks.example",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://user:word@hooks.example/",
    "https://user@hooks.example/",
    "https://hooks.example:0/",
    "https://hooks.example:x/",
    "https://hooks.example/#part",
    "https://hooks.example\\@evil.example/",
    "https://hooks.example\\.evil.example/",
    "https://hooks.example/a b",
    "https://hooks.example/\r\nHost: evil.example",
    "https://hooks.example/" + "x" * 2_000,
    "https://[::1/",
)


async def make(world: World, address: str) -> httpx2.Response:
    return await world.rest.post("/channels", json={"kind": "webhook", "address": address})


@pytest.mark.parametrize("place", INSIDE)
async def test_a_name_that_leads_inside_is_refused_when_it_is_given_and_when_it_is_used(
    world: World, web: Web, place: str
) -> None:
    web.hosts["inner.example"] = place
    refused = await make(world, "https://inner.example/x")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert "is not at a public address" in refused.json()["detail"]
    assert place.partition("%")[0] not in refused.text
    assert not await world.query("SELECT 1 FROM channel")
    # The same by a name that leads elsewhere later, or to a good address and a bad one.
    for later in (place, f"93.184.216.34 {place}"):
        web.hosts["inner.example"] = "93.184.216.34"
        made = (await make(world, "https://inner.example/x")).json()
        web.hosts["inner.example"] = later
        tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
        assert tried == {"ok": False, "message": "Nothing arrived: the receiver is not at a public address."}
        await world.rest.delete(f"/channels/{made['id']}")
    assert not web.asked


@pytest.mark.parametrize("place", ["64:ff9b::5db8:d822", "::ffff:93.184.216.34"])
async def test_a_public_ipv4_address_in_an_ipv6_one_is_public(world: World, web: Web, place: str) -> None:
    web.hosts["translated.example"] = place
    assert (await make(world, "https://translated.example/x")).status_code == 201


@pytest.mark.parametrize("number", ["2130706433", "0x7f.1", "127.1", "017700000001", "[::ffff:7f00:1]", "[::1]"])
async def test_odd_ways_to_write_a_loopback_address_are_refused(world: World, number: str) -> None:
    refused = await make(world, f"https://{number}/x")
    assert refused.status_code == 422, refused.text
    assert not await world.query("SELECT 1 FROM channel")


@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=lambda each: each[:40])
async def test_what_is_no_good_address_is_refused_with_what_to_do_next(world: World, web: Web, address: str) -> None:
    refused = await make(world, address)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert len(refused.text) < 500
    assert not await world.query("SELECT 1 FROM channel")
    assert not web.asked


async def test_the_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_checked(
    world: World, web: Web
) -> None:
    made = (await make(world, "https://hooks.example:8443/a?b=c")).json()
    web.looked_up.clear()
    await world.rest.post(f"/channels/{made['id']}/test")
    (request,) = web.asked
    assert web.looked_up == ["hooks.example:8443"]
    assert str(request.url) == "https://93.184.216.34:8443/a?b=c"
    assert request.headers["host"] == "hooks.example:8443"
    assert request.extensions["sni_hostname"] == "hooks.example"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(world: World, web: Web, status: int) -> None:
    made = (await make(world, "https://hooks.example/x")).json()
    web.replies["hooks.example"] = answer(status, headers={"location": "http://169.254.169.254/latest"})
    tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert not tried["ok"]
    assert len(web.asked) == 1


async def test_no_more_than_64_kib_of_an_answer_are_taken(world: World, web: Web) -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        # It ends somewhere, so that a client without a limit is seen to take all of it.
        while sent < 1_000_000:
            sent += 16_384
            yield b" " * 16_384

    made = (await make(world, "https://hooks.example/x")).json()
    web.replies["hooks.example"] = lambda _: httpx2.Response(200, content=flood())
    tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert tried["ok"], "it has been taken: its answer's body is of no interest"
    assert sent < 100_000


async def test_a_receiver_that_answers_one_byte_at_a_time_is_left_after_five_seconds(world: World, web: Web) -> None:
    client = world.service.outfit.client
    assert (client.seconds, client.most_bytes) == (5, 64 * 1024)
    client.seconds = 0.05
    made = (await make(world, "https://hooks.example/x")).json()
    ended = asyncio.Event()

    async def hang(_request: httpx2.Request) -> httpx2.Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    web.replies["hooks.example"] = hang
    async with asyncio.timeout(5):
        tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert tried == {"ok": False, "message": "Nothing arrived: the receiver does not answer within 0.05 s."}
    assert ended.is_set()

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    web.replies["hooks.example"] = lambda _: httpx2.Response(500, content=drip())
    async with asyncio.timeout(5):
        tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert tried == {"ok": False, "message": "Nothing arrived: the receiver answers 500."}


async def test_an_operator_may_open_their_own_network(world: World, web: Web) -> None:
    client = world.service.outfit.client
    client.allowed = frozenset({"http", "private"})
    web.hosts["ntfy.lan"] = "192.168.1.5"
    made = await make(world, "http://ntfy.lan/x")
    assert made.status_code == 201
    assert (await world.rest.post(f"/channels/{made.json()['id']}/test")).json()["ok"]
    assert str(web.asked[-1].url) == "http://192.168.1.5/x"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged, at any level."""
    found: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage() + str(record.exc_info or ""))

    root, keeping = logging.getLogger(), Keeping()
    level = root.level
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(keeping)
    root.setLevel(level)


async def test_no_secret_is_in_answers_logs_and_events(world: World, web: Web, lines: list[str]) -> None:
    made = (await make(world, "https://hooks.example/path-secret?key=query-secret")).json()
    secrets = ("path-secret", "query-secret", made["secret"].removeprefix("whsec_"))
    web.replies["hooks.example"] = answer(500, content=b"reflected path-secret")

    def crash(_request: httpx2.Request) -> httpx2.Response:
        raise RuntimeError("https://hooks.example/path-secret")

    await world.rest.post("/tasks", json={"title": "x"})
    await world.settle()
    await world.send()
    web.replies["hooks.example"] = crash
    world.clock.move(minutes=1)
    await world.send()
    texts = [
        (await world.rest.get("/channels")).text,
        (await world.rest.get(f"/channels/{made['id']}")).text,
        (await world.rest.get(f"/channels/{made['id']}/deliveries")).text,
        (await world.rest.post(f"/channels/{made['id']}/test")).text,
        (await world.rest.get("/activity")).text,
        str(await world.events()),
        *lines,
    ]
    assert len(web.asked) >= 3
    for secret in secrets:
        assert not [text for text in texts if secret in text]


async def test_a_trusting_client_is_for_addresses_of_the_operator_alone() -> None:
    client = GuardedClient(resolve=_lead_inside)
    for address in ("https://inner.example/", "http://inner.example/"):
        with pytest.raises(Unreachable):
            await client.aim(address)
    await client.close()


async def _lead_inside(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]
