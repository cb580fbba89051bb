"""Answers to agents say where a reminder will ring, once per conversation."""

import pytest

from tests.integration.channels.receivers import Browser, Web, answer, make, ring
from tests.integration.conversation.conversing import open_talk
from tests.world import World

PROMISES = ("reminders-say-where",)

pytestmark = pytest.mark.anyio

NOWHERE = "Reminders ring nowhere but on the page; more ways can be added there, under me."
AT = {"reminders": [{"at": "2026-11-24T10:00"}]}


@pytest.mark.on_both_databases
async def test_an_agent_hears_once_in_a_conversation_where_reminders_ring(world: World, web: Web) -> None:
    client = await world.connect()
    plain = await world.call(client, "create_task", title="No reminder")
    assert "ring" not in plain["message"]
    first = await world.call(client, "create_task", title="Milk", **AT)
    assert first["message"].endswith(NOWHERE)
    second = await world.call(client, "set_reminder", task_id=first["task"]["id"], at="2026-11-24T11:00")
    assert "page" not in second["message"]
    await make(world, kind="webpush", subscription=Browser().subscription(), name="Phone")
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    await make(world, kind="webhook", address="https://hooks.example/x", events=["task.created"])
    world.clock.move(hours=2)
    later = await world.call(client, "set_reminder", task_id=plain["task"]["id"], at="2026-11-24T11:00")
    assert later["message"].endswith('Reminders ring on the page, on "Phone" and by ntfy.')
    series = await world.call(client, "create_recurring_task", title="Tea", rule="FREQ=DAILY", reminders=["0m"])
    assert "page" not in series["message"]


async def test_a_series_says_it_too_and_a_person_sees_it_on_the_page(world: World) -> None:
    made = await world.rest.post("/tasks", json={"title": "Milk", **AT})
    assert "page" not in made.json()["message"]
    client = await world.connect()
    series = await world.call(client, "create_recurring_task", title="Tea", rule="FREQ=DAILY", reminders=["0m"])
    assert NOWHERE in series["message"]


async def test_a_way_on_which_nothing_arrives_is_named_as_such(world: World, web: Web) -> None:
    await make(world, kind="webpush", subscription=Browser().subscription(), name="Phone")
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    web.replies["push.example"] = answer(500)
    await ring(world)
    found = await world.call(await world.connect(), "find_tasks", has_reminder=True)
    assert (
        found["rings"] == 'Reminders ring on the page, on "Phone" and by ntfy; on "Phone" nothing arrives at present.'
    )


async def test_the_built_in_commands_say_where_and_remind_until_it_is_done(world: World, web: Web) -> None:
    talk = await open_talk(world)
    assert NOWHERE in await talk.say("where do you remind me?")
    await make(world, kind="ntfy", address="https://ntfy.example/x")
    assert await talk.say("where do you remind me?") == "Reminders ring on the page and by ntfy."
    await talk.say("add take the pills")
    said = await talk.say("remind me every 10 minutes until I do it")
    assert "then every 10m until it is done. Reminders ring on the page and by ntfy." in said
    for _ in range(3):
        await world.tick(minutes=10)
        await world.send()
    assert len(web.asked) == 3
    await talk.say("done with the pills")
    await world.settle()
    await world.tick(minutes=10)
    rung = [event for event in await world.events() if event["type"] == "reminder.due"]
    assert len(rung) == 3
