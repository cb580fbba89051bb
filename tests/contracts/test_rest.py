"""REST: statuses, headers, problems, the described routes, and which callers are let in."""

import re
from typing import Any

import pytest

from tests.contracts.surfaces import JSON, read_rest
from tests.world import World

pytestmark = pytest.mark.anyio

WRITES = {
    ("post", "/api/tasks"),
    ("patch", "/api/tasks/{id}"),
    ("delete", "/api/tasks/{id}"),
    ("post", "/api/tasks/{id}/complete"),
    ("post", "/api/tasks/{id}/reopen"),
    ("post", "/api/tasks/{id}/reminders"),
    ("post", "/api/reminders/{id}/snooze"),
    ("delete", "/api/reminders/{id}"),
    ("post", "/api/recurring-tasks"),
    ("patch", "/api/recurring-tasks/{id}"),
    ("post", "/api/undo"),
    ("post", "/api/plans"),
    ("post", "/api/plans/{id}/apply"),
}
WRITES_OF_LISTS = {("post", "/api/lists"), ("patch", "/api/lists/{id}"), ("delete", "/api/lists/{id}")}
"""A list has no version."""
READS = {
    ("get", path)
    for path in (
        *("/api/tasks", "/api/tasks/{id}", "/api/notifications", "/api/notifications/stream", "/api/activity"),
        *("/api/statistics", "/api/me", "/api/dead-letters", "/healthz", "/readyz"),
    )
}
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOT_OURS = "http://evil.example"


async def create(world: World, **arguments: Any) -> Any:
    return await world.rest.post("/tasks", json={"title": "Milk", **arguments})


async def test_a_create_is_201_with_location_and_etag_and_the_location_is_the_task_itself(world: World) -> None:
    made = await create(world, due="2026-11-27T17:00", reminders=["30m"])
    task = made.json()["task"]
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/tasks/{task['id']}"
    assert made.headers["etag"] == '"1"'
    assert UUID7.fullmatch(task["id"])
    assert UUID7.fullmatch(made.json()["change_id"])
    got = await world.http.get(made.headers["location"])
    assert got.status_code == 200
    assert got.json() == task
    assert got.headers["etag"] == '"1"'
    assert got.headers["content-type"] == "application/json"


async def test_the_etag_rises_with_each_change_and_is_what_if_match_takes(world: World) -> None:
    task = (await create(world)).json()["task"]
    path = f"/tasks/{task['id']}"
    seen = (await world.rest.get(path)).headers["etag"]
    changed = await world.rest.patch(path, json={"title": "Tea"}, headers={"If-Match": seen})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await world.rest.delete(path, headers={"If-Match": seen})
    assert stale.status_code == 412
    assert (await world.rest.delete(path, headers={"If-Match": '"2"'})).status_code == 200
    assert (await world.rest.get(path)).status_code == 404


async def test_a_reminder_made_is_201_and_the_same_one_again_is_200_without_an_event(world: World) -> None:
    task = (await create(world, due="2026-11-27")).json()["task"]
    path = f"/tasks/{task['id']}/reminders"
    first, again = [await world.rest.post(path, json={"before": "1h"}) for _ in range(2)]
    assert (first.status_code, first.headers["location"]) == (201, f"/api/tasks/{task['id']}")
    assert (again.status_code, again.json()["events"]) == (200, [])
    assert "location" not in again.headers
    assert again.json()["task"] == first.json()["task"]


async def test_writes_without_a_body_need_no_content_type(world: World) -> None:
    task = (await create(world)).json()["task"]
    for step in ("complete", "reopen"):
        assert (await world.rest.post(f"/tasks/{task['id']}/{step}")).status_code == 200
    assert (await world.rest.delete(f"/tasks/{task['id']}")).status_code == 200


async def test_lists_in_a_query_are_repeated_parameters(world: World) -> None:
    await create(world, tags=["home", "money"])
    await create(world, tags=["home"])
    both = (await world.rest.get("/tasks?tags=home&tags=money")).json()
    assert (both["total"], len(both["tasks"])) == (1, 1)
    assert (await world.rest.get("/tasks?tags=home")).json()["total"] == 2


