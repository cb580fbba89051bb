"""Traces: one from a call over commit, publishing and delivery to its reactions, channels and models."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from mcp import types

from app.http.edge import MCP_PATH
from app.log_lines import JsonLines
from app.settings import BadSettings
from app.tracing.opened import CollectorTracing
from app.tracing.spans import is_sampled
from events.cloudevent import decode_event, find_trace
from tests.architecture.ours import ROOT
from tests.collector import Collector, Seen
from tests.integration.channels.receivers import Web
from tests.integration.event_path.dapr_worlds import Fragile, open_dapr
from tests.world import World, make_settings, open_world
from todo.activity.reactions import REACTIONS

PROMISES = ("traces",)

pytestmark = pytest.mark.anyio

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
REACTED = {"activity", "statistics", "deliveries"}
"""What reacts to a new task."""


@pytest.fixture(scope="module")
def running() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def collector(running: Collector) -> Collector:
    running.clear()
    return running


@pytest.fixture
async def traced(tmp_path: Path, anyio_backend: str, storage: str, collector: Collector) -> AsyncIterator[World]:
    async with open_world(tmp_path, **{ENDPOINT: collector.url}) as world:
        yield world


async def flush(world: World) -> None:
    tracing = world.service.tracing
    assert isinstance(tracing, CollectorTracing)
    await tracing.flush()


def name_all(spans: list[Seen]) -> list[str]:
    return sorted(each.name for each in spans)


def find(spans: list[Seen], name: str) -> Seen:
    (found,) = (each for each in spans if each.name == name)
    return found


@pytest.mark.on_both_databases
async def test_one_trace_leads_from_a_call_over_mcp_to_every_reaction(traced: World, collector: Collector) -> None:
    client = await traced.connect()
    made = await traced.call(client, "create_task", title="Ärzte und Geheimnis")
    await traced.settle()
    await flush(traced)

    (event,) = await traced.events()
    assert event["traceparent"] == event["traceid"]
    trace = event["traceparent"].split("-")[1]
    spans = collector.by_trace()[trace]
    ours = {
        *("call create_task", "commit", "publish task.created", "deliver task.created"),
        *(f"reaction {name}" for name in REACTED),
    }
    assert {each.name for each in spans} == ours | {"MCP send tools/call create_task", "tools/call create_task"}
    call, commit = find(spans, "call create_task"), find(spans, "commit")
    assert call.parent == find(spans, "tools/call create_task").span
    assert commit.parent == call.span
    assert event["traceparent"].startswith(f"00-{trace}-{commit.span}-")
    assert is_sampled(event["traceparent"])
    assert find(spans, "publish task.created").parent == commit.span
    delivered = [each for each in spans if each.name == "deliver task.created"]
    assert {each.attributes["messaging.consumer.group.name"] for each in delivered} == REACTED
    assert {each.parent for each in delivered} == {commit.span}
    for each in delivered:
        reaction = find(spans, f"reaction {each.attributes['messaging.consumer.group.name']}")
        assert reaction.parent == each.span
    assert call.attributes == {"todo.operation": "create_task", "todo.surface": "mcp"}
    assert {each.service for each in spans} == {"evolution-todo"}
    for private in (b"Geheimnis", made["task"]["id"].encode()):
        assert private not in collector.raw


async def test_what_comes_along_is_the_parent_over_rest_and_over_mcp(traced: World, collector: Collector) -> None:
    made = await traced.rest.post("/tasks", json={"title": "by header"}, headers={"traceparent": PARENT})
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call_of("by header over MCP")}
    headers = {**HEADERS, "traceparent": f"00-{'1' * 32}-{SPAN}-01"}
    answer = await traced.http.post(MCP_PATH, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    params = call_of("by meta")
    params["_meta"]["traceparent"] = f"00-{'2' * 32}-{SPAN}-01"
    answer = await traced.http.post(MCP_PATH, json={**body, "params": params}, headers=headers)
    assert answer.status_code == 200, answer.text
    refused = await traced.rest.post("/tasks/none/complete", headers={"traceparent": PARENT})
    assert refused.status_code == 404
    await flush(traced)

    by_trace = collector.by_trace()
    rest = by_trace[TRACE]
    assert find(rest, "POST /api/tasks").parent == SPAN
    assert find(rest, "call create_task").parent == find(rest, "POST /api/tasks").span
    assert find(by_trace["1" * 32], "tools/call create_task").parent == SPAN
    assert find(by_trace["2" * 32], "tools/call create_task").parent == SPAN, "the call's own word counts first"
    failed = find(rest, "call complete_task")
    assert (failed.failed, failed.attributes["error.type"]) == (True, "task_not_found")
    assert find(rest, "POST /api/tasks/{id}/complete").attributes["http.response.status_code"] == 404
    assert [event["traceparent"].split("-")[1] for event in await traced.events()] == [TRACE, "1" * 32, "2" * 32]
    for path in ("/api/tasks?text=Geheimnis", f"/api/tasks/{made.json()['task']['id']}", "/act/Geheimnis"):
        await traced.http.get(path, headers={"traceparent": PARENT})
    await flush(traced)
    for private in (b"Geheimnis", made.json()["task"]["id"].encode()):
        assert private not in collector.raw, "paths and queries hold secrets and people's words"
    assert {each.name for each in collector.by_trace()[TRACE]} >= {"call get_task", "call find_tasks"}


HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "create_task",
}


def call_of(title: str) -> dict[str, Any]:
    """Return the parameters of a call as the revision 2026-07-28 wants them."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": types.Implementation(name="test", version="1").model_dump(),
    }
    return {"name": "create_task", "arguments": {"title": title}, "_meta": meta}


