"""What the OpenAPI description says is so: the door's refusals, bodies, methods; found by judges from outside."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.access.house import open_house
from tests.world import World

PROMISES = ("rest-judged",)

pytestmark = pytest.mark.anyio

OPEN = {"/api/session", "/api/session/link", "/healthz", "/readyz"}


async def test_with_several_people_each_operation_names_its_door(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ann = await house.join("Ann")
        bearer = {"authorization": f"Bearer {ann.token}"}
        described = (await house.world.http.get("/openapi.json", headers=bearer)).json()
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert described["security"] == [{"token": []}]
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert {"401", "403", "429"} <= operation["responses"].keys(), path
            assert operation.get("security") == ([] if path in OPEN else None), path


async def test_a_link_leads_from_an_answer_to_what_takes_its_id(world: World) -> None:
    paths = (await world.http.get("/openapi.json")).json()["paths"]
    at = {each["operationId"]: (method, path) for path, item in paths.items() for method, each in item.items()}
    task = (await world.rest.post("/tasks", json={"title": "A", "due": "2026-12-01T10:00"})).json()
    reminders = f"/tasks/{task['task']['id']}/reminders"
    for name, answer in (
        ("create_task", task),
        ("find_tasks", (await world.rest.get("/tasks")).json()),
        (
            "set_reminder",
            (await world.rest.post(reminders, json={"before": "1h"})).json(),
        ),
        ("chat", (await world.rest.post("/chat", json={"message": "what is due today"})).json()),
        ("list_conversations", (await world.rest.get("/conversations")).json()),
    ):
        method, path = at[name]
        [found] = [each for status, each in paths[path][method]["responses"].items() if status.startswith("2")]
        for link in found["links"].values():
            method, path = at[link["operationId"]]
            [(parameter, source)] = link["parameters"].items()
            value = read_pointer(answer, source.removeprefix("$response.body#"))
            if method == "get":
                reached = await world.http.get(path.replace(f"{{{parameter}}}", value))
                assert reached.status_code == 200, (name, path)


def read_pointer(value: Any, pointer: str) -> str:
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    assert isinstance(value, str)
    return value


async def test_alone_there_is_no_door_to_name(world: World) -> None:
    described = (await world.http.get("/openapi.json")).json()
    assert "security" not in described
    assert "securitySchemes" not in described.get("components", {})
    assert not [path for path in described["paths"] if path.startswith(("/bindings", "/events", "/dapr", "/login"))]
    for path, method in (("/api/chat", "post"), ("/api/people", "post"), ("/v1/chat/completions", "post")):
        assert described["paths"][path][method]["requestBody"]["required"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/recurring-tasks/preview", "POST"),
        ("/recurring-tasks/abc", "PATCH"),
        ("/tasks", "GET, HEAD, POST"),
        ("/tasks/abc", "DELETE, GET, HEAD, PATCH"),
    ],
)
async def test_a_405_names_the_methods_of_this_very_path(world: World, path: str, methods: str) -> None:
    refused = await world.rest.request("PUT", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("header", ['"1"', '"1", "2"', '"<"', '"x", "y"'])
async def test_what_has_no_version_refuses_every_if_match_alike(world: World, header: str) -> None:
    refused = await world.rest.post("/plans/abc/apply", headers={"if-match": header})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert "expected_version" in refused.json()["detail"]


@pytest.mark.parametrize("body", [{"scopes": {}}, {"scopes": False}, {"scopes": 0}, {"name": False}, {"name": []}])
async def test_a_token_whose_wish_is_unclear_is_not_made(tmp_path: Path, body: dict[str, object]) -> None:
    async with open_house(tmp_path) as house:
        ann = await house.join("Ann", scopes="tasks:delete confirm")
        refused = await ann.rest("POST", "/tokens", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
        assert len((await ann.rest("GET", "/tokens")).json()["tokens"]) == 1
