"""The routes for a sidecar: subscriptions, the three answers, tokens and roles."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.dapr.routes import name_route
from app.settings import BadSettings
from app.storage.sqlite_writer import SqliteDatabase
from events.catalog import EventType, TopicStyle, name_topic
from tests.integration.event_path.dapr_worlds import (
    DROP,
    RETRY,
    SIDECAR,
    SUCCESS,
    Fragile,
    deliver,
    make_event,
    open_dapr,
    read_activity,
)
from tests.storage import DEFAULT
from tests.world import World, make_settings, open_world

pytestmark = pytest.mark.anyio
SECRET = "sesame"  # noqa: S105  # opens nothing but the worlds of these tests
TOKEN = {"dapr-api-token": SECRET}

# Subscriptions.


@pytest.mark.parametrize("style", ["type", "convention", "single"])
async def test_all_types_are_subscribed_to_with_their_dead_letters(tmp_path: Path, style: TopicStyle) -> None:
    async with open_dapr(tmp_path, topic_style=style, pubsub="ours") as world:
        declared = (await world.http.get("/dapr/subscribe")).json()
    by_topic = {each["topic"]: each for each in declared}
    assert len(by_topic) == len(declared) == (2 if style == "single" else 12)
    assert {each["pubsubname"] for each in declared} == {"ours"}
    for kind in EventType:
        topic = name_topic(kind, style)
        assert by_topic[topic]["deadLetterTopic"] == f"{topic}.dead"
        assert by_topic[topic]["route"] == ("/events/any" if style == "single" else name_route(kind))
        assert by_topic[f"{topic}.dead"]["route"] == f"/events/dead/{topic}"
        assert "deadLetterTopic" not in by_topic[f"{topic}.dead"]


async def test_the_one_route_of_the_single_style_takes_every_type(tmp_path: Path) -> None:
    async with open_dapr(tmp_path, topic_style="single") as world:
        _, event = await make_event(world)
        await world.rest.delete(f"/tasks/{event['data']['task_id']}")
        for each in await world.events():
            assert await deliver(world, "/events/any", each) == SUCCESS
        assert await read_activity(world) == ["task.deleted", "task.created"]


# The three answers.


async def test_an_event_and_its_duplicate_are_both_a_success_and_one_effect(dapr: World) -> None:
    route, event = await make_event(dapr)
    assert await deliver(dapr, route, event) == SUCCESS
    assert await deliver(dapr, route, event) == SUCCESS
    assert await read_activity(dapr) == ["task.created"]


async def test_an_event_that_is_no_longer_kept_has_no_second_effect_and_a_forged_one_none(dapr: World) -> None:
    route, event = await make_event(dapr)
    assert await deliver(dapr, route, event) == SUCCESS
    forged = {**event, "data": {**event["data"], "user_id": "ghost"}}
    assert await deliver(dapr, route, forged) == DROP
    statement = "DELETE FROM outbox_entry"
    await dapr.service.database.write(lambda connection: connection.exec_driver_sql(statement).rowcount)
    assert await deliver(dapr, route, event) == SUCCESS
    assert await deliver(dapr, f"/events/dead/{event['type']}", event) == SUCCESS
    assert not (await dapr.rest.get("/dead-letters")).json()["dead_letters"]
    assert "unreadable" not in (await dapr.rest.get("/dead-letters")).json()
    assert await read_activity(dapr) == ["task.created"]


async def test_what_daprd_adds_to_an_event_does_no_harm(dapr: World) -> None:
    route, event = await make_event(dapr)
    added = {"topic": "task.created", "pubsubname": "taskevents", "traceid": "00-1", "traceparent": "00-1", "n": None}
    assert await deliver(dapr, route, event | added) == SUCCESS
    assert await read_activity(dapr) == ["task.created"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"1e999",
        b'{"specversion":"1.0"}',
        b'{"data":"' + b"[" * 100_000,
        b"[" * 100_000,
        b'"\\ud800"',
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_cannot_be_read_is_dropped(dapr: World, body: bytes) -> None:
    assert await deliver(dapr, name_route(EventType.TASK_CREATED), body) == DROP


@pytest.mark.parametrize(
    "change",
    [
        {"type": "task.archived"},
        {"source": "elsewhere"},
        {"specversion": "0.3"},
        {"id": "another"},
        {"data": None},
        {"data": "text"},
        {"specversion": None},
    ],
    ids=str,
)
async def test_what_is_none_of_ours_is_dropped(dapr: World, change: dict[str, Any]) -> None:
    route, event = await make_event(dapr)
    assert await deliver(dapr, route, event | change) == DROP
    assert await read_activity(dapr) == []


def forge(event: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Return another event of the same form, with these members of its data changed."""
    inner = {**event["data"]["data"], **data.pop("data", {})}
    changed = {**event["data"], "event_id": f"{event['id'][:-4]}beef", **data, "data": inner}
    return {**event, "id": changed["event_id"], "type": changed["event_type"], "data": changed}