@pytest.mark.parametrize("bad", ["", "00-0-0-01", f"00-{'0' * 32}-{SPAN}-01", "x" * 5_000, PARENT.upper()])
async def test_a_parent_that_cannot_be_read_is_none(traced: World, collector: Collector, bad: str) -> None:
    made = await traced.rest.post("/tasks", json={"title": "new"}, headers={"traceparent": bad})
    assert made.status_code == 201
    await flush(traced)
    (event,) = await traced.events()
    assert find_trace(json.dumps(event, separators=(",", ":"))) is not None
    assert find(collector.spans, "POST /api/tasks").parent == ""


async def test_a_trace_that_is_not_recorded_is_passed_on_and_sends_nothing(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with open_world(tmp_path, **{ENDPOINT: collector.url}) as world:
        await world.rest.post("/tasks", json={"title": "left out"})
        await world.rest.post("/tasks", json={"title": "wanted by its caller"}, headers={"traceparent": PARENT})
        await world.settle()
        await flush(world)
        left_out, wanted = await world.events()
        assert not is_sampled(left_out["traceparent"])
        assert wanted["traceparent"].startswith(f"00-{TRACE}-")
        assert collector.by_trace().keys() == {TRACE}
        assert "reaction activity" in name_all(collector.spans)


async def test_what_comes_more_than_a_minute_later_has_a_trace_of_its_own_with_a_link(
    traced: World, collector: Collector
) -> None:
    await traced.rest.post("/tasks", json={"title": "early"})
    (event,) = await traced.events()
    _, trace, commit, _ = event["traceparent"].split("-")
    traced.clock.move(seconds=61)
    await traced.settle()
    await flush(traced)

    late = [each for each in collector.spans if each.name.startswith(("publish", "deliver"))]
    assert len(late) == 1 + len(REACTED)
    for each in late:
        assert (each.parent, each.links, each.trace != trace) == ("", (commit,), True)


async def test_events_that_are_delivered_together_keep_to_their_own_traces(traced: World, collector: Collector) -> None:
    for number in (4, 5, 6):
        parent = f"00-{str(number) * 32}-{SPAN}-0{number % 2}"
        await traced.rest.post("/tasks", json={"title": f"task {number}"}, headers={"traceparent": parent})
    await traced.settle()
    await flush(traced)
    assert collector.by_trace().keys() == {"5" * 32}, "the others are not wanted by their callers"
    await traced.rest.post("/tasks", json={"title": "once more"}, headers={"traceparent": PARENT})
    await traced.rest.post("/tasks", json={"title": "and again"}, headers={"traceparent": f"00-{'7' * 32}-{SPAN}-01"})
    await traced.settle()
    await flush(traced)
    for trace in (TRACE, "5" * 32, "7" * 32):
        names = name_all(collector.by_trace()[trace])
        assert [name for name in names if name.startswith("reaction")] == sorted(f"reaction {each}" for each in REACTED)


async def test_a_reaction_that_fails_shows_in_the_trace(tmp_path: Path, collector: Collector, fragile: Fragile) -> None:
    async with open_world(tmp_path, **{ENDPOINT: collector.url}) as world:
        await world.rest.post("/tasks", json={"title": "new"}, headers={"traceparent": PARENT})
        await world.settle()
        await flush(world)
        failed = [each for each in collector.by_trace()[TRACE] if each.failed]
        assert {each.name for each in failed} == {"deliver task.created", "reaction fragile"}
        assert {each.attributes["error.type"] for each in failed} == {"ValueError"}


async def test_a_webhook_carries_the_trace_and_the_attempt_belongs_to_it(traced: World, collector: Collector) -> None:
    web = Web(traced)
    web.install()
    address = "https://hooks.example/todo"
    await traced.rest.post("/channels", json={"kind": "webhook", "address": address})
    await traced.rest.post("/tasks", json={"title": "Buy milk"}, headers={"traceparent": PARENT})
    await traced.settle()
    await traced.send()
    await flush(traced)

    (request,) = web.asked
    (event,) = await traced.events()
    assert json.loads(request.content) == event
    assert request.headers["traceparent"] == event["traceparent"]
    sent = find(collector.by_trace()[TRACE], "channel webhook")
    assert sent.attributes["todo.outcome"] == "sent"
    assert b"hooks.example" not in collector.raw


async def test_a_message_leads_to_its_model_and_to_the_calls_that_it_makes(traced: World, collector: Collector) -> None:
    said = await traced.rest.post(
        "/chat", json={"message": "add buy milk"}, headers={"traceparent": PARENT, "accept": "application/json"}
    )
    assert said.status_code == 200, said.text
    await flush(traced)
    names = name_all(collector.by_trace()[TRACE])
    assert {"POST /api/chat", "chat offline-commands", "call create_task", "commit"} <= set(names)
    assert b"milk" not in collector.raw


async def test_a_consumer_behind_dapr_belongs_to_the_trace_of_the_event(tmp_path: Path, collector: Collector) -> None:
    async with open_dapr(tmp_path, **{ENDPOINT: collector.url}) as world:
        await world.rest.post("/tasks", json={"title": "by Dapr"}, headers={"traceparent": PARENT})
        (event,) = await world.events()
        # A foreign trace around the event, and daprd's own numbers: what was recorded counts.
        carried = {**event, "traceparent": f"00-{'3' * 32}-{SPAN}-01"}
        answer = await world.http.post("/events/task-created", json=carried)
        assert answer.json() == {"status": "SUCCESS"}
        await flush(world)
        assert {f"reaction {name}" for name in REACTED} <= set(name_all(collector.by_trace()[TRACE]))
        assert "3" * 32 not in collector.by_trace()


async def test_strangers_cause_no_spans(tmp_path: Path, collector: Collector) -> None:
    async with open_world(tmp_path, auth="token", **{ENDPOINT: collector.url}) as world:
        for path, body in (("/api/tasks", {"title": "x"}), ("/mcp", {"jsonrpc": "2.0"}), ("/v1/chat/completions", {})):
            answer = await world.http.post(path, json=body, headers={**HEADERS, "traceparent": PARENT})
            assert answer.status_code == 401, path
        await flush(world)
        assert collector.spans == []


async def test_lines_of_the_log_name_the_trace_of_what_they_are_about(
    tmp_path: Path, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonLines())
    async with open_world(tmp_path, log="json", **{ENDPOINT: collector.url}) as world:
        refused = await world.rest.post("/tasks", json={"title": ""})
        assert refused.status_code == 422
        await flush(world)
        lines = [line for line in caplog.text.splitlines() if "requests were refused" in line]
    (line,) = lines
    assert json.loads(line)["trace_id"] == find(collector.spans, "POST /api/tasks").trace


async def test_an_event_with_a_trace_fits_its_schema_and_an_older_reader(traced: World) -> None:
    await traced.rest.post("/tasks", json={"title": "new"})
    (event,) = await traced.events()
    schema = json.loads((ROOT / "docs/events/task.created.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(event)
    assert event.keys() - schema["properties"].keys() == set()
    assert not {"traceparent", "traceid"} & event["data"].keys(), "the trace stands around what older readers know"
    read = decode_event(json.dumps(event))
    assert read.traceparent == event["traceparent"]
    assert "traceparent" not in read.model_dump()
    for bad in (7, "x", None, {"a": 1}, f"00-{'0' * 32}-{SPAN}-01"):
        assert decode_event(json.dumps({**event, "traceparent": bad})).traceparent is None
    inside = {**event, "traceparent": None, "data": {**event["data"], "traceparent": PARENT}}
    assert decode_event(json.dumps(inside)).traceparent is None


async def test_without_an_endpoint_nothing_is_traced(world: World) -> None:
    assert world.service.tracing.trace is None
    assert world.service.broker.consumers is REACTIONS
    await world.rest.post("/tasks", json={"title": "new"}, headers={"traceparent": PARENT})
    (event,) = await world.events()
    assert not {"traceparent", "traceid"} & event.keys()


async def test_a_collector_that_is_away_holds_up_neither_calls_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    began = monotonic()
    async with open_world(tmp_path, **{ENDPOINT: "http://127.0.0.1:9"}) as world:
        for count in range(3):
            assert (await world.rest.post("/tasks", json={"title": f"task {count}"})).status_code == 201
    assert monotonic() - began < 10


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({ENDPOINT: "http://collector:4318/"}, "http://collector:4318/v1/traces"),
        ({ENDPOINT: "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/x"}, "http://b:2/x"),
        ({ENDPOINT: "http://a:1", "OTEL_SDK_DISABLED": "true"}, None),
        ({ENDPOINT: "http://a:1", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({ENDPOINT: ""}, None),
        ({}, None),
    ],
)
def test_opentelemetrys_own_variables_turn_it_on_and_off(
    tmp_path: Path, given: dict[str, str], address: str | None
) -> None:
    assert make_settings(tmp_path, **given).traces_address == address


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({ENDPOINT: "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318: an address such as"),
        ({ENDPOINT: "http://a:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf is spoken here"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, given: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        make_settings(tmp_path, **given)
    assert said in str(refused.value)


async def test_without_the_extra_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "app.tracing.opened")
    with pytest.raises(BadSettings, match=r"install evolution-todo\[traces\]"):
        async with open_world(tmp_path, **{ENDPOINT: "http://127.0.0.1:4318"}):
            pass


async def test_a_variable_of_opentelemetry_that_is_no_number_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")
    with pytest.raises(BadSettings, match="OTEL_"):
        async with open_world(tmp_path, **{ENDPOINT: "http://127.0.0.1:4318"}):
            pass