async def test_a_page_leads_to_the_next_until_all_are_seen_once(world: World) -> None:
    for number in range(5):
        await create(world, title=f"Task {number}")
    seen, query = [], {"limit": "2", "sort": "title"}
    while True:
        page = (await world.rest.get("/tasks", params=query)).json()
        seen += [task["title"] for task in page["tasks"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [f"Task {number}" for number in range(5)]


@pytest.mark.parametrize(
    "path", ["/api/tasks/nothing", "/api/notifications/nothing/read", "/api/dead-letters/7/replay"]
)
async def test_what_is_not_there_is_404_as_a_problem(shared: World, path: str) -> None:
    response = await shared.http.request("GET" if "tasks" in path else "POST", path)
    reply = read_rest(response)
    assert reply.status == 404
    assert reply.answer["type"] == f"urn:evolution-todo:problem:{reply.code}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/tasks"), ("DELETE", "/api/tasks"), ("POST", "/api/tasks/nothing"), ("GET", "/api/none"),
        ("PATCH", "/api/notifications"), ("POST", "/healthz"), ("GET", "/none"),
    ],
)  # fmt: skip
async def test_an_unknown_route_or_method_is_a_problem(shared: World, method: str, path: str) -> None:
    reply = read_rest(await shared.http.request(method, path))
    assert (reply.status, reply.code) in ((404, "not_found"), (405, "method_not_allowed"))


async def test_a_head_request_is_405_and_names_the_methods(world: World) -> None:
    response = await world.http.head("/api/undo")
    assert (response.status_code, response.content) == (405, b"")
    assert response.headers["content-type"] == "application/problem+json"
    assert "allow" in response.headers


async def test_health_and_readiness_are_told_apart(world: World) -> None:
    assert (await world.http.get("/healthz")).json() == {"status": "ok"}
    ready = await world.http.get("/readyz")
    assert ready.status_code == 200
    # No process does the background work in these tests: the service is degraded, never unavailable.
    assert ready.json()["status"] == "degraded"
    assert ready.json()["degraded"] == ["no process does the background work yet"]


async def test_every_route_is_described_with_an_id_its_path_and_its_headers(world: World) -> None:
    document = (await world.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = {
        (method, path): operation for path, item in document["paths"].items() for method, operation in item.items()
    }
    assert operations.keys() >= WRITES | READS
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    for (method, path), operation in operations.items():
        parameters = operation.get("parameters", [])
        described = {each["name"] for each in parameters if each["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path)), path
        assert all(each["required"] for each in parameters if each["in"] == "path")
        assert len({(each["in"], each["name"]) for each in parameters}) == len(parameters)
        assert any(status.startswith("2") for status in operation["responses"])
        headers = {each["name"] for each in parameters if each["in"] == "header"}
        assert ("Idempotency-Key" in headers) == ((method, path) in WRITES | WRITES_OF_LISTS)
        assert ("If-Match" in headers) == ((method, path) in WRITES and "{id}" in path)
        assert_schemas_hold(document, operation)


def assert_schemas_hold(document: dict[str, Any], part: Any) -> None:
    if isinstance(part, dict):
        if "$ref" in part:
            target: Any = document
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name]
        for each in part.values():
            assert_schemas_hold(document, each)
    elif isinstance(part, list):
        for each in part:
            assert_schemas_hold(document, each)


async def test_bodies_are_described_as_the_tools_arguments_without_what_travels_elsewhere(world: World) -> None:
    paths = (await world.http.get("/openapi.json")).json()["paths"]
    patch = paths["/api/tasks/{id}"]["patch"]["requestBody"]["content"]
    assert set(patch) == {"application/json", "application/merge-patch+json"}
    schema = patch["application/json"]["schema"]
    assert not {"request_id", "expected_version", "task_id", "clear"} & schema["properties"].keys()
    assert schema["additionalProperties"] is False
    assert paths["/api/tasks"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"] == ["title"]


@pytest.mark.parametrize("path", ["/api/tasks", "/mcp", "/healthz", "/docs"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "127.0.0.2", ""])
async def test_a_foreign_host_is_421_everywhere(shared: World, path: str, host: str) -> None:
    reply = read_rest(await shared.http.post(path, content=b"{}", headers={**JSON, "host": host}))
    assert (reply.status, reply.code) == (421, "foreign_host")


@pytest.mark.parametrize("path", ["/api/tasks", "/mcp"])
@pytest.mark.parametrize(
    "origin",
    [NOT_OURS, "null", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "file://", "", "evil"],
)
async def test_a_foreign_origin_is_403_and_stores_nothing(shared: World, path: str, origin: str) -> None:
    reply = read_rest(await shared.http.post(path, content=b'{"title": "a"}', headers={**JSON, "origin": origin}))
    assert (reply.status, reply.code) == (403, "forbidden")
    assert (await shared.query("SELECT count(*) FROM task"))[0][0] == 0


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000"])
async def test_the_own_page_may_call(world: World, origin: str) -> None:
    headers = {"origin": origin, "host": "localhost:8000"}
    assert (await world.rest.post("/tasks", json={"title": "Milk"}, headers=headers)).status_code == 201


async def test_no_answer_invites_another_sites_page_in(world: World) -> None:
    response = await world.rest.get("/tasks", headers={"origin": "http://127.0.0.1:8000"})
    assert not [name for name in response.headers if name.startswith("access-control-")]
