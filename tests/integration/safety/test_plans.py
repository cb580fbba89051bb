"""Plans: a numbered diff that changes nothing, applied whole or not at all."""

from typing import Any

import pytest

from tests.contracts.surfaces import SURFACES, Surface
from tests.integration.safety.agent_calls import count, do, excepting, fail, make, see, types
from tests.world import World

pytestmark = pytest.mark.anyio


def step(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_plan_shows_a_numbered_diff_and_changes_nothing(world: World, surface: Surface) -> None:
    one, two = await make(world, 2, due="2026-11-24T10:00", reminders=["1h"])
    series = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    before = [await see(world, each) for each in (one, two, series["recurring_id"], series["task"]["id"])]
    held = await count(world)
    search = await world.query("SELECT id, unindexed, words FROM task ORDER BY id")
    recurrence = await world.query("SELECT * FROM recurrence")
    plan = await do(
        world,
        "plan_changes",
        surface=surface,
        changes=[
            step("update_task", task_id=one, title="Moved", shift="1d"),
            step("complete_task", task_id=series["task"]["id"]),
            step("create_task", title="New one"),
            step("delete_task", task_id=two),
        ],
    )
    assert [each["number"] for each in plan["diff"]] == [1, 2, 3, 4]
    assert [each["title"] for each in plan["diff"]] == ["Moved", "Plants", "New one", "Task 1"]
    assert plan["diff"][0]["changes"]["title"] == ["Task 0", "Moved"]
    assert plan["diff"][0]["changes"]["due"] == ["2026-11-24T09:00:00Z", "2026-11-25T09:00:00Z"]
    assert all(each["text"] for each in plan["diff"])
    assert {"plan_id", "diff", "expires_at", "message", "now"} <= plan.keys()
    assert "events" not in plan
    assert [await see(world, each) for each in (one, two, series["recurring_id"], series["task"]["id"])] == before
    after = await count(world)
    held[4] = after[4]
    held[5] += 1
    assert after == held, "one plan, and the request's own row where the surface keeps one"
    assert await world.query("SELECT id, unindexed, words FROM task ORDER BY id") == search
    assert await world.query("SELECT * FROM recurrence") == recurrence


@pytest.mark.parametrize("surface", SURFACES)
async def test_applied_it_is_one_change_that_one_undo_takes_back(world: World, surface: Surface) -> None:
    one, two, three = await make(world, 3, due="2026-11-24T10:00", reminders=["1h"])
    before = [await see(world, each) for each in (one, two, three)]
    plan = await do(
        world,
        "plan_changes",
        surface=surface,
        changes=[
            step("update_task", task_id=one, title="A"),
            step("update_task", task_id=one, add_tags=["t"]),
            step("set_reminder", task_id=one, at="2026-11-23T20:00"),
            step("complete_task", task_id=two),
            step("delete_task", task_id=three),
            step("create_task", title="New"),
        ],
    )
    applied = await do(world, "apply_plan", surface=surface, plan_id=plan["plan_id"])
    assert types(applied) == ["task.updated", "task.completed", "task.deleted", "task.created"]
    assert (await see(world, one))["tags"] == ["t"]
    [event] = [each["data"]["data"] for each in await world.events() if each["id"] == applied["events"][0]["id"]]
    assert event["changes"].keys() == {"title", "tags", "reminders"}
    assert event["version"] == event["task"]["version"] == (await world.rest.get(f"/tasks/{one}")).json()["version"]
    again = await do(world, "apply_plan", surface=surface, plan_id=plan["plan_id"])
    assert again["replayed"] is True
    assert again["change_id"] == applied["change_id"]
    undone = await do(world, "undo", surface=surface)
    assert [await see(world, each) for each in (one, two, three)] == before
    assert sorted(types(undone)) == ["task.created", "task.deleted", "task.updated", "task.updated"]


async def test_excepted_changes_are_left_out_and_wrong_numbers_are_refused(world: World) -> None:
    await make(world, 3, tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"priority": "high"})
    for numbers in ([4], [0], [-1], [1, 2, 3]):
        refused = await fail(world, "apply_plan", **excepting(plan["plan_id"], numbers))
        assert refused.code == "invalid_arguments"
    applied = await do(world, "apply_plan", **excepting(plan["plan_id"], [2]))
    changed = {task["id"] for task in applied["tasks"]}
    assert changed == {plan["diff"][0]["task_id"], plan["diff"][2]["task_id"]}
    assert (await see(world, plan["diff"][1]["task_id"]))["priority"] == "none"


