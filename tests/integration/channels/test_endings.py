"""What is over: a webhook that was switched off is reported, and old deliveries are removed."""

import pytest

from tests.integration.channels.receivers import Web, answer, make
from tests.world import World
from todo.channels.queue import count_webhooks

PROMISES = ("channels-end",)

pytestmark = pytest.mark.anyio

SAID = 'The webhook "n8n" is switched off: it has failed for five days: it answers 503. Check the receiver, '


async def fail_for_days(world: World, web: Web, days: int) -> None:
    web.replies["hooks.example"] = answer(503)
    for _ in range(days):
        await world.rest.post("/tasks", json={"title": "Buy milk"})
        await world.settle()
        await world.send()
        world.clock.move(days=1)
    await world.send()


@pytest.mark.on_both_databases
async def test_a_webhook_that_has_failed_for_five_days_is_told_of_once_on_the_page_and_elsewhere(
    world: World, web: Web
) -> None:
    hook = await make(world, kind="webhook", name="n8n", address="https://hooks.example/x")
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    await make(world, kind="ntfy", address="https://off.example/x", enabled=False)
    news: list[bool] = []
    world.service.feed_wakeup.listeners.append(lambda: news.append(True))
    await fail_for_days(world, web, 4)
    assert not (await world.rest.get("/notifications")).json()["notifications"]
    news.clear()
    await fail_for_days(world, web, 2)
    assert news, "open pages look"
    (told,) = (await world.rest.get("/notifications")).json()["notifications"]
    assert (told["title"], told["task_id"], told["text"].startswith(SAID)) == ("n8n", "", True)
    (message,) = web.bodies("ntfy.example")
    assert (message["title"], message["message"], "actions" in message) == ("n8n", told["text"], False)
    assert not web.bodies("off.example")
    assert (await world.rest.post(f"/notifications/{told['id']}/read")).json()["read"]
    await world.rest.patch(f"/channels/{hook['id']}", json={"enabled": True})
    await fail_for_days(world, web, 7)
    assert len((await world.rest.get("/notifications")).json()["notifications"]) == 2, (
        "it is told again of the next end"
    )


async def test_a_notice_waits_for_the_morning_and_is_not_sent_if_the_webhook_works_again(
    world: World, web: Web
) -> None:
    hook = await make(world, kind="webhook", name="n8n", address="https://hooks.example/x")
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    await world.rest.patch("/me", json={"quiet_from": "22:00", "quiet_until": "07:00"})
    world.clock.move(hours=14)  # until midnight in Berlin
    await fail_for_days(world, web, 6)
    assert not web.bodies("ntfy.example")
    await world.rest.patch(f"/channels/{hook['id']}", json={"enabled": True})
    world.clock.move(hours=12)
    await world.send()
    assert not web.bodies("ntfy.example")
    rows = await world.query("SELECT state, reason FROM channel_delivery WHERE what = 'notice'")
    assert [tuple(row) for row in rows] == [("dropped", "there is nothing to tell any more")]


@pytest.mark.on_both_databases
async def test_deliveries_that_ended_a_month_ago_are_removed_in_batches_and_no_others(world: World, web: Web) -> None:
    made = await make(world, kind="webhook", address="https://hooks.example/x")
    for number in range(3):
        await world.rest.post("/tasks", json={"title": f"Old {number}"})
    await world.settle()
    await world.send()
    world.clock.move(days=29)
    await world.rest.post("/tasks", json={"title": "New"})
    await world.settle()
    await world.sweep()
    assert len((await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["deliveries"]) == 4
    world.clock.move(days=2)
    await world.sweep()
    left = (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["deliveries"]
    assert [each["state"] for each in left] == ["waiting"]
    world.clock.move(days=60)
    await world.sweep()
    left = (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["deliveries"]
    assert [each["state"] for each in left] == ["waiting"], "what waits stays"


@pytest.mark.on_both_databases
async def test_the_operator_sees_what_became_of_the_events_for_each_webhook(world: World, web: Web) -> None:
    await make(world, kind="webhook", name="n8n", address="https://hooks.example/x")
    await make(world, kind="webhook", name="idle", address="https://idle.example/x", events=["reminder.due"])
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    await world.rest.post("/tasks", json={"title": "Buy milk"})
    await world.settle()
    await world.send()
    await world.rest.post("/tasks", json={"title": "Buy bread"})
    await world.settle()
    counted = await world.service.database.read(count_webhooks)
    shown = [(each["name"], each["sent"], each["waiting"], each["given_up"], each["dropped"]) for each in counted]
    assert shown == [("n8n", 1, 1, 0, 0), ("idle", 0, 0, 0, 0)]
