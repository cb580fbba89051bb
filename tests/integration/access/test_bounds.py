"""Tokens for lists: every route, tool, resource and stream is tried with one, against all that is outside its lists."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference

from app.access.door import admit_program
from app.http.gate import is_inside
from app.identity import StdioIdentity
from app.resource_updates import Subscribers
from tests.integration.access.house import House, Person, give_bound
from tests.integration.access.test_walls import (
    ARGUMENTS,
    MARK,
    NOWHERE,
    SHARED,
    Scene,
    kind_of,
    list_routes,
    set_scene,
    try_ids,
    try_route,
)
from tests.integration.surfaces.test_resources import uri_of
from tools.catalog import TOOLS

PROMISES = ("bounds",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

REFUSED = (403, "forbidden")


async def bound_scene(house: House) -> tuple[Scene, Person, dict[str, Any]]:
    """Let Ann have one of everything outside the list Work, a task in it, and a token for it."""
    scene = await set_scene(house)
    assert (await scene.ann.rest("POST", "/lists", json={"name": "Work"})).status_code == 201
    inside = await scene.ann.make("Inside", list="Work")
    await house.world.settle()
    return scene, await give_bound(house, scene.ann, "work"), inside


async def test_nothing_outside_is_reached_by_any_route(house: House) -> None:
    scene, bound, inside = await bound_scene(house)
    before, tried, allowed = await scene.rows(), 0, 0
    for route in list_routes(house):
        kind = kind_of(route)
        if kind is not None:
            [name] = route.names
            for foreign in scene.ids[kind]:
                answers = [await try_route(bound, route, name, each) for each in (foreign, NOWHERE)]
                assert answers[0] == answers[1], route
                assert answers[0][0] in (403, 404, 409), (route, answers[0])
                assert MARK not in answers[0][1]
                tried += 1
        elif route.method == "GET" and "{" not in route.path and not route.path.endswith("/stream"):
            headers = {"authorization": f"Bearer {bound.token}"}
            shown = await house.world.http.get(route.path, headers=headers)
            assert MARK not in shown.text, route
            if route.path.startswith("/api") and route.path not in SHARED:
                assert (shown.status_code == 403) is not is_inside("GET", route.path), (route, shown.text)
            allowed += "Inside" in shown.text
    assert tried > 20
    assert allowed >= 3, "the tasks, the activity and the changes show what is inside, so that the test would notice"
    assert await scene.rows() == before
    assert await bound.titles() == {"Inside"}
    assert (await bound.rest("GET", f"/tasks/{inside['id']}")).status_code == 200


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_nothing_outside_is_reached_by_any_tool_resource_or_prompt(house: House, mode: str) -> None:
    scene, bound, inside = await bound_scene(house)
    before = await scene.rows()
    client = await bound.connect(mode)
    for spec in TOOLS:
        await try_ids(client, spec, scene)
        if "list" in spec.operation.request.model_fields:
            given = {**ARGUMENTS.get(spec.name, {}), "task_id": inside["id"], "list": f"{MARK} list"}
            known = spec.operation.request.model_fields.keys()
            result = await client.call_tool(spec.name, {name: given[name] for name in given.keys() & known})
            assert MARK not in str(result.content).replace(f"{MARK} list", "…"), spec.name
    found = await client.call_tool("find_tasks", {"text": MARK, "status": "all"})
    assert found.structured_content is not None
    assert found.structured_content["total"] == 0
    assert "near_titles" not in found.structured_content
    for uri in ("tasks://today", "tasks://overdue"):
        assert MARK not in str(await client.read_resource(uri))
    for foreign in scene.ids["task"]:
        with pytest.raises(Exception, match="no task"):
            await client.read_resource(f"task://{foreign}")
    assert "Inside" in str(await client.read_resource(f"task://{inside['id']}"))
    prompt, task = PromptReference(name="plan_my_day"), ResourceTemplateReference(uri="task://{id}")
    tags = await client.complete(prompt, {"name": "tag", "value": MARK[:3]})
    ids = await client.complete(task, {"name": "id", "value": MARK[:3]})
    assert (tags.completion.values, ids.completion.values) == ([], [])
    for each in (await client.list_prompts()).prompts:
        assert MARK not in str(await client.get_prompt(each.name, {}))
    assert await scene.rows() == before


async def test_every_streamed_event_is_inside(house: House) -> None:
    from app.http.rest.feeds import Streams
    from app.identity import Caller
    from events.positions import Position
    from todo.record.scopes import AGENT

    scene, bound, _ = await bound_scene(house)
    lists = frozenset(row[0] for row in await house.world.query("SELECT id FROM task_list WHERE name = 'Work'"))
    caller = Caller(scene.ann.user_id, AGENT, bound.token_id, lists=lists)
    who = caller.make_who("person", "rest")
    frames = Streams().follow(house.world.service.store, who, (Position(), Position()))
    text = b""
    async for frame in frames:
        text += frame
        if text.count(b"event: ") >= 1:
            break
    await frames.aclose()  # type: ignore[attr-defined]  # a generator
    assert b"Inside" in text, "all that came before it is outside"
    assert MARK.encode() not in text


async def test_a_listener_hears_of_no_task_that_is_outside(house: House) -> None:
    ann = await house.join("Ann")
    for name in ("Work", "Home"):
        await ann.rest("POST", "/lists", json={"name": name})
    stays, goes = [await ann.make(title, list="Work", due="2026-11-23") for title in ("Stays", "Goes")]
    away = await ann.make("Away", list="Home", due="2026-11-23")
    await house.world.settle()
    service = replace(house.world.service, bus=Subscribers())
    caller = await admit_program(service.door, (await give_bound(house, ann, "Work")).token)
    uris = [f"task://{each['id']}" for each in (stays, goes, away)]
    changes = ((goes, {"list": "Home"}), (goes, {"title": "x"}), (away, {"title": "x"}), (stays, {"title": "x"}))
    async with (
        asyncio.timeout(10),
        Client(service.build_mcp(StdioIdentity("listener", caller))) as client,
        service.publish_updates(),
        client.listen(resource_subscriptions=[*uris, "tasks://today"]) as news,
    ):
        assert sorted(map(str, news.honored.resource_subscriptions or [])) == sorted([*uris[:2], "tasks://today"])
        for task, body in changes:
            await ann.rest("PATCH", f"/tasks/{task['id']}", json=body)
            await house.world.settle()
            service.background.wakeup.notify()
        heard = [uri_of(await anext(news)) for _ in range(2)]
    assert heard == [uris[0], "tasks://today"]


async def test_what_is_new_lands_inside_and_nothing_leaves(house: House) -> None:
    ann = await house.join("Ann")
    work, private = [
        (await ann.rest("POST", "/lists", json={"name": name})).json()["list"] for name in ("Wörk", "Home")
    ]
    outside = await ann.make("Outside", list="Home")
    bound = await give_bound(house, ann, "work")
    wanted: tuple[dict[str, Any], ...] = (
        {"title": "One"},
        {"title": "Two", "list": "WORK"},
        {"title": "Three", "subtasks": ["Below"]},
    )
    for new in wanted:
        made = await bound.make(**new)
        assert made["list"] == {"id": work["id"], "name": "Wörk"}
    series = await bound.rest("POST", "/recurring-tasks", json={"title": "Daily", "rule": "FREQ=DAILY"})
    assert series.json()["task"]["list"]["id"] == work["id"]
    before = await house.world.query("SELECT id, list_id, parent_id, version FROM task ORDER BY id")
    for body in ({"list": "Home"}, {"list": "Newly made"}, {"list": "inbox"}, {"list": None}):
        moved = await bound.rest("PATCH", f"/tasks/{made['id']}", json=body)
        assert (moved.status_code, moved.json()["code"]) == REFUSED, body
        if body["list"] is not None:
            added = await bound.rest("POST", "/tasks", json={"title": "x", **body})
            assert (added.status_code, added.json()["code"]) == REFUSED, body
            assert ("has no list" in added.text) is (body["list"] != "inbox")
    changes = [{"tool": "update_task", "arguments": {"task_id": made["id"], "clear": ["list"]}}]
    planned = await bound.rest("POST", "/plans", json={"changes": changes, "apply": True})
    assert (planned.status_code, planned.json()["code"]) == REFUSED
    below = await bound.rest("PATCH", f"/tasks/{made['id']}", json={"parent_id": outside["id"]})
    assert (below.status_code, below.json()["code"]) == (404, "task_not_found")
    refused_calls: tuple[tuple[str, str, Any], ...] = (
        ("POST", "/lists", {"name": "Mine"}),
        ("PATCH", f"/lists/{work['id']}", {"name": "Mine"}),
        ("DELETE", f"/lists/{work['id']}", None),
        ("DELETE", f"/tasks/{made['id']}/permanently", None),
        ("POST", "/import", None),
        ("PATCH", "/me", {"zone": "UTC"}),
    )
    for method, path, given in refused_calls:
        refused = await bound.rest(method, path, json=given)
        assert (refused.status_code, refused.json()["code"]) == REFUSED, path
        assert ("for good" in refused.text) is path.endswith("permanently")
    assert await house.world.query("SELECT id, list_id, parent_id, version FROM task ORDER BY id") == before
    assert {row[0] for row in await house.world.query("SELECT name FROM task_list")} == {"Wörk", "Home"}
    assert [each["name"] for each in (await bound.rest("GET", "/lists")).json()["lists"]] == ["Wörk"]
    assert private["id"] not in (await bound.rest("GET", "/lists")).text


@pytest.mark.parametrize("mode", ["one_at_a_time", "every_occurrence", "after_completion"])
async def test_a_series_that_is_partly_outside_keeps_its_course(house: House, mode: str) -> None:
    ann = await house.join("Ann")
    for name in ("Work", "Home"):
        await ann.rest("POST", "/lists", json={"name": name})
    bound = await give_bound(house, ann, "Work")
    for series_in, occurrence_in in (("Work", "Home"), ("Home", "Work")):
        new = {"title": "Daily", "rule": "FREQ=DAILY", "list": series_in, "mode": mode}
        made = (await ann.rest("POST", "/recurring-tasks", json=new)).json()
        series, occurrence = made["recurring_id"], made["task"]["id"]
        await ann.rest("PATCH", f"/tasks/{occurrence}", json={"list": occurrence_in})
        before = await house.world.query("SELECT id, version, status, deleted_at FROM task ORDER BY id")
        calls: tuple[tuple[str, str, Any], ...] = (
            ("POST", f"/tasks/{occurrence}/complete", None),
            ("DELETE", f"/tasks/{occurrence}", None),
            ("PATCH", f"/recurring-tasks/{series}", {"rule": "FREQ=DAILY;INTERVAL=2"}),
            ("PATCH", f"/recurring-tasks/{series}", {"paused": True}),
            ("DELETE", f"/tasks/{series}", None),
        )
        for method, path, body in calls:
            refused = await bound.rest(method, path, json=body)
            is_found = (series in path) is (series_in == "Work")
            assert refused.status_code == (403 if is_found else 404), (path, refused.text)
        assert await house.world.query("SELECT id, version, status, deleted_at FROM task ORDER BY id") == before
        reads = [await bound.rest("GET", f"/tasks/{each}?include=occurrences") for each in (series, occurrence)]
        assert sorted(each.status_code for each in reads) in ([200, 404], [403, 404])
        assert (await ann.rest("POST", f"/tasks/{occurrence}/complete")).json()["next_occurrence"]


async def test_numbers_history_and_undo_tell_of_the_inside_alone(house: House) -> None:
    ann = await house.join("Ann")
    for name in ("Work", "Home"):
        await ann.rest("POST", "/lists", json={"name": name})
    inside = await ann.make("Inside", list="Work", due="2026-11-22")
    came = await ann.make("Old title", list="Home", notes="Secret")
    await ann.make("Outside", list="Home", due="2026-11-22")
    wanted = {"filter": {"status": "open"}, "change": {"priority": "high"}, "apply": True}
    both = (await ann.rest("POST", "/plans", json=wanted)).json()["change_id"]
    bound = await give_bound(house, ann, "Work")
    await ann.rest("PATCH", f"/tasks/{came['id']}", json={"title": "New title", "notes": "Open", "list": "Work"})
    await ann.rest("POST", f"/tasks/{inside['id']}/complete")
    await house.world.settle()
    numbers = (await bound.rest("GET", "/statistics")).json()
    today = numbers["days"][-1]
    assert (today["created"], today["completed"], numbers["open"], numbers["overdue"]) == (2, 1, 1, 0)
    whole = (await ann.rest("GET", "/statistics")).json()
    assert (whole["days"][-1]["created"], whole["open"], whole["overdue"]) == (3, 2, 1)
    for path in (f"/tasks/{came['id']}/history", "/changes", "/activity", f"/tasks/{came['id']}", "/notifications"):
        shown = await bound.rest("GET", path)
        assert shown.status_code == 200
        for hidden in ("Old title", "Secret", "Home", "Outside"):
            assert hidden not in shown.text, path
    assert "Home" in (await ann.rest("GET", f"/tasks/{came['id']}/history")).text
    changes = (await bound.rest("GET", "/changes")).json()["changes"]
    assert [each["kind"] for each in changes] == ["complete_task", "update_task", "apply_plan", "create_task"]
    assert [len(each["tasks"]) for each in changes] == [1, 1, 1, 1]
    moved = (await ann.rest("GET", f"/tasks/{came['id']}/history")).json()["history"][0]["change_id"]
    unknown = await bound.rest("POST", "/undo", json={"change_ids": [NOWHERE]})
    for change_id in (both, moved):
        refused = await bound.rest("POST", "/undo", json={"change_ids": [change_id]})
        assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
    stale = await bound.rest("PATCH", f"/tasks/{came['id']}", json={"title": "x"}, headers={"if-match": '"1"'})
    assert stale.json()["code"] == "version_conflict"
    assert "laptop" in stale.text or "another app" in stale.text
    assert "Old title" not in stale.text
    assert "Home" not in stale.text
    own = await bound.make("Own")
    await ann.rest("PATCH", f"/tasks/{own['id']}", json={"list": "Home"})
    assert (await bound.rest("POST", "/undo")).status_code == 422, "its own change is outside now"
    assert (await bound.rest("GET", f"/tasks/{own['id']}")).status_code == 404
    two = [{"tool": "create_task", "arguments": {"title": title}} for title in ("Left", "Right")]
    tasks = (await bound.rest("POST", "/plans", json={"changes": two, "apply": True})).json()["tasks"]
    await ann.rest("PATCH", f"/tasks/{tasks[1]['id']}", json={"list": "Home"})
    assert (await bound.rest("POST", "/undo")).status_code == 422, "half of its own change is outside now"
    assert "Left" in await bound.titles()