async def test_it_is_kept_for_an_hour(world: World) -> None:
    await make(world, 1, tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"priority": "high"})
    late = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"priority": "low"})
    world.clock.move(minutes=59, seconds=59)
    await do(world, "apply_plan", plan_id=plan["plan_id"])
    world.clock.move(seconds=2)
    assert (await fail(world, "apply_plan", plan_id=late["plan_id"])).code == "plan_expired"


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_plan_is_bound_to_its_maker(world: World, surface: Surface) -> None:
    await make(world, 1, tags=["x"])
    plan = await do(world, "plan_changes", client="maker", filter={"tags": ["x"]}, change={"priority": "high"})
    told = [
        await fail(world, "apply_plan", client="thief", surface=surface, plan_id=plan_id)
        for plan_id in (plan["plan_id"], "01930000-0000-7000-8000-ffffffffffff", "no id")
    ]
    assert {reply.code for reply in told} == {"plan_expired"}
    assert len({reply.sentence for reply in told}) == 1


async def test_a_task_changed_since_is_named_with_who(world: World) -> None:
    one, _ = await make(world, 2, tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"priority": "high"})
    await do(world, "update_task", client="rival", task_id=one, notes="theirs")
    refused = await fail(world, "apply_plan", plan_id=plan["plan_id"])
    assert refused.code == "version_conflict"
    for word in ("Task 0", "notes", "rival"):
        assert word in refused.sentence
    number = next(each["number"] for each in plan["diff"] if each["task_id"] == one)
    applied = await do(world, "apply_plan", **excepting(plan["plan_id"], [number]))
    assert len(applied["tasks"]) == 1, "what is left out cannot stand in the way"


@pytest.mark.parametrize("step_on_reminder", [True, False], ids=["by reminder", "by series"])
async def test_a_task_named_by_another_id_is_bound_to_its_version_too(world: World, step_on_reminder: bool) -> None:
    [task, other] = await make(world, 2, due="2026-11-27T17:00", reminders=["1h"])
    reminder = (await see(world, task))["reminders"][0]["id"]
    made = await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12")
    first = (
        step("cancel_reminder", reminder_id=reminder)
        if step_on_reminder
        else step("update_recurring_task", task_id=made["task"]["id"], title="All")
    )
    steps = [first, step("update_task", task_id=other, title="A"), step("update_task", task_id=other, notes="B")]
    plan = await do(world, "plan_changes", changes=steps)
    changed = task if step_on_reminder else made["recurring_id"]
    tool = "update_task" if step_on_reminder else "update_recurring_task"
    await do(world, tool, client="rival", task_id=changed, notes="theirs")
    refused = await fail(world, "apply_plan", plan_id=plan["plan_id"])
    assert refused.code == "version_conflict"
    assert "rival" in refused.sentence


async def test_more_than_a_hundred_are_refused_with_the_number(world: World) -> None:
    for _ in range(2):
        many = [step("create_task", title=f"Many {n}", tags=["many"]) for n in range(51)]
        plan = await do(world, "plan_changes", changes=many)
        await do(world, "apply_plan", plan_id=plan["plan_id"])
    refused = await fail(world, "plan_changes", filter={"tags": ["many"]}, change={"priority": "high"})
    assert refused.code == "invalid_arguments"
    assert "102" in refused.sentence
    assert "100" in refused.sentence
    many = [step("create_task", title="X")] * 101
    assert (await fail(world, "plan_changes", changes=many)).code == "invalid_arguments"
    last = (await do(world, "find_tasks", tags=["many"], limit=2))["tasks"]
    for each in last:
        await do(world, "complete_task", task_id=each["id"])
    plan = await do(world, "plan_changes", filter={"tags": ["many"]}, change={"priority": "high"})
    assert [each["number"] for each in plan["diff"]] == list(range(1, 101)), "exactly a hundred are planned, none cut"
    applied = await do(world, "apply_plan", plan_id=plan["plan_id"])
    assert len(applied["tasks"]) == 100


