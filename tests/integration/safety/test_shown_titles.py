"""Titles of tasks in our sentences, and titles given in place of an id."""

from typing import Any

import pytest

from tests.contracts.surfaces import SURFACES, Surface, call
from tests.integration.safety.agent_calls import delete_up_to_the_limit, do, fail, make
from tests.world import URL, World
from todo.text.display import quote_title, show_text

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

HIDDEN = "\x07\x1b\x85\xad\u061c\u180e\u200b\u200e\u2028\u202a\u202e\u2066\u2067\u2069\ufeff\U000e0041"
NASTY = f'Pay{HIDDEN}rent", "Everything'


def walk_texts(value: Any, name: str = "") -> list[str]:
    """Return every sentence of an answer, without the stored texts."""
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in walk_texts(each, key)]
    if isinstance(value, list):
        return [text for each in value for text in walk_texts(each, name)]
    said = ("message", "text", "summary", "detail", "warnings", "needs_confirmation")
    return [value] if name in said and isinstance(value, str) else []


def assert_harmless(*answers: Any) -> None:
    texts = [text for answer in answers for text in walk_texts(answer)]
    assert texts
    for text in texts:
        assert text.isprintable(), ascii(text)
        assert not set(HIDDEN) & set(text), ascii(text)
        assert '", "Everything' not in text


async def test_invisible_characters_of_a_title_are_made_visible_everywhere(world: World) -> None:
    made = await do(world, "create_task", title=NASTY, due="2026-11-23T12:00")
    task_id = made["task"]["id"]
    assert "U+202E" in made["message"]
    await do(world, "set_reminder", task_id=task_id, before="30m")
    plan = await do(world, "plan_changes", changes=[{"tool": "complete_task", "arguments": {"task_id": task_id}}])
    stale = await fail(world, "update_task", task_id=task_id, title="X", expected_version=9)
    await do(world, "complete_task", task_id=task_id)
    expired = await fail(world, "apply_plan", plan_id=plan["plan_id"])
    undone = await do(world, "undo")
    near = await fail(world, "get_task", task_id="pay my rent")
    await world.tick(hours=3)
    await delete_up_to_the_limit(world)
    asked = await fail(world, "delete_task", task_id=task_id)
    page = await world.http.get(asked.answer["link"].removeprefix(URL))
    assert not set(HIDDEN) & set(page.text)
    assert "U+202E" in page.text
    paths = ("/notifications", "/activity", "/changes", f"/tasks/{task_id}/history", "/confirmations")
    feeds = [(await world.rest.get(path)).json() for path in paths]
    replies = [reply.answer for reply in (stale, expired, near, asked)]
    assert_harmless(made, plan, undone, *feeds, *replies)
    assert (await do(world, "get_task", task_id=task_id))["task"]["title"] == NASTY, "what is stored is untouched"


async def test_the_name_of_a_client_is_shown_harmlessly_too(world: World) -> None:
    client = "helper\u202e\x07"
    [task] = await make(world, 1, client)
    await do(world, "update_task", client, task_id=task, title="Y")
    stale = await fail(world, "update_task", task_id=task, title="Z", expected_version=1)
    await world.settle()
    assert_harmless(
        stale.answer,
        (await world.rest.get("/activity")).json(),
        (await world.rest.get(f"/tasks/{task}/history")).json(),
    )


@pytest.mark.parametrize(
    "text", ["Milch kaufen", "שלום עולם", "می\u200cخواهم", "क्\u200dष", "👩\u200d👧", "Café №5 – €3", "日本語"]
)
async def test_titles_of_all_languages_stay_as_they_are(text: str) -> None:
    assert show_text(text) == text
    assert quote_title(text) == f'"{text}"'


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_title_for_an_id_is_answered_with_the_titles_that_hold_most_of_its_words(
    world: World, surface: Surface
) -> None:
    titles = ("Call the dentist", "Call mum", "Buy milk", "Dentist bill of Éva", "Recall the dental report")
    made = {title: (await do(world, "create_task", title=title))["task"]["id"] for title in titles}
    await do(world, "create_task", title="Other", notes="call the dentist")
    reply = await call(world, surface, "get_task", {"task_id": "the Denti call"})
    assert reply.code == "task_not_found"
    similar = reply.answer["similar"]
    assert similar[0]["title"] == "Call the dentist"
    assert len(similar) == 3
    assert "Other" not in [each["title"] for each in similar]
    assert made["Call the dentist"] in reply.sentence
    reply = await call(world, surface, "get_task", {"task_id": "please show eva"})
    assert [each["title"] for each in reply.answer["similar"]] == ["Dentist bill of Éva"]


async def test_an_id_that_is_none_of_ours_brings_no_titles(world: World) -> None:
    await do(world, "create_task", title="Pay 7000 euro")
    reply = await fail(world, "get_task", task_id="01930000-0000-7000-8000-ffffffffffff")
    assert "similar" not in reply.answer
