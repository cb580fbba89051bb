"""What people take away: everything of theirs, no secret; in an empty database it gives the same answers."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from pydantic_core import from_json

from app.access.ownership import list_personal
from app.migrations.schema import TABLES
from tests.architecture.ours import ROOT
from tests.world import World, open_world
from todo.transfer.own import LEFT_OUT, SECRET, list_exported

PROMISES = ("export",)

pytestmark = pytest.mark.anyio

CHANGING = {"change_id", "events", "now", "now_at"}


class Life:
    """What a person does in some days, drawn by chance."""

    def __init__(self, world: World, chance: Random) -> None:
        self.world = world
        self.chance = chance
        self.made: list[str] = []

    async def send(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.world.rest.request(method, path, json=body)
        assert answer.status_code < 300 or answer.status_code in (404, 409, 410, 422), answer.text
        given: dict[str, Any] = answer.json()
        return given

    async def add(self, number: int) -> None:
        draw = self.chance.choice
        task = {
            "title": f"Task {number} ÄÖ",
            "notes": draw(["", "some\nnotes"]),
            "due": draw(["2026-11-25", "2026-11-26T17:00", "2026-11-24T09:00+09:00"]),
            "priority": draw(["none", "high"]),
            "tags": self.chance.sample(["home", "Work", "ärger"], self.chance.randrange(3)),
            "reminders": draw([[], [{"before": "30m"}], [{"at": "2026-12-24T10:00"}]]),
            "list": draw(["inbox", "Garten", "Work"]),
            "start": draw([None, "2026-11-24", "2h"]),
            "subtasks": draw([[], ["One", {"title": "Two", "due": "1d"}]]),
        }
        self.made.append((await self.send("POST", "/tasks", **task)).get("task", {}).get("id", ""))

    async def repeat(self, number: int) -> None:
        draw = self.chance.choice
        rule = draw(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=DAILY;INTERVAL=2"])
        mode = draw(["one_at_a_time", "every_occurrence", "after_completion"])
        series = {"title": f"Series {number}", "rule": rule, "mode": mode, "first_due": "2026-11-24T08:00"}
        more: dict[str, Any] = {"tags": ["again"], "reminders": [{"before": "1h"}]}
        more |= draw([{}, {"subtasks": ["Balcony", "Kitchen"], "start": "1d", "list": "Home"}])
        answer = await self.send("POST", "/recurring-tasks", **series, **more)
        self.made += [answer.get("task", {}).get("id", ""), answer.get("recurring_id", "")]

    async def change(self, number: int) -> None:
        task_id = self.chance.choice(self.made)
        match self.chance.randrange(4):
            case 0:
                await self.send("POST", f"/tasks/{task_id}/complete")
            case 1:
                await self.send("PATCH", f"/tasks/{task_id}", title=f"Changed {number}", tags=["new"])
            case 2:
                await self.send("DELETE", f"/tasks/{task_id}")
            case _:
                answer = await self.send("POST", "/tasks", title=f"Below {number}", parent_id=task_id)
                self.made.append(answer.get("task", {}).get("id", ""))

    async def sort(self, number: int) -> None:
        lists = (await self.world.rest.get("/lists")).json()["lists"]
        if not lists or self.chance.randrange(2):
            await self.send("POST", "/lists", name=f"Empty {number}")
        else:
            changes: list[dict[str, Any]] = [{"archived": True}, {"name": f"List {number}"}, {"position": 0}]
            await self.send("PATCH", f"/lists/{self.chance.choice(lists)['id']}", **self.chance.choice(changes))

    async def live(self) -> None:
        for number in range(26):
            match self.chance.randrange(13):
                case 0 | 1 | 2:
                    await self.add(number)
                case 3 | 4 | 5:
                    await self.repeat(number)
                case 6 | 7 | 8 if self.made:
                    await self.change(number)
                case 9:
                    await self.send("POST", "/undo")
                case 10:
                    await self.sort(number)
                case _:
                    await self.world.tick(hours=self.chance.choice([1, 7, 30]))
        await self.world.tick(minutes=1)


async def live(world: World, chance: Random) -> None:
    """Let a person do this and that for some days."""
    await Life(world, chance).live()


async def ask(world: World) -> dict[str, Any]:
    """Return what a person sees of their tasks."""
    seen: dict[str, Any] = {"lists": (await world.rest.get("/lists", params={"archived": "true"})).json()}
    await world.index()
    for kind in ("task", "recurring"):
        for status in ("open", "completed", "overdue", "all"):
            for sort in ("due", "-due", "priority", "title"):
                found = await world.rest.get(
                    "/tasks", params={"kind": kind, "status": status, "sort": sort, "limit": 50}
                )
                assert "next_cursor" not in found.json()
                seen[f"{kind} {status} {sort}"] = found.json()
    for task in [*seen["task all due"]["tasks"], *seen["recurring all due"]["tasks"]]:
        seen[task["id"]] = (await world.rest.get(f"/tasks/{task['id']}")).json()
    for words in ("changed", "ärger", "again"):
        seen[words] = (await world.rest.get("/tasks", params={"text": words, "status": "all"})).json()
    return seen


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_export_brought_into_an_empty_database_gives_the_same_answers(tmp_path: Path, seed: int) -> None:
    async with open_world(tmp_path / "here") as here:
        await live(here, Random(seed))  # noqa: S311  # no secret
        exported = await here.rest.get("/export")
        assert exported.headers["content-type"].startswith("application/jsonl")
        seen, at = await ask(here), here.clock.at
    async with open_world(tmp_path / "there") as there:
        there.clock.at = at
        there.ids.count = 1_000_000
        brought = await there.rest.post("/import", content=exported.content, params={"apply": "true"})
        assert brought.status_code == 200, brought.text
        assert "refused" not in brought.json()
        assert await ask(there) == seen
        assert len(seen["task all due"]["tasks"]) > 2
        again = (await there.rest.post("/import", content=exported.content, params={"apply": "true"})).json()
        assert "change_id" not in again
        # What comes next comes there too: the series go on where they were.
        await there.tick(days=2)
        later = (await there.rest.get("/tasks", params={"status": "all", "limit": 50})).json()
        undone = await there.rest.post("/undo", json={"change_ids": [brought.json()["change_id"]]})
        assert undone.status_code in (200, 409), undone.text
    async with open_world(tmp_path / "here") as here:
        here.clock.at = at
        here.ids.count = 2_000_000
        await here.tick(days=2)
        expected = (await here.rest.get("/tasks", params={"status": "all", "limit": 50})).json()
    for one, other in zip(later["tasks"], expected["tasks"], strict=True):
        made_since = one["created_at"] > f"{at:%Y-%m-%dT%H:%M:%S}Z"
        assert {**one, "id": ""} == {**other, "id": ""} or (made_since and one.get("due") == other.get("due"))


@pytest.mark.on_both_databases
async def test_an_export_has_every_row_of_the_person_and_no_secret(world: World) -> None:
    await live(world, Random(4))  # noqa: S311  # no secret
    await world.rest.post("/calendars", json={"name": "mine"})
    lines = [from_json(line) for line in (await world.rest.get("/export")).content.splitlines()]
    assert lines[0]["evolution_todo_export"] == 1
    judge = Draft202012Validator(from_json((ROOT / "docs/export.schema.json").read_bytes()))
    assert not [error.message for line in lines for error in judge.iter_errors(line)]
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in lines[1:]:
        rows.setdefault(line["table"], []).append(line["row"])
    for table in list_exported(list_personal(TABLES)):
        [(count,)] = await world.query(f'SELECT count(*) FROM "{table.name}"')  # noqa: S608
        assert len(rows.get(table.name, [])) == count, table.name
    assert {"person", "task", "recurrence", "reminder", "change", "change_item", "activity"} <= rows.keys()
    assert not LEFT_OUT & rows.keys()
    assert not {name for each in rows.values() for row in each for name in row} & SECRET


def test_tables_that_are_left_out_exist() -> None:
    """A table that is renamed would silently leave."""
    assert {table.name for table in TABLES} >= LEFT_OUT


async def test_rows_that_were_changed_by_hand_are_refused_by_line_and_nothing_else_is_lost(world: World) -> None:
    await world.rest.post("/tasks", json={"title": "good", "due": "2026-11-25"})
    lines = (await world.rest.get("/export")).text.splitlines()
    [task] = [line for line in lines if '"table":"task"' in line]
    [made] = (await world.rest.get("/tasks")).json()["tasks"]
    await world.rest.delete(f"/tasks/{made['id']}")
    bad = [
        task.replace('"open"', '"bogus"'),
        task.replace('"priority":0', '"priority":9'),
        task.replace('"2026-11-25"', '"0000-00-00x"'),
        task.replace(made["id"], "1; DROP TABLE task"),
        task.replace('"good"', '""'),
        task.replace('"tags":"[]"', '"tags":"[5]"'),
        task.replace('"version":1', '"version":-1'),
        '{"table":"recurrence","row":{"task_id":"x"}}',
    ]
    content = "\n".join([*lines[:1], *bad, task]).encode()
    answer = (await world.rest.post("/import", content=content, params={"apply": "true"})).json()
    assert sorted(each["line"] for each in answer["refused"]) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert answer["counts"]["tasks"] == 1
    [back] = (await world.rest.get("/tasks")).json()["tasks"]
    assert (back["title"], back["due"]) == ("good", "2026-11-25")


async def test_what_comes_in_as_completed_waits_for_no_reminder(world: World) -> None:
    task = {"title": "Buy milk", "due": "2030-01-02T10:00", "reminders": [{"before": "1h"}]}
    made = (await world.rest.post("/tasks", json=task)).json()["task"]
    await world.rest.post(f"/tasks/{made['id']}/complete")
    lines = (await world.rest.get("/export")).text.splitlines()
    await world.rest.delete(f"/tasks/{made['id']}")
    changed = [
        line.replace('"status":"cancelled"', '"status":"scheduled"') if '"table":"reminder"' in line else line
        for line in lines
    ]
    assert changed != lines
    answer = (await world.rest.post("/import", content="\n".join(changed), params={"apply": "true"})).json()
    assert answer["counts"]["tasks"] == 1
    [back] = (await world.rest.get("/tasks?status=completed")).json()["tasks"]
    assert (await world.rest.get(f"/tasks/{back['id']}")).json()["reminders"][0]["status"] == "cancelled"
