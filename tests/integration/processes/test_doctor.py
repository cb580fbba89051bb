"""The doctor's findings on a database and on a sidecar, healthy or not."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from app.cli.doctor import _check_clock, examine
from app.cli.round_trip import examine_sidecar
from app.dapr.probe import read_probe
from app.dapr.routes import list_subscriptions
from app.settings import load_settings
from app.system import SystemClock
from events.catalog import TopicStyle
from tests.integration.event_path.dapr_worlds import SIDECAR, open_dapr
from tests.scripted_server import HEAD, Part, chunk, open_server, refuse
from tests.scripted_server import call as wire_call
from tests.scripted_server import say as words
from tests.world import World, make_settings

pytestmark = pytest.mark.anyio
Found = dict[str, tuple[bool, str]]


def list_topics(style: TopicStyle = "type") -> list[str]:
    return [name for topic in list_subscriptions(style) for name in (topic, f"{topic}.dead")]


@dataclass
class FakeDaprd:
    """Serves daprd's metadata, and a publish route that delivers to our own subscribed routes."""

    app: Any = None
    pubsubs: tuple[str, ...] = ("taskevents",)
    topics: list[str] = field(default_factory=list_topics)
    status: int = 204
    version: str = "1.18.2"
    published: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, status, body = scope["path"], 200, b""
        if path == "/v1.0/metadata":
            components = [{"name": name, "type": "pubsub.kafka"} for name in self.pubsubs]
            subscriptions = [{"pubsubname": "taskevents", "topic": topic} for topic in self.topics]
            metadata = {"id": "evolution-todo", "runtimeVersion": self.version, "components": components}
            body = json.dumps(metadata | {"subscriptions": subscriptions}).encode()
        elif path.startswith("/v1.0/publish/taskevents/"):
            event = (await receive())["body"]
            topic = path.rpartition("/")[2]
            self.published.append((topic, json.loads(event)))
            status = self.status
            if self.app is not None:
                answer = await self.app.post(f"/events/dead/{topic.removesuffix('.dead')}", content=event)
                assert answer.json() == {"status": "SUCCESS"}
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def ask(world: World, daprd: FakeDaprd, patience: float = 0.01) -> Found:
    sidecar = world.service.sidecar
    assert sidecar is not None
    transport = httpx2.ASGITransport(app=daprd)
    async with httpx2.AsyncClient(transport=transport, base_url=SIDECAR) as client:
        found = examine_sidecar(world.service, replace(sidecar, client=client), patience)
        return {name: (ok, detail) async for name, ok, detail in found}


def read_faults(found: Found) -> dict[str, str]:
    return {name: detail for name, (ok, detail) in found.items() if not ok}


@pytest.mark.parametrize("style", ["type", "convention", "single"])
async def test_a_healthy_sidecar_is_proved_by_a_probe_that_no_consumer_sees(tmp_path: Path, style: TopicStyle) -> None:
    async with open_dapr(tmp_path, topic_style=style) as world:
        daprd = FakeDaprd(app=world.http, topics=list_topics(style))
        found = await ask(world, daprd, 10)
        assert read_faults(found) == {}
        assert list(found) == ["sidecar", "versions", "component", "subscriptions", "round trip"]
        [(topic, probe)] = daprd.published
        assert topic.endswith(".dead"), "no consumer subscribes to dead letters"
        assert probe["type"] == "self.test"
        for table in ("inbox_entry", "dead_letter", "delivery", "activity"):
            assert await world.query(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # our own names


async def test_without_a_sidecar_each_line_says_so(tmp_path: Path) -> None:
    checks = await examine(make_settings(tmp_path, broker="dapr", dapr_http=SIDECAR))
    faults = {each["check"]: each["detail"] for each in checks if not each["ok"]}
    assert faults.keys() == {"background", "sidecar", "component", "subscriptions", "round trip"}
    assert SIDECAR in faults["sidecar"]
    assert "start daprd" in faults["sidecar"]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"pubsubs": ("other",)}, {"component": "(other)", "round trip": "not checked"}),
        ({"pubsubs": ()}, {"component": "(none)", "round trip": "not checked"}),
        ({"topics": list_topics()[1:]}, {"subscriptions": "11 of 12 are present, task.created is not"}),
        ({"status": 500}, {"round trip": "answered with 500"}),
        ({}, {"round trip": "not received"}),
    ],
)
async def test_each_fault_is_reported_in_its_line(
    tmp_path: Path, change: dict[str, Any], faults: dict[str, str]
) -> None:
    async with open_dapr(tmp_path) as world:
        found = read_faults(await ask(world, FakeDaprd(**change)))
        found = {name: detail for name, detail in found.items() if name in faults or name != "round trip"}
        assert found.keys() == faults.keys()
        assert all(words in found[name] for name, words in faults.items())


