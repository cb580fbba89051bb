"""Undo, case by case: which change it picks, when it refuses, which events it emits."""

from typing import Any

import pytest

from tests.contracts.surfaces import AGENTS, SURFACES, Surface, make_foreign_task
from tests.integration.safety.agent_calls import do, fail, make, see, types
from tests.world import World

pytestmark = pytest.mark.anyio

DAILY: dict[str, Any] = {"title": "Plants", "rule": "FREQ=DAILY;BYHOUR=12"}


async def test_it_takes_back_the_newest_change_from_here_and_then_one_further(world: World) -> None:
    [mine] = await make(world, 1)
    await do(world, "update_task", task_id=mine, title="First")
    await do(world, "update_task", task_id=mine, notes="Second")
    [theirs] = await make(world, 1, client="other")
    assert types(await do(world, "undo")) == ["task.updated"]
    seen = await see(world, mine)
    assert (seen["title"], seen.get("notes")) == ("First", None)
    await do(world, "undo")
    assert (await see(world, mine))["title"] == "Task 0"
    assert types(await do(world, "undo")) == ["task.deleted"]
    assert await see(world, mine) is None
    assert await see(world, theirs) is not None
    assert (await fail(world, "undo")).code == "invalid_arguments"


async def test_redo_is_undo_of_the_undo_and_turns_the_marks(world: World) -> None:
    [task] = await make(world, 1)
    changed = await do(world, "update_task", task_id=task, title="New")
    undone = await do(world, "undo")
    redone = await do(world, "undo", change_ids=[undone["change_id"]])
    assert (await see(world, task))["title"] == "New"
    assert (undone["message"][:8], redone["message"][:12]) == ("Undone: ", "Done again: ")
    assert (await fail(world, "undo", change_ids=[undone["change_id"]])).code == "undo_conflict"
    again = await do(world, "undo")
    assert (await see(world, task))["title"] == "Task 0"
    assert len({changed["change_id"], undone["change_id"], redone["change_id"], again["change_id"]}) == 4
    assert types(await do(world, "undo")) == ["task.deleted"], "what is undone is not picked a second time"


async def test_many_are_taken_back_as_one_change_or_not_at_all(world: World) -> None:
    one, two = await make(world, 2)
    first = await do(world, "update_task", task_id=one, title="A")
    second = await do(world, "update_task", task_id=two, title="B")
    third = await do(world, "update_task", task_id=one, priority="high")
    ids = [first["change_id"], second["change_id"], third["change_id"]]
    await do(world, "update_task", client="other", task_id=two, title="C")
    refused = await fail(world, "undo", change_ids=ids)
    assert refused.code == "undo_conflict"
    assert "title" in refused.sentence
    assert "other" in refused.sentence
    answer = await do(world, "undo", change_ids=[first["change_id"], third["change_id"]])
    assert types(answer) == ["task.updated"], "one event for a task, whatever was taken back of it"
    seen = await see(world, one)
    assert (seen["title"], seen["priority"]) == ("Task 0", "none")


@pytest.mark.parametrize("surface", SURFACES)
async def test_unknown_and_foreign_changes_look_the_same(world: World, surface: Surface) -> None:
    await make_foreign_task(world)
    [[foreign]] = await world.query("SELECT id FROM change WHERE user_id = 'other'")
    told = [
        await fail(world, "undo", surface=surface, change_ids=[change_id])
        for change_id in (foreign, "01930000-0000-7000-8000-ffffffffffff", "no id")
    ]
    assert {reply.code for reply in told} == {"task_not_found"}
    assert len({reply.sentence for reply in told}) == 1
    assert {reply.status for reply in told} == ({404} if surface == "rest" else {200})


