"""Walls: every route, tool, resource, prompt and stream is tried with another person's ids, new ones too."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from mcp import Client

from app.access.ownership import OWNER
from app.http.app import build_app
from app.migrations.schema import TABLES
from tests.integration.access.house import House, Person
from todo.operations import OPERATIONS
from tools.catalog import TOOLS
from tools.tool import ToolSpec

PROMISES = ("walls",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

MARK = "zebra"
"""In every text of Ann's."""
NOWHERE = "01930000-0000-7000-8000-ffffffffffff"
SHARED = ("/readyz", "/healthz", "/openapi.json", "/docs", "/v1/models", "/api/session")
QUERIES = {"forget_history": "?before=2026-01-01"}
BODIES: dict[str, Any] = {
    "update_task": {"title": "Mine now"},
    "set_reminder": {"at": "2026-12-01T10:00"},
    "snooze_reminder": {"duration": "1h"},
    "update_recurring_task": {"paused": True},
    "decide_confirmation": {"decision": "accept"},
    "disable_person": {"disabled": True},
    "update_channel": {"enabled": False},
    "update_list": {"name": "Mine now"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{name: body for name, body in BODIES.items() if name in OPERATIONS},
    "create_recurring_task": {"rule": "FREQ=DAILY"},
    "create_task": {"title": "Mine"},
}
UNWATCHED = {"credential"}
"""What reading changes: the last use of a token."""
OTHERWISE = {"name", "model", "delivery_id", "path", "secret"}
"""Path parameters that name nothing of one person's: people are an admin's, models and the page's files everybody's,
dead letters are tried in a test of their own, and the secret of a calendar is what lets its reader in."""


@dataclass
class Scene:
    """Ann, with one of everything, and Ben, who has a little."""

    house: House
    ann: Person
    ben: Person
    ids: dict[str, list[str]]

    async def rows(self) -> list[Any]:
        """Return every row of Ann's that a call could change."""
        found: list[Any] = []
        for table in TABLES:
            if OWNER in table.c and table.name not in UNWATCHED:
                statement = f"SELECT * FROM {table.name} WHERE user_id = :user ORDER BY 1"  # noqa: S608  # our own names
                found += await self.house.world.query(statement, user=self.ann.user_id)
        return found


async def set_scene(house: House) -> Scene:
    """Let Ann have a task, a series, a reminder that rang, a channel, a plan, a question, a conversation, a token."""
    ann, ben = await house.join("Ann"), await house.join("Ben")
    listed = (await ann.rest("POST", "/lists", json={"name": f"{MARK} list"})).json()["list"]
    task = await ann.make(
        f"{MARK} one",
        notes=MARK,
        list=listed["name"],
        subtasks=[f"{MARK} below"],
        tags=[MARK],
        due="2026-11-23T11:00",
        reminders=["0m"],
    )
    series = (await ann.rest("POST", "/recurring-tasks", json={"title": f"{MARK} two", "rule": "FREQ=DAILY"})).json()
    for number in range(12):
        await ann.make(f"{MARK} {number}")
    plan = (await ann.rest("POST", "/plans", json={"filter": {"text": MARK}, "change": {"priority": "high"}})).json()
    said = (await ann.rest("POST", "/chat", json={"message": f"add {MARK} three"})).json()
    hook = {"kind": "webhook", "name": MARK, "address": f"https://93.184.216.34/{MARK}"}
    channel = (await ann.rest("POST", "/channels", json=hook)).json()
    await house.world.tick(hours=2)
    notifications = (await ann.rest("GET", "/notifications")).json()["notifications"]
    assert notifications
    client = await ann.connect()
    many = [{"tool": "delete_task", "arguments": {"task_id": each["id"]}} for each in await list_tasks(ann)]
    wanted = (await client.call_tool("plan_changes", {"changes": many})).structured_content
    assert wanted is not None
    await client.call_tool("apply_plan", {"plan_id": wanted["plan_id"]})
    questions = (await ann.rest("GET", "/confirmations")).json()["confirmations"]
    assert questions, "an agent's call waits for her agreement"
    await ben.make("lion")
    await house.world.settle()
    ids = {
        "task": [task["id"], series["recurring_id"], series["task"]["id"]],
        "reminder": [task["reminders"][0]["id"]],
        "plan": [plan["plan_id"], wanted["plan_id"]],
        "confirmation": [each["id"] for each in questions],
        "conversation": [said["conversation_id"]],
        "notification": [notifications[0]["id"]],
        "token": [ann.token_id],
        "channel": [channel["id"]],
        "connection": [await house.give_connection(ann)],
        "list": [listed["id"]],
        "calendar": [await give_calendar(house, ann)],
    }
    return Scene(house, ann, ben, ids)


async def give_calendar(house: House, person: Person) -> str:
    token = await house.give_token(person.user_id, scopes="tasks:read confirm")
    bearer = {"authorization": f"Bearer {token.secret}"}
    made = await person.rest("POST", "/calendars", json={"name": MARK}, headers=bearer)
    return str(made.json()["id"])


async def list_tasks(person: Person) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = (await person.rest("GET", "/tasks?limit=50")).json()["tasks"]
    return tasks


@dataclass(frozen=True)
class Route:
    """One method of one route, with the names in its path."""

    method: str
    path: str
    name: str

    @property
    def names(self) -> set[str]:
        """The names of the ids in the path."""
        return set(re.findall(r"\{(\w+)", self.path)) - OTHERWISE


def list_routes(house: House) -> list[Route]:
    found = iter_route_contexts(build_app(house.world.service, background=False).routes)
    return [
        Route(method, route.path or "", getattr(route, "operation_id", None) or route.name or "")
        for route in found
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def kind_of(route: Route) -> str | None:
    """Return what kind of id a route takes; None for a route without one of somebody's."""
    names = route.names
    if not names:
        return None
    [name] = names
    if name != "id":
        return name.removesuffix("_id")
    if "/plans/" in route.path:
        return "plan"
    if "/lists/" in route.path:
        return "list"
    return "reminder" if "/reminders/" in route.path else "task"


async def test_no_route_tells_a_foreign_id_from_a_missing_one_or_changes_anything(house: House) -> None:
    scene = await set_scene(house)
    owner = await house.give_token(scene.ben.user_id, scopes="tasks:delete confirm")
    scene.ben.token = owner.secret
    before, tried = await scene.rows(), 0
    for route in list_routes(house):
        kind = kind_of(route)
        if kind is None:
            continue
        [name] = route.names
        for foreign in scene.ids[kind]:
            answers = [await try_route(scene.ben, route, name, each) for each in (foreign, NOWHERE)]
            assert answers[0] == answers[1], route
            assert answers[0][0] in (404, 409), (route, answers[0])
            assert MARK not in answers[0][1]
            tried += 1
    assert tried > 20
    assert await scene.rows() == before


async def try_route(person: Person, route: Route, name: str, value: str) -> tuple[int, str]:
    method, body = route.method, BODIES.get(route.name)
    filled = route.path.replace(f"{{{name}}}", value).removeprefix("/api") + QUERIES.get(route.name, "")
    if not route.path.startswith("/api"):
        headers = {"authorization": f"Bearer {person.token}", "origin": "http://127.0.0.1:8000"}
        response = await person.world.http.request(method, filled, headers=headers, json=body)
    else:
        response = await person.rest(method, filled, json=body)
    return response.status_code, response.text.replace(value, "…")


async def test_no_reading_route_shows_what_is_anothers(house: House) -> None:
    scene = await set_scene(house)
    headers = {"authorization": f"Bearer {scene.ben.token}"}
    seen_by_ann, tried = 0, 0
    for route in list_routes(house):
        is_tried = route.method == "GET" and "{" not in route.path and not route.path.endswith("/stream")
        if not is_tried or route.path in SHARED:
            continue
        shown = await house.world.http.get(route.path, headers=headers)
        assert MARK not in shown.text, route.path
        assert scene.ann.user_id not in shown.text, route.path
        own = await house.world.http.get(route.path, headers={"authorization": f"Bearer {scene.ann.token}"})
        seen_by_ann += MARK in own.text
        tried += 1
    assert tried >= 10
    assert seen_by_ann >= 4, "Ann herself sees them, so that the test would notice"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_no_tool_resource_or_prompt_reaches_what_is_anothers(house: House, mode: str) -> None:
    scene = await set_scene(house)
    before = await scene.rows()
    client = await scene.ben.connect(mode)
    for spec in TOOLS:
        await try_ids(client, spec, scene)
    for uri in ("tasks://today", "tasks://overdue"):
        assert MARK not in str(await client.read_resource(uri))
    for foreign in scene.ids["task"]:
        with pytest.raises(Exception, match="no task"):
            await client.read_resource(f"task://{foreign}")
    for prompt in (await client.list_prompts()).prompts:
        assert MARK not in str(await client.get_prompt(prompt.name, {}))
    assert await scene.rows() == before


async def try_ids(client: Client, spec: ToolSpec, scene: Scene) -> None:
    """Each id of a tool's arguments that is another's is answered as one that is nowhere."""
    for name in ("task_id", "parent_id", "reminder_id", "plan_id"):
        if name not in spec.operation.request.model_fields:
            continue
        for foreign in scene.ids["task" if name == "parent_id" else name.removesuffix("_id")]:
            texts = [await try_tool(client, spec.name, name, each) for each in (foreign, NOWHERE)]
            assert texts[0] == texts[1], spec.name
            assert MARK not in texts[0]


async def try_tool(client: Client, tool: str, name: str, value: str) -> str:
    result = await client.call_tool(tool, {**ARGUMENTS.get(tool, {}), name: value})
    assert result.is_error, tool
    return str(result.content).replace(value, "…")


async def test_bulk_calls_that_mix_in_foreign_ids_do_nothing(house: House) -> None:
    scene = await set_scene(house)
    before, own = await scene.rows(), (await list_tasks(scene.ben))[0]
    foreign = scene.ids["task"][0]
    changes = [
        {"tool": "update_task", "arguments": {"task_id": each, "title": "Mine"}} for each in (own["id"], foreign)
    ]
    mixed = await scene.ben.rest("POST", "/plans", json={"changes": changes, "apply": True})
    assert (mixed.status_code, mixed.json()["code"]) == (404, "task_not_found")
    swept = await scene.ben.rest("POST", "/plans", json={"filter": {"status": "all"}, "change": {"title": "All"}})
    assert MARK not in swept.text
    changed = (await scene.ann.rest("GET", "/changes")).json()["changes"][0]["change_id"]
    undone = await scene.ben.rest("POST", "/undo", json={"change_ids": [changed]})
    assert undone.status_code in (404, 422)
    assert MARK not in undone.text
    assert await scene.rows() == before
    assert await scene.ben.titles() == {"lion"}


async def test_anothers_cursor_leads_to_ones_own(house: House) -> None:
    scene = await set_scene(house)
    for path, rows in (("/tasks?limit=2", "tasks"), ("/activity?limit=2", "entries"), ("/changes?limit=2", "changes")):
        cursor = (await scene.ann.rest("GET", path)).json().get("next_cursor")
        assert cursor, path
        turned = await scene.ben.rest("GET", f"{path}&cursor={cursor}")
        assert turned.status_code in (200, 422), path
        assert MARK not in turned.text
        assert rows in turned.json() or turned.status_code == 422


async def test_a_request_id_is_ones_own(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    for person in (ann, ben):
        headers = {"idempotency-key": "the same"}
        made = await person.rest("POST", "/tasks", json={"title": f"Of {person.name}"}, headers=headers)
        assert made.status_code == 201
        assert "replayed" not in made.json()
    assert await ben.titles() == {"Of Ben"}


async def test_every_streamed_event_is_ones_own(house: House) -> None:
    from app.http.rest.feeds import Streams
    from events.positions import Position
    from todo.record.scopes import PERSON
    from todo.record.work import Who

    scene = await set_scene(house)
    for person, sees in ((scene.ann, True), (scene.ben, False)):
        who = Who(person.user_id, "person", "rest", scopes=PERSON)
        frames = Streams().follow(house.world.service.store, who, (Position(), Position()))
        text = b""
        async for frame in frames:
            text += frame
            if (len(text) > 200 and frame.startswith(b": still")) or text.count(b"event: activity") >= (
                3 if sees else 1
            ):
                break
        await frames.aclose()  # type: ignore[attr-defined]  # a generator
        assert (MARK.encode() in text) is sees


async def test_two_people_at_once_in_one_process_never_meet(house: House) -> None:
    import asyncio

    ann, ben = await house.join("Ann"), await house.join("Ben")

    async def work(person: Person) -> None:
        for number in range(15):
            await person.make(f"{person.name} {number}")
            shown = (await person.rest("GET", "/tasks")).json()["tasks"]
            assert {task["title"].split()[0] for task in shown} == {person.name}
            reply = (await person.rest("POST", "/chat", json={"message": "list"})).json()["text"]
            assert (ben if person is ann else ann).name not in reply

    await asyncio.gather(*(work(person) for person in (ann, ben) for _ in range(2)))
    rows = await house.world.query("SELECT user_id, title FROM task")
    assert {(user, title.split()[0]) for user, title in rows} == {(ann.user_id, "Ann"), (ben.user_id, "Ben")}
    owners = {event["data"]["user_id"] for event in await house.world.events()}
    assert owners == {ann.user_id, ben.user_id}
    for event in await house.world.events():
        data = event["data"]
        assert data["data"]["task"]["title"].split()[0] == (ann.name if data["user_id"] == ann.user_id else ben.name)
