"""The reports on a faulty sidecar or faulty routes, and the handling of dead letters."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.cli.replay import replay_events
from app.dapr.routes import name_route
from app.http.app import build_app
from app.service import open_service
from events.catalog import EventType
from tests.clock import CountedIds, MovableClock
from tests.integration.event_path.dapr_worlds import (
    RETRY,
    SIDECAR,
    SUCCESS,
    Fragile,
    deliver,
    make_event,
    read_activity,
)
from tests.world import URL, World, lay_out_settings, make_settings

pytestmark = pytest.mark.anyio


# The self-test of the routes, and readiness.


async def start(folder: Path, spoil: Any) -> list[str]:
    """Return the readiness of an application whose routes were broken before its start."""
    settings = make_settings(folder, broker="dapr", dapr_http=SIDECAR)
    async with open_service(settings, MovableClock(), CountedIds()) as service:
        app = build_app(service, background=False)
        spoil(app)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
                ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    found: list[str] = ready.json()["degraded"]
    return [reason for reason in found if reason.startswith("event route")]


def take_away(path: str) -> Any:
    def spoil(app: FastAPI) -> None:
        before = len(app.router.routes)
        app.router.routes[:] = [each for each in app.router.routes if getattr(each, "path", "") != path]
        assert len(app.router.routes) == before - 1

    return spoil


def answer_wrongly(app: FastAPI) -> None:
    take_away("/events/task-created")(app)

    @app.post("/events/task-created")
    async def receive() -> dict[str, str]:
        return {"status": "ok"}


@pytest.mark.parametrize(
    ("spoil", "trouble"),
    [
        (lambda _: None, []),
        (take_away("/events/task-created"), ["/events/task-created answers 404"]),
        (take_away("/events/dead/reminder.due"), ["/events/dead/reminder.due answers 404"]),
        (answer_wrongly, ["/events/task-created answers 200"]),
        (take_away("/dapr/subscribe"), [f"{name_route(kind)} is not declared" for kind in sorted(EventType)]),
    ],
)
async def test_a_wrong_route_is_found_at_the_start_and_told(tmp_path: Path, spoil: Any, trouble: list[str]) -> None:
    assert await start(tmp_path, spoil) == [f"event route {each}: events would be lost" for each in trouble]


async def test_the_self_test_leaves_nothing_behind(dapr: World) -> None:
    assert (await dapr.rest.get("/dead-letters")).json() == {"dead_letters": []}
    for table in ("inbox_entry", "delivery", "dead_letter"):
        assert await dapr.query(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # our own names


async def test_readiness_tells_of_the_sidecar_and_of_events_that_wait(dapr: World) -> None:
    ready = await dapr.http.get("/readyz")
    assert ready.status_code == 200
    assert any(SIDECAR in reason for reason in ready.json()["degraded"])
    await make_event(dapr)
    assert await dapr.service.relay.step() == 0
    ready = await dapr.http.get("/readyz")
    assert any(reason.startswith("events wait: the sidecar does not answer") for reason in ready.json()["degraded"])
    assert ready.json()["backlog"] == 1


# Dead letters.


async def test_a_dead_letter_waits_for_those_that_have_not_reacted_and_a_replay_delivers_it(
    fragile: Fragile, dapr: World
) -> None:
    route, event = await make_event(dapr)
    assert await deliver(dapr, route, event) == RETRY
    for _ in range(2):
        assert await deliver(dapr, "/events/dead/task.created", event) == SUCCESS
    [letter] = (await dapr.rest.get("/dead-letters")).json()["dead_letters"]
    assert (letter["consumer"], letter["event_id"], letter["task_id"]) == ("fragile", event["id"], event["subject"][5:])
    assert "dead letter" in letter["reason"]
    assert any("reactions failed" in each for each in (await dapr.http.get("/readyz")).json()["degraded"])

    await dapr.service.broker.step()
    assert await dapr.query("SELECT count(*) FROM lease") == [(0,)], "it waits for a person"
    fragile.broken = False
    assert (await dapr.rest.post(f"/dead-letters/{letter['id']}/replay")).json() == {"replayed": 1}
    await dapr.service.broker.step()
    assert await dapr.query("SELECT count(*) FROM lease") == [(1,)]
    assert await read_activity(dapr) == ["task.created"]
    assert (await dapr.rest.get("/dead-letters")).json() == {"dead_letters": []}


async def test_a_dead_letter_that_all_have_reacted_to_is_no_trouble(dapr: World) -> None:
    route, event = await make_event(dapr)
    await deliver(dapr, route, event)
    assert await deliver(dapr, "/events/dead/task.created", event) == SUCCESS
    assert (await dapr.rest.get("/dead-letters")).json() == {"dead_letters": []}


async def test_dead_letters_are_replayed_from_the_shell(fragile: Fragile, dapr: World, tmp_path: Path) -> None:
    _, event = await make_event(dapr)
    await deliver(dapr, "/events/dead/task.created", event)
    fragile.broken = False
    settings = await lay_out_settings(tmp_path, broker="dapr", dapr_http=SIDECAR)
    assert await replay_events(settings, parked=False) == 4
    assert await replay_events(settings, parked=False) == 0
    while await dapr.service.broker.step():
        pass
    assert await dapr.query("SELECT count(*) FROM lease") == [(1,)]
    assert await read_activity(dapr) == ["task.created"]


async def test_an_unreadable_dead_letter_is_kept_and_shown(dapr: World) -> None:
    body = b"\xff\x00 no event" + b"x" * 100_000
    response = await dapr.http.post("/events/dead/task.created", content=body, headers={"__topic": "task.created.dead"})
    assert response.json() == SUCCESS
    answer = (await dapr.rest.get("/dead-letters")).json()
    assert answer["dead_letters"] == []
    [letter] = answer["unreadable"]
    assert letter["topic"] == "task.created.dead"
    assert letter["payload"].startswith("\\xff\\0 no event")
    assert len(letter["payload"]) < 70_000
    assert any("could not be read" in each for each in (await dapr.http.get("/readyz")).json()["degraded"])


@pytest.mark.parametrize("record", [b"", b"\xff no json", b"[1, 2"])
async def test_a_record_that_daprd_did_not_read_is_kept_as_it_was(dapr: World, record: bytes) -> None:
    wrapped = {"id": "any", "type": "com.dapr.event.sent", "data_base64": b64encode(record).decode()}
    assert await deliver(dapr, "/events/dead/task.created", wrapped) == SUCCESS
    [letter] = (await dapr.rest.get("/dead-letters")).json()["unreadable"]
    assert letter["payload"] == record.decode("utf-8", "backslashreplace")


async def test_an_event_that_daprd_did_not_read_is_parked_as_itself(fragile: Fragile, dapr: World) -> None:
    _, event = await make_event(dapr)
    wrapped = {
        "id": "any",
        "type": "com.dapr.event.sent",
        "data_base64": b64encode(json.dumps(event).encode()).decode(),
    }
    assert await deliver(dapr, "/events/dead/task.created", wrapped) == SUCCESS
    letters = (await dapr.rest.get("/dead-letters")).json()["dead_letters"]
    assert {letter["event_id"] for letter in letters} == {event["id"]}


async def test_a_dead_letter_of_another_database_is_kept_and_shown(dapr: World) -> None:
    _, event = await make_event(dapr)
    event["id"] = event["data"]["event_id"] = "01930000-0000-7000-8000-00000000ffff"
    assert await deliver(dapr, "/events/dead/task.created", event) == SUCCESS
    answer = (await dapr.rest.get("/dead-letters")).json()
    assert answer["dead_letters"] == []
    assert "outbox" in answer["unreadable"][0]["reason"]
