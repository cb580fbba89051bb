"""What people bring from other products: said first, taken in as one change, once."""

import asyncio
import io
import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from app import transfer
from app.cli.keeping.transfer import import_from
from app.identity import LOCAL_PERSON
from app.transfer import import_file
from tests.integration.transfer import files
from tests.world import World, open_world
from todo.transfer.parents import SERIES

PROMISES = ("import",)


pytestmark = pytest.mark.anyio


async def bring(world: World, content: bytes, **query: str) -> dict[str, Any]:
    answer = await world.rest.post("/import", content=content, params=query)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def list_all(world: World) -> dict[str, dict[str, Any]]:
    found = await world.rest.get("/tasks", params={"status": "all", "limit": 50})
    return {task["title"]: task for task in found.json()["tasks"]}


@pytest.mark.on_both_databases
async def test_a_todoist_project_is_planned_then_taken_in_once_and_undone_at_once(world: World) -> None:
    planned = await bring(world, files.TODOIST)
    assert planned["counts"] == {"tasks": 2, "done": 0, "recurring": 2, "already_here": 0, "refused": 0}
    assert planned["remarks"] == [
        {"line": 5, "text": f"{SERIES} Its notes name what it is a part of."},
        {"line": 7, "text": '"when pigs fly" could not be read as a time; it is kept in the notes.'},
    ]
    assert planned["message"].endswith("Nothing is changed yet.")
    assert await list_all(world) == {}

    done = await bring(world, files.TODOIST, apply="true")
    tasks = await list_all(world)
    plants, soil, odd, invoice = (
        tasks[title] for title in ("Water the plants", "Buy soil", "=HYPERLINK(1)", "Send the invoice")
    )
    assert (plants["priority"], plants["tags"], plants["notes"]) == ("medium", ["home"], "Ferns too\nSection: Kitchen")
    series = await world.rest.get(f"/tasks/{plants['recurring_id']}")
    recurrence = series.json()["recurrence"]
    assert (recurrence["rule"], recurrence["mode"]) == ("FREQ=DAILY;INTERVAL=3", "after_completion")
    assert soil["due"] == "2026-12-01"
    assert soil["notes"] == "Section: Kitchen\nNot the cheap one\nPart of: Water the plants"
    assert "When: when pigs fly" in odd["notes"]
    assert invoice["due"] == "2026-12-18"

    again = await bring(world, files.TODOIST, apply="true")
    assert again["counts"]["already_here"] == 4
    assert "change_id" not in again
    before = len(await world.events())
    await world.settle()

    undone = await world.rest.post("/undo", json={"change_ids": [done["change_id"]]})
    assert undone.status_code == 200, undone.text
    assert await list_all(world) == {}
    assert len(await world.events()) == before + 6
    back = await bring(world, files.TODOIST, apply="true")
    assert back["counts"]["tasks"] == 2
    assert len(await list_all(world)) == 4


@pytest.mark.parametrize(("seconds", "sizes"), [(0.0, [10, 13, 17, 20]), (0.03, [10] * 6)])
async def test_parts_of_a_long_file_are_as_large_as_others_can_wait_for(
    world: World, seconds: float, sizes: list[int]
) -> None:
    """By a timer that goes on by so much in each part, and still as one change that one undo takes back."""
    steps: list[tuple[int, int]] = []
    times = itertools.count()

    answer = await import_file(
        world.service.store,
        LOCAL_PERSON,
        "\n".join(f"Line {number}" for number in range(60)).encode(),
        None,
        apply=True,
        progress=lambda done, of: steps.append((done, of)),
        timer=lambda: next(times) * seconds,
    )

    assert steps == [(done, 60) for done in itertools.accumulate(sizes)]
    (change,) = (await world.rest.get("/changes")).json()["changes"]
    assert change["change_id"] == answer["change_id"]
    assert len(await world.events()) == 60
    undone = await world.rest.post("/undo", json={"change_ids": [answer["change_id"]]})
    assert undone.status_code == 200, undone.text
    assert await list_all(world) == {}


async def test_progress_of_a_long_file_is_told_as_it_comes_and_a_bad_one_refused_at_once(world: World) -> None:
    lines = "\n".join(f"Line {number}" for number in range(60))
    asked = {"accept": "text/event-stream"}
    answer = await world.rest.post("/import?apply=true", content=lines, headers=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    steps = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]
    *parts, (last, done) = steps
    assert {name for name, _ in parts} == {"progress"}
    assert [data["done"] for _, data in parts] == sorted({data["done"] for _, data in parts})
    assert parts[-1][1] == {"done": 60, "of": 60}
    assert len(parts) > 1
    assert (last, done["counts"]["tasks"], done["applied"]) == ("done", 60, True)
    refused = await world.rest.post("/import?apply=true", content=b"", headers=asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
    undone = await world.rest.post("/undo", json={"change_ids": [done["change_id"]]})
    assert undone.status_code == 200


@pytest.mark.on_both_databases
@pytest.mark.parametrize(
    ("step", "content"), [("plan_intake", b"Milk\nBread\n"), ("check_tasks", b'{"evolution_todo_export":1}\n')]
)
async def test_other_calls_are_answered_while_a_file_is_planned(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, content: bytes
) -> None:
    began, answered = threading.Event(), threading.Event()
    work = getattr(transfer, step)

    def work_slowly(*given: Any) -> Any:
        began.set()
        assert answered.wait(5), "a call is answered before"
        return work(*given)

    monkeypatch.setattr(transfer, step, work_slowly)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bring(world, content))
        assert await asyncio.to_thread(began.wait, 10)
        assert (await world.rest.post("/tasks", json={"title": "beside it"})).status_code == 201
        answered.set()


