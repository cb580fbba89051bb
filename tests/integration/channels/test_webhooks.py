"""Webhooks: signed copies of events, in order per task, sent again until they are taken."""

import asyncio

import httpx2
import pytest
from pydantic_core import from_json
from standardwebhooks.webhooks import WebhookVerificationError

from events.instants import read_instant
from tests.integration.channels.receivers import Web, answer, verify
from tests.world import World
from todo.channels.queue import LEASE, WINDOW, Busy, take_due

PROMISES = ("channels-deliver",)

pytestmark = pytest.mark.anyio

HOOK = "https://hooks.example/todo"


async def make(world: World, **more: object) -> dict[str, object]:
    made = await world.rest.post("/channels", json={"kind": "webhook", "address": HOOK, **more})
    assert made.status_code == 201, made.text
    view: dict[str, object] = made.json()
    return view


@pytest.mark.on_both_databases
async def test_a_webhook_gets_signed_events_that_the_standard_library_accepts(
    world: World, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make(world)
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    await world.settle()
    await world.send()
    (event,) = await world.events()
    (request,) = web.asked
    assert verify(made["secret"], request, world, monkeypatch) == event
    assert request.headers["webhook-id"] == event["id"]
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert str(request.url) == "https://93.184.216.34/todo"
    await world.send()
    assert len(web.asked) == 1
    listed = (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()
    assert [each["state"] for each in listed["deliveries"]] == ["sent"]
    (channel,) = (await world.rest.get("/channels")).json()["channels"]
    assert (channel["address"], "secret" in channel) == ("https://hooks.example/…", False)
    assert channel["last_success"] == "2026-11-23T09:00:00Z"


async def states(world: World, channel: dict[str, object]) -> list[tuple[str, int]]:
    """Return state and attempts of what went to a channel, the oldest first."""
    listed = (await world.rest.get(f"/channels/{channel['id']}/deliveries")).json()["deliveries"]
    return [(each["state"], each["attempts"]) for each in reversed(listed)]


async def create(world: World, title: str = "Buy milk") -> str:
    made = (await world.rest.post("/tasks", json={"title": title})).json()
    await world.settle()
    task_id: str = made["task"]["id"]
    return task_id


@pytest.mark.on_both_databases
async def test_a_failed_attempt_is_made_again_under_the_same_id_and_given_up_after_a_day(
    world: World, web: Web
) -> None:
    made = await make(world)
    web.replies["hooks.example"] = answer(500)
    began = world.clock.now()
    await create(world)
    pauses = []
    await world.send()
    while (await states(world, made))[0][0] == "waiting":
        (next_at,) = await world.query("SELECT next_at FROM channel")
        before, at = len(web.asked), read_instant(next_at[0])
        pauses.append((at - world.clock.now()).total_seconds() / 60)
        world.clock.at = at
        await world.send()
        assert len(web.asked) == before + 1
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert 22 <= (world.clock.now() - began).total_seconds() / 3_600 <= 24
    assert len({each.headers["webhook-id"] for each in web.asked}) == 1
    assert len({each.content for each in web.asked}) == 1
    (given_up,) = (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["deliveries"]
    assert (given_up["state"], given_up["reason"]) == ("given_up", "answers 500")
    channel = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert channel["enabled"]
    assert (
        channel["problem"]
        == "Nothing has arrived since Mon 23 Nov 2026, 10:00 Europe/Berlin: the receiver answers 500."
    )
    web.replies.clear()
    await create(world)
    world.clock.move(hours=1)
    await world.send()
    assert (await states(world, made))[-1] == ("sent", 1)
    assert "problem" not in (await world.rest.get(f"/channels/{made['id']}")).json()


@pytest.mark.on_both_databases
async def test_the_events_of_a_task_come_in_order_and_a_stuck_one_holds_up_its_task_alone(
    world: World, web: Web
) -> None:
    made = await make(world)
    stuck = await create(world, "Stuck")

    def reply(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500 if from_json(request.content)["subject"] == f"task/{stuck}" else 200)

    web.replies["hooks.example"] = reply
    await world.rest.patch(f"/tasks/{stuck}", json={"notes": "1"})
    await world.rest.patch(f"/tasks/{stuck}", json={"notes": "2"})
    other = await create(world, "Other")
    await world.rest.patch(f"/tasks/{other}", json={"notes": "1"})
    await world.settle()
    await world.send()
    seen = [(body["subject"].removeprefix("task/"), body["taskversion"]) for body in web.bodies("hooks.example")]
    assert [version for task, version in seen if task == other] == [1, 2]
    assert [version for task, version in seen if task == stuck] == [1]
    web.replies.clear()
    world.clock.move(minutes=1)
    await world.send()
    seen = [(body["subject"].removeprefix("task/"), body["taskversion"]) for body in web.bodies("hooks.example")]
    assert [version for task, version in seen if task == stuck] == [1, 1, 2, 3]
    assert {state for state, _ in await states(world, made)} == {"sent"}


async def test_only_the_events_that_were_asked_for_since_the_channel_was_made_are_sent(world: World, web: Web) -> None:
    before = (await world.rest.post("/tasks", json={"title": "Before"})).json()["task"]["id"]
    await world.rest.post(f"/tasks/{before}/complete")
    world.clock.move(seconds=1)
    await make(world, events=["task.completed"])
    await world.settle()
    task_id = await create(world)
    await world.rest.post(f"/tasks/{task_id}/complete")
    await world.settle()
    await world.send()
    sent = [(body["type"], body["subject"]) for body in web.bodies("hooks.example")]
    assert sent == [("task.completed", f"task/{task_id}")]


async def test_gone_ends_the_channel_and_nothing_waits_for_it(world: World, web: Web) -> None:
    made = await make(world)
    web.replies["hooks.example"] = answer(410)
    for title in ("a", "b", "c"):
        await create(world, title)
    await world.send()
    channel = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert not channel["enabled"]
    assert channel["problem"].startswith("This channel is switched off: answers 410: it is gone.")
    assert {state for state, _ in await states(world, made)} == {"given_up"}
    web.replies.clear()
    assert (await world.rest.patch(f"/channels/{made['id']}", json={"enabled": True})).status_code == 200
    await create(world, "d")
    await world.send()
    assert (await states(world, made))[-1] == ("sent", 1)


async def test_five_days_of_failures_switch_the_channel_off(world: World, web: Web) -> None:
    made = await make(world)
    web.replies["hooks.example"] = answer(503)
    for _ in range(6):
        assert (await world.rest.get(f"/channels/{made['id']}")).json()["enabled"]
        await create(world)
        await world.send()
        world.clock.move(days=1)
    await world.send()
    channel = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert not channel["enabled"]
    assert "it has failed for five days: it answers 503" in channel["problem"]


async def test_a_channel_that_fails_rests_and_is_tried_by_one_attempt_alone(world: World, web: Web) -> None:
    made = await make(world)
    web.replies["hooks.example"] = answer(500)
    for number in range(40):
        await create(world, f"task {number}")
    await world.send()
    assert len(web.asked) == 3, "it rests after a few"
    before = len(web.asked)
    world.clock.move(minutes=2)
    await world.send()
    assert len(web.asked) == before + 1
    web.replies.clear()
    world.clock.move(minutes=4)
    await world.send()
    assert {state for state, _ in await states(world, made)} == {"sent"}


async def test_two_secrets_sign_for_a_day_while_one_is_replaced(
    world: World, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make(world)
    changed = (await world.rest.patch(f"/channels/{made['id']}", json={"new_secret": True})).json()
    assert changed["secret"] not in (made["secret"], None)
    await create(world)
    await world.send()
    for secret in (made["secret"], changed["secret"]):
        assert verify(secret, web.asked[-1], world, monkeypatch)
    world.clock.move(days=1)
    await create(world)
    await world.send()
    assert verify(changed["secret"], web.asked[-1], world, monkeypatch)
    with pytest.raises(WebhookVerificationError):
        verify(made["secret"], web.asked[-1], world, monkeypatch)
    assert str(made["secret"]) not in (await world.rest.get("/channels")).text


async def test_the_test_says_what_the_receiver_did(world: World, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await make(world)
    tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert tried == {"ok": True, "message": "The test was taken by the receiver."}
    assert verify(made["secret"], web.asked[-1], world, monkeypatch)["type"] == "channel.test"
    web.replies["hooks.example"] = answer(401)
    tried = (await world.rest.post(f"/channels/{made['id']}/test")).json()
    assert tried == {"ok": False, "message": "Nothing arrived: the receiver answers 401."}
    channel = (await world.rest.get(f"/channels/{made['id']}")).json()
    assert channel["last_failure"] == {"at": "2026-11-23T09:00:00Z", "text": "The receiver answers 401."}


async def test_a_channel_is_changed_switched_off_and_deleted(world: World, web: Web) -> None:
    made = await make(world)
    path = f"/channels/{made['id']}"
    changed = (await world.rest.patch(path, json={"name": "n8n", "events": ["task.created"]})).json()
    assert (changed["name"], changed["events"]) == ("n8n", ["task.created"])
    await create(world)
    assert (await world.rest.patch(path, json={"enabled": False})).json()["enabled"] is False
    await world.send()
    assert not web.asked
    assert await states(world, made) == [("dropped", 0)]
    assert (await world.rest.delete(path)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        missing = await world.rest.request(method, path, json={} if method == "PATCH" else None)
        assert (missing.status_code, missing.json()["code"]) == (404, "channel_not_found")
    assert not await world.query("SELECT 1 FROM channel_delivery")


async def test_a_receiver_that_hangs_delays_no_other_channel(world: World, web: Web) -> None:
    release = asyncio.Event()

    async def hang(_request: httpx2.Request) -> httpx2.Response:
        await release.wait()
        return httpx2.Response(200)

    web.replies["slow.example"] = hang
    slow = await make(world, address="https://slow.example/x")
    fast = await make(world)
    for number in range(30):
        await create(world, f"task {number}")
    sender = world.service.sender
    async with asyncio.timeout(20):
        while ("waiting", 0) in await states(world, fast):
            await sender.step()
            await asyncio.sleep(0)
        assert [each.headers["host"] for each in web.asked].count("slow.example") == 1
        release.set()
        await sender.settle()
    await world.send()
    assert {state for state, _ in [*await states(world, fast), *await states(world, slow)]} == {"sent"}


async def test_what_a_killed_sender_took_goes_out_again_after_its_lease_under_the_same_id(
    world: World, web: Web
) -> None:
    made = await make(world)
    await create(world)
    database, now = world.service.database, world.clock.now()
    taken = await database.write(lambda connection: take_due(connection, now, 10, Busy()))
    ((parcel,),) = taken  # and the process ends here: sent or not, it was not marked
    await world.send()
    assert not web.asked
    world.clock.at += LEASE
    await world.send()
    assert [each.headers["webhook-id"] for each in web.asked] == [parcel.event_id]
    assert await states(world, made) == [("sent", 2)]


async def test_what_a_clock_ahead_has_stamped_does_not_wait_until_its_time_comes(world: World, web: Web) -> None:
    made = await make(world)
    world.clock.move(hours=1)
    await create(world)
    world.clock.move(hours=-1)
    await world.send()
    assert await states(world, made) == [("sent", 1)]


async def test_many_events_behind_a_stuck_one_hide_no_other_task(world: World, web: Web) -> None:
    await make(world)
    stuck = await create(world, "Stuck")
    for number in range(2 * WINDOW):
        await world.rest.patch(f"/tasks/{stuck}", json={"notes": str(number)})
    other = await create(world, "Other")
    web.replies["hooks.example"] = lambda request: httpx2.Response(500 if stuck.encode() in request.content else 200)
    await world.send()
    assert [body["subject"] for body in web.bodies("hooks.example")] == [f"task/{stuck}", f"task/{other}"]
