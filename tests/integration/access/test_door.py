"""Every surface asks who calls: what is shown at the door, and what is refused there."""

import pytest

from tests.integration.access.house import PAGE, House

PROMISES = ("door",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

CLOSED = (
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("POST", "/api/undo"),
    ("GET", "/api/changes"),
    ("GET", "/api/me"),
    ("GET", "/api/activity"),
    ("GET", "/api/notifications"),
    ("GET", "/api/notifications/stream"),
    ("GET", "/api/statistics"),
    ("GET", "/api/confirmations"),
    ("GET", "/api/conversations"),
    ("POST", "/api/chat"),
    ("GET", "/api/tokens"),
    ("POST", "/api/tokens"),
    ("GET", "/api/people"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/mcp"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/route"),
)


@pytest.mark.parametrize(("method", "path"), CLOSED, ids=lambda part: part)
async def test_without_a_token_everything_is_closed(house: House, method: str, path: str) -> None:
    response = await house.world.http.request(method, path, json={} if method == "POST" else None)
    assert response.status_code == 401
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer resource_metadata="http://127.0.0.1:8000/.well-known/oauth-protected-resource')
    assert 'scope="tasks:read tasks:write"' in challenge
    assert "error=" not in challenge, "RFC 6750, section 3.1: no code where no token came"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert (body["error"]["code"] if path.startswith("/v1") else body["code"]) == "unauthenticated"


async def test_a_token_opens_rest_chat_openai_and_mcp(house: House) -> None:
    ann = await house.join("Ann")
    task = await ann.make("Water the plants")
    assert await ann.titles() == {"Water the plants"}
    said = await ann.rest("POST", "/chat", json={"message": "list"})
    assert "Water the plants" in said.json()["text"]
    headers = {"authorization": f"Bearer {ann.token}"}
    assert (await house.world.http.get("/v1/models", headers=headers)).status_code == 200
    for mode in ("auto", "legacy"):
        client = await ann.connect(mode)
        found = await house.world.call(client, "find_tasks")
        assert [each["id"] for each in found["tasks"]] == [task["id"]]


async def test_two_people_see_and_change_only_their_own(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    task = await ann.make("Ann's secret")
    await ben.make("Ben's plan")
    assert await ann.titles() == {"Ann's secret"}
    assert await ben.titles() == {"Ben's plan"}
    assert (await ben.rest("GET", f"/tasks/{task['id']}")).status_code == 404
    assert (await ben.rest("PATCH", f"/tasks/{task['id']}", json={"title": "Mine"})).status_code == 404
    undone = await ben.rest("POST", "/undo")
    assert undone.json()["task"]["title"] == "Ben's plan"
    assert await ann.titles() == {"Ann's secret"}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer none",
        "Bearer etp_" + "A" * 49,
        "Basic etp",
        "bearer  x",
        "Bearer " + "a" * 20_000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.",
    ],
)
async def test_what_is_no_token_is_refused(house: House, header: str) -> None:
    await house.join("Ann")
    response = await house.world.rest.get("/tasks", headers={"authorization": header})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert header[-20:] not in response.text


async def test_a_token_counts_in_one_header_alone(house: House) -> None:
    ann = await house.join("Ann")
    get = house.world.http.get
    bearer = f"Bearer {ann.token}"
    assert (await get("/api/tasks", headers=[("authorization", bearer), ("authorization", bearer)])).status_code == 401
    assert (await get(f"/api/tasks?access_token={ann.token}")).status_code == 401
    for name in ("todo_session", "__Host-todo"):
        assert (await get("/api/tasks", headers={"cookie": f"{name}={ann.token}"})).status_code == 401
    body = {"title": "x", "access_token": ann.token}
    assert (await house.world.http.post("/api/tasks", json=body)).status_code == 401
    assert (await get("/api/tasks", headers={"authorization": bearer.replace("Bearer", "bearer")})).status_code == 200


async def test_one_character_off_is_refused(house: House) -> None:
    ann = await house.join("Ann")
    for at in range(0, len(ann.token), 7):
        other = "B" if ann.token[at] != "B" else "C"
        wrong = ann.token[:at] + other + ann.token[at + 1 :]
        response = await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {wrong}"})
        assert response.status_code == 401, at


async def test_an_expired_token_is_refused_from_that_instant(house: House) -> None:
    ann = await house.join("Ann", expires="90d")
    house.world.clock.move(days=89, hours=23, minutes=59)
    assert (await ann.rest("GET", "/tasks")).status_code == 200
    house.world.clock.move(minutes=1)
    assert (await ann.rest("GET", "/tasks")).status_code == 401


async def test_a_revoked_token_is_refused_at_once_here_and_within_a_second_elsewhere(house: House) -> None:
    ann = await house.join("Ann", scopes="tasks:write confirm")
    other = await house.give_token(ann.user_id)
    elsewhere = house.world.service.door
    assert elsewhere is not None
    assert (await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {other.secret}"})).is_success
    await house.world.query("SELECT 1")
    await house.world.service.database.write(
        lambda connection: connection.exec_driver_sql(
            f"UPDATE credential SET revoked_at = 'x' WHERE id = '{other.id}'"  # noqa: S608  # our own id
        )
    )
    house.world.clock.move(seconds=0.9)
    refused = await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {other.secret}"})
    assert refused.status_code == 401
    third = await house.give_token(ann.user_id)
    assert (await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {third.secret}"})).is_success
    assert (await ann.rest("DELETE", f"/tokens/{third.id}")).status_code == 204
    refused = await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {third.secret}"})
    assert refused.status_code == 401


async def test_the_open_paths_need_no_token_and_show_nothing_of_anybody(house: House) -> None:
    ann = await house.join("Ann")
    await ann.make("Ann's secret")
    for path in ("/", "/page/mark.svg", "/healthz", "/readyz", "/api/session"):
        response = await house.world.http.get(path)
        assert response.status_code == 200, path
        assert "secret" not in response.text
        assert "Ann" not in response.text


async def test_a_browser_is_led_to_the_page_and_back(house: House) -> None:
    for path in ("/docs", "/confirm/01930000-0000-7000-8000-000000000001"):
        response = await house.world.http.get(path, headers=PAGE)
        assert response.status_code == 303
        assert response.headers["location"] == f"/?next={path}"