FORGERIES: dict[str, dict[str, Any]] = {
    "another id": {},
    "unknown person": {"user_id": "ghost"},
    "empty id": {"event_id": ""},
    "NUL": {"event_id": "a\0b"},
    "NUL in the task": {"task_id": "a\0b"},
    "600 kB": {"event_id": "a" * 600_000},
    "huge version": {"data": {"version": 10**30}},
    "beyond 64 bit": {"data": {"version": 1 << 63}},
    "negative version": {"data": {"version": -1}},
    "true version": {"data": {"version": True}},
    "a reminder": {"event_type": "reminder.due", "data": {"late_by_seconds": 0, "reminder": {"remind_at": "x"}}},
}


@pytest.mark.on_both_databases(long="postgresql")
@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
async def test_x2_what_can_never_succeed_is_dropped_and_kept_as_a_dead_letter(
    dapr: World, change: dict[str, Any]
) -> None:
    route, event = await make_event(dapr)
    forged = forge(event, **change)
    for kind in EventType:
        assert await deliver(dapr, name_route(kind), forged) == DROP
    assert await deliver(dapr, f"/events/dead/{event['type']}", forged) == SUCCESS
    [letter] = (await dapr.rest.get("/dead-letters")).json()["unreadable"]
    assert letter["reason"]
    for table in ("activity", "notification", "day_count", "counted_task", "inbox_entry"):
        assert await dapr.query(f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608  # our own names
    assert await deliver(dapr, route, event) == SUCCESS
    assert await read_activity(dapr) == ["task.created"]


@pytest.mark.parametrize("change", [{"user_id": "ghost"}, {"task_id": "another"}, {"data": {"version": 7}}], ids=str)
async def test_x12_an_event_with_a_known_id_but_other_content_is_not_believed(
    dapr: World, change: dict[str, Any]
) -> None:
    route, event = await make_event(dapr)
    assert await deliver(dapr, route, forge(event, event_id=event["id"], **change)) == DROP
    retitled = forge(event, event_id=event["id"], data={"task": {**event["data"]["data"]["task"], "title": "Forged"}})
    assert await deliver(dapr, route, retitled) == SUCCESS
    [entry] = (await dapr.rest.get("/activity")).json()["entries"]
    assert "Buy milk" in entry["text"], "the reaction is to the event as it was recorded"


async def test_an_unknown_type_is_dropped_on_every_route(dapr: World) -> None:
    _, event = await make_event(dapr)
    event["type"] = event["data"]["event_type"] = "task.archived"
    for kind in EventType:
        assert await deliver(dapr, name_route(kind), event) == DROP


@pytest.mark.parametrize("chunked", [False, True])
async def test_what_is_too_large_is_dropped_and_never_413(dapr: World, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(33):
            yield b" " * (64 << 10)

    body = pieces() if chunked else b" " * ((2 << 20) + 1)
    response = await dapr.http.post(name_route(EventType.TASK_CREATED), content=body)
    assert (response.status_code, response.json()) == (200, DROP)


async def test_the_largest_event_is_taken(dapr: World) -> None:
    route, event = await make_event(dapr)
    event["data"]["data"]["task"]["notes"] = "x" * 880_000
    assert await deliver(dapr, route, event) == SUCCESS


@pytest.mark.skipif(DEFAULT == "postgresql", reason="it locks SQLite's file from outside")
async def test_while_the_storage_is_unavailable_the_answer_is_retry(dapr: World, tmp_path: Path) -> None:
    route, event = await make_event(dapr)
    assert isinstance(dapr.service.database, SqliteDatabase)
    dapr.service.database._wait_limit = 0.01
    other = sqlite3.connect(tmp_path / "todo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await deliver(dapr, route, event) == RETRY
    assert await deliver(dapr, "/events/dead/task.created", event) == RETRY
    assert await deliver(dapr, "/events/dead/task.created", b"no event") == RETRY
    other.execute("ROLLBACK")
    other.close()
    assert await deliver(dapr, route, event) == SUCCESS


async def test_a_failing_reaction_is_retried_alone(fragile: Fragile, dapr: World) -> None:
    route, event = await make_event(dapr)
    for _ in range(2):
        assert await deliver(dapr, route, event) == RETRY
        assert await read_activity(dapr) == ["task.created"], "the others have reacted, and once"
        assert await dapr.query("SELECT count(*) FROM lease") == [(0,)], "of the failed one nothing stays"
    fragile.broken = False
    assert await deliver(dapr, route, event) == SUCCESS
    assert await dapr.query("SELECT count(*) FROM lease") == [(1,)]
    assert await read_activity(dapr) == ["task.created"]
    assert (await dapr.rest.get("/statistics")).json()["days"][-1]["created"] == 1


# Tokens.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/events/task-created"),
        ("POST", "/events/dead/task.created"),
        ("POST", "/events/nothing"),
        ("GET", "/dapr/subscribe"),
        ("GET", "/dapr/config"),
        ("POST", "/bindings/recurring-scheduler"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"dapr-api-token": ""}, {"dapr-api-token": "sesam"}])
async def test_without_the_token_only_the_sidecar_is_kept_out(
    tmp_path: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    async with open_dapr(tmp_path, APP_API_TOKEN=SECRET) as world:
        refused = await world.http.request(method, path, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "forbidden")
        assert (await world.http.request(method, path, headers=TOKEN)).status_code != 401
        assert (await world.rest.get("/tasks")).status_code == 200, "people need none"
        assert (await world.http.get("/healthz")).status_code == 200
        assert world.service.sidecar is not None
        assert world.service.sidecar.broken == [], "the self-test knows the token"


@pytest.mark.parametrize("path", ["/events/task-created", "/events/dead/task.created", "/bindings/recurring-scheduler"])
@pytest.mark.parametrize("headers", [{}, {"dapr-api-token": ""}, {"dapr-api-token": "sesam"}])
async def test_with_several_people_and_no_token_nobody_is_the_sidecar(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    async with open_world(tmp_path, auth="token") as world:
        refused = await world.http.post(path, headers=headers, json={})
        assert (refused.status_code, refused.json()["code"]) == (401, "forbidden")


def test_several_people_behind_dapr_want_its_token(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="APP_API_TOKEN"):
        make_settings(tmp_path, auth="token", broker="dapr")


async def test_a_forged_event_has_no_effect(tmp_path: Path) -> None:
    async with open_dapr(tmp_path, APP_API_TOKEN=SECRET) as world:
        route, event = await make_event(world)
        assert (await world.http.post(route, json=event)).status_code == 401
        assert await read_activity(world) == []
        assert (await world.http.post(route, json=event, headers=TOKEN)).json() == SUCCESS


async def test_a_sidecar_without_the_token_is_told_once_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_dapr(tmp_path, APP_API_TOKEN=SECRET) as world:
        for _ in range(3):
            await world.http.get("/dapr/subscribe")
    [told] = [each.message for each in caplog.records if each.name == "app.dapr.routes"]
    assert "APP_API_TOKEN" in told


# Roles.


async def test_events_that_wait_for_a_minute_are_told_by_the_process_that_does_not_publish_them(
    tmp_path: Path,
) -> None:
    async with open_dapr(tmp_path, role="api") as world:
        await make_event(world)
        world.clock.move(seconds=60)
        assert "events wait since" not in (await world.http.get("/readyz")).text
        world.clock.move(seconds=1)
        ready = await world.http.get("/readyz")
        assert ready.status_code == 200
        assert "events wait since" in ready.text


async def test_the_role_api_has_no_event_routes_and_no_background(tmp_path: Path) -> None:
    async with open_dapr(tmp_path, role="api") as world:
        for method, path in (
            ("POST", name_route(EventType.TASK_CREATED)),
            ("POST", "/events/dead/task.created"),
            ("GET", "/dapr/subscribe"),
        ):
            assert (await world.http.request(method, path)).status_code == 404
        # Dapr triggers a cron in every replica of an app id: none may answer 404.
        assert (await world.http.post("/bindings/recurring-scheduler")).json() == {"processed": 0}
        assert (await world.rest.post("/tasks", json={"title": "x"})).status_code == 201
        await world.connect()
        assert (await world.http.get("/readyz")).status_code == 200
        background = replace(world.service.background)
        background.start(leading=False)
        assert [task.get_name() for task in background._tasks] == ["watch"]
        await background.stop()


async def test_the_role_worker_has_no_public_surface_and_needs_its_broker(tmp_path: Path) -> None:
    async with open_dapr(tmp_path, role="worker") as world:
        assert (await world.rest.get("/tasks")).status_code == 404
        assert (await world.rest.post("/tasks", json={"title": "x"})).status_code == 404
        assert (await world.http.post("/mcp", json={})).status_code == 404
        assert len((await world.http.get("/dapr/subscribe")).json()) == 12
        assert (await world.http.post("/bindings/recurring-scheduler")).json() == {"processed": 0}
        assert (await world.http.get("/healthz")).status_code == 200
        ready = await world.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert SIDECAR in ready.json()["reasons"][0]


async def test_memory_mode_has_no_routes_for_a_sidecar(world: World) -> None:
    assert (await world.http.get("/dapr/subscribe")).status_code == 404
    assert (await world.http.post(name_route(EventType.TASK_CREATED), json={})).status_code == 404
    assert (await world.http.post("/bindings/recurring-scheduler")).json() == {"processed": 0}
