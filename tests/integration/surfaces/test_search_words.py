"""What a search says beside its tasks: what the total leaves out, near titles, and what tells equal titles apart."""

from typing import Any

import pytest

from tests.integration.recurrence.series_calls import create
from tests.integration.safety.agent_calls import do, fail
from tests.integration.surfaces.test_search import add, find
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]


async def test_upcoming_dates_carry_their_rule_and_are_left_out_of_the_total(world: World) -> None:
    await create(world, "FREQ=DAILY;BYHOUR=12")
    found = await find(world, due_until="2026-11-25")
    assert found["total"] == 1
    assert [(each["due_text"], each["rule_text"]) for each in found["upcoming"]] == [
        ("Tue 24 Nov 2026, 12:00 Europe/Berlin", "every day at 12:00"),
        ("Wed 25 Nov 2026, 12:00 Europe/Berlin", "every day at 12:00"),
    ]
    assert found["total_leaves_out"] == "2 upcoming occurrences"
    assert "total_leaves_out" not in await find(world)


async def test_the_total_says_that_completed_tasks_with_the_words_are_left_out(world: World) -> None:
    await add(world, "Milk")
    await world.rest.post(f"/tasks/{await add(world, 'Milk for the cat')}/complete")
    assert (await find(world, text="milk"))["total_leaves_out"] == "1 completed task"
    assert "total_leaves_out" not in await find(world, text="milk", status="all")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("dentits", ["Dentist appointment"]),
        ("appointmint", ["Dentist appointment"]),
        ("versicherung", ["Hausratversicherung kündigen"]),
        ("kundigung hausrat", ["Hausratversicherung kündigen"]),
        ("call the dentist", ["Dentist appointment", "Call Ann"]),
        ("zebra", []),
        ("st", []),
    ],
)
async def test_near_titles_are_told_when_nothing_was_found(world: World, text: str, near: list[str]) -> None:
    await add(world, "Hausratversicherung kündigen")
    await add(world, "Call Ann", due="2026-11-24")
    await add(world, "Dentist appointment")
    await world.rest.post(f"/tasks/{await add(world, 'Dentist last year')}/complete")
    for _ in range(2):
        found = await find(world, text=text)
        assert found["tasks"] == []
        assert [each["title"] for each in found.get("near_titles", [])][:2] == near
        await world.index()


async def test_near_titles_are_only_told_where_nothing_was_found(world: World) -> None:
    await add(world, "Dentist")
    await add(world, "Dentists")
    assert "near_titles" not in await find(world, text="dentist")
    assert "near_titles" not in await find(world, tags="dentits")


async def test_equal_titles_are_told_apart(world: World) -> None:
    await add(world, "Call Ann", due="2026-11-24T10:00")
    world.clock.move(hours=2)
    await add(world, "call  ann")
    await add(world, "Rent")
    rows = (await find(world))["tasks"]
    told = {row["title"]: row.get("created_text") for row in rows}
    assert told == {"Call Ann": "Mon 23 Nov 2026, 10:00", "call  ann": "Mon 23 Nov 2026, 12:00", "Rent": None}
    unknown = await fail(world, "get_task", task_id="call ann please")
    assert '"Call Ann", due Tue 24 Nov 2026, 10:00 (' in unknown.sentence
    assert '"call  ann", created Mon 23 Nov 2026, 12:00 (' in unknown.sentence
    near = (await find(world, text="cal aan"))["near_titles"]
    assert [each["which"] for each in near] == ["due Tue 24 Nov 2026, 10:00", "created Mon 23 Nov 2026, 12:00"]


async def test_equal_completed_titles_are_told_apart_by_when_they_were_done(world: World) -> None:
    for _ in range(2):
        await world.rest.post(f"/tasks/{await add(world, 'Milk')}/complete")
        world.clock.move(days=1)
    found = await find(world, text="milk")
    assert [each["which"] for each in found["also_completed_titles"]] == [
        "completed Mon 23 Nov 2026, 10:00",
        "completed Tue 24 Nov 2026, 10:00",
    ]


async def test_the_texts_of_the_tool_say_how_it_sorts_and_counts(world: World) -> None:
    [tool] = [tool for tool in (await (await world.connect()).list_tools()).tools if tool.name == "find_tasks"]
    sort: Any = tool.input_schema["properties"]["sort"]
    assert sort["description"] == "Exact titles first, undated last; created, completed: newest first"
    assert "upcoming" in str(tool.description)
    for title in ("Milk for the cat", "Milk"):
        await do(world, "create_task", title=title, due="2026-11-24" if title != "Milk" else "2026-11-30")
        world.clock.move(minutes=1)
    assert [task["title"] for task in (await do(world, "find_tasks", text="milk"))["tasks"]] == [
        "Milk",
        "Milk for the cat",
    ]
    for title in ("Milk for the cat", "Milk"):
        [task] = [each for each in (await do(world, "find_tasks"))["tasks"] if each["title"] == title]
        await do(world, "complete_task", task_id=task["id"])
        world.clock.move(minutes=1)
    done = await do(world, "find_tasks", status="completed", sort="completed")
    assert [task["title"] for task in done["tasks"]] == ["Milk", "Milk for the cat"]