async def test_only_what_was_changed_since_stands_in_the_way(world: World) -> None:
    [task] = await make(world, 1, due="2026-11-27T17:00", tags=["a"])
    changed = await do(world, "update_task", task_id=task, title="New", due="2026-11-28")
    await do(world, "update_task", client="other", task_id=task, notes="theirs", add_tags=["b"])
    await do(world, "undo", change_ids=[changed["change_id"]])
    seen = await see(world, task)
    assert (seen["title"], seen["due_local"]) == ("Task 0", "2026-11-27T17:00")
    assert (seen["notes"], seen["tags"]) == ("theirs", ["a", "b"])


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_conflict_names_the_field_and_who(world: World, surface: Surface) -> None:
    [task] = await make(world, 1)
    changed = await do(world, "update_task", task_id=task, title="Mine")
    await do(world, "update_task", client="rival", task_id=task, title="Theirs")
    refused = await fail(world, "undo", surface=surface, change_ids=[changed["change_id"]])
    assert refused.code == "undo_conflict"
    assert "title" in refused.sentence
    assert "rival" in refused.sentence
    assert refused.answer["fields"] == {"title": "rival (an assistant)"}
    assert (await see(world, task))["title"] == "Theirs"


async def test_a_creation_edited_by_others_is_not_taken_back(world: World) -> None:
    created = await do(world, "create_task", title="Mine")
    await do(world, "update_task", client="rival", task_id=created["task"]["id"], notes="Their words")
    refused = await fail(world, "undo")
    assert refused.code == "undo_conflict"
    assert "notes" in refused.sentence


async def test_a_fired_reminder_is_not_a_conflict_and_passed_times_are_named(world: World) -> None:
    [task] = await make(world, 1, due="2026-11-23T12:00", reminders=["30m"])
    await do(world, "update_task", task_id=task, title="New")
    await world.tick(hours=2)
    await do(world, "undo")
    seen = await see(world, task)
    assert (seen["title"], seen["reminders"][0]["status"]) == ("Task 0", "fired")
    await do(world, "set_reminder", task_id=task, at="2026-11-23T13:00")
    await world.tick(hours=2)
    await do(world, "undo")
    assert [each["status"] for each in (await see(world, task))["reminders"]] == ["fired"]


async def test_a_deletion_taken_back_arms_what_is_ahead_and_names_what_passed(world: World) -> None:
    [task] = await make(world, 1, due="2026-11-23T14:00", reminders=["1h", "3h"])
    before = await see(world, task)
    await do(world, "delete_task", task_id=task)
    await world.tick(hours=2)
    answer = await do(world, "undo")
    assert types(answer) == ["task.created"]
    [event] = [each for each in await world.events() if each["id"] == answer["events"][0]["id"]]
    assert event["data"]["data"]["restored"] is True
    seen = await see(world, task)
    status = {each["before"]: each["status"] for each in seen["reminders"]}
    assert status == {"1h": "scheduled", "3h": "cancelled"}
    assert any("passed" in warning for warning in answer["warnings"])
    assert {**seen, "reminders": 0} == {**before, "reminders": 0}
    await world.tick(hours=3)
    rung = [each for each in await world.events() if each["type"] == "reminder.due"]
    assert [each["data"]["data"]["reminder"]["sequence"] for each in rung] == [2]


async def test_a_restored_task_is_not_counted_as_created(world: World) -> None:
    [task] = await make(world, 1)
    await do(world, "delete_task", task_id=task)
    await world.settle()
    await do(world, "undo")
    await world.settle()
    [day] = (await world.rest.get("/statistics", params={"from": "2026-11-23", "until": "2026-11-23"})).json()["days"]
    assert day == {"day": "2026-11-23", "created": 1, "completed": 0}