async def test_a_shift_keeps_each_date(world: World) -> None:
    for day, time in (("24", "T10:00"), ("25", "T14:30"), ("26", "")):
        await do(world, "create_task", title=f"M{day}", due=f"2026-11-{day}{time}", tags=["meeting"])
    plan = await do(world, "plan_changes", filter={"tags": ["meeting"]}, change={"shift": "1d"}, apply=True)
    assert sorted(task["due"] for task in plan["tasks"]) == [
        "2026-11-25T09:00:00Z", "2026-11-26T13:30:00Z", "2026-11-27",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (step("update_task", task_id="nope", title="X"), "task_not_found"),
        (step("create_task", title=""), "invalid_arguments"),
        (step("create_task", title="X", due="soon"), "invalid_time"),
        (step("create_task", title="X", colour="red"), "invalid_arguments"),
        (step("create_recurring_task", title="X", rule="FREQ=NEVER"), "rule_invalid"),
        (step("undo"), "invalid_arguments"),
        (step("plan_changes", changes=[]), "invalid_arguments"),
        (step("apply_plan", plan_id="x"), "invalid_arguments"),
        (step("find_tasks"), "invalid_arguments"),
    ],
)
async def test_a_bad_step_is_named_by_its_number_and_nothing_is_kept(world: World, bad: Any, code: str) -> None:
    refused = await fail(world, "plan_changes", changes=[step("create_task", title="Good"), bad])
    assert refused.code == code
    assert "2" in refused.sentence.partition(":")[0]


async def test_a_step_that_cannot_be_done_any_more_undoes_the_steps_before(world: World) -> None:
    task, other = await make(world, 2, due="2026-11-24")
    steps = [
        step("update_task", task_id=other, title="A"),
        step("set_reminder", task_id=task, at="2026-11-23T10:30"),
    ]
    plan = await do(world, "plan_changes", changes=steps)
    world.clock.move(minutes=45)
    refused = await fail(world, "apply_plan", plan_id=plan["plan_id"])
    assert refused.code == "reminder_in_past"
    assert (await see(world, other))["title"] == "Task 1"


async def test_to_apply_at_once_is_one_call(world: World) -> None:
    await make(world, 2, tags=["x"])
    answer = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"complete": True}, apply=True)
    assert types(answer) == ["task.completed"] * 2
    assert (await do(world, "apply_plan", plan_id=answer["plan_id"]))["replayed"] is True
    await do(world, "undo")
    assert (await do(world, "find_tasks", tags=["x"]))["total"] == 2


async def test_an_excepted_creation_emits_nothing(world: World) -> None:
    plan = await do(world, "plan_changes", changes=[step("create_task", title="A"), step("create_task", title="B")])
    applied = await do(world, "apply_plan", **excepting(plan["plan_id"], [1]))
    assert types(applied) == ["task.created"]
    assert [task["title"] for task in applied["tasks"]] == ["B"]


async def test_a_plan_that_changes_nothing_says_so_and_leaves_nothing_to_undo(world: World) -> None:
    [task] = await make(world, 1)
    applied = await do(world, "plan_changes", changes=[step("update_task", task_id=task, title="Task 0")], apply=True)
    assert applied["events"] == []
    assert types(await do(world, "undo")) == ["task.deleted"], "the newest change is the creation"


async def test_versions_of_a_plan_can_be_followed(world: World) -> None:
    [task] = await make(world, 1)
    steps = [step("update_task", task_id=task, title=f"T{n}") for n in range(3)]
    applied = await do(world, "plan_changes", changes=steps, apply=True)
    assert types(applied) == ["task.updated"]
    [event] = [each["data"]["data"] for each in await world.events() if each["id"] == applied["events"][0]["id"]]
    assert event["changes"]["title"] == ["Task 0", "T2"]
    version = event["version"]
    assert (await do(world, "update_task", task_id=task, title="Next", expected_version=version))["events"]


async def test_a_filter_over_instances_that_deletes_them_says_that_it_only_skips(world: World) -> None:
    await do(world, "create_recurring_task", title="Plants", rule="FREQ=DAILY;BYHOUR=12", tags=["x"])
    plan = await do(world, "plan_changes", filter={"tags": ["x"]}, change={"delete": True})
    assert "only this occurrence" in plan["diff"][0]["text"] or "skip" in plan["diff"][0]["text"].lower()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"filter": {"tags": ["x"]}},
        {"change": {"priority": "high"}},
        {"changes": [], "filter": {"tags": ["x"]}, "change": {"complete": True}},
        {"filter": {"tags": ["x"]}, "change": {"complete": True, "delete": True}},
        {"filter": {"tags": ["x"]}, "change": {"title": "X", "complete": True}},
        {"filter": {"tags": ["x"]}, "change": {}},
        {"filter": {"colour": "red"}, "change": {"complete": True}},
        {"filter": {"tags": ["none such"]}, "change": {"complete": True}},
    ],
)
async def test_an_impossible_plan_is_refused(world: World, arguments: dict[str, Any]) -> None:
    await make(world, 1, tags=["x"])
    assert (await fail(world, "plan_changes", **arguments)).code == "invalid_arguments"
