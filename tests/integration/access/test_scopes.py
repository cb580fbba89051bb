"""Scopes: a credential allows what it names and what that implies, on every surface, and not more."""

import pytest
from pydantic_core import to_json

from tests.integration.access.house import House, Person

PROMISES = ("scopes",)

pytestmark = pytest.mark.anyio

WRITES = (
    ("POST", "/tasks", {"title": "x"}),
    ("PATCH", "/tasks/{id}", {"title": "y"}),
    ("POST", "/tasks/{id}/complete", None),
    ("POST", "/tasks/{id}/reminders", {"at": "2026-12-01T10:00"}),
    ("POST", "/recurring-tasks", {"title": "x", "rule": "FREQ=DAILY"}),
    ("POST", "/undo", None),
    ("POST", "/plans", {"changes": [{"tool": "create_task", "arguments": {"title": "x"}}]}),
    ("PATCH", "/me", {"zone": "UTC"}),
    ("POST", "/dead-letters/replay", None),
)
DELETES = (
    ("DELETE", "/tasks/{id}", None),
    ("DELETE", "/tasks/{id}/permanently", None),
    ("POST", "/plans", {"changes": [{"tool": "delete_task", "arguments": {"task_id": "{id}"}}]}),
    ("POST", "/plans", {"filter": {"text": "plants"}, "change": {"delete": True}}),
)
OWNERS: tuple[tuple[str, str, object], ...] = (
    ("GET", "/tokens", None),
    ("POST", "/tokens", {}),
    ("DELETE", "/tokens/{id}", None),
    ("POST", "/confirmations/{id}", {"decision": "accept"}),
)
ADMINS = (
    ("GET", "/people", None),
    ("POST", "/people", {"name": "Eve"}),
    ("POST", "/people/Ann/invitations", None),
    ("PATCH", "/people/Ann", {"disabled": True}),
    ("DELETE", "/people/Ann", None),
)


async def try_call(
    person: Person, method: str, path: str, body: object, task_id: str, **headers: str
) -> tuple[int, str, str]:
    """Return the status, the code and the challenge of a call about a task."""
    content = None if body is None else to_json(body).decode().replace("{id}", task_id)
    if content is not None:
        headers["content-type"] = "application/json"
    response = await person.rest(method, path.replace("{id}", task_id), content=content, headers=headers)
    code = response.json().get("code", "") if response.content else ""
    return response.status_code, code, response.headers.get("www-authenticate", "")


@pytest.mark.parametrize(("method", "path", "body"), [*WRITES, *DELETES, *OWNERS, *ADMINS])
async def test_a_reading_token_changes_nothing(house: House, method: str, path: str, body: object) -> None:
    ann = await house.join("Ann")
    task = await ann.make("Water the plants")
    ann.token = (await house.give_token(ann.user_id, scopes="tasks:read")).secret
    before = await house.world.query("SELECT * FROM change")
    status, code, challenge = await try_call(ann, method, path, body, task["id"])
    assert (status, code) == (403, "forbidden")
    assert 'error="insufficient_scope"' in challenge
    assert await house.world.query("SELECT * FROM change") == before
    assert await ann.titles() == {"Water the plants"}


@pytest.mark.parametrize(("method", "path", "body"), [*WRITES, *DELETES])
async def test_the_read_only_header_narrows_any_call(house: House, method: str, path: str, body: object) -> None:
    ann = await house.join("Ann")
    task = await ann.make("Water the plants")
    status, code, _ = await try_call(ann, method, path, body, task["id"], **{"x-todo-read-only": "true"})
    assert (status, code) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path", "body"), DELETES)
async def test_a_writing_token_deletes_nothing(house: House, method: str, path: str, body: object) -> None:
    ann = await house.join("Ann")
    task = await ann.make("Water the plants")
    ann.token = (await house.give_token(ann.user_id, scopes="tasks:write")).secret
    status, code, challenge = await try_call(ann, method, path, body, task["id"])
    assert (status, code) == (403, "forbidden")
    assert 'scope="tasks:delete"' in challenge
    assert (await ann.rest("POST", f"/tasks/{task['id']}/complete")).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), [*OWNERS, *ADMINS])