async def test_taking_back_a_completion_removes_its_successor_and_redo_brings_it_back(world: World) -> None:
    made = await do(world, "create_recurring_task", **DAILY)
    first, series = made["task"]["id"], made["recurring_id"]
    before = [await see(world, first), await see(world, series)]
    done = await do(world, "complete_task", task_id=first)
    successor = done["next_occurrence"]["task_id"]
    answer = await do(world, "undo")
    assert sorted(types(answer)) == ["task.deleted", "task.updated"]
    assert await see(world, successor) is None
    assert [await see(world, first), await see(world, series)] == before
    redone = await do(world, "undo", change_ids=[answer["change_id"]])
    assert sorted(types(redone)) == ["task.completed", "task.created"]
    assert (await see(world, successor))["occurrence"] == "2026-11-24T11:00:00Z"
    again = await do(world, "complete_task", task_id=successor)
    assert again["next_occurrence"]["due"] == "2026-11-25T11:00:00Z"


@pytest.mark.parametrize(
    ("tool", "arguments"), [("update_task", {"title": "Touched"}), ("complete_task", {}), ("delete_task", {})]
)
async def test_a_successor_changed_since_stands_in_the_way(world: World, tool: str, arguments: Any) -> None:
    made = await do(world, "create_recurring_task", **DAILY)
    done = await do(world, "complete_task", task_id=made["task"]["id"])
    await do(world, tool, client="rival", task_id=done["next_occurrence"]["task_id"], **arguments)
    refused = await fail(world, "undo")
    assert refused.code == "undo_conflict"
    assert "rival" in refused.sentence


async def test_a_completion_taken_back_can_be_done_again_in_the_common_way(world: World) -> None:
    made = await do(world, "create_recurring_task", **DAILY)
    await do(world, "complete_task", task_id=made["task"]["id"])
    await do(world, "undo")
    done = await do(world, "complete_task", task_id=made["task"]["id"])
    assert types(done) == ["task.completed", "task.created", "recurring.trigger"]
    assert done["next_occurrence"]["due"] == "2026-11-24T11:00:00Z"


