"""Plans say what is meant and what comes of it: ids that hold, numbers that agree, clashes, exceptions, void plans."""

import json
from typing import Any

import pytest

from tests.integration.safety.agent_calls import do, excepting, fail, make
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


def step(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


async def test_the_ids_that_a_plan_shows_hold_when_it_is_applied(world: World) -> None:
    task = (await do(world, "create_task", title="Exam", due="2026-11-27T17:00"))["task"]["id"]
    steps = [
        step("set_reminder", task_id=task, before=["1d", "1h"]),
        step("create_task", title="Pens", reminders=["2026-11-26T09:00"]),
        step("create_recurring_task", title="Learn", rule="FREQ=DAILY;BYHOUR=19"),
    ]
    plan = await do(world, "plan_changes", changes=steps)
    planned = [each["id"] for each in plan["diff"][0]["changes"]["reminders"][1]]
    made, series = plan["diff"][1]["task_id"], plan["diff"][2]["recurring_id"]
    await do(world, "create_task", title="In between")
    await do(world, "apply_plan", plan_id=plan["plan_id"])
    seen = (await do(world, "get_task", task_id=task))["task"]
    assert [each["id"] for each in seen["reminders"]] == planned
    assert (await do(world, "get_task", task_id=made))["task"]["title"] == "Pens"
    assert (await do(world, "get_task", task_id=series))["task"]["kind"] == "recurring"
    snoozed = await do(world, "snooze_reminder", reminder_id=planned[1], until="2026-11-27T16:30")
    assert snoozed["task"]["id"] == task


async def test_steps_that_are_left_out_do_not_shift_the_ids_of_the_others(world: World) -> None:
    plan = await do(world, "plan_changes", changes=[step("create_task", title=f"T{n}") for n in range(3)])
    applied = await do(world, "apply_plan", **excepting(plan["plan_id"], [1]))
    assert [task["id"] for task in applied["tasks"]] == [each["task_id"] for each in plan["diff"][1:]]


async def test_the_diff_tells_status_and_due_and_names_the_series(world: World) -> None:
    one, two = await make(world, 2, due="2026-11-24T10:00")
    series = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    steps = [
        step("update_task", task_id=one, shift="1d"),
        step("complete_task", task_id=two),
        step("delete_task", task_id=series["task"]["id"]),
    ]
    diff = (await do(world, "plan_changes", changes=steps))["diff"]
    assert [each["status"] for each in diff] == ["open", "completed", "open"]
    assert [each["due_text"] for each in diff] == [
        "Wed 25 Nov 2026, 10:00",
        "Tue 24 Nov 2026, 10:00",
        "Mon 23 Nov 2026, 12:00",
    ]
    assert diff[0]["changes"]["due_text"] == ["Tue 24 Nov 2026, 10:00", "Wed 25 Nov 2026, 10:00"]
    assert diff[2]["deleted"] is True
    assert diff[2]["recurring_id"] == series["recurring_id"]
    assert "occurrence" in diff[2]["text"]
    assert series["recurring_id"] in diff[2]["hint"], "what to delete to end it"
    assert series["recurring_id"] not in diff[2]["text"], "people do not read ids"
    moved = step("update_task", task_id=series["task"]["id"], shift="2h")
    [alone] = (await do(world, "plan_changes", changes=[moved]))["diff"]
    assert alone["text"].endswith(", due Mon 23 Nov 2026, 14:00 Europe/Berlin. Only this occurrence.")
    assert "update_recurring_task" in alone["hint"]


async def test_numbers_in_plan_apply_and_undo_agree(world: World) -> None:
    series = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    tasks = await make(world, 4)
    steps = [step("delete_task", task_id=series["recurring_id"])]
    steps += [step("update_task", task_id=tasks[0], title="Task 0"), step("update_task", task_id=tasks[1], title="B")]
    steps += [step("complete_task", task_id=task) for task in tasks[2:]]
    plan = await do(world, "plan_changes", changes=steps)
    assert plan["message"].startswith(
        "Nothing is changed yet: 1 task would be deleted, 1 task would be changed and 2 tasks would be completed."
    )
    assert plan["hint"] == "apply_plan does it all, until 11:00; except leaves numbers out."
    applied = await do(world, "apply_plan", plan_id=plan["plan_id"])
    assert applied["message"].startswith("1 task is deleted, 1 task is changed and 2 tasks are completed in one go")
    undone = await do(world, "undo")
    assert undone["message"].startswith('Undone: "Plants" is back; ')
    assert "; and 1 more." in undone["message"], "four tasks in all, the series with its occurrence as one"


async def test_a_move_to_the_time_of_another_task_is_a_warning(world: World) -> None:
    await do(world, "create_task", title="Standup", due="2026-11-25T10:00")
    await do(world, "create_task", title="All day", due="2026-11-25")
    await do(world, "create_task", title="Done", due="2026-11-25T10:00")
    await do(world, "complete_task", task_id=(await do(world, "find_tasks", text="Done"))["tasks"][0]["id"])
    task = (await do(world, "create_task", title="Dentist", due="2026-11-24T10:00"))["task"]["id"]
    plan = await do(world, "plan_changes", changes=[step("update_task", task_id=task, shift="1d")])
    clash = 'At the same time, Wed 25 Nov 2026, 10:00: "Standup", "Dentist".'
    assert plan["warnings"] == [clash]
    applied = await do(world, "apply_plan", plan_id=plan["plan_id"])
    assert applied["warnings"] == [clash]
    await do(world, "undo")
    moved = await do(world, "update_task", task_id=task, due="2026-11-25T10:00")
    assert moved["warnings"] == [clash], "a single move says so too"
    renamed = await do(world, "update_task", task_id=task, title="See the dentist")
    assert "warnings" not in renamed


async def test_tasks_that_move_together_clash_only_if_they_did_not_before(world: World) -> None:
    for title, due in (("A", "24T10:00"), ("B", "24T10:00"), ("C", "25T10:00"), ("D", "26")):
        await do(world, "create_task", title=title, due=f"2026-11-{due}", tags=["x"])
    moved = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"shift": "1d"}, apply=True)
    assert "warnings" not in moved
    met = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"due": "2026-11-30T09:00"})
    assert met["warnings"] == ['At the same time, Mon 30 Nov 2026, 09:00: "A", "B", "C", "D".']
    other = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"priority": "high"})
    assert "warnings" not in other, "nothing moves"


