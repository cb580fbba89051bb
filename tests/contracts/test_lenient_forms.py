"""Lenient in form, strict in meaning: what callers send by habit is read the same from every surface."""

from typing import Any

import pytest

from tests.contracts.surfaces import SURFACES, Surface, call, count_stored, raw
from tests.world import World

pytestmark = pytest.mark.anyio

FORMS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("null is not given", {"notes": None, "due": None, "tags": None, "priority": None}, {}),
    ("a text for a list is a list of one", {"tags": "home"}, {"tags": ["home"]}),
    ("a JSON text for a list is the list", {"tags": '["home", "money"]'}, {"tags": ["home", "money"]}),
    ("a text with a comma is one tag", {"tags": "home, money"}, {"tags": ["home, money"]}),
    ("a text that only looks like JSON is a tag", {"tags": "[urgent] call"}, {"tags": ["[urgent] call"]}),
    ("nulls in a list are not given", {"tags": ["home", None]}, {"tags": ["home"]}),
    ("a list of nulls is not given", {"tags": [None]}, {}),
    ("the same tag in another case is one tag", {"tags": ["Home", "home"]}, {"tags": ["Home"]}),
    ("P1 is high", {"priority": "P1"}, {"priority": "high"}),
    ("URGENT is high", {"priority": "URGENT"}, {"priority": "high"}),
    ("the number 1 is high", {"priority": 1}, {"priority": "high"}),
    ("Medium is medium", {"priority": " Medium "}, {"priority": "medium"}),
    ("p3 is low", {"priority": "p3"}, {"priority": "low"}),
    ("None in any case is none", {"priority": "NONE"}, {"priority": "none"}),
    ("a number for a text is its digits", {"title": 42}, {"title": "42"}),
    ("a whole number with a point is its digits", {"title": raw("42.0")}, {"title": "42"}),
    ("outer blanks are dropped", {"title": "\u00a0 Milk\t\n", "notes": "  2 l  "}, {"notes": "2 l"}),
    ("inner blanks stay", {"title": "Buy  milk"}, {"title": "Buy  milk"}),
    ("blanks around a due are dropped", {"due": " 2026-11-27 "}, {"due": "2026-11-27"}),
    ("a blank for the T of a due", {"due": "2026-11-27 17:00"}, {"due": "2026-11-27T16:00:00Z"}),
    ("any script and emoji", {"title": "Café 牛乳 👩‍👩‍👧 \u202eabc"}, {"title": "Café 牛乳 👩‍👩‍👧 \u202eabc"}),
    ("a pair of surrogates is its character", {"title": raw('"\\ud83d\\ude00"')}, {"title": "😀"}),
    ("a title of 200 characters beyond the BMP", {"title": "😀" * 200}, {"title": "😀" * 200}),
    ("notes of 20,000 characters", {"notes": "n" * 20_000}, {"notes": "n" * 20_000}),
    ("50 tags of 64 characters", {"tags": [f"{n:064}" for n in range(50)]}, {"tags": [f"{n:064}" for n in range(50)]}),
)
REMINDERS: tuple[tuple[Any, str], ...] = (
    ("30m", "2026-11-27T15:30:00Z"),
    (["PT30M"], "2026-11-27T15:30:00Z"),
    ({"before": "1h30m"}, "2026-11-27T14:30:00Z"),
    ('{"before": "1d"}', "2026-11-26T16:00:00Z"),
    ('["1w"]', "2026-11-24T09:00:00Z"),
    ([{"at": "2026-11-26"}], "2026-11-26T08:00:00Z"),
    ("2026-11-26T10:00", "2026-11-26T09:00:00Z"),
    ([{"at": "2026-11-26T10:00", "before": None}], "2026-11-26T09:00:00Z"),
)
EMPTIABLE = ("notes", "due", "priority", "tags")


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(("given", "expected"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
async def test_a_lenient_form_means_the_same_everywhere(
    shared: World, surface: Surface, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    reply = await call(shared, surface, "create_task", {"title": "Milk", **given})

    assert reply.code == "", reply.text
    task = reply.answer["task"]
    shown = {name: task.get(name) for name in ("title", "notes", "due", "priority", "tags")}
    assert shown == {"title": "Milk", "notes": None, "due": None, "priority": "none", "tags": [], **expected}
    assert "warnings" not in reply.answer


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(("given", "remind_at"), REMINDERS, ids=str)
async def test_a_reminder_is_read_from_any_of_its_forms(
    shared: World, surface: Surface, given: Any, remind_at: str
) -> None:
    # An hour's head start, so that a week before the due is still ahead.
    due = "2026-12-01T10:00" if given == '["1w"]' else "2026-11-27T17:00"
    reply = await call(shared, surface, "create_task", {"title": "Milk", "due": due, "reminders": given})
    assert [each["remind_at"] for each in reply.answer["task"]["reminders"]] == [remind_at]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("name", EMPTIABLE)
async def test_an_empty_text_for_an_optional_argument_changes_nothing_and_warns_of_clear(
    world: World, surface: Surface, name: str, blank: str
) -> None:
    full = {"title": "Milk", "notes": "2 l", "due": "2026-11-27", "priority": "high", "tags": ["home"]}
    made = (await call(world, "rest", "create_task", full)).answer["task"]
    events = (await count_stored(world))["outbox_entry"]

    reply = await call(world, surface, "update_task", {"task_id": made["id"], name: blank})

    assert reply.answer["task"] == made
    assert reply.answer["events"] == []
    [warning] = reply.answer["warnings"]
    assert f'"{name}" was empty' in warning
    assert "clear" in warning
    assert (await count_stored(world))["outbox_entry"] == events


@pytest.mark.parametrize("surface", SURFACES)
async def test_an_empty_text_beside_a_real_change_leaves_its_field_alone(world: World, surface: Surface) -> None:
    made = (await call(world, "rest", "create_task", {"title": "Milk", "notes": "2 l"})).answer["task"]
    change = {"task_id": made["id"], "title": "Tea", "notes": "", "request_id": ""}
    reply = await call(world, surface, "update_task", change)
    assert (reply.answer["task"]["title"], reply.answer["task"]["notes"]) == ("Tea", "2 l")
    assert len(reply.answer["warnings"]) == 2


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", EMPTIABLE)
async def test_clear_empties_a_field_and_on_rest_null_does(world: World, surface: Surface, name: str) -> None:
    full = {"title": "Milk", "notes": "2 l", "due": "2026-11-27", "priority": "high", "tags": ["home"]}
    made = (await call(world, "rest", "create_task", full)).answer["task"]

    reply = await call(world, surface, "update_task", {"task_id": made["id"], "clear": [name]})

    emptied = {"tags": [], "priority": "none"}.get(name)
    assert reply.answer["task"].get(name) == emptied
    kept = [other for other in EMPTIABLE if other != name]
    assert {other: reply.answer["task"][other] for other in kept} == {other: made[other] for other in kept}
    [event] = [each for each in await world.events() if each["type"] == "task.updated"]
    assert event["data"]["data"]["changes"][name] == [made[name], emptied]


async def test_clear_is_read_leniently_too(world: World) -> None:
    full = {"title": "Milk", "notes": "2 l", "tags": ["home"]}
    made = (await call(world, "rest", "create_task", full)).answer["task"]
    reply = await call(world, "modern", "update_task", {"task_id": made["id"], "clear": '["Notes", "TAGS"]'})
    assert "notes" not in reply.answer["task"]
    assert reply.answer["task"]["tags"] == []


async def test_on_rest_clear_is_refused_and_null_for_an_instruction_is_not_given(world: World) -> None:
    made = (await call(world, "rest", "create_task", {"title": "Milk", "notes": "2 l"})).answer["task"]
    refused = await world.rest.patch(f"/tasks/{made['id']}", json={"clear": ["notes"]})
    assert refused.status_code == 422
    assert "null" in refused.json()["detail"]
    body = {"append_notes": None, "shift": None, "add_tags": None, "remove_tags": None, "title": "Tea"}
    changed = (await world.rest.patch(f"/tasks/{made['id']}", json=body)).json()
    assert (changed["task"]["title"], changed["task"]["notes"]) == ("Tea", "2 l")


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_call_that_changes_nothing_emits_nothing_and_says_so(world: World, surface: Surface) -> None:
    made = (await call(world, "rest", "create_task", {"title": "Milk", "tags": ["home"]})).answer["task"]
    events = (await count_stored(world))["outbox_entry"]
    for arguments in ({}, {"title": "Milk"}, {"add_tags": "HOME"}, {"remove_tags": ["none"]}, {"clear": ["due"]}):
        reply = await call(world, surface, "update_task", {"task_id": made["id"], **arguments})
        assert reply.answer["events"] == []
        assert "change_id" not in reply.answer
        assert "nothing was changed" in reply.answer["message"]
        assert reply.answer["task"]["version"] == 1
    assert (await count_stored(world))["outbox_entry"] == events


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    "arguments",
    [{"limit": "1"}, {"limit": 1}, {"status": "TODO", "limit": 1.0}, {"tags": "home", "limit": "1", "text": " "}],
    ids=str,
)
async def test_a_search_reads_numbers_words_and_lists_leniently(
    world: World, surface: Surface, arguments: dict[str, Any]
) -> None:
    for title in ("Milk", "Tea"):
        await call(world, "rest", "create_task", {"title": title, "tags": ["home"]})
    reply = await call(world, surface, "find_tasks", arguments)
    assert [task["title"] for task in reply.answer["tasks"]] == ["Milk"]
    assert (reply.answer["total"], "next_cursor" in reply.answer) == (2, True)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_due_in_the_past_is_only_a_warning(world: World, surface: Surface) -> None:
    reply = await call(world, surface, "create_task", {"title": "Milk", "due": "2026-11-22"})
    assert reply.answer["task"]["due"] == "2026-11-22"
    [warning] = reply.answer["warnings"]
    assert "in the past" in warning
