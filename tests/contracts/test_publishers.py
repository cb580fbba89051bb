"""The promises of every publisher to the relay, and those of the Dapr publisher, on a scripted sidecar."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from events.catalog import EventType, TopicStyle, name_topic
from events.dapr import MOST_BYTES, MOST_EVENTS, open_client
from events.ports import Outcome, Outgoing, Publisher
from tests.contracts.sidecars import Answer, Call, ScriptedSidecar, fail_entries, make_batch, statuses
from tests.world import World

PROMISES = ("publishers",)

pytestmark = pytest.mark.anyio
TINY = 0.02
"""Replaces the deadline of ten seconds."""
Publish = Callable[[list[Outgoing]], Awaitable[list[Outcome]]]


@pytest.fixture
def sidecar() -> ScriptedSidecar:
    return ScriptedSidecar()


@pytest.fixture
async def publish(sidecar: ScriptedSidecar) -> AsyncIterator[Publish]:
    async with sidecar.open() as client:
        yield sidecar.publisher(client).publish


@pytest.fixture(params=["memory", "dapr"])
async def publisher(request: pytest.FixtureRequest, world: World, sidecar: ScriptedSidecar) -> AsyncIterator[Publisher]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield world.service.broker
        else:
            yield sidecar.publisher(await stack.enter_async_context(sidecar.open()))


async def make_outgoing(world: World, count: int) -> list[Outgoing]:
    for number in range(count):
        await world.rest.post("/tasks", json={"title": f"Task {number}"})
    rows = await world.query("SELECT event_id, event_type, task_id, payload FROM outbox_entry ORDER BY seq")
    return [Outgoing(*row) for row in rows]


# Promises of every publisher.


async def test_every_entry_is_answered_once(world: World, publisher: Publisher) -> None:
    batch = await make_outgoing(world, 7)
    assert statuses(await publisher.publish(batch)) == {each.event_id: "published" for each in batch}


async def test_an_empty_batch_is_no_trouble(publisher: Publisher, sidecar: ScriptedSidecar) -> None:
    assert await publisher.publish([]) == []
    assert sidecar.calls == []


async def test_the_same_batch_twice_is_published_twice_and_reacted_to_once(world: World, publisher: Publisher) -> None:
    batch = await make_outgoing(world, 3)
    first, second = await publisher.publish(batch), await publisher.publish(batch)
    assert statuses(first) == statuses(second)
    await world.settle()
    assert len((await world.rest.get("/activity")).json()["entries"]) == 3


# Promises of the Dapr publisher.


@pytest.mark.parametrize("style", ["type", "convention", "single"])
async def test_one_call_per_topic_carries_whole_events_keyed_by_task(
    sidecar: ScriptedSidecar, style: TopicStyle
) -> None:
    batch = [each for kind in EventType for each in make_batch(3, kind)]
    async with sidecar.open() as client:
        await sidecar.publisher(client, style=style).publish(batch)
    topics = [call.topic for call in sidecar.calls]
    assert sorted(topics) == sorted({name_topic(kind, style) for kind in EventType})
    assert {path.rpartition("/")[0] for path in sidecar.paths} == {"/v1.0/publish/bulk/taskevents"}
    by_id = {each.event_id: each for each in batch}
    for call in sidecar.calls:
        for entry in call.entries:
            sent = by_id.pop(entry["entryId"])
            assert entry["metadata"] == {"partitionKey": sent.task_id}
            assert entry["contentType"] == "application/cloudevents+json"
            assert entry["event"] == json.loads(sent.payload)
            assert name_topic(EventType(sent.event_type), style) == call.topic
    assert not by_id


async def test_topics_are_called_at_the_same_time(sidecar: ScriptedSidecar) -> None:
    async with sidecar.open() as client:
        await sidecar.publisher(client).publish([each for kind in EventType for each in make_batch(1, kind)])
    assert sidecar.most_at_once == len(EventType)


async def test_a_recorded_event_goes_out_byte_for_byte(sidecar: ScriptedSidecar, publish: Publish) -> None:
    payload = '{"id": "1",  "title":"Grüße, 世界 \\u2028",\n "n": 1.0}'
    for _ in range(2):
        await publish([Outgoing("1", "task.created", 'a"b\\c', payload)])
    first, second = sidecar.calls
    assert first.body == second.body
    assert payload.encode() in first.body
    assert first.entries[0]["metadata"] == {"partitionKey": 'a"b\\c'}


@pytest.mark.parametrize(
    ("count", "size", "letter"), [(450, 0, "y"), (20, 400_000, "y"), (12, 400_000, "ü"), (9, 300_000, "世")]
)
async def test_a_call_is_bounded_in_events_and_bytes(
    sidecar: ScriptedSidecar, publish: Publish, count: int, size: int, letter: str
) -> None:
    payload = f'"{letter * size}"'
    batch = [Outgoing(f"{number}", "task.created", f"task-{number}", payload) for number in range(count)]
    outcomes = await publish(batch)
    assert set(statuses(outcomes).values()) == {"published"}
    assert len(sidecar.calls) > 1
    assert all(len(call.body) <= MOST_BYTES and len(call.entries) <= MOST_EVENTS for call in sidecar.calls)
    assert [each for call in sidecar.calls for each in call.ids] == [each.event_id for each in batch]


async def test_entries_that_a_failed_call_names_are_unknown_and_the_rest_is_published(
    sidecar: ScriptedSidecar, publish: Publish
) -> None:
    sidecar.script = fail_entries({"task.created-1": "kafka: client has run out of available brokers"})
    outcomes = await publish(make_batch(3))
    assert statuses(outcomes) == {
        "task.created-0": "published",
        "task.created-1": "unknown",
        "task.created-2": "published",
    }
    assert [each.named for each in outcomes] == [False, True, False]


async def test_an_entry_that_is_too_large_for_the_broker_is_refused_alone(
    sidecar: ScriptedSidecar, publish: Publish
) -> None:
    too_large = "kafka server: Message was too large, server rejected it to avoid allocation error"
    sidecar.script = fail_entries({"task.created-0": too_large, "task.created-2": "EOF"})
    outcomes = await publish(make_batch(3))
    assert list(statuses(outcomes).values()) == ["refused", "published", "unknown"]
    assert too_large in outcomes[0].reason


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (500, b"no JSON"),
        (500, b'{"failedEntries":[]}'),
        (500, b'{"failedEntries":"x"}'),
        (500, b'{"failedEntries":[{"id":1}]}'),
        (500, b'{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}'),
        (500, b"[]"),
        (401, b""),
        (403, b'{"errorCode":"ERR_PUBSUB_FORBIDDEN"}'),
        (404, b'{"errorCode":"ERR_PUBSUB_NOT_FOUND"}'),
        (400, b'{"errorCode":"ERR_PUBSUB_NOT_CONFIGURED"}'),
        (429, b""),
        (302, b""),
        (503, b""),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1].decode() or 'without body'}",
)
async def test_an_answer_that_names_no_entry_leaves_all_unknown(
    sidecar: ScriptedSidecar, publish: Publish, answer: Answer
) -> None:
    sidecar.script = lambda _: answer
    outcomes = await publish(make_batch(3))
    assert set(statuses(outcomes).values()) == {"unknown"}
    assert not any(each.named for each in outcomes)
    assert all(str(answer[0]) in each.reason for each in outcomes)
    assert len(sidecar.calls) == 1


@pytest.mark.parametrize("status", [400, 413])
async def test_what_the_sidecar_cannot_read_is_looked_for_one_by_one(
    sidecar: ScriptedSidecar, publish: Publish, status: int
) -> None:
    sidecar.script = lambda call: (status, b"") if "task.created-1" in call.ids else (204, b"")
    outcomes = await publish(make_batch(3))
    assert list(statuses(outcomes).values()) == ["published", "refused", "published"]
    assert [len(call.entries) for call in sidecar.calls] == [3, 1, 1, 1]


async def test_what_the_broker_refuses_together_is_looked_for_one_by_one(
    sidecar: ScriptedSidecar, publish: Publish
) -> None:
    too_large = "kafka server: Message was too large, server rejected it to avoid allocation error"
    together = fail_entries({f"task.created-{number}": too_large for number in range(3)})
    sidecar.script = lambda call: together(call) if "task.created-1" in call.ids else (204, b"")
    outcomes = await publish(make_batch(4))
    assert statuses(outcomes) == {f"task.created-{n}": "refused" if n == 1 else "published" for n in range(4)}
    assert [len(call.entries) for call in sidecar.calls] == [4, 1, 1, 1]


async def test_trouble_of_one_topic_is_no_trouble_of_another(sidecar: ScriptedSidecar, publish: Publish) -> None:
    sidecar.script = lambda call: (500, b"") if call.topic == "task.deleted" else (204, b"")
    batch = [*make_batch(2), *make_batch(2, EventType.TASK_DELETED)]
    outcomes = statuses(await publish(batch))
    assert [outcomes[each.event_id] for each in batch] == ["published", "published", "unknown", "unknown"]


async def test_a_hung_sidecar_is_left_at_the_deadline(sidecar: ScriptedSidecar) -> None:
    sidecar.hangs = True
    batch = [each for kind in EventType for each in make_batch(2, kind)]
    async with sidecar.open() as client:
        outcomes = await sidecar.publisher(client, deadline=TINY).publish(batch)
    assert set(statuses(outcomes).values()) == {"unknown"}
    assert "does not answer" in outcomes[0].reason


async def test_looking_one_by_one_ends_at_the_same_deadline(sidecar: ScriptedSidecar) -> None:
    def hang_after_the_first(call: Call) -> Answer:
        sidecar.hangs = True
        return 400, b""

    sidecar.script = hang_after_the_first
    async with sidecar.open() as client, asyncio.timeout(TINY * 50):
        outcomes = await sidecar.publisher(client, deadline=TINY).publish(make_batch(100))
    assert set(statuses(outcomes).values()) == {"unknown"}


async def test_an_answer_that_drips_does_not_outlast_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):  # the client hangs up, as it should
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await reader.read(1)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_client(f"http://127.0.0.1:{port}") as client, asyncio.timeout(5):
        outcomes = await ScriptedSidecar().publisher(client, deadline=TINY).publish(make_batch(2))
    assert set(statuses(outcomes).values()) == {"unknown"}


async def test_a_refused_connection_is_unknown_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
        async with open_client(f"http://127.0.0.1:{port}") as client:
            outcomes = await ScriptedSidecar().publisher(client).publish(make_batch(2))
    assert set(statuses(outcomes).values()) == {"unknown"}
    assert "ConnectError" in outcomes[0].reason


async def test_a_client_carries_the_sidecars_token() -> None:
    async with open_client("http://127.0.0.1:1", "secret") as client:
        assert client.headers["dapr-api-token"] == "secret"
    async with open_client("http://127.0.0.1:1") as client:
        assert "dapr-api-token" not in client.headers
        assert client.timeout.connect == 1.0
