"""Links and buttons on which a person answers a reminder where it rings."""

import httpx2
import pytest

from tests.integration.access.house import House, Person
from tests.integration.channels.receivers import Browser, Web, make, ring
from tests.world import World
from todo.channels.links import write_link

PROMISES = ("channels-answered",)

pytestmark = pytest.mark.anyio

FORM = {"accept": "text/html", "content-type": "application/x-www-form-urlencoded"}


async def ring_on(world: World, web: Web) -> tuple[dict[str, object], str]:
    """Let a reminder ring in a browser; return its task and the path of its link."""
    browser = Browser()
    if not (await world.rest.get("/channels")).json()["channels"]:
        await make(world, kind="webpush", subscription=browser.subscription())
        world.__dict__["browser"] = browser
    task = await ring(world)
    message = world.__dict__["browser"].read(web.asked[-1])
    return task, message["link"].removeprefix("http://127.0.0.1:8000")


async def status_of(world: World, task: dict[str, object]) -> str:
    found: str = (await world.rest.get(f"/tasks/{task['id']}")).json()["status"]
    return found


@pytest.mark.on_both_databases
async def test_a_link_shows_a_page_that_changes_nothing_and_its_button_completes_the_task_once(
    world: World, web: Web
) -> None:
    task, path = await ring_on(world, web)
    for _ in range(3):
        shown = await world.http.get(path)
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
        assert "Buy milk" in shown.text
        assert all(label in shown.text for label in ("Done", "10 min", "Tomorrow"))
    assert await status_of(world, task) == "open"
    done = await world.http.post(path, content="do=done", headers=FORM)
    assert (done.status_code, "Buy milk" in done.text) == (200, True)
    assert await status_of(world, task) == "completed"
    again = await world.http.post(path, content="do=done", headers=FORM)
    assert again.status_code == 410
    await world.rest.post(f"/tasks/{task['id']}/reopen")
    used = await world.http.post(f"{path}?do=done")
    assert (used.status_code, used.json()["code"]) == (410, "link_over")
    assert await status_of(world, task) == "open"
    (_, _, completed, *_) = await world.events()
    assert completed["data"]["data"]["actor"] == {"kind": "person", "surface": "rest", "client": "reminder link"}


@pytest.mark.parametrize(("action", "at"), [("10m", "2026-11-23T09:40:00Z"), ("tomorrow", "2026-11-24T08:00:00Z")])
async def test_snoozing_by_a_button_moves_the_reminder_and_ends_the_link(
    world: World, web: Web, action: str, at: str
) -> None:
    task, path = await ring_on(world, web)
    snoozed = await world.http.post(f"{path}?do={action}")
    assert snoozed.status_code == 200, snoozed.text
    (reminder,) = (await world.rest.get(f"/tasks/{task['id']}")).json()["reminders"]
    assert (reminder["remind_at"], reminder["sequence"], reminder["status"]) == (at, 2, "scheduled")
    for other in ("done", "10m", "tomorrow"):
        over = await world.http.post(f"{path}?do={other}")
        assert (over.status_code, over.json()["code"]) == (410, "link_over")
    assert (await world.http.get(path)).status_code == 410


async def test_the_next_ring_has_a_link_of_its_own(world: World, web: Web) -> None:
    task, path = await ring_on(world, web)
    await world.http.post(f"{path}?do=10m")
    await world.tick(minutes=10)
    await world.send()
    message = world.__dict__["browser"].read(web.asked[-1])
    assert message["type"] == "ring"
    fresh = message["link"].removeprefix("http://127.0.0.1:8000")
    assert fresh != path
    assert (await world.http.post(f"{path}?do=done")).status_code == 410
    assert (await world.http.post(f"{fresh}?do=done")).status_code == 200
    assert await status_of(world, task) == "completed"


async def test_a_link_is_good_for_a_week(world: World, web: Web) -> None:
    task, path = await ring_on(world, web)
    world.clock.move(days=7, seconds=-1)
    assert (await world.http.get(path)).status_code == 200
    world.clock.move(seconds=1)
    over = await world.http.post(f"{path}?do=done")
    assert (over.status_code, over.json()["code"]) == (410, "link_over")
    assert await status_of(world, task) == "open"


async def test_a_tampered_link_and_a_wrong_button_do_nothing(world: World, web: Web) -> None:
    task, path = await ring_on(world, web)
    number, _, mac = path.removeprefix("/act/").partition("-")
    other = mac[:-1] + ("A" if mac[-1] != "A" else "B")
    for text in (f"{number}-{other}", f"1{number}-{mac}", f"0-{mac}", f"{number}-", mac, "x", "0" * 64):
        for method in ("GET", "POST"):
            refused = await world.http.request(method, f"/act/{text}?do=done", headers={"accept": "text/plain"})
            assert refused.status_code == 404, text
    for action in ("", "delete", "done "):
        refused = await world.http.post(path, params={"do": action})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert await status_of(world, task) == "open"