@pytest.mark.parametrize(
    ("besides", "left"),
    [
        ({"tags": ["keep"]}, {"Milk", "Rent", "Tea"}),
        ({"text": "milk"}, {"Rent", "Tea"}),
        ({"priority": "P1"}, {"Keep milk", "Milk", "Tea"}),
        ({"due_until": "2026-11-24"}, {"Keep milk", "Rent", "Tea"}),
        ({"tags": "keep", "text": "tea"}, {"Keep milk", "Milk", "Rent", "Tea"}),
        ('{"has_reminder": true}', {"Keep milk", "Milk", "Rent"}),
    ],
)
async def test_a_filter_may_say_what_it_does_not_mean(world: World, besides: Any, left: set[str]) -> None:
    await do(world, "create_task", title="Keep milk", tags=["x", "keep"])
    await do(world, "create_task", title="Milk", tags=["x"], due="2026-11-24")
    await do(world, "create_task", title="Rent", tags=["x"], priority="high")
    await do(world, "create_task", title="Tea", tags=["x"], reminders=["2026-11-26T10:00"])
    for _ in range(2):
        plan = await do(world, "plan_changes", filter={"tags": ["x"], "not": besides}, change={"complete": True})
        assert {each["title"] for each in plan["diff"]} == left
        await world.index()


async def test_an_exception_is_read_like_a_filter(world: World) -> None:
    await make(world, 2, tags=["x"])
    for besides in ({"colour": "red"}, {"due_from": "soon"}, {"text": "!!"}, "red", {"not": {"tags": ["x"]}}):
        refused = await fail(world, "plan_changes", filter={"not": besides}, change={"complete": True})
        assert refused.code in ("invalid_arguments", "invalid_time")
    words = await fail(world, "plan_changes", filter={"text": "task", "not": {"text": "task"}}, change={"delete": True})
    assert "No task matches" in words.sentence


async def test_an_older_plan_over_the_same_tasks_is_void_once_a_later_one_is_applied(world: World) -> None:
    one, two, three = await make(world, 3)
    both = [step("update_task", task_id=each, title="A") for each in (one, two)]
    older = await do(world, "plan_changes", changes=both)
    apart = await do(world, "plan_changes", changes=[step("update_task", task_id=three, title="C")])
    theirs = await do(world, "plan_changes", client="other", changes=both)
    await do(world, "plan_changes", changes=[step("update_task", task_id=two, title="B")], apply=True)
    # Leaving out what has changed since would get around the versions.
    for arguments in ({"plan_id": older["plan_id"]}, excepting(older["plan_id"], [2])):
        refused = await fail(world, "apply_plan", **arguments)
        assert refused.code == "plan_expired"
        assert "a later one over its tasks was applied" in refused.sentence
    await do(world, "apply_plan", plan_id=apart["plan_id"])
    assert (await do(world, "apply_plan", client="other", **excepting(theirs["plan_id"], [2])))["events"]


async def test_an_applied_plan_has_at_most_60_tokens_a_change(world: World) -> None:
    for number in range(20):
        body = {"title": f"Meeting with team {number}", "due": f"2026-11-24T10:{number:02}", "tags": ["meeting"]}
        assert (await world.rest.post("/tasks", json=body)).status_code == 201
    answer = await do(world, "plan_changes", filter={"tags": ["meeting"]}, change={"shift": "1d"}, apply=True)
    assert len(answer["tasks"]) == len(answer["events"]) == len(answer["diff"]) == 20
    assert all(task["due_text"].startswith("Wed 25 Nov 2026, 10:") for task in answer["tasks"])
    assert len(json.dumps(answer, separators=(",", ":"))) / 4 <= 20 * 60


async def test_a_plan_of_a_hundred_moves_with_reminders_stays_below_25000_tokens(world: World) -> None:
    for number in range(100):
        body = {"title": f"Meeting {number}", "due": f"2026-11-24T10:{number % 60:02}", "tags": ["meeting"]}
        assert (await world.rest.post("/tasks", json={**body, "reminders": ["30m"]})).status_code == 201
    plan = await do(world, "plan_changes", filter={"tags": ["meeting"]}, change={"shift": "1d"})
    assert len(plan["diff"]) == 100
    assert all(each["due_text"] and each["text"] for each in plan["diff"])
    shown = [each["number"] for each in plan["diff"] if "changes" in each]
    assert shown == list(range(1, len(shown) + 1))
    first = len(shown) + 1
    assert plan["warnings"] == [f"The differences from number {first} on are left out; the texts say what changes."]
    assert 2 * len(json.dumps(plan, separators=(",", ":"))) / 4 <= 25_000
