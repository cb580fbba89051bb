"""People, invitations, sessions and removal, over REST and by command."""

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, select

from app.access.ownership import NOBODYS, OWNER, PARENTS, PERSON
from app.access.people import PersonExists, adopt_local
from app.access.removal import remove_person
from app.identity import ensure_local_user
from app.migrations.schema import TABLES
from tests.integration.access.house import House
from tests.world import URL

PROMISES = ("people",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def test_an_invitation_opens_one_session(house: House) -> None:
    ann = await house.join("Ann")
    secret = await house.invite(ann)
    assert (await house.world.rest.get("/tasks", headers={"authorization": f"Bearer {secret}"})).status_code == 401
    async with house.browser() as browser, house.browser() as late:
        came = await browser.post("/api/session", json={"token": secret})
        assert came.status_code == 201
        assert came.json() | {"scopes": []} == {"auth": "token", "signed_in": True, "name": "Ann", "scopes": []}
        cookie = came.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert (await browser.get("/api/me")).json()["user_id"] == ann.user_id
        assert (await late.post("/api/session", json={"token": secret})).status_code == 401


async def test_an_invitation_ends_after_three_days(house: House) -> None:
    ann = await house.join("Ann")
    secret = await house.invite(ann)
    house.world.clock.move(hours=72)
    async with house.browser() as browser:
        assert (await browser.post("/api/session", json={"token": secret})).status_code == 401


async def test_a_session_is_new_at_each_sign_in_and_ends_when_idle(house: House) -> None:
    ann = await house.join("Ann")
    async with house.browser() as browser:
        await browser.post("/api/session", json={"token": await house.invite(ann)})
        first = dict(browser.cookies)
        await browser.post("/api/session", json={"token": await house.invite(ann)})
        assert dict(browser.cookies) != first
        async with house.browser() as old:
            old.cookies.update(first)
            assert (await old.get("/api/me")).status_code == 401
        for _ in range(6):
            house.world.clock.move(days=13)
            assert (await browser.get("/api/me")).status_code == 200
        house.world.clock.move(days=13)
        assert (await browser.get("/api/me")).status_code == 401, "90 days in all"
        await browser.post("/api/session", json={"token": await house.invite(ann)})
        house.world.clock.move(days=14)
        assert (await browser.get("/api/me")).status_code == 401, "14 days idle"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": URL},
        {"x-todo-page": "1"},
        {"origin": "http://evil.example", "x-todo-page": "1"},
        {"origin": "http://127.0.0.1:8001", "x-todo-page": "1"},
        {"origin": "null", "x-todo-page": "1"},
    ],
)
async def test_a_session_writes_for_the_page_alone(house: House, headers: dict[str, str]) -> None:
    ann = await house.join("Ann")
    async with house.browser() as page:
        await page.post("/api/session", json={"token": await house.invite(ann)})
        assert (await page.post("/api/tasks", json={"title": "Water the plants"})).status_code == 201
        async with house.browser(headers) as forged:
            forged.cookies.update(page.cookies)
            for method, path in (("POST", "/api/undo"), ("DELETE", "/api/session"), ("POST", "/mcp")):
                response = await forged.request(method, path, json={} if path == "/mcp" else None)
                assert response.status_code == 403, path
        assert await ann.titles() == {"Water the plants"}
        assert (await page.post("/api/undo")).status_code == 200
        assert await ann.titles() == set()


async def test_a_session_opened_by_a_token_has_its_rights_and_ends_with_it(house: House) -> None:
    ann = await house.join("Ann", scopes="tasks:read")
    async with house.browser() as browser:
        assert (await browser.post("/api/session", json={"token": ann.token})).status_code == 201
        assert (await browser.post("/api/tasks", json={"title": "x"})).status_code == 403
        assert (await browser.get("/api/tokens")).status_code == 403
        owner = await house.give_token(ann.user_id, scopes="tasks:write confirm")
        headers = {"authorization": f"Bearer {owner.secret}"}
        assert (await house.world.rest.delete(f"/tokens/{ann.token_id}", headers=headers)).status_code == 204
        assert (await browser.get("/api/me")).status_code == 401


async def test_a_sessions_secret_is_no_bearer_and_a_cookie_wants_no_header_beside_it(house: House) -> None:
    ann = await house.join("Ann")
    async with house.browser() as browser:
        await browser.post("/api/session", json={"token": await house.invite(ann)})
        [secret] = dict(browser.cookies).values()
        refused = await house.world.rest.get("/me", headers={"authorization": f"Bearer {secret}"})
        assert refused.status_code == 401
        assert (await browser.get("/api/me", headers={"authorization": "Bearer wrong"})).status_code == 401


async def test_signing_out_ends_one_session_or_all(house: House) -> None:
    ann = await house.join("Ann")
    async with house.browser() as one, house.browser() as two, house.browser() as three:
        for browser in (one, two, three):
            await browser.post("/api/session", json={"token": await house.invite(ann)})
        assert (await one.delete("/api/session")).status_code == 204
        assert [(await each.get("/api/me")).status_code for each in (one, two, three)] == [401, 200, 200]
        assert (await two.delete("/api/session?everywhere=true")).status_code == 204
        assert [(await each.get("/api/me")).status_code for each in (one, two, three)] == [401, 401, 401]
        assert (await ann.rest("GET", "/me")).status_code == 200, "tokens of programs stay"


