"""A `request_id`: one id, one effect, the same answer, over all surfaces, for a day."""

from typing import Any

import anyio
import pytest

from tests.contracts.surfaces import AGENTS, SURFACES, Reply, Surface, call, count_stored
from tests.world import World

PROMISES = ("request-id",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

MILK = {"title": "Buy milk"}
AGAIN = "Already done at 10:00; nothing new was saved."


async def titles(world: World) -> list[str]:
    return [row[0] for row in await world.query("SELECT title FROM task ORDER BY number")]


async def count_events(world: World) -> int:
    return (await count_stored(world))["outbox_entry"]


@pytest.mark.parametrize("second", SURFACES)
@pytest.mark.parametrize("first", SURFACES)
async def test_the_same_call_with_the_same_id_has_one_effect_over_all_surfaces(
    world: World, first: Surface, second: Surface
) -> None:
    arguments = {**MILK, "notes": "2 l", "tags": ["a"], "request_id": "once"}
    done = await call(world, first, "create_task", arguments)
    world.clock.move(minutes=4)
    again = await call(world, second, "create_task", arguments)

    assert "replayed" not in done.answer
    present = "Mon 23 Nov 2026, 10:04 Europe/Berlin"
    assert again.answer == {**done.answer, "replayed": True, "message": AGAIN, "now": present}
    assert await titles(world) == ["Buy milk"]
    assert await count_events(world) == 1


async def test_the_event_names_the_id_that_the_call_was_made_with(world: World) -> None:
    await call(world, "modern", "create_task", {**MILK, "request_id": "once"})
    [event] = await world.events()
    assert event["data"]["data"]["request_id"] == "once"


async def test_what_became_of_a_call_whose_answer_was_lost_is_read_without_calling_again(world: World) -> None:
    made = (await call(world, "rest", "create_task", {**MILK, "request_id": "lost"})).answer
    stored = await count_stored(world)
    world.clock.move(hours=23)
    asked = {"request_id": ["never", "lost", "lost"]}
    [found] = (await world.rest.get("/requests", params=asked)).json()["requests"]
    assert found["request_id"] == "lost"
    assert (found["answer"]["task"], found["answer"]["change_id"]) == (made["task"], made["change_id"])
    assert await count_stored(world) == stored
    world.clock.move(hours=2)
    assert (await world.rest.get("/requests", params=asked)).json() == {"requests": []}
    for wrong in ({"request_id": [str(number) for number in range(101)]}, {"request": "lost"}, {"request_id": "\0"}):
        refused = await world.rest.get("/requests", params=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")


@pytest.mark.parametrize("surface", SURFACES)
async def test_leniently_equal_arguments_are_the_same_call(world: World, surface: Surface) -> None:
    await call(world, surface, "create_task", {**MILK, "priority": "high", "tags": ["a"], "request_id": "once"})
    loose = {"title": "  Buy milk ", "priority": "P1", "tags": '["a"]', "due": "", "request_id": "once"}
    assert (await call(world, surface, "create_task", loose)).answer["replayed"] is True


@pytest.mark.parametrize("surface", SURFACES)
async def test_other_arguments_or_another_tool_under_the_id_are_refused_and_do_nothing(
    world: World, surface: Surface
) -> None:
    made = (await call(world, surface, "create_task", {**MILK, "request_id": "once"})).answer["task"]
    stored = await count_stored(world)
    for tool, arguments in (
        ("create_task", {"title": "Buy tea"}),
        ("create_task", {**MILK, "notes": "2 l"}),
        ("complete_task", {"task_id": made["id"]}),
        ("update_task", {"task_id": made["id"], "title": "Buy milk"}),
    ):
        reply = await call(world, surface, tool, {**arguments, "request_id": "once"})
        assert reply.code == "request_id_reused"
        assert "nothing was done" in reply.sentence
    assert await count_stored(world) == stored


@pytest.mark.parametrize("surface", SURFACES)
async def test_the_expected_version_is_part_of_the_call(world: World, surface: Surface) -> None:
    made = (await call(world, "rest", "create_task", MILK)).answer["task"]
    change = {"task_id": made["id"], "title": "Buy tea", "request_id": "once"}
    done = await call(world, surface, "update_task", {**change, "expected_version": 1})
    repeated = await call(world, surface, "update_task", {**change, "expected_version": 1})
    assert repeated.answer["change_id"] == done.answer["change_id"]
    assert (await call(world, surface, "update_task", {**change, "expected_version": 2})).code == "request_id_reused"
    assert (await call(world, surface, "update_task", change)).code == "request_id_reused"


async def test_a_list_of_versions_is_part_of_the_call(world: World) -> None:
    made = (await call(world, "rest", "create_task", MILK)).answer["task"]

    async def rename(versions: str) -> Any:
        headers = {"Idempotency-Key": "once", "If-Match": versions}
        return await world.rest.patch(f"/tasks/{made['id']}", json={"title": "Buy tea"}, headers=headers)

    assert (await rename('"1", "9"')).status_code == 200
    assert (await rename('"9", "1"')).json()["replayed"] is True
    assert (await rename('"1", "8"')).json()["code"] == "request_id_reused"
    assert (await rename("*")).json()["code"] == "request_id_reused"


async def test_a_replayed_create_on_rest_is_201_with_its_location_and_etag(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    done = await world.rest.post("/tasks", json=MILK, headers=headers)
    again = await world.rest.post("/tasks", json=MILK, headers=headers)
    assert again.status_code == done.status_code == 201
    assert again.headers["location"] == done.headers["location"]
    assert again.headers["etag"] == done.headers["etag"]


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_refusal_is_not_stored_and_the_id_stays_free(world: World, surface: Surface) -> None:
    made = (await call(world, "rest", "create_task", MILK)).answer["task"]
    remind = {"task_id": made["id"], "before": "1h", "request_id": "once"}
    assert (await call(world, surface, "set_reminder", remind)).code == "invalid_arguments"
    assert (await count_stored(world))["request_entry"] == 0
    await call(world, "rest", "update_task", {"task_id": made["id"], "due": "2026-11-27"})
    done = await call(world, surface, "set_reminder", remind)
    assert done.answer["task"]["reminders"][0]["before"] == "1h"
    assert "replayed" not in done.answer


@pytest.mark.parametrize("surface", SURFACES)
async def test_an_id_is_kept_for_24_hours_and_then_forgotten(world: World, surface: Surface) -> None:
    arguments = {**MILK, "request_id": "once"}
    await call(world, surface, "create_task", arguments)
    world.clock.move(hours=24)
    assert (await call(world, surface, "create_task", arguments)).answer["replayed"] is True
    assert (await call(world, surface, "create_task", {"title": "Tea", "request_id": "once"})).code
    world.clock.move(seconds=1)
    assert "replayed" not in (await call(world, surface, "create_task", arguments)).answer
    assert await titles(world) == ["Buy milk", "Buy milk"]
    assert (await call(world, surface, "create_task", arguments)).answer["replayed"] is True


@pytest.mark.parametrize("surface", SURFACES)
async def test_five_concurrent_calls_with_one_id_have_one_effect(world: World, surface: Surface) -> None:
    replies: list[Reply] = []

    async def create() -> None:
        replies.append(await call(world, surface, "create_task", {**MILK, "request_id": "once"}))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(create)

    assert await titles(world) == ["Buy milk"]
    assert await count_events(world) == 1
    assert sorted("replayed" in reply.answer for reply in replies) == [False, True, True, True, True]
    assert len({reply.answer["task"]["id"] for reply in replies}) == 1


async def test_five_concurrent_calls_over_all_surfaces_have_one_effect(world: World) -> None:
    async with anyio.create_task_group() as tasks:
        for surface in (*SURFACES, *AGENTS):
            tasks.start_soon(call, world, surface, "create_task", {**MILK, "request_id": "once"})
    assert await titles(world) == ["Buy milk"]
    assert await count_events(world) == 1


async def test_a_new_id_on_a_call_that_the_agent_made_without_one_is_its_repeat(world: World) -> None:
    done = await call(world, "modern", "create_task", MILK)
    world.clock.move(minutes=10)
    again = await call(world, "modern", "create_task", {**MILK, "request_id": "new"})
    present = "Mon 23 Nov 2026, 10:10 Europe/Berlin"
    assert again.answer == {**done.answer, "replayed": True, "message": AGAIN, "now": present}
    world.clock.move(minutes=5)
    third = await call(world, "modern", "create_task", {**MILK, "request_id": "new"})
    assert third.answer["change_id"] == done.answer["change_id"]
    assert third.answer["message"] == AGAIN
    assert await titles(world) == ["Buy milk"]
    assert await count_events(world) == 1


async def test_what_the_instructions_say_of_a_lost_answer_holds(world: World) -> None:
    client = await world.connect()
    said = "repeat the very same call with a request_id of your own: within ten minutes it is done only once"
    assert said in str(client.instructions)
    await world.call(client, "create_task", title="Buy milk")
    world.clock.move(minutes=9)
    again = await world.call(client, "create_task", title="Buy milk", request_id="of my own")
    assert again["replayed"] is True
    assert await titles(world) == ["Buy milk"]


async def test_after_eleven_minutes_it_is_a_call_of_its_own(world: World) -> None:
    await call(world, "modern", "create_task", MILK)
    world.clock.move(minutes=11)
    assert "replayed" not in (await call(world, "modern", "create_task", {**MILK, "request_id": "new"})).answer
    assert len(await titles(world)) == 2


async def test_from_another_client_it_is_a_call_of_its_own(world: World) -> None:
    await call(world, "modern", "create_task", MILK, client="an-ide")
    other = await call(world, "modern", "create_task", {**MILK, "request_id": "new"}, client="another-ide")
    assert "replayed" not in other.answer
    assert len(await titles(world)) == 2


async def test_another_tool_or_other_arguments_with_a_new_id_are_calls_of_their_own(world: World) -> None:
    await call(world, "modern", "create_task", MILK)
    other = await call(world, "modern", "create_task", {"title": "Buy tea", "request_id": "new"})
    assert "replayed" not in other.answer
    assert await titles(world) == ["Buy milk", "Buy tea"]


async def test_a_person_is_never_taken_to_repeat_a_call_without_an_id(world: World) -> None:
    await call(world, "rest", "create_task", MILK)
    assert "replayed" not in (await call(world, "rest", "create_task", {**MILK, "request_id": "new"})).answer
    assert len(await titles(world)) == 2


async def test_an_agents_call_is_never_taken_for_the_repeat_of_a_persons(world: World) -> None:
    await call(world, "rest", "create_task", MILK)
    assert "replayed" not in (await call(world, "legacy", "create_task", {**MILK, "request_id": "new"})).answer
    await call(world, "rest", "create_task", {**MILK, "request_id": "newer"})
    assert len(await titles(world)) == 3


@pytest.mark.parametrize("surface", SURFACES)
async def test_two_equal_creates_without_an_id_are_two_tasks(world: World, surface: Surface) -> None:
    await call(world, surface, "create_task", MILK)
    assert "replayed" not in (await call(world, surface, "create_task", MILK)).answer
    assert await titles(world) == ["Buy milk", "Buy milk"]
    assert await count_events(world) == 2


async def test_an_id_of_255_characters_and_any_script_is_kept_apart_from_others(world: World) -> None:
    for request_id in ("x" * 255, "x" * 254, "é牛", "1", "01"):
        made = await call(world, "modern", "create_task", {**MILK, "request_id": request_id})
        assert "replayed" not in made.answer
        again = await call(world, "legacy", "create_task", {**MILK, "request_id": request_id})
        assert again.answer["task"] == made.answer["task"]
    assert len(await titles(world)) == 5
