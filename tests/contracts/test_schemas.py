"""The schemas that tools publish: each member of an answer is named, each argument is; and converters take them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.named import list_unnamed
from tests.contracts.surfaces import call
from tests.integration.safety.agent_calls import do, fail, make
from tests.world import World
from todo.requests.plan_schemas import STEPS
from todo.undo.plans import PLANNABLE

pytestmark = pytest.mark.anyio

KEYWORDS = {"type", "properties", "items", "required", "enum", "description", "default", "maximum"}
"""What every converter takes: OpenAPI's part of JSON Schema, as Gemini reads it."""


async def list_schemas(world: World, kind: str) -> dict[str, Any]:
    listed = (await (await world.connect()).list_tools()).tools
    return {tool.name: tool.model_dump(mode="json", by_alias=True)[kind] for tool in listed}


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema within a schema, with its place."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from walk(part, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")


class Answers:
    """Calls tools and keeps the names of the members that their answers had."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: defaultdict[str, set[str]] = defaultdict(set)

    async def done(self, tool: str, **arguments: Any) -> Any:
        answer = await do(self._world, tool, **arguments)
        self.seen[tool] |= answer.keys()
        return answer

    async def refused(self, tool: str, **arguments: Any) -> Any:
        answer = (await fail(self._world, tool, **arguments)).answer
        self.seen[tool] |= answer.keys()
        return answer


async def play_reads(world: World, answers: Answers) -> None:
    series = await answers.done("create_recurring_task", title="Water the plants", rule="FREQ=DAILY;BYHOUR=18")
    task = await answers.done("create_task", title="Call the plumber", due="2026-11-20", reminders=["2026-11-24"])
    await answers.done("complete_task", task_id=task["task"]["id"])
    await answers.done("find_tasks", due_until="2026-11-30", limit="1", priority="")
    await make(world, 2)
    await answers.done("find_tasks", limit=1)
    await answers.done("find_tasks", text="plumber")
    await answers.done("get_task", task_id=series["task"]["id"], include=["history", "occurrences"])
    await answers.done("preview_occurrences", rule="FREQ=MONTHLY;BYMONTHDAY=31")
    await answers.refused("find_tasks", colour="red")
    await answers.refused("get_task", task_id="plumber")
    await answers.refused("preview_occurrences", task_id="plumber")
    await answers.refused("complete_task", task_id=series["recurring_id"])


async def play_writes(answers: Answers) -> None:
    made = (await answers.done("create_task", title="Milk", request_id="one"))["task"]
    await answers.done("create_task", title="Milk", request_id="one")
    changed = await answers.done("update_task", task_id=made["id"], title="Oat milk")
    await answers.refused("update_task", task_id=made["id"], title="Soy milk", expected_version=1)
    await answers.done("update_task", task_id=made["id"], title="Soy milk")
    await answers.refused("undo", change_ids=[changed["change_id"]])
    await answers.done("undo")
    await answers.done("delete_task", task_id=made["id"])
    await answers.refused("get_task", task_id=made["id"])


async def play_plans(world: World, answers: Answers) -> None:
    await make(world, 10, tags=["x"])
    planned = await answers.done("plan_changes", filter={"tags": ["x"]}, change={"delete": True}, apply=True)
    await answers.refused("apply_plan", plan_id=planned["plan_id"])
    applied = await answers.done(
        "plan_changes", filter={"tags": ["dated"]}, change={"shift": "1d", "due": ""}, apply=True
    )
    assert applied["plan_id"]


async def test_f5_each_member_of_a_real_answer_is_named_in_its_tools_output_schema(world: World) -> None:
    answers = Answers(world)
    await play_reads(world, answers)
    await play_writes(answers)
    await make(world, 1, tags=["dated", "x"], due="2026-11-27")
    await play_plans(world, answers)
    schemas = await list_schemas(world, "outputSchema")
    seen = answers.seen
    for tool, names in seen.items():
        assert names <= schemas[tool]["properties"].keys(), tool
    assert {"plan_id", "diff", "expires_at", "needs_confirmation", "warnings"} <= seen["plan_changes"]
    assert {"upcoming", "also_completed", "also_completed_titles", "next_cursor", "warnings"} <= seen["find_tasks"]
    assert {"history", "occurrences", "deleted", "change_id", "similar"} <= seen["get_task"]
    assert {"link", "confirmation_id", "summary"} <= seen["apply_plan"]
    assert {"version", "fields", "changes"} <= seen["update_task"]
    assert "open_instance" in seen["complete_task"]
    assert "replayed" in seen["create_task"]


def test_a_member_that_nothing_names_is_found_at_any_depth() -> None:
    task = {"id": "1", "mood": "good", "reminders": [{"id": "2", "volume": 11}]}
    assert list_unnamed("get_task", {"task": task, "moon": "full"}) == [
        ".moon",
        ".task.mood",
        ".task.reminders[].volume",
    ]
    assert list_unnamed("find_tasks", {"code": "x", "message": "y", "link": "z"}) == [".link"]


async def test_f7_every_object_in_the_arguments_names_its_properties_and_every_list_its_items(world: World) -> None:
    for tool, schema in (await list_schemas(world, "inputSchema")).items():
        for path, part in walk(schema, tool):
            assert part.keys() <= KEYWORDS, path
            assert part["type"] != "object" or part["properties"], path
            assert part["type"] != "array" or part["items"], path
            assert set(part.get("required", [])) <= part.get("properties", {}).keys(), path


async def test_f7_a_plan_names_the_filters_of_find_tasks_the_fields_of_update_task_and_all_steps(world: World) -> None:
    schemas = await list_schemas(world, "inputSchema")
    names = {tool: set(schema["properties"]) for tool, schema in schemas.items()}
    plan = schemas["plan_changes"]["properties"]
    assert plan["filter"]["properties"].keys() == {*names["find_tasks"], "not"} - {"sort", "limit", "cursor"}
    edits = names["update_task"] - {"task_id", "expected_version", "request_id"}
    assert plan["change"]["properties"].keys() == {*edits, "complete", "delete"}
    steps = {name for tool in PLANNABLE for name in names[tool]} - {"request_id"}
    assert plan["changes"]["items"]["properties"]["arguments"]["properties"].keys() == steps
    assert {operation.request for operation in PLANNABLE.values()} == set(STEPS)


async def test_what_is_wrong_inside_a_filter_or_a_change_is_named_with_its_place(world: World) -> None:
    await make(world, 1, tags=["x"])
    change = {"priority": "high"}
    wrong = await fail(world, "plan_changes", filter={"due_before": "2026-11-27"}, change=change)
    assert wrong.answer["fields"].keys() == {"filter.due_before"}
    both = {"due": "2026-11-27", "shift": "1d"}
    assert "exclude each other" in (await fail(world, "plan_changes", filter={"tags": "x"}, change=both)).sentence
    filtered = await call(world, "modern", "plan_changes", {"filter": '{"tags": "x"}', "change": {"priority": "P1"}})
    assert filtered.answer["diff"][0]["changes"] == {"priority": ["none", "high"]}
    empty = await do(world, "plan_changes", filter={"tags": "x", "text": ""}, change={**change, "notes": ""})
    assert empty["warnings"] == [
        '"filter.text" was empty and so taken as not given.',
        '"change.notes" was empty and so left as it is; to empty it, use clear=["notes"].',
    ]