async def test_an_admin_adds_invites_disables_and_removes(house: House) -> None:
    admin = await house.join("Ann", admin=True, scopes="tasks:write confirm admin")
    added = (await admin.rest("POST", "/people", json={"name": "Bén  Q"})).json()
    assert added["invitation"].startswith(f"{URL}/#invitation=eti_")
    async with house.browser() as ben:
        await ben.post("/api/session", json={"token": added["invitation"].partition("=")[2]})
        assert (await ben.post("/api/tasks", json={"title": "Ben's plan"})).status_code == 201
        assert (await ben.get("/api/people")).status_code == 403
        listed = (await admin.rest("GET", "/people")).json()["people"]
        assert [(each["name"], each["open"]) for each in listed] == [("Ann", 0), ("Bén Q", 1)]
        assert (await admin.rest("PATCH", "/people/ben q", json={"disabled": True})).status_code == 200
        assert (await ben.get("/api/me")).status_code == 401
        assert (await admin.rest("PATCH", "/people/BEN Q", json={"disabled": False})).status_code == 200
        assert (await ben.get("/api/me")).status_code == 200
        removed = (await admin.rest("DELETE", "/people/Bén Q")).json()
        assert removed["tasks"] == 1
        assert (await ben.get("/api/me")).status_code == 401
    assert (await admin.rest("DELETE", "/people/Ann")).json()["code"] == "own_account"
    assert (await admin.rest("DELETE", "/people/nobody")).json()["code"] == "person_not_found"


@pytest.mark.parametrize("name", ["", " ", "...", "a" * 65, "a\nb" + "c" * 64, "\u200b", "x\x00"])
async def test_a_name_that_is_none_is_refused(house: House, name: str) -> None:
    admin = await house.join("Ann", scopes="admin tasks:read")
    assert (await admin.rest("POST", "/people", json={"name": name})).status_code == 422
    assert len((await admin.rest("GET", "/people")).json()["people"]) == 1


async def test_two_people_cannot_have_one_name(house: House) -> None:
    admin = await house.join("Ann", scopes="admin tasks:read")
    for name in ("ann", "ÁNN", " Ann "):
        assert (await admin.rest("POST", "/people", json={"name": name})).json()["code"] == "person_exists"


async def test_a_removed_person_leaves_no_row(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    for person in (ann, ben):
        task = await person.make("Water the plants", due="2026-11-24", reminders=["0m"], tags=["home"])
        await person.rest("PATCH", f"/tasks/{task['id']}", json={"notes": "with care"})
        await person.rest("POST", "/recurring-tasks", json={"title": "Dishes", "rule": "FREQ=DAILY"})
        await person.rest("POST", "/plans", json={"filter": {"text": "water"}, "change": {"priority": "high"}})
        await person.rest("POST", "/chat", json={"message": "delete water the plants"})
        await person.rest("POST", f"/tasks/{task['id']}/complete")
        async with house.browser() as browser:
            await browser.post("/api/session", json={"token": await house.invite(person)})
    await house.world.tick(hours=1)
    await house.world.index()
    names = [table.name for table in TABLES if table.name not in NOBODYS]
    before = {name: (await house.world.query(f"SELECT count(*) FROM {name}"))[0][0] for name in names}  # noqa: S608
    removed = await house.world.service.database.write(lambda connection: remove_person(connection, "Ann", TABLES))
    assert removed > 0
    for name in names:
        left = (await house.world.query(f"SELECT count(*) FROM {name}"))[0][0]  # noqa: S608  # our own tables
        assert left == before[name] / 2, name
    assert not [row for name in names for row in await house.world.query(f"SELECT * FROM {name}") if ann.user_id in row]  # noqa: S608
    assert await ben.titles() != set()


def test_every_table_has_its_place_in_a_removal() -> None:
    others = {table.name for table in TABLES if OWNER not in table.c}
    assert others == {*PARENTS, *NOBODYS, PERSON}, "a table without user_id belongs to a row that has it, or to nobody"


async def test_a_table_that_is_new_is_emptied_too(house: House) -> None:
    """Rows that name their person go without a mention anywhere, and so do those that belong to them."""
    ann, ben, new = await house.join("Ann"), await house.join("Ben"), MetaData()
    medal = Table("medal", new, Column("id", String, primary_key=True), Column(OWNER, String))

    def award(connection: Connection) -> list[str]:
        new.create_all(connection)
        rows = [{"id": "a", OWNER: ann.user_id}, {"id": "b", OWNER: ben.user_id}]
        connection.execute(medal.insert(), rows)
        remove_person(connection, "Ann", [*TABLES, medal])
        return list(connection.execute(select(medal.c.id)).scalars())

    assert await house.world.service.database.write(award) == ["b"]


async def test_the_local_persons_tasks_are_adopted(house: House) -> None:
    world = house.world
    await world.service.database.write(lambda connection: ensure_local_user(connection, "UTC", "2026-11-23T00:00:00Z"))
    await world.query("SELECT 1")
    ann = await house.join("Ann")
    user_id = await world.service.database.write(lambda connection: adopt_local(connection, "ann"))
    assert user_id == "local"
    assert world.service.door is not None
    world.service.door.forget()
    assert (await ann.rest("GET", "/me")).json()["user_id"] == "local", "credentials came along"
    ben = await house.join("Ben")
    await ben.make("Ben's plan")
    with pytest.raises(Exception, match="no local person"):
        await world.service.database.write(lambda connection: adopt_local(connection, "Ben"))


async def test_two_peoples_tasks_are_not_mixed(house: House) -> None:
    world = house.world
    await world.service.database.write(lambda connection: ensure_local_user(connection, "UTC", "2026-11-23T00:00:00Z"))
    ben = await house.join("Ben")
    await ben.make("Ben's plan")
    with pytest.raises(PersonExists):
        await world.service.database.write(lambda connection: adopt_local(connection, "Ben"))
    assert await ben.titles() == {"Ben's plan"}