@pytest.mark.parametrize(
    "change",
    [
        {"skip": "1"},
        {"skip": "2"},
        {"paused": True},
        {"pause_until": "2026-12-01"},
        {"rule": "FREQ=WEEKLY;BYDAY=TH"},
        {"title": "All plants", "add_tags": ["home"], "notes": "Rain"},
        {"ends": "1"},
        {"reminders": ["30m"]},
        {"mode": "every_occurrence"},
        {"zone": "America/New_York"},
        {"first_due": "2026-11-30T10:00"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_undo_restores_every_change_to_a_series(world: World, change: dict[str, Any]) -> None:
    made = await do(world, "create_recurring_task", **DAILY, reminders=["1h"])
    ids = made["task"]["id"], made["recurring_id"]
    before = [await see(world, each) for each in ids]
    revised = await do(world, "update_recurring_task", task_id=ids[1], **change)
    assert revised["events"]
    await do(world, "undo")
    assert [await see(world, each) for each in ids] == before
    living = "SELECT count(*) FROM task WHERE deleted_at IS NULL"
    assert await world.query(living) == [(2,)]


@pytest.mark.parametrize("skipped", [True, False], ids=["instance", "series"])
async def test_a_deleted_instance_or_series_is_back(world: World, skipped: bool) -> None:
    made = await do(world, "create_recurring_task", **DAILY, reminders=["1h"])
    ids = made["task"]["id"], made["recurring_id"]
    before = [await see(world, each) for each in ids]
    await do(world, "delete_task", task_id=ids[0] if skipped else ids[1])
    answer = await do(world, "undo")
    assert sorted(types(answer)) == (["task.created", "task.deleted"] if skipped else ["task.created"] * 2)
    assert [await see(world, each) for each in ids] == before
    events = {each["id"]: each["data"]["data"] for each in await world.events()}
    back = [events[each["id"]] for each in answer["events"] if each["type"] == "task.created"]
    assert all(data["restored"] for data in back)
    assert (await do(world, "complete_task", task_id=ids[0]))["next_occurrence"]["due"] == "2026-11-24T11:00:00Z"


async def test_a_conversion_into_a_series_is_taken_back(world: World) -> None:
    [task] = await make(world, 1, due="2026-11-27T17:00", reminders=["1h"])
    before = await see(world, task)
    made = await do(world, "create_recurring_task", task_id=task, rule="FREQ=DAILY")
    await do(world, "undo")
    assert await see(world, task) == before
    assert await see(world, made["recurring_id"]) is None


async def test_a_repeat_of_an_undo_with_its_id_undoes_once(world: World) -> None:
    [task] = await make(world, 1)
    await do(world, "update_task", task_id=task, title="One")
    await do(world, "update_task", task_id=task, title="Two")
    first = await do(world, "undo", request_id="once")
    second = await do(world, "undo", request_id="once")
    assert second["replayed"] is True
    assert first["change_id"] == second["change_id"]
    assert (await see(world, task))["title"] == "One"


@pytest.mark.parametrize("surface", AGENTS)
async def test_no_argument_forces_an_undo(world: World, surface: Surface) -> None:
    await make(world, 1)
    for name in ("force", "user_id", "origin"):
        arguments: dict[str, Any] = {name: True}
        assert (await fail(world, "undo", surface=surface, **arguments)).code == "invalid_arguments"


async def test_an_erased_task_stands_in_the_way(world: World) -> None:
    [task] = await make(world, 1)
    await do(world, "update_task", task_id=task, title="New")
    await world.settle()
    assert (await world.rest.delete(f"/tasks/{task}/permanently")).is_success
    assert (await fail(world, "undo")).code in ("undo_conflict", "invalid_arguments")


@pytest.mark.parametrize("surface", AGENTS)
async def test_a_bare_undo_with_a_new_id_goes_one_step_further_instead_of_repeating(
    world: World, surface: Surface
) -> None:
    [task] = await make(world, 1, surface=surface)
    for title in ("One", "Two", "Three"):
        await do(world, "update_task", surface=surface, task_id=task, title=title)
    first = await do(world, "undo", surface=surface)
    second = await do(world, "undo", surface=surface, request_id="second")
    assert "replayed" not in second
    assert second["change_id"] != first["change_id"]
    assert (await see(world, task))["title"] == "One"
    again = await do(world, "undo", surface=surface, request_id="second")
    assert (again["replayed"], again["change_id"]) == (True, second["change_id"])
    assert (await see(world, task))["title"] == "One"


async def test_an_undo_that_names_its_change_is_a_repeat_under_a_new_id(world: World) -> None:
    [task] = await make(world, 1)
    changed = await do(world, "update_task", task_id=task, title="One")
    first = await do(world, "undo", change_ids=[changed["change_id"]])
    again = await do(world, "undo", change_ids=[changed["change_id"]], request_id="later")
    assert (again["replayed"], again["change_id"]) == (True, first["change_id"])


async def test_a_reminder_that_missed_its_time_while_its_task_was_completed_is_not_a_conflict(world: World) -> None:
    made = await do(world, "create_task", title="Call", due="2026-11-23T12:00", reminders=["0m"])
    await do(world, "update_task", task_id=made["task"]["id"], notes="Ask about the bill")
    await do(world, "complete_task", task_id=made["task"]["id"])
    await world.tick(hours=10)
    back = await do(world, "undo")
    assert "has passed and stays cancelled" in back["warnings"][0]
    await do(world, "undo")
    assert "notes" not in await see(world, made["task"]["id"])
    await do(world, "undo")
    assert await see(world, made["task"]["id"]) is None


async def test_a_reminder_that_the_person_cancelled_is_a_conflict_though_its_time_has_passed(world: World) -> None:
    made = await do(world, "create_task", title="Call", due="2026-11-23T12:00", reminders=["0m"])
    await world.rest.delete(f"/reminders/{made['task']['reminders'][0]['id']}")
    await world.tick(hours=10)
    refused = await fail(world, "undo")
    assert (refused.code, list(refused.answer["fields"])) == ("undo_conflict", ["reminders"])
