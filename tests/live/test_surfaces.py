"""A third party behind Dapr and Kafka receives the same complete events from every surface."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from app.settings import REPOSITORY
from app.system import SystemClock
from events.catalog import EventType, TopicStyle, name_topic
from infra.live.chain import LiveChain
from tests.collector import Collector
from tests.live.product import ExampleConsumer, Product, ask, run_consumer, run_product, until
from tests.scenario import Call, Scenario, call_rest, play
from todo.activity.reactions import REACTIONS

PROMISES = ("third-party", "traces")

SOON = "{soon}"
TRACED = "http auto"
"""The surface on which the product is traced."""
# Seconds before a step stand for the next ring: time is real here, so the step waits for it. All other dates lie far
# ahead, so that they are the same in each run.
SCENARIO: Scenario = (
    (0, "create_task", {"title": "Buy milk", "notes": "2 l", "due": "2031-11-27T17:00", "priority": "P1"}),
    (0, "create_task", {"title": "Rent", "due": "2031-12-01", "tags": ["home", "money"], "reminders": ["1d", "2h"]}),
    (0, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (0, "create_task", {"title": "Café 牛乳 \u202eabc", "request_id": "once"}),
    (0, "set_reminder", {"task_id": "{0}", "at": SOON}),
    (1, "snooze_reminder", {"task_id": "{0}", "until": SOON}),
    (0, "update_task", {"task_id": "{1}", "title": "Rent and water", "add_tags": ["shop"], "append_notes": "by hand"}),
    (0, "update_task", {"task_id": "{1}", "title": "Rent and water"}),
    (0, "cancel_reminder", {"reminder_id": "{r1}"}),
    (0, "update_task", {"task_id": "{1}", "clear": ["tags"], "shift": "-1d"}),
    (0, "create_recurring_task", {"task_id": "{2}", "rule": "FREQ=MONTHLY", "first_due": "2031-03-31"}),
    (0, "delete_task", {"task_id": "{1}"}),
    (
        0,
        "create_recurring_task",
        {"title": "Plants", "rule": "FREQ=DAILY;BYHOUR=12", "first_due": "2031-03-01T12:00", "reminders": ["30m"]},
    ),
    (1, "set_reminder", {"task_id": "{0}", "before": "30m"}),
    (0, "complete_task", {"task_id": "{0}"}),
    (0, "complete_task", {"task_id": "{0}"}),
    (0, "reopen_task", {"task_id": "{0}"}),
    (0, "complete_task", {"task_id": "{4}"}),
    (0, "update_task", {"task_id": "{next}", "title": "Plants on the balcony", "shift": "2h"}),
    (0, "update_recurring_task", {"task_id": "{s4}", "title": "All plants", "add_tags": ["home"]}),
    (0, "update_recurring_task", {"task_id": "{s4}", "skip": "2"}),
    (0, "update_recurring_task", {"task_id": "{s4}", "paused": True}),
    (0, "update_recurring_task", {"task_id": "{s4}", "paused": False}),
    (0, "complete_task", {"task_id": "{next}"}),
    (0, "update_recurring_task", {"task_id": "{s3}", "ends": "1"}),
    (0, "complete_task", {"task_id": "{3}"}),
    (0, "delete_task", {"task_id": "{s4}"}),
)


SCHEMAS = {
    kind: Draft202012Validator(json.loads((REPOSITORY / f"docs/events/{kind}.json").read_text("utf-8")))
    for kind in EventType
}


@pytest.fixture(scope="module")
def consumer(chain: LiveChain) -> Iterator[ExampleConsumer]:
    with run_consumer(chain) as running:
        yield running


@dataclass
class LiveStage:
    """A scenario's stage on real processes: time passes by itself, and what settles is looked at from outside."""

    product: Product
    consumer: ExampleConsumer
    rest: httpx2.AsyncClient
    http: httpx2.AsyncClient
    rings: int = 0
    clock: Any = None

    async def tick(self, seconds: float | None = None) -> None:
        """Wait for the next ring if any time is to pass; without a number, until all has arrived everywhere."""
        if seconds is None:
            await until(self.has_settled, "every event has been published, received and reacted to")
        elif seconds:
            self.rings += 1
            await until(self.has_rung, f"ring {self.rings}")

    async def has_rung(self) -> bool:
        answer = (await self.rest.get("/notifications")).json()
        return len(answer["notifications"]) >= self.rings

    async def has_settled(self) -> bool:
        recorded = {event["id"] for event in await self.product.read_outbox()}
        received = {event["id"] for event in (await self.read_seen())["events"]}
        entries = (await self.rest.get("/activity?limit=100")).json()["entries"]
        return recorded <= received and recorded <= {entry["event_id"] for entry in entries}

    async def read_projection(self) -> dict[str, Any]:
        """Return what the consumer makes of this product's tasks, which has to be what the product itself says."""
        recorded = {event["data"]["task_id"] for event in await self.product.read_outbox()}
        tasks = (await self.read_seen())["tasks"]
        projection = {task_id: known for task_id, known in tasks.items() if task_id in recorded}
        for task_id, known in projection.items():
            answer = await self.rest.get(f"/tasks/{task_id}")
            assert answer.is_success == (known["task"] is not None), (known, answer.text)
            # An answer leaves out a due's zone where it is the person's own; an event always has it.
            shown = {**({"zone": known["task"]["zone"]} if "zone" in (known["task"] or {}) else {}), **answer.json()}
            assert known["task"] is None or shown.items() >= known["task"].items()
        return projection

    async def read_seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = (await self.http.get(self.consumer.url)).json()
        return seen

    async def events(self) -> list[dict[str, Any]]:
        """Return what the consumer received of this product, in its order, each whole and as it was recorded."""
        recorded = {event["id"]: event for event in await self.product.read_outbox()}
        received = [event for event in (await self.read_seen())["events"] if event["id"] in recorded]
        for event in received:
            assert recorded[event["id"]].items() <= event.items(), "nothing is changed on the way"
            SCHEMAS[event["type"]].validate(event)
        return [{name: event[name] for name in recorded[event["id"]]} for event in received]