@pytest.mark.on_both_databases
async def test_what_is_refused_while_it_is_written_takes_nothing_else_of_its_part_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.requests.fields.MOST_LISTS", 2)
    tasks = [
        {"uuid": f"u{number}", "description": f"Task {number}", "status": "pending", "project": project}
        for number, project in enumerate(("Home", "Work", "Garden", "Home", "Garden", "Work"))
    ]
    answer = await bring(world, json.dumps(tasks).encode(), apply="true")
    assert [each["text"] for each in answer["refused"]] == ["There are 2 lists; that is as many as there can be."] * 2
    there = {title: task["list"]["name"] for title, task in (await list_all(world)).items()}
    assert there == {"Task 0": "Home", "Task 1": "Work", "Task 3": "Home", "Task 5": "Work"}
    assert len((await world.rest.get("/lists")).json()["lists"]) == 2
    assert len(await world.events()) == 4
    undone = await world.rest.post("/undo", json={"change_ids": [answer["change_id"]]})
    assert undone.status_code == 200, undone.text
    assert await list_all(world) == {}


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        return True


async def test_the_terminal_shows_how_far_a_long_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(tmp_path) as world:
        settings = world.service.settings
    (tmp_path / "tasks.txt").write_text("\n".join(f"Line {number}" for number in range(60)), "utf-8")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    answer = await import_from(settings, tmp_path / "tasks.txt", None, None, apply=True)
    assert answer["counts"]["tasks"] == 60
    shown = [int(part.removesuffix(" %")) for part in terminal.getvalue().strip().split("\r") if part]
    assert shown == sorted(shown)
    assert (len(shown) > 1, shown[-1]) == (True, 100)
    assert terminal.getvalue().endswith("100 %\n")


async def test_ticktick(world: World) -> None:
    answer = await bring(world, files.TICKTICK, apply="true")
    assert answer["refused"] == [{"line": 9, "text": "It is a note and no task."}]
    tasks = await list_all(world)
    standup, holiday, old = (tasks[title] for title in ("Stand-up", "Holiday", "Old"))
    assert (standup["tags"], standup["list"]["name"]) == (["team", "daily"], "Work")
    assert (standup["priority"], standup["notes"]) == ("high", "Bring\ncoffee")
    assert standup["due_local"] == "2026-11-27T09:30"
    assert standup["reminders"][0]["before"] == "30m"
    assert (holiday["due"], holiday["notes"]) == ("2026-12-24", "Part of: Stand-up")
    assert (old["status"], old["completed_at"], old["priority"]) == ("completed", "2026-10-02T08:00:00.000000Z", "low")


async def test_taskwarrior(world: World) -> None:
    answer = await bring(world, files.TASKWARRIOR, apply="true")
    assert answer["counts"] == {"tasks": 2, "done": 1, "recurring": 1, "already_here": 0, "refused": 1}
    assert answer["refused"] == [{"line": 6, "text": "A date of it cannot be read."}]
    tasks = await list_all(world)
    assert (tasks["Call mum"]["tags"], tasks["Call mum"]["list"]["name"]) == (["phone"], "Family")
    assert tasks["Call mum"]["notes"] == "about Sunday"
    assert tasks["Call mum"]["due"] == "2026-11-27T16:00:00Z"
    assert tasks["Rent"]["due_local"] == "2026-12-01T09:00"
    assert set(tasks) == {"Call mum", "Rent", "Done"}


async def test_calendar_programs(world: World) -> None:
    answer = await bring(world, files.ICAL, apply="true")
    assert answer["refused"] == [{"line": 0, "text": "An event is no task: A party."}]
    assert [each["line"] for each in answer["remarks"]] == [17, 29]
    assert "FREQ=YEARLY" in (await list_all(world))["Never"]["notes"]
    tasks = await list_all(world)
    cat = tasks["Feed the cat"]
    assert (cat["notes"], cat["tags"], cat["priority"]) == ("Twice, please", ["home", "cat"], "high")
    assert cat["due_local"] == "2026-11-27T18:00"
    assert cat["reminders"][0]["before"] == "15m"
    assert tasks["Buy food"]["notes"] == "Part of: Feed the cat"
    assert tasks["Vet"]["completed_at"] == "2026-11-20T10:00:00.000000Z"


