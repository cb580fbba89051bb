"""When a reminder reaches a person: quiet hours, urgent ones, ringing again, and a page that is in sight."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.channels.receivers import Browser, Web, make
from tests.world import World
from todo.channels.quiet import find_quiet_end

PROMISES = ("channels-hours", "reminders-nag")

pytestmark = pytest.mark.anyio

BERLIN = ZoneInfo("Europe/Berlin")


async def subscribe(world: World) -> Browser:
    browser = Browser()
    await make(world, kind="webpush", subscription=browser.subscription())
    return browser


async def remind(world: World, at: str, title: str = "Buy milk", **reminder: Any) -> dict[str, Any]:
    body = {"title": title, "reminders": [{"at": at, **reminder}]}
    made = await world.rest.post("/tasks", json=body)
    assert made.status_code == 201, made.text
    await world.settle()
    task: dict[str, Any] = made.json()["task"]
    return task


async def go_to(world: World, local: str) -> None:
    """Move the clock to a local time in steps of at most ten minutes, and let everything happen on the way."""
    end = datetime.fromisoformat(local).replace(tzinfo=BERLIN).astimezone(UTC)
    while world.clock.now() < end:
        await world.tick(seconds=min(600, (end - world.clock.now()).total_seconds()))
        await world.send()


def read(browser: Browser, web: Web) -> list[dict[str, Any]]:
    return [browser.read(request) for request in web.asked]


async def be_quiet(world: World, begin: str = "22:00", end: str = "07:00") -> None:
    said = await world.rest.patch("/me", json={"quiet_from": begin, "quiet_until": end})
    assert said.status_code == 200, said.text
    assert (said.json()["quiet_from"], said.json()["quiet_until"]) == (begin, end)


@pytest.mark.on_both_databases
async def test_what_rings_in_quiet_hours_is_sent_at_their_end_and_says_when_it_rang(world: World, web: Web) -> None:
    browser = await subscribe(world)
    await be_quiet(world)
    await remind(world, "2026-11-23T23:10")
    await go_to(world, "2026-11-24T06:59")
    assert not web.asked
    await go_to(world, "2026-11-24T07:00")
    (message,) = read(browser, web)
    assert message["body"] == 'Reminder: "Buy milk". It rang on Mon 23 Nov 2026, 23:10 Europe/Berlin'
    await go_to(world, "2026-11-24T09:00")
    assert len(web.asked) == 1


@pytest.mark.on_both_databases
async def test_an_urgent_reminder_is_not_held(world: World, web: Web) -> None:
    browser = await subscribe(world)
    await be_quiet(world)
    task = await remind(world, "2026-11-23T23:10", urgent=True)
    assert task["reminders"][0]["urgent"] is True
    await go_to(world, "2026-11-23T23:10")
    (message,) = read(browser, web)
    assert message["urgent"] is True
    (_, event) = await world.events()
    assert event["data"]["data"]["reminder"]["urgent"] is True


async def test_what_is_answered_in_quiet_hours_is_never_sent(world: World, web: Web) -> None:
    await subscribe(world)
    await be_quiet(world)
    done = await remind(world, "2026-11-23T23:10")
    moved = await remind(world, "2026-11-23T23:20")
    read_there = await remind(world, "2026-11-23T23:30")
    await go_to(world, "2026-11-23T23:40")
    await world.rest.post(f"/tasks/{done['id']}/complete")
    await world.rest.post(f"/reminders/{moved['reminders'][0]['id']}/snooze", json={"until": "2026-11-25T12:00"})
    for notification in (await world.rest.get("/notifications")).json()["notifications"]:
        if notification["task_id"] == read_there["id"]:
            await world.rest.post(f"/notifications/{notification['id']}/read")
    await go_to(world, "2026-11-24T09:00")
    assert not web.asked
    rows = await world.query("SELECT state, reason FROM channel_delivery ORDER BY number")
    assert [tuple(row) for row in rows] == [
        ("dropped", "the task is completed"),
        ("dropped", "the reminder was moved or cancelled"),
        ("dropped", "it was read on the page"),
    ]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"quiet_from": "22:00"}, "Quiet hours"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "Quiet hours"),
        ({"quiet_from": "24:00", "quiet_until": "07:00"}, "quiet_from"),
        ({"quiet_from": "22", "quiet_until": "07:00"}, "quiet_from"),
        ({"nag_minutes": 0}, "nag_minutes"),
        ({"nag_minutes": 1.5}, "nag_minutes"),
        ({"nag_minutes": 100_000}, "nag_minutes"),
        ({"clear": ["quiet_from"]}, "clear"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(world: World, wrong: dict[str, Any], word: str) -> None:
    refused = await world.rest.patch("/me", json=wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    assert word in refused.json()["detail"]
    assert "quiet_from" not in (await world.rest.get("/me")).json()


async def test_a_null_ends_quiet_hours_and_nagging(world: World) -> None:
    await be_quiet(world)
    await world.rest.patch("/me", json={"nag_minutes": 10})
    half = await world.rest.patch("/me", json={"quiet_from": None})
    assert half.status_code == 422
    await world.rest.patch("/me", json={"quiet_from": None, "quiet_until": None, "nag_minutes": None})
    assert not {"quiet_from", "quiet_until", "nag_minutes"} & (await world.rest.get("/me")).json().keys()


@pytest.mark.on_both_databases
async def test_a_nagging_reminder_rings_again_until_it_is_done_and_at_most_twelve_times(world: World, web: Web) -> None:
    browser = await subscribe(world)
    await remind(world, "2026-11-23T10:30", nag="10m")
    await go_to(world, "2026-11-23T20:00")
    due = [event["data"]["data"] for event in await world.events() if event["type"] == "reminder.due"]
    assert [each.get("ring", 1) for each in due] == list(range(1, 14))
    assert {each["reminder"]["sequence"] for each in due} == {1}
    assert {each["late_by_seconds"] for each in due} == {0}
    messages = read(browser, web)
    assert len(messages) == 13
    assert len({each["tag"] for each in messages}) == 1, "each replaces the one before"
    assert messages[1]["body"] == 'Reminder again: "Buy milk"'


@pytest.mark.parametrize("how", ["complete", "delete", "snooze", "cancel", "read", "button"])
async def test_nagging_ends_when_it_is_answered(world: World, web: Web, how: str) -> None:
    browser = await subscribe(world)
    task = await remind(world, "2026-11-23T10:30", nag="10m")
    reminder = task["reminders"][0]["id"]
    await go_to(world, "2026-11-23T10:45")
    assert len(web.asked) == 2
    path = f"/tasks/{task['id']}"
    if how == "complete":
        await world.rest.post(f"{path}/complete")
        await world.rest.post(f"{path}/reopen")
    elif how == "delete":
        await world.rest.delete(path)
    elif how == "snooze":
        await world.rest.post(f"/reminders/{reminder}/snooze", json={"until": "2026-11-27T12:00"})
    elif how == "cancel":
        await world.rest.delete(f"/reminders/{reminder}")
    elif how == "read":
        newest = (await world.rest.get("/notifications")).json()["notifications"][0]
        await world.rest.post(f"/notifications/{newest['id']}/read")
    else:
        link = read(browser, web)[-1]["link"].removeprefix("http://127.0.0.1:8000")
        assert (await world.http.post(f"{link}?do=done")).status_code == 200
    await go_to(world, "2026-11-23T14:00")
    due = [event for event in await world.events() if event["type"] == "reminder.due"]
    assert len(due) == 2


async def test_a_persons_own_nagging_is_that_of_every_reminder_without_one(world: World, web: Web) -> None:
    await subscribe(world)
    await world.rest.patch("/me", json={"nag_minutes": 30})
    await remind(world, "2026-11-23T10:30")
    await go_to(world, "2026-11-23T11:35")
    due = [event["data"]["data"].get("ring", 1) for event in await world.events() if event["type"] == "reminder.due"]
    assert due == [1, 2, 3]


async def test_what_nags_through_the_night_is_sent_once_in_the_morning(world: World, web: Web) -> None:
    browser = await subscribe(world)
    await be_quiet(world)
    await remind(world, "2026-11-23T23:10", nag="10m")
    await go_to(world, "2026-11-24T09:00")
    (message,) = read(browser, web)
    assert message["body"].endswith("It rang on Tue 24 Nov 2026, 01:10 Europe/Berlin")


async def test_urgent_and_nag_are_set_changed_undone_and_carried_by_series(world: World) -> None:
    client = await world.connect()
    task = (await world.call(client, "create_task", title="a", due="2026-11-24T12:00", reminders=["1h urgent nag 5m"]))[
        "task"
    ]
    (reminder,) = task["reminders"]
    assert (reminder["before"], reminder["urgent"], reminder["nag"]) == ("1h", True, "5m")
    answer = await world.call(client, "set_reminder", task_id=task["id"], before=["1h"], urgent=False, nag="600s")
    (reminder,) = answer["task"]["reminders"]
    assert ("urgent" in reminder, reminder["nag"]) == (False, "10m")
    assert "then every 10m until it is done" in answer["message"]
    same = await world.call(client, "set_reminder", task_id=task["id"], before=["1h"], nag="10m")
    assert same["events"] == []
    undone = await world.call(client, "undo")
    (reminder,) = undone["task"]["reminders"]
    assert (reminder["urgent"], reminder["nag"]) == (True, "5m")
    rule = "FREQ=DAILY;BYHOUR=12"
    made = await world.call(client, "create_recurring_task", title="b", rule=rule, reminders=["30m urgent nag 10m"])
    (reminder,) = made["task"]["reminders"]
    assert (reminder["before"], reminder["urgent"], reminder["nag"]) == ("30m", True, "10m")
    done = await world.call(client, "complete_task", task_id=made["task"]["id"])
    following = (await world.rest.get(f"/tasks/{done['next_occurrence']['task_id']}")).json()
    assert (following["reminders"][0]["urgent"], following["reminders"][0]["nag"]) == (True, "10m")


@pytest.mark.parametrize("nag", ["0m", "30s", "2d", "often", "-10m"])
async def test_a_nag_out_of_bounds_is_refused(world: World, nag: str) -> None:
    body = {"title": "a", "reminders": [{"at": "2026-11-23T10:30", "nag": nag}]}
    refused = await world.rest.post("/tasks", json=body)
    assert (refused.status_code, refused.json()["code"] in ("invalid_arguments", "invalid_time")) == (422, True)
    assert not await world.query("SELECT 1 FROM task")


@pytest.mark.on_both_databases
async def test_a_push_waits_while_a_page_is_in_sight_and_is_dropped_if_it_was_read_there(
    world: World, web: Web
) -> None:
    await subscribe(world)
    await remind(world, "2026-11-23T10:30")
    await remind(world, "2026-11-23T10:30", "Other")
    world.clock.move(minutes=29, seconds=50)
    assert (await world.rest.put("/presence", json={"visible": True})).status_code == 204
    await world.tick(seconds=10)
    await world.send()
    assert not web.asked
    seen = (await world.rest.get("/notifications")).json()["notifications"][0]
    await world.rest.post(f"/notifications/{seen['id']}/read")
    world.clock.move(seconds=19)
    await world.send()
    assert not web.asked
    world.clock.move(seconds=1)
    await world.send()
    assert len(web.asked) == 1, "the one that was not read"


async def test_a_page_that_is_hidden_again_or_closed_holds_nothing_back(world: World, web: Web) -> None:
    await subscribe(world)
    await remind(world, "2026-11-23T10:30")
    await world.rest.put("/presence", json={"visible": True})
    await world.tick(minutes=30)
    await world.send()
    assert len(web.asked) == 1, "it has not said so for a while"
    await remind(world, "2026-11-23T10:31")
    world.clock.move(seconds=50)
    await world.rest.put("/presence", json={"visible": True})
    await world.rest.put("/presence", json={"visible": False})
    await world.tick(seconds=10)
    await world.send()
    assert len(web.asked) == 2
    for wrong in ({}, {"visible": "yes"}, {"visible": True, "more": 1}):
        assert (await world.rest.put("/presence", json=wrong)).status_code == 422


@pytest.mark.parametrize(
    ("now", "begin", "end", "until"),
    [
        ("2026-11-23T23:00", "22:00", "07:00", "2026-11-24T07:00"),
        ("2026-11-24T06:59", "22:00", "07:00", "2026-11-24T07:00"),
        ("2026-11-24T07:00", "22:00", "07:00", None),
        ("2026-11-24T21:59", "22:00", "07:00", None),
        ("2026-11-24T13:00", "12:00", "14:00", "2026-11-24T14:00"),
        ("2026-11-24T14:00", "12:00", "14:00", None),
        ("2026-11-24T00:00", "00:00", "06:00", "2026-11-24T06:00"),
        # The night of both clock changes.
        ("2026-10-25T01:00", "22:00", "07:00", "2026-10-25T07:00"),
        ("2026-03-29T01:00", "22:00", "07:00", "2026-03-29T07:00"),
        ("2026-03-29T01:30", "22:00", "02:30", "2026-03-29T03:30"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_person(now: str, begin: str, end: str, until: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)
    found = find_quiet_end(at, begin, end, BERLIN)
    assert (None if found is None else f"{found.astimezone(BERLIN):%Y-%m-%dT%H:%M}") == until


@pytest.mark.parametrize("first", ["2026-10-11", "2026-03-15"])
async def test_a_month_with_quiet_hours_over_a_clock_change_rings_each_reminder_once(
    world: World, web: Web, first: str
) -> None:
    world.clock.at = datetime.fromisoformat(f"{first}T06:00").replace(tzinfo=UTC)
    browser = await subscribe(world)
    await be_quiet(world, "22:00", "07:00")
    begin = datetime.fromisoformat(f"{first}T09:30")
    for hours in range(0, 24 * 28, 7):
        await remind(world, f"{begin + timedelta(hours=hours):%Y-%m-%dT%H:%M}", f"at {hours}")
    for _ in range(24 * 29 * 2):
        before = len(web.asked)
        await world.tick(minutes=30)
        await world.send()
        if not "07:00" <= f"{world.clock.now().astimezone(BERLIN):%H:%M}" < "22:00":
            assert len(web.asked) == before
    titles = [each["title"] for each in read(browser, web)]
    assert sorted(titles) == sorted(f"at {hours}" for hours in range(0, 24 * 28, 7))
