"""Search: filters, orders, stable pages, and words in every form of the index."""

from random import Random
from typing import Any

import pytest

from tests.world import World
from todo.tasks.search import FEW_HITS

PROMISES = ("search",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases]

SORTS = ("due", "-due", "priority", "created", "completed", "title")
WORDS = ("milk", "Café", "naïve", "Ärger", "МОСКВА", "牛乳", "rent", "re-use", "İstanbul", "straße")


async def add(world: World, title: str, **fields: Any) -> str:
    response = await world.rest.post("/tasks", json={"title": title, **fields})
    assert response.status_code == 201, response.text
    world.clock.move(seconds=1)
    return str(response.json()["task"]["id"])


async def find(world: World, **query: Any) -> dict[str, Any]:
    response = await world.rest.get("/tasks", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def titles(world: World, **query: Any) -> list[str]:
    return [task["title"] for task in (await find(world, **query))["tasks"]]


async def test_dates_and_times_sort_together_and_undated_last(world: World) -> None:
    await add(world, "undated")
    await add(world, "that day", due="2026-11-27")
    await add(world, "that evening", due="2026-11-27T23:59")
    await add(world, "next morning", due="2026-11-28T00:00")
    assert await titles(world) == ["that evening", "that day", "next morning", "undated"]
    assert await titles(world, sort="-due") == ["next morning", "that day", "that evening", "undated"]
    assert await titles(world, due_from="2026-11-27", due_until="2026-11-27") == ["that evening", "that day"]
    assert await titles(world, due_until="2026-11-27T23:59") == ["that evening"]
    assert await titles(world, due_from="2026-11-28") == ["next morning"]


async def test_a_date_is_overdue_when_its_day_has_ended_where_the_person_is(world: World) -> None:
    await add(world, "today", due="2026-11-23")
    await add(world, "at noon", due="2026-11-23T12:00")
    world.clock.move(hours=3)
    assert await titles(world, status="overdue") == ["at noon"]
    world.clock.at = world.clock.at.replace(hour=22, minute=59)
    assert await titles(world, status="overdue") == ["at noon"]
    world.clock.move(minutes=2)
    assert await titles(world, status="overdue") == ["at noon", "today"]
    answer = (await world.rest.patch("/me", json={"zone": "America/New_York"})).json()
    assert "keep their date" in answer["message"]
    assert await titles(world, status="overdue") == ["at noon"]


async def test_status_priority_tags_and_reminders_filter_together(world: World) -> None:
    milk = await add(world, "milk", tags=["Shop", "home"], priority="high", reminders=["2026-11-24T10:00"])
    await add(world, "rent", tags=["HOME"], priority="low")
    assert await titles(world, tags="shop") == ["milk"]
    assert await titles(world, tags=["home", "shop"]) == ["milk"]
    assert sorted(await titles(world, tags="Home")) == ["milk", "rent"]
    assert await titles(world, has_reminder="true") == ["milk"]
    assert await titles(world, has_reminder="false") == ["rent"]
    assert await titles(world, sort="priority") == ["milk", "rent"]
    assert await titles(world, priority="low") == ["rent"]
    await world.rest.post(f"/tasks/{milk}/complete")
    assert await titles(world, completed_from="2026-11-23", completed_until="2026-11-23") == ["milk"]
    assert await titles(world, completed_from="2026-11-24") == []
    assert await titles(world, tags="shop") == []
    assert await titles(world, tags="shop", status="all") == ["milk"]


async def test_words_are_found_at_their_beginning_in_any_case_and_accent(world: World) -> None:
    await add(world, "Café au lait", notes="Москва, 牛乳を買う", tags=["Straße"])
    for indexed in (False, True):
        if indexed:
            await world.index()
        for text in ("cafe", "CAFÉ", "caf", "lait au", "москва", "МОСК", "牛乳", "乳", "strasse", "STRASSE", "au"):
            assert await titles(world, text=text) == ["Café au lait"], (text, indexed)
        for text in ("afe", "lai cafe x", "oskva"):
            assert await titles(world, text=text) == [], (text, indexed)


@pytest.mark.parametrize(
    ("title", "found", "missed"),
    [
        ("Łódź trip", ("lodz", "łódź", "LOD"), ("odz",)),
        ("Øresund bridge", ("oresund", "øre", "ØRESUND"), ("resund",)),
        ("Blåbærgrød", ("blabaergrod", "blåbær"), ("baer",)),
        ("ไปซื้อของ", ("ซื้อ", "ของ", "ไป"), ("นม",)),
        ("learn C++ and C#", ("C++", "c#", "c", "learn c++"), ("c+++ d", "f#")),
        ("cut carrots", ("c", "ca"), ("C++", "c#")),
    ],
)
async def test_t26_strokes_scripts_without_blanks_and_signs_of_names_are_found(
    world: World, title: str, found: tuple[str, ...], missed: tuple[str, ...]
) -> None:
    await add(world, title)
    for indexed in (False, True):
        if indexed:
            await world.index()
        for text in found:
            assert await titles(world, text=text) == [title], (text, indexed)
        for text in missed:
            assert await titles(world, text=text) == [], (text, indexed)


async def test_an_edited_or_deleted_task_is_found_by_its_newest_words_only(world: World) -> None:
    task = await add(world, "Old words")
    await world.index()
    await world.rest.patch(f"/tasks/{task}", json={"title": "New text"})
    assert (await titles(world, text="old"), await titles(world, text="new")) == ([], ["New text"])
    await world.index()
    assert (await titles(world, text="old"), await titles(world, text="new")) == ([], ["New text"])
    await world.rest.delete(f"/tasks/{task}")
    assert await titles(world, text="new") == []


async def test_exact_titles_come_first_and_hidden_completed_ones_are_told(world: World) -> None:
    await add(world, "Milk for the cat", due="2026-11-24")
    await add(world, "milk")
    done = await add(world, "Milk last week")
    await world.rest.post(f"/tasks/{done}/complete")
    for _ in range(2):
        found = await find(world, text="Milk")
        assert [task["title"] for task in found["tasks"]] == ["milk", "Milk for the cat"]
        assert found["also_completed"] == 1
        assert found["also_completed_titles"] == [{"task_id": done, "title": "Milk last week"}]
        await world.index()


async def fill(world: World, count: int, seed: int = 7) -> None:
    chance = Random(seed)  # noqa: S311  # a seed, not a secret
    for number in range(count):
        fields: dict[str, Any] = {"priority": chance.choice(["none", "low", "high"]), "tags": chance.sample(WORDS, 2)}
        if chance.random() < 0.7:
            fields["due"] = f"2026-11-{chance.randint(20, 30)}" + chance.choice(["", "T10:00"])
        task = await add(world, f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number % 5}", **fields)
        if chance.random() < 0.2:
            await world.rest.post(f"/tasks/{task}/complete")


@pytest.mark.parametrize("text", [None, "milk", "re", "cafe 1"])
async def test_pages_share_out_the_whole_in_every_order(world: World, text: str | None) -> None:
    await fill(world, 60)
    for sort in SORTS:
        query = {"sort": sort, "status": "all", **({"text": text} if text else {})}
        whole: list[str] = []
        page = await find(world, limit=50, **query)
        whole += [task["id"] for task in page["tasks"]]
        if "next_cursor" in page:
            whole += [
                task["id"] for task in (await find(world, limit=50, cursor=page["next_cursor"], **query))["tasks"]
            ]
        pages: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await find(world, limit=7, **cursor, **query)
            pages += [task["id"] for task in page["tasks"]]
            if "next_cursor" not in page:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert pages == whole
        assert len(set(pages)) == len(pages) == page["total"]


async def test_many_hits_and_few_hits_give_the_same_tasks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(world, 40)
    await world.index()
    assert FEW_HITS > 40
    queries = [
        {"text": text, "sort": sort, "status": "all", "limit": 50} for text in ("re", "milk", "1") for sort in SORTS
    ]
    by_index = [await titles(world, **query) for query in queries]
    monkeypatch.setattr("todo.tasks.search.FEW_HITS", 0)
    assert [await titles(world, **query) for query in queries] == by_index
    assert any(by_index)


async def test_a_cursor_of_another_search_is_refused(world: World) -> None:
    await fill(world, 10)
    cursor = (await find(world, limit=3))["next_cursor"]
    for query in ({"cursor": cursor, "sort": "title"}, {"cursor": "x"}, {"cursor": cursor[:-2]}, {"cursor": "W10"}):
        response = await world.rest.get("/tasks", params=query)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_arguments")


async def test_long_notes_are_cut_in_a_list_and_whole_in_a_task(world: World) -> None:
    task = await add(world, "Long", notes="x" * 1_000)
    [row] = (await find(world))["tasks"]
    assert (len(row["notes"]), row["notes_cut"]) == (301, True)
    assert len((await world.rest.get(f"/tasks/{task}")).json()["notes"]) == 1_000