async def test_google_vikunja_and_plain_text(world: World) -> None:
    answer = await bring(world, files.GOOGLE, apply="true")
    assert answer["refused"] == [{"line": 4, "text": "It has no title."}]
    archive = files.pack({"VERSION": b"0.24", "data.json": files.VIKUNJA_DATA})
    assert (await bring(world, archive, apply="true"))["format"] == "vikunja"
    assert (await bring(world, files.PLAIN, apply="true"))["format"] == "text"
    backup = files.pack({"House [220].csv": files.TODOIST, "readme.txt": b"hello"})
    assert (await bring(world, backup))["format"] == "todoist"
    tasks = await list_all(world)
    assert tasks["Book flights"]["due"] == "2026-12-05"
    assert tasks["Pack"]["parent"]["title"] == "Book flights"
    assert (tasks["Mow"]["tags"], tasks["Mow"]["list"]["name"]) == (["outside"], "Garden")
    assert tasks["Mow"]["reminders"][0]["before"] == "1h"
    assert tasks["Rake"]["status"] == "completed"
    assert tasks["Oat milk"]["status"] == "completed"
    assert tasks["Oat milk"]["parent"]["title"] == "Milk"
    assert set(tasks) >= {"Passport", "Bread", "Call the dentist"}


async def test_bad_files_are_refused_by_line_and_store_nothing(world: World) -> None:
    bomb = files.pack({f"{count}.csv": bytes(9 << 20) for count in range(8)})
    cut = files.pack({"a.csv": files.TODOIST})[:-40]
    broken = bytearray(files.pack({"a.csv": files.TODOIST * 50}))
    broken[60:90] = bytes(30)
    bad: dict[bytes, str] = {
        b"": "empty",
        b" \n ": "empty",
        "Milk\nKäse\n".encode("latin-1"): "Line 2 is not UTF-8",
        b"Milk\nBr\x00ead\n": "Line 2 holds a NUL",
        b'{"a": 1}': "of a kind that is not known",
        b'[{"description": ': "not JSON",
        b"BEGIN:VCALENDAR\nBEGIN:VTODO\nDUE:tomorrow\nEND:VEVENT\n": "cannot be read",
        b"# only a heading\n": "holds no task",
        bomb: "unpacks to more than 64 MiB",
        cut: "cannot be read",
        bytes(broken): "cannot be read|damaged",
        files.pack({"a.txt": b"x"}): "neither Todoist's nor Vikunja's",
        b'{"evolution_todo_export":99}\n': "another version",
        b'{"evolution_todo_export":1}\n{"table": 5}\n': "Line 2 is not a row",
        b'{"evolution_todo_export":1}\n{"table"\n': "Line 2 is not JSON",
    }
    for content, words in bad.items():
        answer = await world.rest.post("/import", content=content, params={"apply": "true"})
        assert answer.status_code == 422, (words, answer.text)
        assert any(word in answer.json()["detail"] for word in words.split("|")), (words, answer.json())
    unknown = await world.rest.post("/import", content=b"x", params={"format": "excel"})
    assert "There is no format" in unknown.json()["detail"]
    other = await world.rest.post("/import", content=files.GOOGLE, params={"format": "ticktick"})
    assert "looks like Google Tasks" in other.json()["detail"]
    assert await list_all(world) == {}
    assert await world.events() == []


async def test_odd_lines_are_kept_or_told_and_the_rest_comes(world: World) -> None:
    deep = "".join(f"task,Level {level},,4,{level},,,,,,,\n" for level in range(1, 12))
    dates = "task,Year zero,,4,1,,,0000-01-01,,,,\ntask,Far,,4,1,,,99999-01-01,,,,\nwhat,ever,,,,,,,,,,\n"
    long = f"task,{'x' * 300},{'n' * 30_000},9,99999999999999999999,,,,,,,\ntask,\U000e0001,,4,1,,,,,,,\n"
    head = files.TODOIST.decode().splitlines()[0]
    answer = await bring(world, f"{head}\n{deep}{dates}{long}".encode(), apply="true")
    assert [each["line"] for each in answer["refused"]] == [15, 17]
    assert [each["line"] for each in answer["remarks"]] == [6, 10, 13, 14, 16, 16]
    tasks = await list_all(world)
    assert tasks["Level 5"]["notes"] == "Part of: Level 4"
    assert tasks["Level 11"]["parent"]["title"] == "Level 10"
    assert tasks["Year zero"]["notes"] == "Due: 0000-01-01"
    assert "due" not in tasks["Far"]
    circle = (
        b'{"kind": "tasks#taskLists", "items": [{"title": "L", "items": ['
        + b",".join(
            [
                b'{"id":"a","title":"A","parent":"b"}',
                b'{"id":"b","title":"B","parent":"a"}',
                b'{"id":"c","title":"C","parent":"z"}',
            ]
        )
        + b"]}]}"
    )
    answer = await bring(world, circle, apply="true")
    assert [(each["line"], each["text"].partition(". ")[0]) for each in answer["remarks"]] == [
        (1, "It is a part of itself there"),
        (2, "It is a part of itself there"),
        (3, "What it is a part of is not in the file."),
    ]


async def test_near_duplicates_are_named_and_titles_do_not_instruct(world: World) -> None:
    await world.rest.post("/tasks", json={"title": "bread"})
    planned = await bring(world, files.PLAIN)
    assert planned["near"] == [{"line": 4, "title": "Bread"}]
