"""Calendar feeds: their address, what they show of single tasks, and what they cost (contract, section 10)."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.access.house import House, open_house
from tests.integration.calendars.feeds import fetch, read_todos, read_todos_in_node, subscribe
from tests.integration.recurrence.series_calls import complete, send
from tests.world import URL, World

PROMISES = ("calendar-address",)

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def add(world: World, title: str, **more: Any) -> dict[str, Any]:
    task: dict[str, Any] = (await send(world, "POST", "/tasks", title=title, **more))["task"]
    return task


async def test_a_task_with_a_time_is_half_an_hour_with_its_alarms(world: World) -> None:
    world.clock.at = NOW
    task = await add(
        world,
        "Call; the, bank\\now",
        due="2026-12-01T09:00",
        notes="first line\nsecond – ligne très longue, pliée au milieu d’un caractère: 日本語日本語日本語",
        tags=["home", "a,b"],
        priority="high",
        reminders=["30m", "2026-12-01T06:00"],
    )
    [event] = (await fetch(world, await subscribe(world))).walk("VEVENT")
    assert event["UID"] == task["id"]
    assert event["SUMMARY"] == "Call; the, bank\\now"
    assert event["DESCRIPTION"].startswith("first line\nsecond – ligne")
    assert event["DESCRIPTION"].endswith("日本語日本語日本語")
    assert event["DTSTART"].dt == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert event["DURATION"].dt.total_seconds() == 1_800
    assert sorted(event.categories) == ["a,b", "home"]
    assert event["PRIORITY"] == 1
    rings = sorted(alarm["TRIGGER"].dt for alarm in event.walk("VALARM"))
    assert rings == [datetime(2026, 12, 1, 5, tzinfo=UTC), datetime(2026, 12, 1, 7, 30, tzinfo=UTC)]


async def test_a_task_with_a_date_lasts_all_day_and_blocks_nothing(world: World) -> None:
    world.clock.at = NOW
    await add(world, "Pay rent", due="2026-12-01")
    [event] = (await fetch(world, await subscribe(world))).walk("VEVENT")
    assert (str(event["DTSTART"].dt), str(event["DTEND"].dt)) == ("2026-12-01", "2026-12-02")
    assert event["TRANSP"] == "TRANSPARENT"


async def test_the_filters_are_fixed_when_the_feed_is_made(world: World) -> None:
    world.clock.at = NOW
    done = await add(world, "Done", due="2026-12-01", tags=["home"])
    await complete(world, done["id"])
    await add(world, "Open", due="2026-12-01", tags=["Home", "garden"])
    await add(world, "Other", due="2026-12-01")
    shown = {}
    wishes: dict[str, dict[str, Any]] = {
        "all": {},
        "home": {"tags": ["HOME"]},
        "done": {"tags": ["home"], "done": True},
    }
    for name, wanted in wishes.items():
        events = (await fetch(world, await subscribe(world, **wanted))).walk("VEVENT")
        shown[name] = sorted(str(each["SUMMARY"]) for each in events)
    assert shown == {"all": ["Open", "Other"], "home": ["Open"], "done": ["Open", "✓ Done"]}


async def test_to_dos_hold_tasks_without_a_due_too(world: World) -> None:
    world.clock.at = NOW
    await add(world, "Some day")
    late = await add(world, "Send it", due="2026-12-01T09:00", priority="low")
    await complete(world, late["id"])
    path = await subscribe(world, done=True)
    todos = {str(each["SUMMARY"]): each for each in (await fetch(world, f"{path}?as=todo")).walk("VTODO")}
    assert todos["Some day"]["STATUS"] == "NEEDS-ACTION"
    assert "DUE" not in todos["Some day"]
    assert (todos["Send it"]["STATUS"], todos["Send it"]["DUE"].dt) == (
        "COMPLETED",
        datetime(2026, 12, 1, 8, tzinfo=UTC),
    )
    assert (await world.http.get(f"{path}?as=journal")).status_code == 422


async def test_a_to_do_says_what_it_stands_below_and_when_it_begins(world: World) -> None:
    world.clock.at = NOW
    await add(world, "Move", due="2026-12-05T10:00", start="2026-12-01", subtasks=["Boxes", "Van"], tags=["home"])
    await add(world, "Taxes", due="2026-12-20", start="2026-12-10T09:00")
    await add(world, "Paint", start="2026-12-03T08:00")
    van = (await world.rest.get("/tasks", params={"text": "van"})).json()["tasks"][0]
    await add(world, "Call three of them", parent_id=van["id"], due="2026-12-02", tags=["phone"])
    path = await subscribe(world)
    feed = await fetch(world, f"{path}?as=todo")
    wanted = {
        # Of the kind of the due, in the person's zone: a day begins at its midnight, a time is on its day.
        "Move": ["2026-11-30T23:00:00Z", "2026-12-05T09:00:00Z", None],
        "Boxes": [None, None, "Move"],
        "Van": [None, None, "Move"],
        "Call three of them": [None, "2026-12-02", "Van"],
        "Taxes": ["2026-12-10", "2026-12-20", None],
        "Paint": ["2026-12-03T07:00:00Z", None, None],
    }
    assert read_todos(feed) == wanted
    assert read_todos_in_node(feed) == wanted
    # What stands above is named only where the feed has it.
    alone = await fetch(world, f"{await subscribe(world, tags=['phone'])}?as=todo")
    assert read_todos(alone) == {"Call three of them": [None, "2026-12-02", None]}


async def test_an_unchanged_feed_is_304_and_any_change_makes_it_new(world: World) -> None:
    world.clock.at = NOW
    task = await add(world, "Pay rent", due="2026-12-01")
    path = await subscribe(world)
    tags: list[str] = []

    async def is_new() -> bool:
        answer = await world.http.get(path, headers={"if-none-match": tags[-1] if tags else '"none"'})
        assert answer.status_code in (200, 304)
        assert (answer.status_code == 304) == (not answer.content)
        tags.append(answer.headers["etag"])
        return answer.status_code == 200

    assert [await is_new(), await is_new()] == [True, False]
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/tasks/{task['id']}", {"title": "Pay the rent"}),
        ("POST", f"/tasks/{task['id']}/reminders", {"before": "1h"}),
        ("POST", f"/tasks/{task['id']}/complete", {}),
        ("POST", "/recurring-tasks", {"title": "Water", "rule": "FREQ=DAILY"}),
        ("PATCH", "/me", {"day_start": "08:00"}),
        ("DELETE", f"/tasks/{task['id']}", {}),
    ]
    for method, where, body in changes:
        await send(world, method, where, **body)
        assert await is_new(), where
    assert not await is_new()
    world.clock.at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert await is_new()


async def test_the_address_is_shown_once_and_kept_as_a_hash(world: World) -> None:
    path = await subscribe(world, name="Home")
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    [listed] = (await send(world, "GET", "/calendars"))["calendars"]
    assert (listed["name"], listed["tags"], listed["done"], "url" in listed) == ("Home", [], False, False)
    assert secret not in str(await world.query("SELECT * FROM calendar"))
    head = await world.http.head(path)
    assert (head.status_code, head.content, head.headers["cache-control"]) == (200, b"", "private, no-cache")


async def test_an_address_that_was_ended_mistyped_or_never_made_looks_the_same(world: World) -> None:
    path = await subscribe(world)
    [listed] = (await send(world, "GET", "/calendars"))["calendars"]
    ended = await world.rest.delete(f"/calendars/{listed['id']}")
    assert ended.status_code == 204
    answers = [await world.http.get(each) for each in (path, path.replace("etf_", "etf-"), "/calendar/x.ics")]
    assert {(each.status_code, re.sub(r'"instance":"[^"]*"', "", each.text)) for each in answers} == {
        (404, answers[0].text)
    }
    assert (await world.rest.delete(f"/calendars/{listed['id']}")).status_code == 404


async def test_bad_wishes_store_nothing(world: World) -> None:
    for body in ({"name": "x" * 65}, {"tags": [7, {}]}, {"done": "perhaps"}, {"list": "Home"}):
        assert (await world.rest.post("/calendars", json=body)).status_code == 422, body
    for _ in range(20):
        await subscribe(world)
    refused = await world.rest.post("/calendars", json={})
    assert (refused.status_code, "20 calendars" in refused.json()["detail"]) == (422, True)
    assert (await world.query("SELECT count(*) FROM calendar"))[0][0] == 20


@pytest.fixture
async def house(tmp_path: Any, anyio_backend: str, storage: str) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.mark.on_both_databases
async def test_two_people_see_their_own_and_nothing_after_they_lost_access(house: House) -> None:
    ann, ben = await house.join("Ann"), await house.join("Ben")
    await ann.make("Ann's dentist", due="2026-12-01")
    await ben.make("Ben's dentist", due="2026-12-01")
    paths = {}
    for person in (ann, ben):
        program = await person.rest("POST", "/calendars", json={})
        assert program.status_code == 403
        token = await house.give_token(person.user_id, scopes="tasks:read confirm")
        made = await person.rest("POST", "/calendars", json={}, headers={"authorization": f"Bearer {token.secret}"})
        paths[person.name] = str(made.json()["url"]).removeprefix(URL)
        [event] = (await fetch(house.world, paths[person.name])).walk("VEVENT")
        assert event["SUMMARY"] == f"{person.name}'s dentist"
    admin = await house.join("Root", admin=True, scopes="tasks:read admin")
    assert (await admin.rest("PATCH", "/people/Ann", json={"disabled": True})).status_code == 200
    assert (await house.world.http.get(paths["Ann"])).status_code == 404
    assert (await house.world.http.get(paths["Ben"])).status_code == 200