async def test_an_agents_token_decides_nothing(house: House, method: str, path: str, body: object) -> None:
    ann = await house.join("Ann", scopes="tasks:delete")
    task = await ann.make("Water the plants")
    status, code, _ = await try_call(ann, method, path, body, task["id"])
    assert (status, code) == (403, "forbidden")


async def test_undo_does_not_delete_for_a_token_that_may_not(house: House) -> None:
    ann = await house.join("Ann")
    made = (await ann.rest("POST", "/tasks", json={"title": "Water the plants"})).json()
    ann.token = (await house.give_token(ann.user_id, scopes="tasks:write", name="agent")).secret
    refused = await ann.rest("POST", "/undo", json={"change_ids": [made["change_id"]]})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    own = await ann.make("Mine")
    assert (await ann.rest("POST", "/undo")).json()["task"]["id"] == own["id"]
    assert await ann.titles() == {"Water the plants"}


async def test_no_token_gives_out_more_than_it_has(house: House) -> None:
    ann = await house.join("Ann", scopes="tasks:write confirm")
    for scopes in (["tasks:delete"], ["admin"], []):
        assert (await ann.rest("POST", "/tokens", json={"scopes": scopes})).status_code == 403
    made = (await ann.rest("POST", "/tokens", json={"name": "editor", "scopes": ["tasks:write"]})).json()
    assert made["scopes"] == ["tasks:read", "tasks:write"]
    listed = (await ann.rest("GET", "/tokens")).json()["tokens"]
    assert {each["name"] for each in listed} == {"editor", "laptop"}
    assert made["token"] not in str(listed)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_that_a_token_may_not_use_are_not_listed_and_are_refused(house: House, mode: str) -> None:
    ann = await house.join("Ann", scopes="tasks:write")
    task = await ann.make("Water the plants")
    client = await ann.connect(mode)
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert "create_task" in names
    assert "delete_task" not in names
    ann.token = (await house.give_token(ann.user_id, scopes="tasks:read")).secret
    reader = await ann.connect(mode)
    assert [tool.name for tool in (await reader.list_tools()).tools] == [
        "find_tasks",
        "get_task",
        "preview_occurrences",
    ]
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "delete_task", "arguments": {"task_id": task["id"]}},
    }
    headers = {"authorization": f"Bearer {ann.token}", "mcp-protocol-version": "2025-11-25"}
    response = await house.world.http.post("/mcp", json=body, headers=headers)
    assert response.status_code == 403
    assert 'error="insufficient_scope", scope="tasks:delete"' in response.headers["www-authenticate"]
    assert response.json()["result"]["structuredContent"]["code"] == "forbidden"
    assert await ann.titles() == {"Water the plants"}


async def test_the_conversation_has_the_callers_rights_and_no_more(house: House) -> None:
    ann = await house.join("Ann")
    await ann.make("Water the plants")
    ann.token = (await house.give_token(ann.user_id, scopes="tasks:read")).secret
    said = (await ann.rest("POST", "/chat", json={"message": "delete water the plants"})).json()
    assert all(not call["ok"] for call in said["calls"] if call["name"] == "delete_task")
    assert await ann.titles() == {"Water the plants"}


async def test_who_changed_it_names_the_token(house: House) -> None:
    ann = await house.join("Ann")
    task = await ann.make("Water the plants")
    (event,) = await house.world.events()
    actor = {"kind": "person", "surface": "rest", "token": "laptop"}
    assert event["data"]["data"]["actor"] == actor
    history = (await ann.rest("GET", f"/tasks/{task['id']}/history")).json()
    assert "laptop" in str(history)
    assert ann.token not in str(history)