@pytest.mark.parametrize(("version", "well"), [("1.17.9", False), ("1.18.2", True), ("1.19.0", True), ("", False)])
async def test_a_daprd_that_is_older_than_the_tested_one_is_named(tmp_path: Path, version: str, well: bool) -> None:
    async with open_dapr(tmp_path) as world:
        ok, detail = (await ask(world, FakeDaprd(version=version)))["versions"]
        assert (ok, "upgrade it" in detail) == (well, not well)
        assert version in detail


async def test_the_role_api_is_not_asked_for_what_it_does_not_receive(tmp_path: Path) -> None:
    async with open_dapr(tmp_path, role="api") as world:
        daprd = FakeDaprd(topics=[])
        assert read_faults(await ask(world, daprd)) == {}
        assert daprd.published == []


async def test_memory_mode_has_one_line_each_and_no_sidecar(world: World) -> None:
    checks = await examine(world.service.settings)
    names = [each["check"] for each in checks]
    assert len(names) == len(set(names))
    assert {"zones", "database", "schema", "disk", "clock", "events", "background", "broker", "model"} <= set(names)
    assert not {"sidecar", "component", "round trip"} & set(names)
    assert [each["check"] for each in checks if not each["ok"]] == ["background"]
    assert all(each["detail"] and "\n" not in each["detail"] for each in checks)


@pytest.mark.parametrize(("seconds", "words"), [(3600, "3600.0 s behind"), (-3600, "3600.0 s ahead of")])
async def test_a_clock_that_is_wrong_by_an_hour_is_reported(world: World, seconds: int, words: str) -> None:
    world.clock.at = SystemClock().now()
    assert (await _check_clock(world.service)).ok
    world.clock.move(seconds=seconds)
    found = await _check_clock(world.service)
    assert not found.ok
    assert words[:4] in found.detail
    assert words.split(maxsplit=2)[2] in found.detail


async def test_parked_events_are_counted(world: World) -> None:
    await world.rest.post("/tasks", json={"title": "x"})
    await world.service.database.write(
        lambda connection: connection.execute(text("UPDATE outbox_entry SET parked_at = 'x'"))
    )
    checks = {each["check"]: each for each in await examine(world.service.settings)}
    assert not checks["events"]["ok"]
    assert "events replay --parked" in checks["events"]["detail"]


async def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    checks = await examine(load_settings(data_dir=tmp_path, database_url="postgresql://nobody@127.0.0.1:9/none"))
    assert [each["check"] for each in checks if not each["ok"]] == ["database"]


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (b'{"id":"p","source":"evolution-todo","type":"self.test"}', "p"),
        (b'{"id":"p","source":"elsewhere","type":"self.test"}', None),
        (b'{"id":"p","source":"evolution-todo","type":"task.created","data":"self.test"}', None),
        (b'{"type":"self.test"}', None),
        (b"self.test", None),
        (b'["self.test"]', None),
        (b'{"id":"p","source":"evolution-todo","type":"self.test","x":"' + b"x" * 5_000 + b'"}', None),
    ],
)
async def test_only_a_probe_is_a_probe(body: bytes, known: str | None) -> None:
    assert read_probe(body) == known


LISTED = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"object":"list","data":[%s]}'
KNOWN = LISTED % b'{"id":"qwen3","object":"model","created":1,"owned_by":"x"}'


@pytest.mark.parametrize(
    ("replies", "well"),
    [
        (
            [[KNOWN], words("Hello."), wire_call("ping", "{}")],
            {"model": True, "model stream": True, "model call": True},
        ),
        ([[LISTED % b""], words("Hello."), words("pong")], {"model": False, "model stream": True, "model call": False}),
        (
            [[KNOWN], [HEAD, chunk({"content": "Hel"})], refuse("400 No")],
            {"model": True, "model stream": False, "model call": False},
        ),
    ],
)
async def test_the_model_is_asked_for_its_list_a_stream_and_a_call(
    tmp_path: Path, replies: list[list[Part]], well: dict[str, bool]
) -> None:
    async with open_server(*replies) as server:
        settings = make_settings(tmp_path, model="qwen3", OPENAI_BASE_URL=server.url)
        found = {each["check"]: each["ok"] for each in await examine(settings)}
    assert {name: found[name] for name in well} == well
    assert server.requests[-1]["tool_choice"] == {"type": "function", "function": {"name": "ping"}}


async def test_an_unreachable_model_is_reported_in_a_sentence(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, model="qwen3", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    found = {each["check"]: each for each in await examine(settings)}
    assert not found["model"]["ok"]
    assert found["model"]["detail"].startswith("The model cannot be reached.")