@dataclass
class Played:
    """What came of a scenario, without ids and instants: what the consumer received of each task by version, …

    … in which order it received the types, what it made of them, and what the product itself shows.
    """

    received: dict[str, list[Any]]
    arrived: list[tuple[str, int, str]]
    projection: dict[str, Any]
    effects: dict[str, Any]


@asynccontextmanager
async def open_calls(surface: str, stage: LiveStage) -> AsyncIterator[Call]:
    """Open a surface: `rest`, or MCP over `http` or `stdio`, each in the newest revision (`auto`) or the one before."""
    if surface == "rest":
        yield call_rest(stage)
        return
    transport, mode = surface.split()
    command = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "evolution_todo", "mcp"], env=stage.product.environment
    )
    server = streamable_http_client(f"{stage.product.url}/mcp", http_client=stage.http)
    async with Client(server if transport == "http" else command, mode=mode) as client:

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            assert result.structured_content is not None
            answer: dict[str, Any] = result.structured_content
            return answer

        yield call


def play_on(product: Product, consumer: ExampleConsumer, surface: str) -> Played:
    """Play the scenario through a surface."""
    return asyncio.run(_play(product, consumer, surface))


async def _play(product: Product, consumer: ExampleConsumer, surface: str) -> Played:
    async with (
        httpx2.AsyncClient(base_url=f"{product.url}/api", trust_env=False, timeout=30) as rest,
        httpx2.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        stage = LiveStage(product, consumer, rest, http)
        async with open_calls(surface, stage) as call:

            async def call_soon(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
                soon = f"{SystemClock().now() + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
                return await call(tool, {key: soon if value == SOON else value for key, value in arguments.items()})

            answers, events, effects = await play(stage, call_soon, SCENARIO)
        return strip(answers, events, effects, await stage.read_projection())


class Names:
    """Gives ids names by the order in which they turn up, and takes out the instants of this run."""

    _id = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
    _instant = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?Z")
    _words = re.compile(r"[A-Z][a-z]{2} (\d{1,2} [A-Z][a-z]{2} \d{4}), \d\d:\d\d")

    def __init__(self) -> None:
        today = SystemClock().now().date()
        near = [today + timedelta(days=days) for days in (-1, 0, 1)]
        self._near = {f"{day}" for day in near} | {f"{day.day} {day:%b %Y}" for day in near}
        self._names: dict[str, str] = {}

    def rename(self, value: Any) -> Any:
        """Return a value without what differs from run to run."""
        if isinstance(value, dict):
            return {self.rename(key): self.rename(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [self.rename(each) for each in value]
        if isinstance(value, str):
            value = self._id.sub(lambda found: self._names.setdefault(found[0], f"id {len(self._names)}"), value)
            for pattern in (self._instant, self._words):
                value = pattern.sub(lambda found: "now" if found[1] in self._near else found[0], value)
        return value


def strip(answers: list[Any], events: list[Any], effects: dict[str, Any], projection: dict[str, Any]) -> Played:
    """Return what has to be equal; the answers give the names, since they are the same in every run."""
    names = Names()
    names.rename(answers)
    for event in events:
        event["data"]["data"].pop("late_by_seconds", None)
    received: dict[str, list[Any]] = {}
    for event in sorted(events, key=lambda event: (event["taskversion"], event["type"], event["data"]["timestamp"])):
        received.setdefault(event["data"]["task_id"], []).append(event)
    shown = [names.rename(received[task_id]) for task_id in sorted(received, key=names.rename)]
    return Played(
        {each[0]["partitionkey"]: each for each in shown},
        [(names.rename(event["partitionkey"]), event["taskversion"], event["type"]) for event in events],
        names.rename(projection),
        {
            "rings": [each["title"] for each in effects["/notifications"]["notifications"]],
            "activity": Counter((each["type"], each["text"]) for each in effects["/activity"]["entries"]),
            "open": effects["/statistics?until=2026-11-27"]["open"],
        },
    )


@pytest.fixture(scope="module")
def expected(chain: LiveChain, consumer: ExampleConsumer) -> Played:
    """The scenario through REST, in one process, one topic for each type: what everything else is held against."""
    consumer.follow("type")
    with run_product(chain, "rest") as product:
        return play_on(product, consumer, "rest")


def test_a_third_party_receives_what_the_scenario_is_meant_to_say(expected: Played) -> None:
    shown = [
        (events[0]["data"]["data"]["task"]["title"], [event["type"].partition(".")[2] for event in events])
        for events in expected.received.values()
    ]
    assert sorted(shown) == sorted(
        [
            (
                "Buy milk",
                ["created", "due", "updated", "due", "updated", "updated", "completed", "updated"],
            ),
            ("Rent", ["created", "updated", "updated", "updated", "deleted"]),
            ("Café 牛乳 \u202eabc", ["created", "trigger", "updated", "completed"]),
            ("Café 牛乳 \u202eabc", ["created", "updated", "completed"]),
            ("Plants", ["created", "updated", "updated", "updated", "updated", "deleted"]),
            ("Plants", ["trigger", "created", "completed"]),
            ("Plants", ["trigger", "created", "updated", "updated", "deleted"]),
            ("All plants", ["trigger", "created", "deleted"]),
            ("All plants", ["trigger", "created", "completed"]),
            ("All plants", ["trigger", "created", "deleted"]),
        ]
    )
    assert expected.effects["rings"] == ["Buy milk"] * 2
    assert sum(expected.effects["activity"].values()) == len(expected.arrived) == 43
    deleted = [known["version"] for known in expected.projection.values() if known["task"] is None]
    assert sorted(deleted) == [2, 2, 4, 5, 6]


def check_traces(collector: Collector, product: Product, consumer: ExampleConsumer) -> None:
    """Hold that one trace leads from the first call to the reactions, and over daprd and Kafka to the consumer."""
    first = asyncio.run(product.read_outbox())[0]
    (received,) = (event for event in ask(consumer.url)["events"] if event["id"] == first["id"])
    assert received["traceparent"] == received["traceid"] == first["traceparent"]
    _, trace, commit, _ = received["traceparent"].split("-")
    wanted = {"tools/call create_task", "call create_task", "commit", "publish task.created", "deliver task.created"}
    wanted |= {f"reaction {each.name}" for each in REACTIONS if EventType.TASK_CREATED in each.types}
    spans = collector.wait_for(trace, wanted)
    assert {each.name for each in spans} == wanted
    assert [each.span for each in spans if each.name == "commit"] == [commit]
    below = {each.parent for each in spans if each.name.startswith(("publish", "deliver"))}
    assert below == {commit}


ONE_MORE = "17 s; in one process all surfaces are compared in every run"


# Each topic style and each role is covered once along the way in the long run: the result is always the same.
@pytest.mark.parametrize(
    ("surface", "style", "roles"),
    [
        pytest.param("http auto", "type", ["all"], id="mcp"),
        pytest.param("stdio auto", "type", ["all"], id="stdio", marks=pytest.mark.long(ONE_MORE)),
        pytest.param("http legacy", "convention", ["all"], id="older-mcp-convention", marks=pytest.mark.long(ONE_MORE)),
        pytest.param("rest", "single", ["api", "worker", "worker"], id="rest-single-roles-apart"),
    ],
)
def test_every_surface_gives_a_third_party_the_same(
    chain: LiveChain, consumer: ExampleConsumer, expected: Played, surface: str, style: TopicStyle, roles: list[str]
) -> None:
    consumer.follow(style)
    name = f"{surface} {style}".replace(" ", "_")
    with Collector() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with run_product(chain, name, roles, style, settings if surface == TRACED else None) as product:
            played = play_on(product, consumer, surface)
            if surface == TRACED:
                check_traces(collector, product, consumer)

    assert played.received == expected.received
    assert played.projection == expected.projection
    assert played.effects == expected.effects
    versions: dict[tuple[str, str], list[int]] = {}
    for task, version, kind in played.arrived:
        versions.setdefault((task, name_topic(EventType(kind), style)), []).append(version)
    assert all(each == sorted(each) for each in versions.values()), "a task's events keep their order within a topic"