async def test_what_rings_has_a_link_and_nothing_else_even_if_it_is_signed(world: World, web: Web) -> None:
    await make(world, kind="webhook", address="https://hooks.example/x")
    await make(world, kind="ntfy", address="https://ntfy.example/topic")
    task = await ring(world)
    link = next(each.headers["todo-link"] for each in web.asked if b"reminder.due" in each.content)
    assert (await world.http.post(f"{link}?do=done")).status_code == 200
    assert await status_of(world, task) == "completed"
    await world.settle()
    await world.send()
    await world.rest.post(f"/tasks/{task['id']}/reopen")
    rows = await world.query("SELECT number, id, what, event_type FROM channel_delivery")
    key = await world.service.outfit.find_link_key()
    kinds = {each["type"] for each in web.bodies("hooks.example")}
    assert {"task.created", "reminder.due", "task.completed"} <= kinds
    assert any(row.what.startswith("clear") for row in rows)
    for row in rows:
        if row.event_type != "reminder.due":
            found = await world.http.get(f"/act/{write_link(key, row.number, row.id)}")
            assert found.status_code == 404, row
    assert sum("todo-link" in each.headers for each in web.asked) == 1


@pytest.mark.on_both_databases
async def test_a_scanner_that_follows_every_link_changes_nothing(world: World, web: Web) -> None:
    task, path = await ring_on(world, web)
    for do in ("done", "10m", "tomorrow"):
        for method in ("GET", "HEAD", "OPTIONS"):
            await world.http.request(method, f"{path}?do={do}")
    assert await status_of(world, task) == "open"
    assert (await world.rest.get(f"/tasks/{task['id']}")).json()["version"] == 1


async def join(house: House, name: str) -> tuple[Person, Browser, Web]:
    person, browser = await house.join(name), Browser()
    web = Web(house.world)
    web.install()
    made = await person.rest("POST", "/channels", json={"kind": "webpush", "subscription": browser.subscription()})
    assert made.status_code == 201, made.text
    return person, browser, web


async def ring_for(house: House, person: Person, title: str) -> None:
    await person.make(title, reminders=[{"at": "2026-11-23T10:30"}])
    await house.world.settle()
    await house.world.tick(minutes=30)
    await house.world.send()


async def press(house: House, path: str) -> httpx2.Response:
    return await house.world.http.post(f"{path}?do=done")


@pytest.mark.on_both_databases
async def test_with_several_people_a_link_needs_no_sign_in_and_reaches_its_own_task_alone(house: House) -> None:
    ann, browser, web = await join(house, "Ann")
    ben = await house.join("Ben")
    channel = (await ann.rest("GET", "/channels")).json()["channels"][0]["id"]
    for method, path in (
        ("GET", f"/channels/{channel}"),
        ("DELETE", f"/channels/{channel}"),
        ("POST", f"/channels/{channel}/test"),
        ("GET", f"/channels/{channel}/deliveries"),
    ):
        assert (await ben.rest(method, path)).status_code == 404
    assert (await ben.rest("GET", "/channels")).json()["channels"] == []
    await ring_for(house, ann, "Ann's task")
    (request,) = web.asked
    path = browser.read(request)["link"].removeprefix("http://127.0.0.1:8000")
    assert (await house.world.http.get("/api/tasks")).status_code == 401
    pressed = await press(house, path)
    assert pressed.status_code == 200, pressed.text
    assert await ann.titles() == set()


async def test_a_person_who_lost_access_gets_nothing_and_their_links_are_over(house: House) -> None:
    ann, browser, web = await join(house, "Ann")
    boss = await house.join("Boss", admin=True, scopes="tasks:write confirm admin")
    await ring_for(house, ann, "one")
    path = browser.read(web.asked[-1])["link"].removeprefix("http://127.0.0.1:8000")
    await ann.make("two", reminders=[{"at": "2026-11-23T11:00"}])
    assert (await boss.rest("PATCH", "/people/Ann", json={"disabled": True})).status_code == 200
    await house.world.settle()
    await house.world.tick(minutes=60)
    await house.world.send()
    assert len(web.asked) == 1
    assert (await press(house, path)).status_code == 404
    assert (await boss.rest("DELETE", "/people/Ann")).status_code == 200
    assert not await house.world.query("SELECT 1 FROM channel UNION SELECT 1 FROM channel_delivery")


@pytest.mark.on_both_databases
async def test_a_browser_that_another_person_uses_now_is_not_sent_the_first_ones_reminders(house: House) -> None:
    ann, browser, web = await join(house, "Ann")
    ben = await house.join("Ben")
    made = await ben.rest("POST", "/channels", json={"kind": "webpush", "subscription": browser.subscription()})
    assert made.status_code == 201
    assert (await ann.rest("GET", "/channels")).json()["channels"] == []
    await ring_for(house, ann, "Ann's secret")
    assert not web.asked
